use crate::binary::Binary;
use crate::binary::NamedCrate;
use crate::provenance::record::{RecordFacts, RecordPart};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "lockfile-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the locked packages are not those that the record lists",
    what: "If a workspace is given, the rule compares the record's packages and its digest of \
           Cargo.lock with the workspace's Cargo.lock. If the binary has a list of packages that \
           cargo-auditable wrote, every package of that list must be in the record.",
    why: "The binary was linked with other versions than Cargo.lock or the record says. An \
           advisory can apply to the binary that does not apply to the lockfile.",
    fix: "Build with the committed lockfile, and record again: `cargo binlint build --release \
           --locked`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://slsa.dev/spec/v1.0/provenance#resolvedDependencies",
        "https://github.com/rust-secure-code/cargo-auditable",
    ],
    check: CheckFn::Record(check),
};

fn check(binary: &Binary, record: &RecordFacts) -> Outcome {
    let unrecorded = record.unrecorded(binary);
    let differences = record.differing(RecordPart::Lockfile);
    if unrecorded.is_none() && differences.is_none() {
        return Outcome::not_applicable(
            "no workspace was given, and the binary has no list of its packages",
        );
    }
    let place = || Location::File { path: record.origin.clone(), line: None };
    let fix = "cargo binlint build --release --locked";
    let mut findings: Vec<Finding> = Vec::new();
    for difference in differences.into_iter().flatten() {
        let name = difference.dependency().unwrap_or_default();
        let message = format!("Cargo.lock has another {name} than the record");
        findings.push(Finding::new(place(), message).evidence(difference.to_string()).fix(fix));
    }
    for inside in unrecorded.into_iter().flatten() {
        let NamedCrate { name, version, .. } = inside;
        let message = format!("the binary contains {name} {version}, which is not in the record");
        let place = Location::Section(".dep-v0".to_owned());
        findings.push(Finding::new(place, message).fix(fix));
    }
    Outcome::of(findings, "the packages are those of the record")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::CrateSource;
    use crate::provenance::record::FieldDifference;
    use crate::provenance::statement::ResourceDescriptor;

    #[test]
    fn packages_of_the_program_must_be_recorded() {
        let inside =
            NamedCrate { name: "a".into(), version: "1.0.0".into(), from: CrateSource::DepV0 };
        let binary = Binary { crates: vec![inside], ..Binary::default() };
        let mut record = RecordFacts::default();
        assert_eq!(check(&binary, &record).findings().len(), 1);
        let uri = Some("pkg:cargo/a@1.0.0?repository_url=x".to_owned());
        let package = ResourceDescriptor { uri, ..ResourceDescriptor::default() };
        record.provenance.build_definition.resolved_dependencies.push(package);
        assert_eq!(check(&binary, &record).name(), "pass");
        assert!(matches!(check(&Binary::default(), &record), Outcome::NotApplicable(_)));
    }

    #[test]
    fn a_lockfile_that_changed_fails() {
        let field = "buildDefinition.resolvedDependencies[Cargo.lock].digest.sha256".to_owned();
        let difference =
            FieldDifference { field, recorded: Some("a".into()), ..FieldDifference::default() };
        let record = RecordFacts { differences: Some(vec![difference]), ..RecordFacts::default() };
        assert_eq!(check(&Binary::default(), &record).findings().len(), 1);
    }
}
