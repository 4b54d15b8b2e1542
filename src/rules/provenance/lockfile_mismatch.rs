use crate::binary::Binary;
use crate::binary::Crate;
use crate::provenance::record::{Part, Record};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "lockfile-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the locked packages are not those that the record names",
    what: "The record's packages and the digest of its `Cargo.lock` are compared with the workspace's \
           lockfile now, where a workspace is given, and in any case with the packages that \
           cargo-auditable wrote into the program.",
    why: "The program was linked from other versions than the lockfile says; an advisory that the \
          lockfile does not show may be in it.",
    fix: "Build with the lockfile that is committed, and record again: \
          `cargo binlint build --release --locked`.",
    symptoms: &[],
    references: &[
        "https://slsa.dev/spec/v1.0/provenance#resolvedDependencies",
        "https://github.com/rust-secure-code/cargo-auditable",
    ],
    check: Check::Record(check),
};

fn check(binary: &Binary, record: &Record) -> Outcome {
    let unrecorded = record.unrecorded(binary);
    let differences = record.differing(Part::Lockfile);
    if unrecorded.is_none() && differences.is_none() {
        return Outcome::not_applicable(
            "no workspace was given, and the program carries no list of its packages",
        );
    }
    let place = || Location::File { path: record.origin.clone(), line: None };
    let fix = "cargo binlint build --release --locked";
    let mut findings: Vec<Finding> = Vec::new();
    for difference in differences.into_iter().flatten() {
        let name = difference.dependency().unwrap_or_default();
        let message = format!("{name} is not locked as it was recorded");
        findings.push(Finding::new(place(), message).evidence(difference.to_string()).fix(fix));
    }
    for inside in unrecorded.into_iter().flatten() {
        let Crate { name, version, .. } = inside;
        let message = format!("the program holds {name} {version}, which was not recorded");
        let place = Location::Section(".dep-v0".to_owned());
        findings.push(Finding::new(place, message).fix(fix));
    }
    findings.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::CrateSource;
    use crate::provenance::record::Difference;
    use crate::provenance::statement::Descriptor;

    #[test]
    fn packages_of_the_program_must_be_recorded() {
        let inside = Crate { name: "a".into(), version: "1.0.0".into(), from: CrateSource::DepV0 };
        let binary = Binary { crates: vec![inside], ..Binary::default() };
        let mut record = Record::default();
        assert_eq!(check(&binary, &record).findings().len(), 1);
        let uri = Some("pkg:cargo/a@1.0.0?repository_url=x".to_owned());
        let package = Descriptor { uri, ..Descriptor::default() };
        record.provenance.build_definition.resolved_dependencies.push(package);
        assert_eq!(check(&binary, &record), Outcome::Pass);
        assert!(matches!(check(&Binary::default(), &record), Outcome::NotApplicable(_)));
    }

    #[test]
    fn a_lockfile_that_changed_fails() {
        let field = "buildDefinition.resolvedDependencies[Cargo.lock].digest.sha256".to_owned();
        let difference = Difference { field, recorded: Some("a".into()), ..Difference::default() };
        let record = Record { differences: Some(vec![difference]), ..Record::default() };
        assert_eq!(check(&Binary::default(), &record).findings().len(), 1);
    }
}
