use crate::binary::Binary;
use crate::provenance::record::{Record, Signature};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "unsigned-record",
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    summary: "nobody signed the record",
    what: "A record is a bare statement, or it stands in an envelope that carries a signature.",
    why: "Whoever can replace the program can replace a bare record with it. Unsigned, a record documents \
          and does not prove.",
    fix: "Sign when recording: `openssl genpkey -algorithm ed25519 -out key.pem`, then \
          `cargo binlint record --key key.pem`.",
    symptoms: &[],
    references: &["https://github.com/secure-systems-lab/dsse"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    match record.signature {
        Signature::None => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, "the record is a bare statement, signed by nobody")
                .fix("cargo binlint record --key key.pem")
                .into()
        }
        Signature::NotChecked { .. } | Signature::Good { .. } | Signature::Bad { .. } => {
            Outcome::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_statement_fails() {
        let of = |signature| check(&Binary::default(), &Record { signature, ..Record::default() });
        assert_eq!(of(Signature::None).findings().len(), 1);
        assert_eq!(of(Signature::Good { keyid: String::new() }), Outcome::Pass);
    }
}
