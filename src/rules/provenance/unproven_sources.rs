use crate::binary::Binary;
use crate::provenance::record::RecordFacts;
use crate::provenance::source_proof::SourceProof;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "unproven-sources",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "nothing proves that the binary was compiled from the recorded sources",
    what: "For each local crate the record says how its sources are known. Either the recorded \
           build compiled the crate; or cargo considered it fresh, and contents prove the sources; \
           or cargo considered it fresh, and nothing else is known. The rule fails in the third \
           case.",
    why: "Cargo compares modification times. A crate that it considers fresh may have been \
           compiled from other sources with the same times. Then the record lists sources that are \
           not in the binary.",
    fix: "Let cargo compile the unproven crates: `cargo binlint build --release --ensure-fresh`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://slsa.dev/spec/v1.0/provenance#resolvedDependencies",
        "https://github.com/rust-lang/cargo/issues/7181",
    ],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    let Some(proofs) = record.proofs() else {
        return Outcome::open(
            "the record does not say how its sources are known",
            "record again with this version",
        );
    };
    let open = proofs.iter().filter(|(_, word)| **word == SourceProof::Open.word());
    let place = || Location::File { path: record.origin.clone(), line: None };
    let findings = open.map(|(name, _)| {
        let message = format!("cargo considered {name} fresh, and nothing proves its sources");
        Finding::new(place(), message)
            .evidence(format!("internalParameters.compiled.{name}"))
            .fix("cargo binlint build --release --ensure-fresh")
    });
    Outcome::of(findings, format!("the sources of {} crates are proven", proofs.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_crate_that_nothing_proves_is_named() {
        let of = |proofs: Option<serde_json::Value>| {
            let mut record = RecordFacts::default();
            let internal = &mut record.provenance.build_definition.internal_parameters;
            internal.extend(proofs.map(|proofs| ("compiled".to_owned(), proofs)));
            check(&Binary::default(), &record)
        };
        let good = json!({ "bin app": "in-this-build", "lib core": "proven" });
        assert_eq!(of(Some(good)).name(), "pass");
        let open = of(Some(json!({ "bin app": "in-this-build", "lib core": "open" })));
        assert_eq!(open.findings().len(), 1);
        assert!(open.findings()[0].message.contains("lib core"));
        assert!(matches!(of(None), Outcome::Open(_)));
        assert!(matches!(of(Some(json!({ "bin app": 1 }))), Outcome::Open(_)));
    }
}
