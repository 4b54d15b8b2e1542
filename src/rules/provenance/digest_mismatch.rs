use crate::binary::Binary;
use crate::provenance::record::Record;
use crate::provenance::subject_match::Fate;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Status};

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
    check: Check::Record(check),
};

fn check(binary: &Binary, record: &Record) -> Outcome {
    let subject = &record.subject;
    let message = match subject.fate {
        Fate::Same => return Outcome::pass(format!("sha256 {}, as recorded", subject.sha256)),
        Fate::Stripped => {
            return Outcome::not_applicable("the binary was stripped: see `stripped-after-build`");
        }
        Fate::Patched => {
            "the binary was patched after it was recorded: the code is as recorded, but \
             other loaded parts are not"
        }
        Fate::Packed => {
            "the binary was packed after it was recorded, or is another one: the contents \
             of a packed file cannot be compared"
        }
        Fate::Changed => {
            "the binary was changed after it was linked: it has the recorded build-id but \
             another digest"
        }
        Fate::Tampered => {
            "the binary was changed after it was linked: it has the recorded build-id but \
             other code"
        }
        Fate::Rebuilt => "the binary comes from another build than the record",
        Fate::Unknown => "the binary is not the one that the record is about",
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
    use crate::provenance::subject_match::Subject;

    #[test]
    fn only_the_very_bytes_pass() {
        let of = |fate| {
            let subject = Subject { fate, ..Subject::default() };
            check(&Binary::default(), &Record { subject, ..Record::default() })
        };
        assert_eq!(of(Fate::Same).name(), "pass");
        assert!(matches!(of(Fate::Stripped), Outcome::NotApplicable(_)));
        for (fate, word) in [
            (Fate::Patched, "patched"),
            (Fate::Packed, "packed"),
            (Fate::Changed, "another digest"),
            (Fate::Tampered, "other code"),
            (Fate::Rebuilt, "another build"),
            (Fate::Unknown, "not the one"),
        ] {
            assert!(of(fate).findings()[0].message.contains(word));
        }
    }
}
