use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::fix_commands;
use crate::cargo::rebuild::{self, Rebuild};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "not-reproduced",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the sources, compiled again as the binary was, make another binary",
    what: "With `--rebuild`, the rule compiles the local crates once more, in another directory, \
           with the flags, features and variables that the target directory records and with the \
           same compiled dependencies. It passes if both binaries are equal, or differ only in the \
           build-id, symbols, debug information or an embedded record. It fails if they differ in \
           more and a second rebuild gives the same result as the first.",
    why: "The binary that ships was not built from the code that you see: cargo did not notice an \
           edit, because the edited file kept an older modification time, or another file replaced \
           the binary.",
    fix: "Build again so that cargo sees the change: `cargo binlint freshen`, then `cargo build`. \
           If each build gives another binary (a date, a random order), make the build repeatable: \
           `SOURCE_DATE_EPOCH`, and `BTreeMap` in procedural macros and build scripts.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Behaviour("the program behaves as before the last edit"),
        Symptom::Behaviour("the build prints `Finished` without `Compiling`"),
    ],
    references: &[
        "https://reproducible-builds.org/docs/definition/",
        "https://github.com/rust-lang/cargo/issues/6529",
    ],
    check: CheckFn::Build(check),
};

/// The rules that infer what a rebuild knows.
const SETTLED: &[&str] = &[
    "cargo-chef-stub",
    "foreign-artifact",
    "stale-by-mtime",
    "stale-dependency",
    "stale-sources",
    "stale-workspace-member",
];

/// What is left of an inferred answer beside a rebuild; without one, an inconclusive answer names
/// it as the way to know.
pub fn settle(rule: &str, outcome: Outcome, facts: &Facts) -> Outcome {
    let Some(build) = facts.build.as_ref().filter(|_| SETTLED.contains(&rule)) else {
        return outcome;
    };
    match (&build.rebuild, outcome) {
        (None, Outcome::Open(why)) if build.is_compiled() => {
            match why.settle.contains("--rebuild") {
                true => Outcome::Open(why),
                false => {
                    let settle = format!("{}, or run `cargo binlint check --rebuild`", why.settle);
                    Outcome::open(why.missing, settle)
                }
            }
        }
        (Some(rebuild), Outcome::Open(_) | Outcome::Fail(_)) if rebuild.outcome.is_proof() => {
            Outcome::pass("the rebuild proves it: the sources compile to this binary")
        }
        (Some(Rebuild { outcome: rebuild::RebuildOutcome::Different, .. }), Outcome::Open(_)) => {
            Outcome::not_applicable("the rebuild settles it: see `not-reproduced`")
        }
        (_, outcome) => outcome,
    }
}

fn check(_: &Binary, build: &Build) -> Outcome {
    let Some(rebuild) = &build.rebuild else {
        return Outcome::not_applicable("nothing was compiled again: `--rebuild` does");
    };
    match rebuild.outcome {
        rebuild::RebuildOutcome::Equal => {
            Outcome::pass("the sources compile to this binary, byte by byte")
        }
        rebuild::RebuildOutcome::SameCode => Outcome::pass(rebuild.reason.clone()),
        rebuild::RebuildOutcome::NotRepeatable | rebuild::RebuildOutcome::NotPossible => {
            Outcome::open(
                rebuild.reason.clone(),
                "remove the cause, then run `cargo binlint check --rebuild` again",
            )
        }
        rebuild::RebuildOutcome::Different => {
            let finding = Finding::new(Location::Subject, rebuild.reason.clone());
            let differences = rebuild.differences.iter().cloned();
            let compiled = format!("compiled again: {}", rebuild.compiled.join(", "));
            let finding = differences.chain([compiled]).fold(finding, Finding::evidence);
            let states: Vec<_> = build.freshness.crates.iter().collect();
            match states.is_empty() {
                true => finding.fix(build.command()).into(),
                false => finding.fix(fix_commands::touch_and_build(build, &states)).into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::rebuild::RebuildOutcome as Answer;

    fn build(outcome: Option<Answer>) -> Build {
        let rebuild = outcome.map(|outcome| Rebuild::new(outcome, "a reason"));
        Build { rebuild, ..Build::default() }
    }

    #[test]
    fn only_another_program_of_a_build_that_repeats_itself_is_denied() {
        for (outcome, answer) in [
            (None, "not-applicable"),
            (Some(Answer::Equal), "pass"),
            (Some(Answer::SameCode), "pass"),
            (Some(Answer::Different), "fail"),
            (Some(Answer::NotRepeatable), "open"),
            (Some(Answer::NotPossible), "open"),
        ] {
            assert_eq!(check(&Binary::default(), &build(outcome)).name(), answer, "{outcome:?}");
        }
    }

    #[test]
    fn a_proof_outranks_what_is_inferred_and_nothing_else_does() {
        let fail = || Outcome::from(Finding::new(Location::Subject, "old"));
        let settled = |outcome, answer: Outcome| {
            let facts = Facts { build: Some(build(outcome)), ..Facts::default() };
            settle("stale-sources", answer, &facts).name()
        };
        assert_eq!(settled(Some(Answer::Equal), fail()), "pass");
        assert_eq!(settled(Some(Answer::Equal), Outcome::open("?", "?")), "pass");
        assert_eq!(settled(Some(Answer::SameCode), Outcome::open("?", "?")), "pass");
        assert_eq!(settled(Some(Answer::Different), fail()), "fail");
        assert_eq!(settled(Some(Answer::Different), Outcome::open("?", "?")), "not-applicable");
        assert_eq!(settled(Some(Answer::NotRepeatable), fail()), "fail");
        assert_eq!(settled(Some(Answer::NotPossible), Outcome::open("?", "?")), "open");
        assert_eq!(settled(None, fail()), "fail");
        let facts = Facts { build: Some(build(Some(Answer::Equal))), ..Facts::default() };
        assert_eq!(settle("feature-mismatch", fail(), &facts).name(), "fail");
    }
}
