//! What a run comes to, in a word and a line.

use std::fmt;

use crate::report::{Report, Summary};

/// What a run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something is denied.
    DoNotShip,
    /// Nothing is denied, and under `--strict` something inconclusive fails the run.
    FailedUnderStrict,
    /// There are warnings.
    NothingDenied,
    /// There is no finding.
    Clean,
}

impl Verdict {
    /// As every report begins or ends.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::DoNotShip => "do not ship",
            Verdict::FailedUnderStrict => "failed under --strict",
            Verdict::NothingDenied => "nothing denied",
            Verdict::Clean => "clean",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The verdict, and its reason: `app: 1 denied, 40 passed`.
pub fn verdict(report: &Report, strict: bool) -> (Verdict, String) {
    let summary = report.summary();
    let names = match report.subjects.as_slice() {
        [one] => one.name.clone(),
        many if many.iter().all(|it| it.facts.dockerfile.is_none()) => {
            format!("{} programs", many.len())
        }
        many => format!("{} subjects", many.len()),
    };
    let verdict = match summary {
        Summary { deny: 1.., .. } => Verdict::DoNotShip,
        Summary { open: 1.., .. } if strict => Verdict::FailedUnderStrict,
        Summary { warn: 1.., .. } => Verdict::NothingDenied,
        _ => Verdict::Clean,
    };
    (verdict, format!("{names}: {}", summary.words()))
}
