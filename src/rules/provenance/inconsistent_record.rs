use crate::binary::Binary;
use crate::provenance::consistency::find_inconsistencies;
use crate::provenance::record::RecordFacts;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "inconsistent-record",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the record contradicts itself, its subject or its specification",
    what: "The build type must be known, and the record must have the parameters and fields that \
           the build type defines. The digest of all sources must match the listed files, no \
           dependency may be listed twice, and what the record says of its subject must be true.",
    why: "The tool that writes records cannot have written this one. Somebody changed it by hand, \
           or another tool uses the same words with another meaning.",
    fix: "Write the record again: `cargo binlint record`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/verifying-artifacts#step-2-check-expectations"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    let place = || Location::File { path: record.origin.clone(), line: None };
    let findings = find_inconsistencies(record)
        .into_iter()
        .map(|it| Finding::new(place(), it.what).evidence(it.evidence).fix("cargo binlint record"));
    Outcome::of(findings, "the record follows its specification")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contradiction_is_one_finding() {
        let mut record = RecordFacts::default();
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
