use crate::binary::Binary;
use crate::provenance::record::RecordFacts;
use crate::provenance::subject_match::SubjectMatch;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stripped-after-build",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was stripped after it was recorded",
    what: "The rule fails if the digest differs from the record, but the entry point, the program \
           headers and the bytes of every loaded segment are the same. In that case only parts \
           that are never loaded were removed.",
    why: "What runs is what was recorded, but a comparison of digests does not show that. The \
           names that a backtrace needs are gone.",
    fix: "Let cargo strip, so that the record is about the file that ships: `strip = true` in \
           `[profile.release]`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#strip", "strip(1)"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    let subject = &record.subject;
    match subject.state {
        SubjectMatch::Stripped => {}
        SubjectMatch::Same | SubjectMatch::Patched | SubjectMatch::Rebuilt => {
            return Outcome::pass("the binary was not stripped after it was recorded");
        }
        SubjectMatch::Packed
        | SubjectMatch::Changed
        | SubjectMatch::Tampered
        | SubjectMatch::Unknown => {
            return Outcome::open(
                "the binary and its record cannot be compared part by part",
                "record the binary again",
            );
        }
    }
    let mut finding = Finding::new(
        Location::Subject,
        "the binary was stripped after it was recorded; everything that is loaded is as recorded",
    )
    .evidence(format!("sha256 {}", subject.sha256));
    finding.evidence.extend(subject.evidence.iter().cloned());
    finding.fix("cargo binlint build --release --config profile.release.strip=true").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::subject_match::MatchedProgram;

    #[test]
    fn only_stripping_fails() {
        let of = |state| {
            let subject = MatchedProgram { state, ..MatchedProgram::default() };
            check(&Binary::default(), &RecordFacts { subject, ..RecordFacts::default() })
        };
        assert_eq!(of(SubjectMatch::Stripped).findings().len(), 1);
        assert_eq!(of(SubjectMatch::Same).name(), "pass");
        assert_eq!(of(SubjectMatch::Rebuilt).name(), "pass");
        for state in [SubjectMatch::Unknown, SubjectMatch::Packed, SubjectMatch::Changed] {
            assert_eq!(of(state).name(), "open", "{state:?}");
        }
    }
}
