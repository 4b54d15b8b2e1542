use crate::binary::Binary;
use crate::provenance::record::RecordFacts;
use crate::provenance::subject_match::SubjectMatch;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "digest-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is not the one that the record is about",
    what: "The rule compares the SHA-256 of the binary, without an embedded record, with the \
           digest of the record's subject. If they differ, it compares the build-id, the sections \
           that `strip` and `patchelf` do not change, and everything that is loaded. That tells \
           whether the binary was packed, patched, changed by hand, or built again. \
           `stripped-after-build` covers a binary that was only stripped.",
    why: "A record proves something about one file only. A binary with another digest may come \
           from other sources.",
    fix: "Write the record after the last step that changes the binary, or ship the binary that \
           the record is about: `cargo binlint build --release`, then `COPY` both.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md",
        "https://slsa.dev/spec/v1.0/verifying-artifacts",
    ],
    check: CheckFn::Record(check),
};

fn check(binary: &Binary, record: &RecordFacts) -> Outcome {
    let subject = &record.subject;
    let message = match subject.state {
        SubjectMatch::Same => {
            return Outcome::pass(format!("sha256 {}, as recorded", subject.sha256));
        }
        SubjectMatch::Stripped => {
            return Outcome::not_applicable("the binary was stripped: see `stripped-after-build`");
        }
        SubjectMatch::Patched => {
            "the binary was patched after it was recorded: the code is as recorded, but \
             other loaded parts are not"
        }
        SubjectMatch::Packed => {
            "the binary was packed after it was recorded, or is another one: the contents \
             of a packed file cannot be compared"
        }
        SubjectMatch::Changed => {
            "the binary was changed after it was linked: it has the recorded build-id but \
             another digest"
        }
        SubjectMatch::Tampered => {
            "the binary was changed after it was linked: it has the recorded build-id but \
             other code"
        }
        SubjectMatch::Rebuilt => "the binary comes from another build than the record",
        SubjectMatch::Unknown => "the binary is not the one that the record is about",
    };
    let recorded = subject.recorded.as_ref().and_then(|recorded| recorded.sha256());
    let mut finding = Finding::new(Location::Subject, message)
        .evidence(format!("sha256 {}", subject.sha256))
        .evidence(format!("{} is about sha256 {}", record.origin, recorded.unwrap_or("none")));
    finding.evidence.extend(subject.evidence.iter().cloned());
    finding.evidence.extend(record.packages_inside(binary));
    finding.fix("cargo binlint build --release").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::subject_match::MatchedProgram;

    #[test]
    fn only_the_very_bytes_pass() {
        let of = |state| {
            let subject = MatchedProgram { state, ..MatchedProgram::default() };
            check(&Binary::default(), &RecordFacts { subject, ..RecordFacts::default() })
        };
        assert_eq!(of(SubjectMatch::Same).name(), "pass");
        assert!(matches!(of(SubjectMatch::Stripped), Outcome::NotApplicable(_)));
        for (state, word) in [
            (SubjectMatch::Patched, "patched"),
            (SubjectMatch::Packed, "packed"),
            (SubjectMatch::Changed, "another digest"),
            (SubjectMatch::Tampered, "other code"),
            (SubjectMatch::Rebuilt, "another build"),
            (SubjectMatch::Unknown, "not the one"),
        ] {
            assert!(of(state).findings()[0].message.contains(word));
        }
    }
}
