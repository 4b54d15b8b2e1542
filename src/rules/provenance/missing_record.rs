use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-record",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "no record says what the binary was built from",
    what: "The rule looks for a record inside the binary, beside it, and at the path given with \
           `--record`.",
    why: "The binary alone does not reveal its sources, flags and base image.",
    fix: "Let the build write a record: `cargo binlint build --release --embed`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/levels#build-l1"],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Record]), check),
};

fn check(facts: &Facts) -> Outcome {
    match (&facts.binary, &facts.record) {
        (None, _) => Outcome::not_applicable(NO_BINARY),
        (Some(_), Some(record)) => Outcome::pass(format!("record: {}", record.origin)),
        (Some(binary), None) if binary.record.is_some() => {
            Outcome::pass("the record is in the binary")
        }
        (Some(_), None) => Finding::new(Location::Subject, "the build left no record")
            .fix("cargo binlint build --release --embed")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::provenance::record::RecordFacts;

    #[test]
    fn a_program_without_a_record_fails() {
        let binary = || Some(Binary::default());
        let without = Facts { binary: binary(), ..Facts::default() };
        assert_eq!(check(&without).findings().len(), 1);
        let with =
            Facts { binary: binary(), record: Some(RecordFacts::default()), ..Facts::default() };
        assert_eq!(check(&with).name(), "pass");
    }
}
