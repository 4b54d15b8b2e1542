use crate::binary::Binary;
use crate::provenance::record::Record;
use crate::provenance::subject_match::Fate;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "digest-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is not the one that the record is about",
    what: "The SHA-256 of the program, without a record embedded in it, is compared with the digest of \
           the record's subject. Where they differ, the build-id, the sections that neither `strip` nor \
           `patchelf` writes to, and everything that is loaded tell what happened: packed, patched, \
           changed by hand, or another build. A program that was only stripped is left to \
           `stripped-after-build`.",
    why: "A record proves something about one file and nothing about any other. A program with another \
          digest may come from other sources, whatever lies beside it.",
    fix: "Write the record after the last step that changes the program, or ship the program that the \
          record is about: `cargo binlint build --release`, then `COPY` both.",
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
        Fate::Same => return Outcome::Pass,
        Fate::Stripped => {
            return Outcome::not_applicable("the program was stripped: see stripped-after-build");
        }
        Fate::Patched => {
            "the recorded program was patched: the code is the recorded one, but other \
                          parts of what is loaded are not"
        }
        Fate::Packed => {
            "the program was packed after it was recorded, or is another one: nothing \
                         inside a packed file can be compared"
        }
        Fate::Changed => {
            "the program was changed after the link: it has the recorded build-id, and \
                          its format leaves nothing else to compare"
        }
        Fate::Tampered => {
            "the program was changed after the link: it has the recorded build-id and \
                           other code"
        }
        Fate::Rebuilt => "the program comes from another build than the record",
        Fate::Unknown => "the program is not the one that the record is about",
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
        assert_eq!(of(Fate::Same), Outcome::Pass);
        assert!(matches!(of(Fate::Stripped), Outcome::NotApplicable(_)));
        for (fate, word) in [
            (Fate::Patched, "patched"),
            (Fate::Packed, "packed"),
            (Fate::Changed, "nothing else to compare"),
            (Fate::Tampered, "changed after the link"),
            (Fate::Rebuilt, "another build"),
            (Fate::Unknown, "not the one"),
        ] {
            assert!(of(fate).findings()[0].message.contains(word));
        }
    }
}
