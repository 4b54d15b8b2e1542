use crate::binary::Binary;
use crate::binary::PanicStrategy;
use crate::provenance::record::{RecordFacts, RecordPart};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "parameter-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the record's build parameters are not those of this binary or this workspace",
    what: "The record lists the parameters of the build: package, binary, profile, target, \
           features, configuration, flags, the resolved profile and times. If a workspace is \
           given, the rule compares them with what the same options mean there now. It also \
           compares target and panic strategy with the binary.",
    why: "The binary was built for another purpose, or the record was changed by hand.",
    fix: "Give `verify` the options of the build (`--release`, `--target`, `--features`, …), or \
           build and record again: `cargo binlint build --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#externalParameters"],
    check: CheckFn::Record(check),
};

const FIX: &str = "cargo binlint build --release";

fn check(binary: &Binary, record: &RecordFacts) -> Outcome {
    let place = || Location::File { path: record.origin.clone(), line: None };
    let mut findings: Vec<Finding> = Vec::new();
    let mut compared = false;
    let mut against_program = |what: &str, recorded: Option<&str>, inside: Option<&str>| {
        let (Some(recorded), Some(inside)) = (recorded, inside) else { return };
        compared = true;
        if recorded != inside {
            let message =
                format!("the record says {what} {recorded}, but the binary shows {inside}");
            findings.push(Finding::new(place(), message).fix(FIX));
        }
    };
    against_program("target", record.parameter("target"), binary.triple.value.as_deref());
    let internal = &record.provenance.build_definition.internal_parameters;
    let panic = internal.get("resolvedProfile").and_then(|profile| profile.get("panic")?.as_str());
    let inside = binary.panic.value.map(PanicStrategy::name);
    against_program("panic =", panic, inside);
    let differences = record.differing(RecordPart::Parameter);
    if differences.is_none() && !compared {
        return Outcome::not_applicable(
            "no workspace was given, and the binary does not show the parameters",
        );
    }
    for difference in differences.into_iter().flatten() {
        let message = "the record has other parameters than this build";
        let mut finding = Finding::new(place(), message).evidence(difference.to_string()).fix(FIX);
        if difference.field.contains("resolvedProfile") {
            let says = "compared with what the recorded profile, config and rustflags mean here";
            finding = finding.evidence(says);
        }
        if let Some(doubt) = difference.doubt {
            finding = finding.evidence(doubt).at_most_warn();
        }
        findings.push(finding);
    }
    Outcome::of(findings, "the recorded parameters are those of this build")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::provenance::record::FieldDifference;
    use serde_json::json;

    #[test]
    fn the_program_s_own_word_is_weighed() {
        let mut record = RecordFacts::default();
        let definition = &mut record.provenance.build_definition;
        definition.external_parameters.insert("target".into(), json!("x86_64-unknown-linux-gnu"));
        definition
            .internal_parameters
            .insert("resolvedProfile".into(), json!({ "panic": "abort" }));
        let of = |triple: &str, panic| {
            let binary = Binary {
                triple: Fact::certain(triple.to_owned(), "test"),
                panic: Fact::certain(panic, "test"),
                ..Binary::default()
            };
            check(&binary, &record)
        };
        assert_eq!(of("x86_64-unknown-linux-gnu", PanicStrategy::Abort).name(), "pass");
        assert_eq!(of("x86_64-unknown-linux-musl", PanicStrategy::Unwind).findings().len(), 2);
        assert!(matches!(check(&Binary::default(), &record), Outcome::NotApplicable(_)));
    }

    #[test]
    fn every_field_that_no_other_rule_weighs_is_weighed_here() {
        for field in [
            "buildDefinition.externalParameters.profile",
            "buildDefinition.internalParameters.resolvedProfile.lto",
            "buildDefinition.buildType",
            "runDetails.metadata.startedOn",
            "anything",
        ] {
            let outcome = |doubt| {
                let now = Some("b".into());
                let difference =
                    FieldDifference { field: field.to_owned(), recorded: None, now, doubt };
                let record =
                    RecordFacts { differences: Some(vec![difference]), ..RecordFacts::default() };
                check(&Binary::default(), &record)
            };
            assert_eq!(outcome(None).findings()[0].at_most, None);
            let doubted = outcome(Some("the builder may have had another"));
            assert_eq!(doubted.findings()[0].at_most, Some(Level::Warn));
        }
    }
}
