use std::path::Path;

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::CrateFreshness;
use crate::cargo::evidence::mismatch::Mismatch;
use crate::cargo::fix_commands;
use crate::cargo::freshness::{FileLocation, ProgramOrigin};
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NOT_COMPARED, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "foreign-artifact",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is not an output of this target directory, or was built in another directory",
    what: "The rule compares the binary with every output in the target directory: first all \
           bytes, then the build-id, which survives `strip`. If another build made the binary, the \
           rule denies it in two cases: the binary is inside the target directory, or it is \
           elsewhere on this machine and contradicts the sources. In an image the outcome is \
           inconclusive, because the stages of the image have target directories of their own. The \
           dep-info file beside an output names the directory it was built in. Another directory \
           is a warning, because one directory can be mounted at two paths; it is denied if the \
           compiler differs too or the sources contradict the binary.",
    why: "Without `target` in `.dockerignore`, `COPY . .` copies the host's target directory into \
           the build stage. Cargo then considers those files fresh, and the image gets a binary \
           that was built for another system, from another state of the sources or by another \
           compiler.",
    fix: "Add `target` to `.dockerignore`, and copy the file that this build wrote.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("version `GLIBC_"),
        Symptom::Stderr("exec format error"),
        Symptom::Behaviour("the container runs the binary that was built on the host"),
    ],
    references: &[
        "https://docs.docker.com/build/concepts/context/#dockerignore-files",
        "https://github.com/rust-lang/rust/issues/70666",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    match &build.freshness.origin {
        ProgramOrigin::NotLookedAt => Outcome::open(NOT_COMPARED, settle::IN_WORKSPACE),
        ProgramOrigin::NoUnit(why) => Outcome::open(why.clone(), settle::AT_BUILD),
        ProgramOrigin::Output | ProgramOrigin::Differs { same_build_id: Some(true), .. } => {
            built_elsewhere(binary, build)
        }
        ProgramOrigin::Differs { same_build_id: None, output, .. } => Outcome::open(
            format!("no build-id tells whether this is {}, stripped", output.display()),
            "build with `-C link-arg=-Wl,--build-id`",
        ),
        ProgramOrigin::Differs { same_build_id: Some(false), output, location } => {
            another(build, output, *location)
        }
    }
}

/// A program that another build made. In the target directory there is no good reason for one;
/// elsewhere it may have been made of these very sources in another place.
fn another(build: &Build, output: &Path, location: FileLocation) -> Outcome {
    if let Some(name) = &build.freshness.nameless {
        return Outcome::not_applicable(format!("the workspace has no binary target `{name}`"));
    }
    let contradicted = build.freshness.crates.iter().flat_map(|it| &it.mismatches).next();
    if location == FileLocation::InAnImage
        || (location == FileLocation::OnThisMachine && contradicted.is_none())
    {
        return Outcome::open(
            format!("the binary comes from another build than {}", output.display()),
            "lint it in the stage that builds it",
        );
    }
    let message = format!("the binary is not the `{}` that cargo built here", build.bin);
    let finding = Finding::new(Location::Subject, message)
        .evidence(format!("{} has other contents and another build-id", output.display()));
    let finding = contradicted.map(Mismatch::describe).into_iter().fold(finding, Finding::evidence);
    // What cargo hands out may be as old: nothing here was held against it.
    let stale: Vec<&CrateFreshness> =
        build.freshness.crates.iter().filter(|it| it.is_stale()).collect();
    let line = match stale.is_empty() {
        true => build.command(),
        false => fix_commands::touch_and_build(build, &stale),
    };
    finding.fix(line).into()
}

fn built_elsewhere(binary: &Binary, build: &Build) -> Outcome {
    let Some(made_at) = &build.freshness.made_at else {
        return Outcome::pass("the binary is an output of this target directory");
    };
    let message = format!("the binary was built in {}, not in this workspace", made_at.display());
    let crates: Vec<&CrateFreshness> = build.freshness.crates.iter().collect();
    let mut finding = Finding::new(Location::Subject, message)
        .evidence(format!("the workspace is {}", build.workspace_root.display()))
        .evidence("`target` in .dockerignore keeps the host's outputs out of the stage")
        .fix(fix_commands::clean_and_build(build, &crates));
    let compilers = (&binary.rustc.commit, &build.rustc.commit);
    let mut proven = false;
    if let (Some(inside), Some(here)) = compilers
        && inside != here
    {
        finding = finding
            .evidence(format!("compiled by rustc commit {inside}; rustc here is commit {here}"));
        proven = true;
    }
    let contradicted = build.freshness.crates.iter().flat_map(|it| &it.mismatches).next();
    if let Some(contradiction) = contradicted {
        finding = finding.evidence(contradiction.describe());
        proven = true;
    }
    if proven { finding } else { finding.at_most_warn() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::evidence::mismatch::MismatchKind;
    use crate::cargo::test_support::{build_of, state};

    fn build(origin: ProgramOrigin) -> Build {
        let mut build = build_of(vec![state(CrateRole::Program)]);
        build.freshness.origin = origin;
        build
    }

    fn differs(same_build_id: Option<bool>, location: FileLocation) -> Build {
        build(ProgramOrigin::Differs {
            same_build_id,
            output: "target/release/app".into(),
            location,
        })
    }

    #[test]
    fn only_what_cargo_made_here_passes() {
        let binary = Binary::default();
        assert_eq!(check(&binary, &build(ProgramOrigin::Output)).name(), "pass");
        assert_eq!(
            check(&binary, &differs(Some(true), FileLocation::OnThisMachine)).name(),
            "pass"
        );
        let inside = differs(Some(false), FileLocation::InTargetDir);
        assert_eq!(check(&binary, &inside).findings().len(), 1);
        let unknown = differs(None, FileLocation::InTargetDir);
        assert!(matches!(check(&binary, &unknown), Outcome::Open(_)));
        assert!(matches!(
            check(&binary, &build(ProgramOrigin::NoUnit("none".into()))),
            Outcome::Open(_)
        ));
    }

    #[test]
    fn another_build_elsewhere_is_accused_only_with_a_contradiction_and_never_in_an_image() {
        let binary = Binary::default();
        for location in [FileLocation::OnThisMachine, FileLocation::InAnImage] {
            let mut build = differs(Some(false), location);
            assert!(matches!(check(&binary, &build), Outcome::Open(_)), "{location:?}");
            let kind = MismatchKind::NotCompiled;
            let contradiction = Mismatch { path: "src/a.rs".into(), line: None, kind };
            build.freshness.crates[0].mismatches.push(contradiction);
            let is_denied = !check(&binary, &build).findings().is_empty();
            assert_eq!(is_denied, location == FileLocation::OnThisMachine);
        }
    }

    #[test]
    fn another_directory_warns_and_another_compiler_denies() {
        let mut build = build(ProgramOrigin::Output);
        build.freshness.made_at = Some("/home/me/app".into());
        let mut binary = Binary::default();
        assert_eq!(check(&binary, &build).findings()[0].at_most, Some(Level::Warn));
        binary.rustc.commit = Some("a".repeat(40));
        build.rustc.commit = Some("b".repeat(40));
        assert_eq!(check(&binary, &build).findings()[0].at_most, None);
    }
}
