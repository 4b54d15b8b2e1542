use crate::cargo::compared::NoCommit;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "placeholder-version",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the version inside is the placeholder of a build that saw no repository",
    what: "What the code asked the build for: variables of `env!` and `option_env!` and constants \
           of generated files (shadow-rs, built) that should name a commit and are empty, `unknown` \
           or zero. From the program alone: the text that vergen writes in the place of every value \
           that it could not find out.",
    why: "`.git` is not in the build context, so the program cannot say what it was built from, and \
          a report of a defect names no commit.",
    fix: "Give the values to the build: `--build-arg VERGEN_GIT_SHA=$(git rev-parse HEAD)` and an \
          `ARG` of that name in the stage; or take `.git` out of `.dockerignore`.",
    symptoms: &[Symptom::Behaviour(
        "`--version` prints VERGEN_… or `unknown` in the place of a commit",
    )],
    references: &[
        "https://docs.rs/vergen",
        "https://docs.rs/shadow-rs",
        "https://github.com/paradigmxyz/reth/issues/21384",
    ],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let asked = facts.build.as_ref().map(|build| build.freshness.no_commits.as_slice());
    if let Some([first, rest @ ..]) = asked {
        let finding = Finding::new(Location::Subject, format!("{} when it was built", said(first)))
            .evidence(format!("by {}", first.place));
        let finding = rest.iter().take(4).map(said).fold(finding, Finding::evidence);
        return finding
            .fix(format!("docker build --build-arg {}=$(git rev-parse HEAD) .", first.name))
            .into();
    }
    match facts.binary.as_ref().map(|binary| binary.version_placeholder) {
        None => Outcome::not_applicable("no program was given"),
        Some(None) => Outcome::open("the program's texts were not looked at"),
        Some(Some(false)) => Outcome::Pass,
        Some(Some(true)) => {
            Finding::new(Location::Subject, "a version inside is vergen's placeholder")
                .fix("docker build --build-arg VERGEN_GIT_SHA=$(git rev-parse HEAD) .")
                .into()
        }
    }
}

fn said(it: &NoCommit) -> String {
    match &it.value {
        Some(value) => format!("`{}` was {value:?}", it.name),
        None => format!("`{}` was not set", it.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::cargo::build::Build;

    fn facts(version_placeholder: Option<bool>, no_commits: Vec<NoCommit>) -> Facts {
        let mut build = Build::default();
        build.freshness.no_commits = no_commits;
        let binary = Binary { version_placeholder, ..Binary::default() };
        Facts { binary: Some(binary), build: Some(build), ..Facts::default() }
    }

    #[test]
    fn only_a_placeholder_fails() {
        assert_eq!(check(&facts(Some(true), vec![])).findings().len(), 1);
        assert_eq!(check(&facts(Some(false), vec![])), Outcome::Pass);
        assert!(matches!(check(&facts(None, vec![])), Outcome::Open(_)));
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }

    #[test]
    fn what_the_code_asked_for_is_named() {
        let name = "GIT_SHA".to_owned();
        let asked = NoCommit { name, value: Some("unknown".into()), place: "dep-info".into() };
        let outcome = check(&facts(Some(false), vec![asked]));
        assert_eq!(outcome.findings()[0].message, "`GIT_SHA` was \"unknown\" when it was built");
    }
}
