use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::fix_commands;
use crate::cargo::rebuild::{self, Rebuild};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "not-reproduced",
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the sources, compiled again as the program was, make another program",
    what: "With `--rebuild` the crates that lie in directories are compiled once more beside the \
           build, with the flags, features and variables that the target directory tells, against \
           the same compiled dependencies. Equal programs pass, also where only the build-id, \
           symbols, debug information or a record inside differ. Another program fails, once a \
           second rebuild has shown that the build repeats itself.",
    why: "The program that ships is not what is in front of you: an edit that cargo did not see, \
          because the file kept an older date, or a file that was put in cargo's place.",
    fix: "Build again where cargo can see the change: `cargo binlint freshen`, then `cargo build`. \
          Where the build should differ (a date, a random order), make it repeat itself: \
          `SOURCE_DATE_EPOCH`, `BTreeMap` in procedural macros and build scripts.",
    symptoms: &[
        Symptom::Behaviour("the program behaves as before the last edit"),
        Symptom::Behaviour("the build prints `Finished` without `Compiling`"),
    ],
    references: &[
        "https://reproducible-builds.org/docs/definition/",
        "https://github.com/rust-lang/cargo/issues/6529",
        "docs/freshness.md",
    ],
    check: Check::Build(check),
};

/// The rules that infer what a rebuild knows.
const SETTLED: &[&str] = &[
    "foreign-artifact",
    "masked-version",
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
            Outcome::open(format!("{why}; `check --rebuild` tells"))
        }
        (Some(rebuild), Outcome::Open(_) | Outcome::Fail(_)) if rebuild.outcome.is_proof() => {
            Outcome::not_applicable("the rebuild settles it: the sources compile to this program")
        }
        (Some(Rebuild { outcome: rebuild::Outcome::Different, .. }), Outcome::Open(_)) => {
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
        rebuild::Outcome::Equal | rebuild::Outcome::SameCode => Outcome::Pass,
        rebuild::Outcome::NotRepeatable | rebuild::Outcome::NotPossible => {
            Outcome::open(rebuild.reason.clone())
        }
        rebuild::Outcome::Different => {
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
    use crate::cargo::rebuild::Outcome as Answer;

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
        assert_eq!(settled(Some(Answer::Equal), fail()), "not-applicable");
        assert_eq!(settled(Some(Answer::Equal), Outcome::open("?")), "not-applicable");
        assert_eq!(settled(Some(Answer::Equal), Outcome::Pass), "pass");
        assert_eq!(settled(Some(Answer::Different), fail()), "fail");
        assert_eq!(settled(Some(Answer::Different), Outcome::open("?")), "not-applicable");
        assert_eq!(settled(Some(Answer::NotRepeatable), fail()), "fail");
        assert_eq!(settled(Some(Answer::NotPossible), Outcome::open("?")), "open");
        assert_eq!(settled(None, fail()), "fail");
        let facts = Facts { build: Some(build(Some(Answer::Equal))), ..Facts::default() };
        assert_eq!(settle("feature-mismatch", fail(), &facts).name(), "fail");
    }
}
