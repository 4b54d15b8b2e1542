//! What explains a silent end, and what does not.

use super::observation::Observation;
use super::*;
use crate::report::{RuleResult, SubjectReport};
use crate::rule::{Finding, Location};
use crate::rules::ALL;
use crate::subject::Facts;

fn rule(id: &str) -> &'static Rule {
    ALL.iter().find(|rule| rule.id == id).unwrap()
}

fn subject(outcomes: Vec<(&str, Outcome)>) -> SubjectReport {
    let result = |(id, outcome)| {
        let rule = rule(id);
        RuleResult { rule, level: rule.level, outcome, waiver: None }
    };
    let results = outcomes.into_iter().map(result).collect();
    SubjectReport { name: "app".into(), facts: Facts::default(), results }
}

fn found() -> Outcome {
    Finding::new(Location::Subject, "it is so").fix("touch src/main.rs").into()
}

fn ids(causes: &[Cause]) -> Vec<&'static str> {
    causes.iter().map(|it| it.rule.id).collect()
}

#[test]
fn each_rule_stands_where_its_outcome_and_what_was_seen_put_it() {
    let silent =
        Observation { exit_code: Some(0), output: Some(String::new()), ..Observation::default() };
    let subject = subject(vec![
        ("placeholder-main", found()),
        ("missing-library", found()),
        ("stale-by-mtime", Outcome::pass("every source is older")),
        ("cargo-chef-stub", Outcome::open("no version is known", "run it in the checkout")),
        ("no-command", Outcome::not_applicable("no image was given")),
        ("silent-logging", Outcome::pass("no logger is inside")),
        ("stale-sources", Outcome::pass("its symptoms are in words alone")),
    ]);
    let diagnosis = diagnose(&subject, &silent);
    assert_eq!(ids(&diagnosis.explains), ["placeholder-main"]);
    assert_eq!(diagnosis.explains[0].seen, ["exit code 0", "no output at all"]);
    assert_eq!(diagnosis.explains[0].fix.as_deref(), Some("touch src/main.rs"));
    assert_eq!(ids(&diagnosis.also_wrong), ["missing-library"]);
    assert!(diagnosis.also_wrong[0].against.is_some());
    assert_eq!(ids(&diagnosis.ruled_out), ["stale-by-mtime", "silent-logging"]);
    assert_eq!(ids(&diagnosis.untold), ["cargo-chef-stub", "no-command"]);

    // The same program, seen to fail in the loader.
    let log = "app: error while loading shared libraries: libssl.so.3: cannot open";
    let loud =
        Observation { exit_code: Some(127), output: Some(log.into()), ..Observation::default() };
    let diagnosis = diagnose(&subject, &loud);
    assert_eq!(ids(&diagnosis.explains), ["missing-library"]);
    assert_eq!(ids(&diagnosis.also_wrong), ["placeholder-main"]);
}

#[test]
fn what_was_not_said_is_asked_for() {
    let subject = subject(vec![("placeholder-main", found())]);
    let asked = |observation: &Observation| diagnose(&subject, observation).questions.len();
    assert_eq!(ids(&diagnose(&subject, &Observation::default()).explains), [""; 0]);
    assert_eq!(asked(&Observation::default()), 4);
    let silent =
        Observation { exit_code: Some(0), output: Some(String::new()), ..Observation::default() };
    assert_eq!(asked(&silent), 1, "the image");
}
