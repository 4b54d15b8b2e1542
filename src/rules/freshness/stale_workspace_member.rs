use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::mismatch::Mismatch;
use crate::cargo::fix_commands;
use crate::cargo::freshness::Freshness;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NOT_COMPARED, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "stale-workspace-member",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a path dependency or a build script was compiled from other sources",
    what: "The rule looks at every local crate that is linked into the binary: the MD5 of each \
           source file, which rustc keeps in the metadata of the crate; the list of files that the \
           crate was compiled from; and the panic locations in these files. For a build script it \
           compares the source with the texts and the panic locations in its compiled program. The \
           rule knows what a run of the build script read if `rerun-if-changed` lists it or \
           `freshen` kept its digest. Otherwise the outcome is inconclusive.",
    why: "A placeholder was compiled for the whole workspace, and then only `main.rs` of the \
           binary was touched. The new `main` is linked with the old library. That compiles if the \
           names are the same, and the library behaves as before. A build script that does not run \
           again leaves old generated code, or `None` in `option_env!`.",
    fix: "Put `cargo binlint freshen` before the build, or touch the root file of every member, \
           not only that of the binary.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("`main` is new, but a library in the binary behaves as before")],
    references: &[
        "https://github.com/rust-lang/cargo/issues/12370",
        "https://github.com/rust-lang/cargo/issues/7181",
    ],
    check: CheckFn::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    if !build.freshness.read {
        return Outcome::open(NOT_COMPARED, settle::IN_WORKSPACE);
    }
    let members: Vec<&CrateFreshness> =
        build.freshness.crates.iter().filter(|it| !it.is_own()).collect();
    if members.is_empty() {
        return Outcome::not_applicable(
            "the binary has neither a path dependency nor a build script",
        );
    }
    let stale: Vec<&CrateFreshness> =
        members.iter().copied().filter(|it| !it.mismatches.is_empty()).collect();
    if stale.is_empty() {
        let undecided = members.iter().find_map(|state| undecided(state, &build.freshness));
        return undecided.map_or_else(
            || {
                Outcome::pass(match members.len() {
                    1 => "1 local crate matches its sources".to_owned(),
                    many => format!("{many} local crates match their sources"),
                })
            },
            |(missing, settle)| Outcome::open(missing, settle),
        );
    }
    Outcome::Fail(stale.iter().map(|state| finding(state, &stale, build)).collect())
}

fn finding(state: &CrateFreshness, all: &[&CrateFreshness], build: &Build) -> Finding {
    let first = &state.mismatches[0];
    let message = format!("{} is stale: {}", fix_commands::name(state), first.describe());
    let place = Location::File { path: first.path.clone(), line: first.line };
    let mut finding = Finding::new(place, message);
    let more = state.mismatches.iter().skip(1).take(4).map(Mismatch::describe);
    finding = more.fold(finding, Finding::evidence);
    let in_place = build.freshness.made_at.is_none();
    let anchor = state.unit.as_ref().and_then(|unit| unit.anchor);
    if let Some(anchor) = anchor.filter(|_| in_place && state.cargo_calls_it_fresh()) {
        finding = finding
            .evidence(format!(
                "built {anchor} from {}; none of these files is newer, so cargo considers it fresh",
                state.listed()
            ))
            .evidence(format!("or: {}", fix_commands::clean_and_build(build, all)));
    }
    finding.fix(fix_commands::build_again(build, all))
}

/// Why a member may be stale although nothing was found against it.
fn undecided(state: &CrateFreshness, freshness: &Freshness) -> Option<(String, &'static str)> {
    let what = fix_commands::name(state);
    if state.unit.is_none() {
        let why = format!("no build of {what} was found in the target directory");
        return Some((why, "build again here"));
    }
    if let Some(made_at) = freshness.made_at.as_ref().filter(|_| !state.proven) {
        let place = made_at.display();
        let why = format!(
            "the binary was built in {place}, so the modification times here prove nothing about {what}"
        );
        return Some((why, "lint it there"));
    }
    match state.role {
        CrateRole::BuildScriptRun => state.undecided_run().map(|why| (why, settle::BY_FRESHEN)),
        CrateRole::BuildScript | CrateRole::Member => {
            let by_dates = state.undecided_by_dates().map(|why| (why, settle::BY_FRESHEN));
            by_dates.or_else(|| {
                let why =
                    format!("`{}` left nothing to compare in the target directory", state.package);
                (state.matches == 0).then_some((why, "build again here"))
            })
        }
        CrateRole::Program | CrateRole::OwnLibrary => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::evidence::mismatch::MismatchKind;
    use crate::cargo::file_time::FileTime;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn another_digest_names_the_member_and_touches_it() {
        let mut member = state(CrateRole::Member);
        let kind =
            MismatchKind::OtherDigest { algorithm: "MD5", compiled: "aa".into(), now: "bb".into() };
        let path = "member/src/lib.rs".to_owned();
        member.mismatches.push(Mismatch { path, line: None, kind });
        let outcome = check(&Binary::default(), &build_of(vec![state(CrateRole::Program), member]));
        let finding = &outcome.findings()[0];
        assert!(finding.message.contains("the crate `member` is stale"), "{finding:?}");
        assert_eq!(
            finding.fix.as_deref(),
            Some("touch member/src/lib.rs && cargo build --release")
        );
    }

    #[test]
    fn alone_not_applicable_and_without_evidence_open() {
        let alone = check(&Binary::default(), &build_of(vec![state(CrateRole::Program)]));
        assert!(matches!(alone, Outcome::NotApplicable(_)));
        let mut member = state(CrateRole::Member);
        assert_eq!(check(&Binary::default(), &build_of(vec![member.clone()])).name(), "pass");
        member.matches = 0;
        let open = check(&Binary::default(), &build_of(vec![member]));
        assert!(matches!(open, Outcome::Open(_)));
    }

    #[test]
    fn a_late_input_of_a_build_script_leaves_it_open() {
        let mut run = state(CrateRole::BuildScriptRun);
        run.ctime_after.push("data/a.txt".into());
        let outcome = check(&Binary::default(), &build_of(vec![run]));
        let says = |why: &str| why.contains("data/a.txt") && why.contains("freshen");
        assert!(matches!(outcome, Outcome::Open(why) if says(&why.to_string())));
    }

    #[test]
    fn a_run_whose_inputs_have_the_digests_that_were_kept_passes() {
        let mut run = state(CrateRole::BuildScriptRun);
        run.ctime_after.push("data/a.txt".into());
        run.proven = true;
        assert_eq!(check(&Binary::default(), &build_of(vec![run])).name(), "pass");
    }

    #[test]
    fn a_later_input_of_a_build_script_leaves_it_open() {
        let mut run = state(CrateRole::BuildScriptRun);
        run.mtime_after.push(("data/a.txt".into(), FileTime::new(9, 0)));
        let outcome = check(&Binary::default(), &build_of(vec![run]));
        assert!(matches!(outcome, Outcome::Open(why) if why.missing.contains("data/a.txt")));
    }
}
