use crate::binary::Binary;
use crate::provenance::build_facts::COMMIT;
use crate::provenance::record::Record;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "dirty-worktree",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was built from a work tree that no commit holds",
    what: "The record says whether git knew of changes that were not committed, of files that it did \
           neither track nor ignore, or of sources that it ignored, when the program was built.",
    why: "Checking out the recorded commit does not give the sources of this program back.",
    fix: "Commit or discard what `git status` lists, then build and record again.",
    symptoms: &[],
    references: &["git-status(1)", "https://pkg.go.dev/runtime/debug#BuildSetting"],
    check: Check::Record(check),
};

fn check(_: &Binary, record: &Record) -> Outcome {
    let Some(commit) = record.dependency(COMMIT) else {
        return Outcome::open("the record names no commit: there was no work tree of git");
    };
    let name = commit.digest.get("gitCommit").map_or("a commit", String::as_str);
    match commit.annotations.get("dirty").and_then(serde_json::Value::as_bool) {
        Some(false) => Outcome::Pass,
        None => Outcome::open(format!(
            "the record names {name}, but there was no git to compare the work tree with it"
        )),
        Some(true) => {
            let place = Location::File { path: record.origin.clone(), line: None };
            Finding::new(place, "the program was built with changes that are in no commit")
                .evidence(format!("commit {name}, dirty"))
                .fix("git status --short")
                .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::statement::Descriptor;
    use serde_json::json;

    #[test]
    fn clean_dirty_and_unknown_are_three_answers() {
        let of = |dirty: Option<bool>| {
            let mut commit = Descriptor { name: Some("git".into()), ..Descriptor::default() };
            commit.annotations.extend(dirty.map(|dirty| ("dirty".to_owned(), json!(dirty))));
            let mut record = Record::default();
            record.provenance.build_definition.resolved_dependencies.push(commit);
            check(&Binary::default(), &record)
        };
        assert_eq!(of(Some(false)), Outcome::Pass);
        assert_eq!(of(Some(true)).findings().len(), 1);
        assert!(matches!(of(None), Outcome::Open(_)));
        assert!(matches!(check(&Binary::default(), &Record::default()), Outcome::Open(_)));
    }
}
