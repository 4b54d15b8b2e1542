use crate::facts::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "placeholder-version",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the version inside is the placeholder of a build that saw no repository",
    what: "The text that vergen writes in the place of every value that it could not find out: the \
           commit, the branch, the date.",
    why: "`.git` is not in the build context, so the program cannot say what it was built from, and \
          a report of a defect names no commit.",
    fix: "Give the values to the build: `--build-arg VERGEN_GIT_SHA=$(git rev-parse HEAD)` and an \
          `ARG` of that name in the stage; or take `.git` out of `.dockerignore`.",
    symptoms: &[Symptom::Behaviour("`--version` prints VERGEN_… in the place of a commit")],
    references: &["https://docs.rs/vergen", "https://github.com/paradigmxyz/reth/issues/21384"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.version_placeholder {
        None => Outcome::open("the program's texts were not looked at"),
        Some(false) => Outcome::Pass,
        Some(true) => Finding::new(Location::Subject, "a version inside is vergen's placeholder")
            .fix("docker build --build-arg VERGEN_GIT_SHA=$(git rev-parse HEAD) .")
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_placeholder_fails() {
        let with = |version_placeholder| Binary { version_placeholder, ..Binary::default() };
        assert_eq!(check(&with(Some(true))).findings().len(), 1);
        assert_eq!(check(&with(Some(false))), Outcome::Pass);
        assert!(matches!(check(&with(None)), Outcome::Open(_)));
    }
}
