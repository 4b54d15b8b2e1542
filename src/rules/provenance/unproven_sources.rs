use crate::binary::Binary;
use crate::provenance::record::Record;
use crate::provenance::source_proof::Tie;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "unproven-sources",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "nothing proves that the program was compiled from the recorded sources",
    what: "The record says of each crate that lies in a directory whether the build that wrote the \
           record compiled it, whether cargo called it fresh and its contents prove that, or whether \
           cargo called it fresh and nothing else is known.",
    why: "Cargo compares dates. A crate that it calls fresh may have been compiled from other sources \
          that were dated alike, and then the recorded list is not what is inside.",
    fix: "Let cargo compile what is not proven: `cargo binlint build --release --ensure-fresh`.",
    symptoms: &[],
    references: &["docs/provenance.md", "docs/freshness.md"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    let Some(ties) = record.ties() else {
        return Outcome::open("the record does not say how its sources are known");
    };
    let open = ties.iter().filter(|(_, word)| **word == Tie::Open.word());
    let place = || Location::File { path: record.origin.clone(), line: None };
    open.map(|(name, _)| {
        let message = format!("cargo called {name} fresh, and nothing proves its sources");
        Finding::new(place(), message)
            .evidence(format!("internalParameters.compiled.{name}"))
            .fix("cargo binlint build --release --ensure-fresh")
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_crate_that_nothing_proves_is_named() {
        let of = |ties: Option<serde_json::Value>| {
            let mut record = Record::default();
            let internal = &mut record.provenance.build_definition.internal_parameters;
            internal.extend(ties.map(|ties| ("compiled".to_owned(), ties)));
            check(&Binary::default(), &record)
        };
        let good = json!({ "bin app": "in-this-build", "lib core": "proven" });
        assert_eq!(of(Some(good)), Outcome::Pass);
        let open = of(Some(json!({ "bin app": "in-this-build", "lib core": "open" })));
        assert_eq!(open.findings().len(), 1);
        assert!(open.findings()[0].message.contains("lib core"));
        assert!(matches!(of(None), Outcome::Open(_)));
        assert!(matches!(of(Some(json!({ "bin app": 1 }))), Outcome::Open(_)));
    }
}
