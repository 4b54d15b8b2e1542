use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::CrateFreshness;
use crate::cargo::evidence::mismatch::Mismatch;
use crate::cargo::fix_commands;
use crate::cargo::freshness::ProgramOrigin;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NOT_COMPARED, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "stale-by-mtime",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "cargo considers the binary fresh, but it was not compiled from these sources",
    what: "None of the files that cargo lists for the binary is newer than the build, so cargo \
           does not compile it again. But the contents prove that something else was compiled: a \
           source file is not on cargo's list, a panic location in the binary does not exist in \
           the sources, a text that `main` prints is not in the binary, or the metadata of the \
           package's library has another digest.",
    why: "Cargo compares modification times, not contents. `COPY` keeps the times of the host, \
           which are older than a placeholder that an earlier layer compiled; `cp -p`, \
           `git-restore-mtime` and shared cache mounts have the same effect. The build prints \
           `Finished` and ships the old binary. `--no-cache` does not help: it compiles the \
           placeholder again, so the placeholder is still newer than the sources.",
    fix: "In the build stage, put `cargo binlint freshen` before `cargo build`: it touches exactly \
           the crates that are stale. Or touch the root files of the stale crates there (`touch \
           src/main.rs`). `cargo clean -p` works only with the same `--release`, `--profile` and \
           `--target` as the build.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Silence,
        Symptom::ExitCode(0),
        Symptom::Behaviour("the build prints `Finished` without `Compiling`"),
        Symptom::Client("connection reset by peer"),
    ],
    references: &[
        "https://github.com/rust-lang/cargo/issues/7181",
        "https://github.com/rust-lang/cargo/issues/9312",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let freshness = &build.freshness;
    if !freshness.read {
        return Outcome::open(NOT_COMPARED, settle::IN_WORKSPACE);
    }
    if let ProgramOrigin::NoUnit(why) = &freshness.origin {
        return Outcome::open(why.clone(), settle::AT_BUILD);
    }
    if freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open(
            "the binary comes from another build, so the modification times here prove nothing",
            "lint it in the stage that builds it",
        );
    }
    if let Some(made_at) = &freshness.made_at {
        let place = made_at.display();
        return Outcome::open(
            format!(
                "the binary was built in {place}, so the modification times here prove nothing"
            ),
            "lint it there",
        );
    }
    let other_main = freshness.program().and_then(|it| it.other_main(&binary.main));
    let own: Vec<&CrateFreshness> = freshness.crates.iter().filter(|it| it.is_own()).collect();
    let mut stale: Vec<(&CrateFreshness, String)> = Vec::new();
    for (index, state) in own.iter().enumerate().filter(|(_, it)| it.cargo_calls_it_fresh()) {
        let why = state.mismatches.first().map(Mismatch::describe);
        let why = why.or_else(|| other_main.clone().filter(|_| index == 0));
        stale.extend(why.map(|why| (*state, why)));
    }
    if stale.is_empty() {
        let undecided = own.iter().find_map(|state| state.undecided_by_dates());
        return undecided.map_or_else(
            || Outcome::pass("cargo would compile every source that changed"),
            |missing| Outcome::open(missing, settle::BY_FRESHEN),
        );
    }
    let states: Vec<&CrateFreshness> = stale.iter().map(|(state, _)| *state).collect();
    Outcome::Fail(stale.iter().map(|(state, why)| finding(state, why, &states, build)).collect())
}

fn finding(state: &CrateFreshness, why: &str, all: &[&CrateFreshness], build: &Build) -> Finding {
    let message = format!("cargo considers {} fresh, but {why}", fix_commands::name(state));
    let mut finding =
        Finding::new(Location::File { path: state.root.clone(), line: None }, message);
    if let Some(unit) = &state.unit {
        let anchor = unit.anchor.map(|it| it.to_string()).unwrap_or_default();
        finding = finding.evidence(format!(
            "unit {}-{}, built {anchor} from {}: none of these files is newer",
            unit.package,
            unit.hash,
            state.listed(),
        ));
    }
    if let Some(file) = state.mtime_equal.first() {
        finding = finding.evidence(format!(
            "{file} has the time at which the build began; cargo considers an equal time fresh"
        ));
    }
    let more = state.mismatches.iter().skip(1).take(4).map(Mismatch::describe);
    let finding = more.fold(finding, Finding::evidence);
    finding
        .evidence(format!("or: {}", fix_commands::clean_and_build(build, all)))
        .fix(fix_commands::touch_and_build(build, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::evidence::mismatch::MismatchKind;
    use crate::cargo::file_time::FileTime;
    use crate::cargo::test_support::{build_of, state};

    fn not_compiled() -> Mismatch {
        Mismatch { path: "src/server.rs".into(), line: None, kind: MismatchKind::NotCompiled }
    }

    #[test]
    fn a_contradiction_under_old_dates_fails_with_the_line_that_heals() {
        let mut program = state(CrateRole::Program);
        program.mismatches.push(not_compiled());
        let mut build = build_of(vec![program]);
        build.profile.name = "release".into();
        build.target = Some("x86_64-unknown-linux-musl".into());
        let outcome = check(&Binary::default(), &build);
        let finding = &outcome.findings()[0];
        assert!(finding.message.contains("src/server.rs is a part of the crate"));
        let build = "cargo build --release --target x86_64-unknown-linux-musl";
        assert_eq!(finding.fix, Some(format!("touch src/main.rs && {build}")));
        let clean = "cargo clean -p app --release --target x86_64-unknown-linux-musl";
        assert!(finding.evidence.iter().any(|it| it.contains(clean)), "{finding:?}");
    }

    #[test]
    fn a_file_that_cargo_would_see_is_not_this_rules_business() {
        let mut program = state(CrateRole::Program);
        program.mismatches.push(not_compiled());
        program.mtime_after.push(("src/main.rs".into(), FileTime::new(9, 0)));
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        assert!(matches!(outcome, Outcome::Open(_)), "{outcome:?}");
    }

    #[test]
    fn old_dates_alone_prove_nothing_and_equal_ones_leave_it_open() {
        assert_eq!(
            check(&Binary::default(), &build_of(vec![state(CrateRole::Program)])).name(),
            "pass"
        );
        let mut level = state(CrateRole::Program);
        level.mtime_equal.push("src/main.rs".into());
        let outcome = check(&Binary::default(), &build_of(vec![level]));
        assert!(matches!(outcome, Outcome::Open(_)), "{outcome:?}");
    }

    #[test]
    fn what_cannot_be_read_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
        let mut half = state(CrateRole::Program);
        half.unit.as_mut().unwrap().own_hash = None;
        let outcome = check(&Binary::default(), &build_of(vec![half]));
        assert!(matches!(outcome, Outcome::Open(why) if why.missing.contains("half written")));
    }
}
