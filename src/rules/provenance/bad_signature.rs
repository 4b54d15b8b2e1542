use crate::binary::Binary;
use crate::provenance::record::{Record, Signature};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "bad-signature",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the record was not signed by the owner of the given key",
    what: "With `--key`, the record has to stand in an envelope that carries exactly one signature, made \
           by one of the given keys over the very bytes that are read. A record without a signature fails \
           as one with a wrong signature does.",
    why: "The record was changed, was signed by somebody else, or was never signed: it proves nothing.",
    fix: "Ask the one who recorded for the public key that belongs to the record, or record again with \
          your own: `cargo binlint record --key key.pem`.",
    symptoms: &[],
    references: &["https://github.com/secure-systems-lab/dsse/blob/master/protocol.md"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    match &record.signature {
        Signature::None => {
            Outcome::not_applicable("the record is not signed, and no key was given")
        }
        Signature::NotChecked { .. } => Outcome::open(
            "the record is signed, but no --key was given to check the signature with",
        ),
        Signature::Good { .. } => Outcome::Pass,
        Signature::Bad { why } => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, format!("the record {why}")).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signature_that_was_checked_passes() {
        let of = |signature| check(&Binary::default(), &Record { signature, ..Record::default() });
        assert_eq!(of(Signature::Good { keyid: String::new() }), Outcome::Pass);
        assert!(matches!(of(Signature::None), Outcome::NotApplicable(_)));
        assert!(matches!(of(Signature::NotChecked { keyid: String::new() }), Outcome::Open(_)));
        assert_eq!(of(Signature::Bad { why: "is cut".into() }).findings().len(), 1);
    }
}
