use crate::binary::Binary;
use crate::provenance::build_facts::SOURCES;
use crate::provenance::record::{RecordFacts, RecordPart};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "source-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the sources of the workspace are not those that the record lists",
    what: "The record lists the source files with their digests. The rule compares this list with \
           the files of the workspace: changed, removed and new files are findings. It also \
           compares the commit; another commit is only a warning.",
    why: "The binary was built from other sources than these. What is reviewed here is not what \
           ships.",
    fix: "Check out the recorded commit, or build and record again: `cargo binlint build \
           --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/provenance#resolvedDependencies"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    let (Some(files), Some(commits)) =
        (record.differing(RecordPart::Source), record.differing(RecordPart::Commit))
    else {
        return Outcome::not_applicable("no workspace was given");
    };
    // The digest of them all differs with every file; alone it says that the list was cut.
    let is_sum = |name: &str| name == SOURCES;
    let named = files.iter().any(|it| it.dependency().is_some_and(|name| !is_sum(name)));
    let files = files.into_iter().filter(|it| !(named && it.dependency().is_some_and(is_sum)));
    let mut findings: Vec<Finding> = files
        .map(|difference| {
            let name = difference.dependency().unwrap_or_default();
            let message = match (&difference.recorded, &difference.now) {
                _ if is_sum(name) => "the digest of all sources differs from the record".to_owned(),
                (Some(_), Some(_)) => format!("{name} differs from the record"),
                (Some(_), None) => {
                    format!("{name} is in the record, but is not a source of the binary now")
                }
                (None, _) => format!("{name} is a source of the binary, but is not in the record"),
            };
            let path = name.to_owned();
            Finding::new(Location::File { path, line: None }, message)
                .evidence(difference.to_string())
                .fix("cargo binlint build --release")
        })
        .collect();
    findings.extend(commits.into_iter().map(|difference| {
        let message = "the work tree is at another commit than the record";
        let place = Location::File { path: record.origin.clone(), line: None };
        Finding::new(place, message)
            .evidence(difference.to_string())
            .fix("cargo binlint build --release")
            .at_most_warn()
    }));
    Outcome::of(findings, "sources and commit are those of the record")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::record::FieldDifference;

    fn of(fields: &[&str]) -> Outcome {
        let difference = |name: &&str| FieldDifference {
            field: format!("buildDefinition.resolvedDependencies[{name}].digest.sha256"),
            recorded: Some("a".into()),
            now: Some("b".into()),
            doubt: None,
        };
        let differences = Some(fields.iter().map(difference).collect());
        check(&Binary::default(), &RecordFacts { differences, ..RecordFacts::default() })
    }

    #[test]
    fn each_file_is_named_once() {
        assert_eq!(of(&[]).name(), "pass");
        let two = of(&["src/main.rs", "src/a.rs", "sources"]);
        assert_eq!(two.findings().len(), 2);
        assert_eq!(of(&["sources"]).findings().len(), 1);
        assert_eq!(of(&["Cargo.lock", "pkg:cargo/a@1"]).name(), "pass");
    }

    #[test]
    fn a_commit_alone_is_a_warning() {
        assert_eq!(of(&["git"]).findings()[0].at_most, Some(Level::Warn));
    }

    #[test]
    fn without_a_workspace_nothing_is_compared() {
        let outcome = check(&Binary::default(), &RecordFacts::default());
        assert!(matches!(outcome, Outcome::NotApplicable(_)));
    }
}
