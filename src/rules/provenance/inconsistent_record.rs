use crate::binary::Binary;
use crate::provenance::consistency::contradictions;
use crate::provenance::record::Record;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "inconsistent-record",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the record contradicts itself, its subject or its own specification",
    what: "The build type must be one that is known, the parameters and fields those that it defines, \
           the digest of all sources the one of the listed files, no dependency listed twice, and what the \
           record notes of its subject true of it.",
    why: "A record that nobody can have written this way was changed by hand, or by a program that means \
          something else by the same words.",
    fix: "Record again: `cargo binlint record`.",
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/verifying-artifacts#step-2-check-expectations"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    let place = || Location::File { path: record.origin.clone(), line: None };
    contradictions(record)
        .into_iter()
        .map(|it| Finding::new(place(), it.what).evidence(it.evidence))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contradiction_is_one_finding() {
        let mut record = Record::default();
        record.provenance.build_definition.build_type = "another".to_owned();
        let outcome = check(&Binary::default(), &record);
        assert_eq!(outcome.findings().len(), 1);
        assert_eq!(outcome.findings()[0].evidence, ["buildType \"another\""]);
        let known = crate::provenance::build_facts::BUILD_TYPE;
        record.provenance.build_definition.build_type = known.to_owned();
        record.unknown.push("predicate.extra".to_owned());
        let outcome = check(&Binary::default(), &record);
        assert!(outcome.findings().len() > 1);
        assert!(outcome.findings().iter().any(|it| it.message.contains("predicate.extra")));
    }
}
