use crate::binary::Binary;
use crate::provenance::build_facts::COMMIT;
use crate::provenance::record::RecordFacts;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "dirty-worktree",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was built with uncommitted changes",
    what: "The record says what git reported when the binary was built. The rule fails if git \
           reported uncommitted changes, files that are neither tracked nor ignored, or source \
           files that are ignored.",
    why: "A checkout of the recorded commit does not give the sources of this binary.",
    fix: "Commit or discard what `git status` lists, then build and record again.",
    no_fix_line: None,
    symptoms: &[],
    references: &["git-status(1)", "https://pkg.go.dev/runtime/debug#BuildSetting"],
    check: CheckFn::Record(check),
};

fn check(_: &Binary, record: &RecordFacts) -> Outcome {
    let Some(commit) = record.dependency(COMMIT) else {
        return Outcome::open(
            "the record names no commit",
            "build in a git work tree to record one",
        );
    };
    let name = commit.digest.get("gitCommit").map_or("a commit", String::as_str);
    match commit.annotations.get("dirty").and_then(serde_json::Value::as_bool) {
        Some(false) => Outcome::pass(format!("built from commit {name} without changes")),
        None => Outcome::open(
            format!("the record names {name}, but git did not run during the build"),
            "install git in the build stage",
        ),
        Some(true) => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, "the binary was built with changes that are in no commit")
                .evidence(format!("commit {name} with changes"))
                .fix("git commit --all && cargo binlint build --release")
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::statement::ResourceDescriptor;
    use serde_json::json;

    #[test]
    fn clean_dirty_and_unknown_are_three_answers() {
        let of = |dirty: Option<bool>| {
            let mut commit =
                ResourceDescriptor { name: Some("git".into()), ..ResourceDescriptor::default() };
            commit.annotations.extend(dirty.map(|dirty| ("dirty".to_owned(), json!(dirty))));
            let mut record = RecordFacts::default();
            record.provenance.build_definition.resolved_dependencies.push(commit);
            check(&Binary::default(), &record)
        };
        assert_eq!(of(Some(false)).name(), "pass");
        assert_eq!(of(Some(true)).findings().len(), 1);
        assert!(matches!(of(None), Outcome::Open(_)));
        assert!(matches!(check(&Binary::default(), &RecordFacts::default()), Outcome::Open(_)));
    }
}
