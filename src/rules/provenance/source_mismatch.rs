use crate::binary::Binary;
use crate::provenance::build_facts::SOURCES;
use crate::provenance::record::{Part, Record};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "source-mismatch",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the workspace's sources are not those that the record names",
    what: "The record's list of source files, with their digests, is compared with what the same listing \
           finds in the workspace now: a file that changed, is gone or is new. A commit other than the \
           recorded one is a warning where every file is the recorded one.",
    why: "The program was built from other sources than these: what is reviewed here is not what ships.",
    fix: "Check out the recorded commit, or build and record again: `cargo binlint build --release`.",
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#resolvedDependencies"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    let (Some(files), Some(commits)) =
        (record.differing(Part::Source), record.differing(Part::Commit))
    else {
        return Outcome::not_applicable("no workspace was given to compare the sources with");
    };
    // The digest of them all differs with every file; alone it says that the list was cut.
    let is_sum = |name: &str| name == SOURCES;
    let named = files.iter().any(|it| it.dependency().is_some_and(|name| !is_sum(name)));
    let files = files.into_iter().filter(|it| !(named && it.dependency().is_some_and(is_sum)));
    let mut findings: Vec<Finding> = files
        .map(|difference| {
            let name = difference.dependency().unwrap_or_default();
            let message = match (&difference.recorded, &difference.now) {
                _ if is_sum(name) => "the digest of all sources is not the recorded one".to_owned(),
                (Some(_), Some(_)) => format!("{name} is not the file that was recorded"),
                (Some(_), None) => {
                    format!("{name} was recorded and is no source of the program now")
                }
                (None, _) => format!("{name} is a source of the program and was not recorded"),
            };
            let path = name.to_owned();
            Finding::new(Location::File { path, line: None }, message)
                .evidence(difference.to_string())
                .fix("cargo binlint build --release")
        })
        .collect();
    findings.extend(commits.into_iter().map(|difference| {
        let message = "the work tree does not stand where the record says";
        let place = Location::File { path: record.origin.clone(), line: None };
        Finding::new(place, message).evidence(difference.to_string()).at_most_warn()
    }));
    findings.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::record::Difference;

    fn of(fields: &[&str]) -> Outcome {
        let difference = |name: &&str| Difference {
            field: format!("buildDefinition.resolvedDependencies[{name}].digest.sha256"),
            recorded: Some("a".into()),
            now: Some("b".into()),
            doubt: None,
        };
        let differences = Some(fields.iter().map(difference).collect());
        check(&Binary::default(), &Record { differences, ..Record::default() })
    }

    #[test]
    fn each_file_is_named_once() {
        assert_eq!(of(&[]), Outcome::Pass);
        let two = of(&["src/main.rs", "src/a.rs", "sources"]);
        assert_eq!(two.findings().len(), 2);
        assert_eq!(of(&["sources"]).findings().len(), 1);
        assert_eq!(of(&["Cargo.lock", "pkg:cargo/a@1"]), Outcome::Pass);
    }

    #[test]
    fn a_commit_alone_is_a_warning() {
        assert_eq!(of(&["git"]).findings()[0].at_most, Some(Level::Warn));
    }

    #[test]
    fn without_a_workspace_nothing_is_compared() {
        let outcome = check(&Binary::default(), &Record::default());
        assert!(matches!(outcome, Outcome::NotApplicable(_)));
    }
}
