use crate::binary::Binary;
use crate::provenance::record::{RecordFacts, SignatureState};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "unsigned-record",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the record is not signed",
    what: "The rule fails if the record is a plain statement, and not in an envelope with a \
           signature.",
    why: "Whoever can replace the binary can also replace an unsigned record. Such a record \
           documents the build, but proves nothing.",
    fix: "Sign the record: `openssl genpkey -algorithm ed25519 -out key.pem`, then `cargo binlint \
           record --key key.pem`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://github.com/secure-systems-lab/dsse"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    match record.signature {
        SignatureState::None => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, "the record is a plain statement without a signature")
                .fix("cargo binlint record --key key.pem")
                .into()
        }
        SignatureState::NotChecked { .. }
        | SignatureState::Good { .. }
        | SignatureState::Bad { .. } => Outcome::pass("the record is signed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_statement_fails() {
        let of = |signature| {
            check(&Binary::default(), &RecordFacts { signature, ..RecordFacts::default() })
        };
        assert_eq!(of(SignatureState::None).findings().len(), 1);
        assert_eq!(of(SignatureState::Good { keyid: String::new() }).name(), "pass");
    }
}
