use crate::binary::Binary;
use crate::provenance::record::{RecordFacts, SignatureState};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "bad-signature",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the record has no valid signature by the given key",
    what: "With `--key`, the record must be in an envelope with exactly one signature, by one of \
           the given keys, over the same bytes that are read. A record without a signature fails \
           like one with a wrong signature.",
    why: "The record was changed, was signed by somebody else, or was never signed. It proves \
           nothing.",
    fix: "Ask the owner of the record for the public key, or write the record again and sign it \
           with your own key: `cargo binlint record --key key.pem`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://github.com/secure-systems-lab/dsse/blob/master/protocol.md"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    match &record.signature {
        SignatureState::None => {
            Outcome::not_applicable("the record is not signed, and no `--key` was given")
        }
        SignatureState::NotChecked { .. } => Outcome::open(
            "the record is signed, but was not checked",
            "pass the public key with `--key`",
        ),
        SignatureState::Good { .. } => Outcome::pass("the signature is valid for the given key"),
        SignatureState::Bad { why } => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, format!("the record is not accepted: {why}"))
                .fix("cargo binlint record --key key.pem # where the binary was built")
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signature_that_was_checked_passes() {
        let of = |signature| {
            check(&Binary::default(), &RecordFacts { signature, ..RecordFacts::default() })
        };
        assert_eq!(of(SignatureState::Good { keyid: String::new() }).name(), "pass");
        assert!(matches!(of(SignatureState::None), Outcome::NotApplicable(_)));
        assert!(matches!(
            of(SignatureState::NotChecked { keyid: String::new() }),
            Outcome::Open(_)
        ));
        assert_eq!(of(SignatureState::Bad { why: "is cut".into() }).findings().len(), 1);
    }
}
