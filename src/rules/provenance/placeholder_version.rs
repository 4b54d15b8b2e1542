use crate::cargo::compared::MissingCommit;
use crate::cargo::crate_freshness::CrateRole;
use crate::fix_line::plain_word;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "placeholder-version",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the version in the binary is a placeholder, because the build saw no repository",
    what: "The rule looks at values that should name a commit: variables of `env!` and \
           `option_env!`, and constants of generated files (shadow-rs, built). It fails if such a \
           value is empty, zero, or a word such as `unknown`. It also fails if the binary contains \
           the text that vergen writes for a value that it could not find.",
    why: "The binary cannot say what it was built from, and a bug report names no commit. The \
           usual cause is that `.git` is not in the build context.",
    fix: "Copy `.git` into the stage (remove it from `.dockerignore`), and if git reports dubious \
           ownership, run `git config --global --add safe.directory DIR` first. If no build script \
           sets the value, pass it: `--build-arg VERGEN_GIT_SHA=$(git rev-parse HEAD)` and an \
           `ARG` of that name in the stage.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour(
        "`--version` prints VERGEN_… or `unknown` in the place of a commit",
    )],
    references: &[
        "https://docs.rs/vergen",
        "https://docs.rs/shadow-rs",
        "https://github.com/paradigmxyz/reth/issues/21384",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo]), check),
};

/// A build script that sets the value overrides `--build-arg`, so what it reads has to be there.
const VISIBLE: &str = "COPY .git .git # before the build, without `.git` in .dockerignore; and RUN \
                       git config --global --add safe.directory \"$PWD\"";

fn check(facts: &Facts) -> Outcome {
    let asked = facts.build.as_ref().map(|build| build.freshness.missing_commits.as_slice());
    if let Some([first, rest @ ..]) = asked {
        let finding = Finding::new(Location::Subject, format!("{} at build time", said(first)))
            .evidence(format!("read at {}", first.place));
        let finding = rest.iter().take(4).map(said).fold(finding, Finding::evidence);
        let scripts = facts.build.iter().flat_map(|build| &build.freshness.crates);
        let line = match scripts.filter(|it| it.role == CrateRole::BuildScriptRun).count() {
            0 => plain_word(&first.name)
                .map(|name| format!("docker build --build-arg {name}=$(git rev-parse HEAD) .")),
            _ => Some(VISIBLE.to_owned()),
        };
        return finding.fix_if(line).into();
    }
    match facts.binary.as_ref().map(|binary| binary.version_placeholder) {
        None => Outcome::not_applicable(NO_BINARY),
        Some(None) => Outcome::open(
            "the contents of the binary were not read",
            "look for `VERGEN_` with strings(1)",
        ),
        Some(Some(false)) => Outcome::pass("no placeholder of a version tool in the binary"),
        Some(Some(true)) => Finding::new(
            Location::Subject,
            "the binary contains vergen's placeholder for a version",
        )
        .fix(VISIBLE)
        .into(),
    }
}

fn said(it: &MissingCommit) -> String {
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

    fn facts(version_placeholder: Option<bool>, missing_commits: Vec<MissingCommit>) -> Facts {
        let mut build = Build::default();
        build.freshness.missing_commits = missing_commits;
        let binary = Binary { version_placeholder, ..Binary::default() };
        Facts { binary: Some(binary), build: Some(build), ..Facts::default() }
    }

    #[test]
    fn only_a_placeholder_fails() {
        assert_eq!(check(&facts(Some(true), vec![])).findings().len(), 1);
        assert_eq!(check(&facts(Some(false), vec![])).name(), "pass");
        assert!(matches!(check(&facts(None, vec![])), Outcome::Open(_)));
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }

    #[test]
    fn what_the_code_asked_for_is_named() {
        let name = "GIT_SHA".to_owned();
        let asked = MissingCommit { name, value: Some("unknown".into()), place: "dep-info".into() };
        let outcome = check(&facts(Some(false), vec![asked]));
        assert_eq!(outcome.findings()[0].message, "`GIT_SHA` was \"unknown\" at build time");
    }
}
