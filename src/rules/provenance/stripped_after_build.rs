use crate::binary::Binary;
use crate::provenance::record::Record;
use crate::provenance::subject_match::Fate;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "stripped-after-build",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the recorded program was stripped after it was recorded",
    what: "The digest is another, but entry point, program headers and the bytes of every loaded segment \
           are the recorded ones: only what is never loaded was taken away.",
    why: "What runs is what was recorded, but nobody who compares digests alone can see that, and the \
          names that a backtrace needs are gone.",
    fix: "Let cargo strip, so that the record is about the file that ships: `strip = true` in \
          `[profile.release]`.",
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#strip", "strip(1)"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    let subject = &record.subject;
    if subject.fate != Fate::Stripped {
        return Outcome::Pass;
    }
    let mut finding = Finding::new(
        Location::Subject,
        "the program was stripped after it was recorded; everything that is loaded is as recorded",
    )
    .evidence(format!("sha256 {}", subject.sha256));
    finding.evidence.extend(subject.evidence.iter().cloned());
    finding.fix("cargo build --release --config profile.release.strip=true").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::subject_match::Subject;

    #[test]
    fn only_stripping_fails() {
        let of = |fate| {
            let subject = Subject { fate, ..Subject::default() };
            check(&Binary::default(), &Record { subject, ..Record::default() })
        };
        assert_eq!(of(Fate::Stripped).findings().len(), 1);
        assert_eq!(of(Fate::Same), Outcome::Pass);
        assert_eq!(of(Fate::Rebuilt), Outcome::Pass);
    }
}
