//! The linted subjects, and one file for each output format.

use std::io;

use crate::rule::{Level, Outcome, Rule};
use crate::subject::Facts;

pub mod base;
pub mod binary;
pub mod diagnosis;
pub mod diff;
pub mod facts;
pub mod fingerprint;
pub mod found;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod inspect;
pub mod json;
pub mod junit;
pub mod labels;
pub mod layers;
pub mod lines;
pub mod markdown;
pub mod page;
pub mod rules;
pub mod sarif;
pub mod table;
pub mod verdict;
pub mod wrap;

/// Everything that one run has to say.
///
/// ```no_run
/// let report = binlint::Linter::new().binary("server").lint()?;
/// report.notes.iter().for_each(|note| eprintln!("note: {note}"));
/// std::process::exit(if report.is_clean(false) { 0 } else { 1 });
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// In the order in which they were given.
    pub subjects: Vec<SubjectReport>,
    /// What the user should know about the run itself, one sentence each.
    pub notes: Vec<String>,
    /// Those of the notes that say that a waiver has expired: even a quiet report prints them.
    pub expired_waivers: Vec<String>,
    /// Where the run took place.
    #[doc(hidden)]
    pub base: base::Base,
}

/// One subject, what is true of it and what every rule says.
///
/// ```no_run
/// for subject in &binlint::Linter::new().lint()?.subjects {
///     println!("{}: {} denied", subject.name, subject.summary().deny);
/// }
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SubjectReport {
    /// The bin's name, or the path by which the subject was given.
    pub name: String,
    /// What the rules were shown.
    #[doc(hidden)]
    pub facts: Facts,
    /// One entry a rule that was run.
    pub results: Vec<RuleResult>,
}

/// One rule's answer about one subject.
///
/// ```no_run
/// let report = binlint::Linter::new().lint()?;
/// for result in report.subjects.iter().flat_map(|subject| &subject.results) {
///     println!("{}: {}", result.rule.id, result.outcome.name());
/// }
/// # Ok::<(), binlint::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RuleResult {
    /// The rule.
    pub rule: &'static Rule,
    /// The level that counts: the configured one, capped by what the findings' evidence can carry.
    pub level: Level,
    /// The answer.
    pub outcome: Outcome,
    /// Set when the user accepts the findings.
    pub waiver: Option<AppliedWaiver>,
}

/// The words with which the user accepted a finding.
///
/// ```no_run
/// for subject in &binlint::Linter::new().lint()?.subjects {
///     for waiver in subject.results.iter().filter_map(|result| result.waiver.as_ref()) {
///         println!("{}: {}", waiver.place, waiver.reason);
///     }
/// }
/// # Ok::<(), binlint::Error>(())
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedWaiver {
    /// Why it is acceptable.
    pub reason: String,
    /// Where that is configured.
    pub place: String,
}

/// How many rules gave which answer. A waived failure counts only as waived.
///
/// ```
/// assert_eq!(binlint::Summary::default().words(), "0 passed");
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the outcomes' own")]
pub struct Summary {
    pub deny: usize,
    pub warn: usize,
    pub open: usize,
    pub pass: usize,
    pub not_applicable: usize,
    pub waived: usize,
}

impl SubjectReport {
    /// Counts this subject's answers.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for result in &self.results {
            let count = match (&result.outcome, result.level) {
                (Outcome::Fail(_), _) if result.waiver.is_some() => &mut summary.waived,
                (Outcome::Fail(_), Level::Deny) => &mut summary.deny,
                (Outcome::Fail(_), _) => &mut summary.warn,
                (Outcome::Open(_), _) => &mut summary.open,
                (Outcome::Pass(_), _) => &mut summary.pass,
                (Outcome::NotApplicable(_), _) => &mut summary.not_applicable,
            };
            *count += 1;
        }
        summary
    }

    /// The failures that count, worst first, in the order of the groups.
    pub fn failures(&self) -> Vec<&RuleResult> {
        let counts =
            |it: &&RuleResult| matches!(it.outcome, Outcome::Fail(_)) && it.waiver.is_none();
        let mut failures: Vec<_> = self.results.iter().filter(counts).collect();
        failures.sort_by_key(|it| (std::cmp::Reverse(it.level), it.rule.group, it.rule.id));
        failures
    }
}

impl Report {
    /// Counts the answers over all subjects.
    pub fn summary(&self) -> Summary {
        self.subjects.iter().map(SubjectReport::summary).fold(Summary::default(), |sum, it| {
            Summary {
                deny: sum.deny + it.deny,
                warn: sum.warn + it.warn,
                open: sum.open + it.open,
                pass: sum.pass + it.pass,
                not_applicable: sum.not_applicable + it.not_applicable,
                waived: sum.waived + it.waived,
            }
        })
    }

    /// Writes the JSON document `binlint.report/2`, whose schema is in `docs/schema`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, to: &mut dyn io::Write) -> io::Result<()> {
        json::write(self, to)
    }

    /// Writes what a person reads, as `cargo binlint check` prints it, without colours; `width` is
    /// in columns.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_table(&self, width: u16, to: &mut dyn io::Write) -> io::Result<()> {
        let detail = table::Detail::Normal;
        let style = table::Style { width, terminal: true, colour: false, detail, strict: false };
        table::write(self, style, to)
    }

    /// Whether the exit code is 0: nothing denied and, when strict, nothing inconclusive.
    pub fn is_clean(&self, strict: bool) -> bool {
        let summary = self.summary();
        summary.deny == 0 && !(strict && summary.open > 0)
    }
}

impl Summary {
    /// `1 denied, 2 warnings, 3 inconclusive, 40 passed`; nothing is said of what did not happen.
    pub fn words(self) -> String {
        let plural = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts = [
            plural(self.deny, "denied", "denied"),
            plural(self.warn, "warning", "warnings"),
            plural(self.waived, "waived", "waived"),
            plural(self.open, "inconclusive", "inconclusive"),
            Some(format!("{} passed", self.pass)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod schema {
    //! JSON Schemas, written into `docs/schema/` from the types that are serialised.

    use std::fs;

    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;

    /// Rewrites the schema when it is out of date, and then fails.
    pub fn keep_up_to_date<T: JsonSchema>(name: &str) {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let path = format!("docs/schema/{name}.json");
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            fs::create_dir_all("docs/schema").unwrap();
            fs::write(&path, text).unwrap();
            panic!("rewrote {path}; look it over, run the tests again and commit");
        }
    }
}
