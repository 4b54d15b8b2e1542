use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-record",
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    summary: "nothing says what the program was built from",
    what: "A record is looked for inside the program, beside it, and where `--record` points.",
    why: "From the program alone its sources, flags and base image can only be guessed.",
    fix: "Let the build write a record: `cargo binlint build --release --embed`.",
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/levels#build-l1"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    match (&facts.binary, &facts.record) {
        (None, _) => Outcome::not_applicable("no program was given"),
        (Some(_), Some(_)) => Outcome::Pass,
        (Some(binary), None) if binary.record.is_some() => Outcome::Pass,
        (Some(_), None) => Finding::new(Location::Subject, "there is no record of the build")
            .fix("cargo binlint build --release --embed")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::provenance::record::Record;

    #[test]
    fn a_program_without_a_record_fails() {
        let binary = || Some(Binary::default());
        let without = Facts { binary: binary(), ..Facts::default() };
        assert_eq!(check(&without).findings().len(), 1);
        let with = Facts { binary: binary(), record: Some(Record::default()), ..Facts::default() };
        assert_eq!(check(&with), Outcome::Pass);
    }
}
