use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::{CrateState, Role};
use crate::cargo::evidence::mismatch::Contradiction;
use crate::cargo::fix_commands;
use crate::cargo::freshness::Freshness;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "stale-workspace-member",
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a path dependency or build script inside was compiled from other sources",
    what: "For every crate that lies in a directory and that the program was linked with: the MD5 \
           of each source that rustc keeps in the crate's metadata, the list of files it was compiled \
           from, and the panic locations in its files. For a build script: what its program must print \
           and where it can panic. What its run read is known where `rerun-if-changed` lists it or \
           `freshen` kept its digest; anything else is left open.",
    why: "A placeholder was compiled for the whole workspace, and then only the program's own \
          `main.rs` was touched: the new `main` is linked with the old library, compiles if the \
          names are the same, and behaves as before. A build script that is not run again leaves the \
          old generated code or `None` in `option_env!`.",
    fix: "Touch the root file of every member, not of the program alone, or put `cargo binlint \
          freshen` before the build.",
    symptoms: &[Symptom::Behaviour("the program is new, a library in it behaves as before")],
    references: &[
        "https://github.com/rust-lang/cargo/issues/12370",
        "https://github.com/rust-lang/cargo/issues/7181",
        "docs/freshness.md",
    ],
    check: Check::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    if !build.freshness.read {
        return Outcome::open("the sources were not compared with the program");
    }
    let members: Vec<&CrateState> =
        build.freshness.crates.iter().filter(|it| !it.is_own()).collect();
    if members.is_empty() {
        return Outcome::not_applicable("the program has neither path dependency nor build script");
    }
    let stale: Vec<&CrateState> =
        members.iter().copied().filter(|it| !it.contradictions.is_empty()).collect();
    if stale.is_empty() {
        let undecided = members.iter().find_map(|state| undecided(state, &build.freshness));
        return undecided.map_or(Outcome::Pass, Outcome::open);
    }
    stale.iter().map(|state| finding(state, &stale, build)).collect()
}

fn finding(state: &CrateState, all: &[&CrateState], build: &Build) -> Finding {
    let first = &state.contradictions[0];
    let message = format!("{} is stale: {}", fix_commands::name(state), first.describe());
    let place = Location::File { path: first.path.clone(), line: first.line };
    let mut finding = Finding::new(place, message);
    let more = state.contradictions.iter().skip(1).take(4).map(Contradiction::describe);
    finding = more.fold(finding, Finding::evidence);
    let in_place = build.freshness.made_at.is_none();
    let anchor = state.unit.as_ref().and_then(|unit| unit.anchor);
    if let Some(anchor) = anchor.filter(|_| in_place && state.cargo_calls_it_fresh()) {
        finding = finding
            .evidence(format!(
                "built {anchor} from {}; none of them is dated later, so cargo calls it fresh",
                state.listed()
            ))
            .evidence(format!("or: {}", fix_commands::clean_and_build(build, all)));
    }
    finding.fix(fix_commands::build_again(build, all))
}

/// Why a member may be stale although nothing was found against it.
fn undecided(state: &CrateState, freshness: &Freshness) -> Option<String> {
    let what = fix_commands::name(state);
    if state.unit.is_none() {
        return Some(format!("nothing here tells what {what} was compiled from"));
    }
    if let Some(made_at) = freshness.made_at.as_ref().filter(|_| !state.proven) {
        let place = made_at.display();
        return Some(format!("it was built in {place}: the dates here say nothing of {what}"));
    }
    match state.role {
        Role::BuildScriptRun => state.undecided_run().map(|why| {
            format!("{why}; `cargo binlint freshen` before the build settles it, or a run of the script anew")
        }),
        Role::BuildScript | Role::Member => state.undecided_by_dates().or_else(|| {
            let why = format!("nothing is left of the compilation of `{}`", state.package);
            (state.agreements == 0).then_some(why)
        }),
        Role::Program | Role::OwnLibrary => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::evidence::mismatch::Kind;
    use crate::cargo::file_time::Moment;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn another_digest_names_the_member_and_touches_it() {
        let mut member = state(Role::Member);
        let kind = Kind::OtherDigest { algorithm: "MD5", compiled: "aa".into(), now: "bb".into() };
        let path = "member/src/lib.rs".to_owned();
        member.contradictions.push(Contradiction { path, line: None, kind });
        let outcome = check(&Binary::default(), &build_of(vec![state(Role::Program), member]));
        let finding = &outcome.findings()[0];
        assert!(finding.message.contains("the crate `member` is stale"), "{finding:?}");
        assert_eq!(
            finding.fix.as_deref(),
            Some("touch member/src/lib.rs && cargo build --release")
        );
    }

    #[test]
    fn alone_not_applicable_and_without_evidence_open() {
        let alone = check(&Binary::default(), &build_of(vec![state(Role::Program)]));
        assert!(matches!(alone, Outcome::NotApplicable(_)));
        let mut member = state(Role::Member);
        assert_eq!(check(&Binary::default(), &build_of(vec![member.clone()])), Outcome::Pass);
        member.agreements = 0;
        let open = check(&Binary::default(), &build_of(vec![member]));
        assert!(matches!(open, Outcome::Open(_)));
    }

    #[test]
    fn a_late_input_of_a_build_script_leaves_it_open() {
        let mut run = state(Role::BuildScriptRun);
        run.late.push("data/a.txt".into());
        let outcome = check(&Binary::default(), &build_of(vec![run]));
        let says = |why: &str| why.contains("data/a.txt") && why.contains("freshen");
        assert!(matches!(outcome, Outcome::Open(why) if says(&why)));
    }

    #[test]
    fn a_run_whose_inputs_have_the_digests_that_were_kept_passes() {
        let mut run = state(Role::BuildScriptRun);
        run.late.push("data/a.txt".into());
        run.proven = true;
        assert_eq!(check(&Binary::default(), &build_of(vec![run])), Outcome::Pass);
    }

    #[test]
    fn a_later_input_of_a_build_script_leaves_it_open() {
        let mut run = state(Role::BuildScriptRun);
        run.newer.push(("data/a.txt".into(), Moment::new(9, 0)));
        let outcome = check(&Binary::default(), &build_of(vec![run]));
        assert!(matches!(outcome, Outcome::Open(why) if why.contains("data/a.txt")));
    }
}
