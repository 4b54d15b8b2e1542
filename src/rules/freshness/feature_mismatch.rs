use std::collections::BTreeSet;

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::fix_commands;
use crate::cargo::freshness::ProgramOrigin;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_UNIT, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "feature-mismatch",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was compiled with other features than the manifest or the command line asks for",
    what: "Cargo's fingerprint of the build lists the features that the binary and the local \
           libraries were compiled with. The rule compares them with what those features enable in \
           today's Cargo.toml, and with `--features`, `--no-default-features` and `--all-features` \
           if you give these options to `check`. The finding is only a warning if a default \
           feature is missing and no such option was given, or if the binary is not exactly the \
           file that cargo wrote.",
    why: "Somebody enabled a feature and did not build again. Or two builds with different \
           features share one target directory: cargo keeps both outputs and leaves the last one \
           at the usual path, so a later `COPY` can take the wrong one. The binary starts, but \
           what the feature adds is missing.",
    fix: "Pass the same feature options to every `cargo build` of the stage, and copy the output \
           of the last one. Give the same options to `cargo binlint`.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour(
        "the manifest enables a feature, but the binary behaves as without it",
    )],
    references: &["https://doc.rust-lang.org/cargo/reference/features.html"],
    check: CheckFn::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let Some(program) = build.freshness.program().filter(|program| program.unit.is_some()) else {
        return Outcome::open(NO_UNIT, settle::AT_BUILD);
    };
    if let Some(Err(why)) = program.unit.as_ref().map(|unit| &unit.fingerprint) {
        return Outcome::open(why.to_string(), settle::BY_REBUILD);
    }
    let crates = build.freshness.crates.iter();
    let rust = crates.filter(|it| it.is_own() || it.role == CrateRole::Member);
    let mut findings: Vec<Finding> = rust.filter_map(|it| outdated(it, build)).collect();
    if findings.is_empty() {
        findings.extend(other_than_asked(program, build));
    }
    match findings.is_empty() {
        true => Outcome::pass(found(program)),
        false => Outcome::Fail(findings),
    }
}

/// What the binary was compiled with.
fn found(program: &CrateFreshness) -> String {
    match program.unit.as_ref().and_then(|unit| unit.features()) {
        None | Some([]) => "compiled with no feature, as asked for".to_owned(),
        Some(features) => format!("compiled with {}, as asked for", features.join(", ")),
    }
}

/// A unit whose features are no set that today's manifest allows.
fn outdated(state: &CrateFreshness, build: &Build) -> Option<Finding> {
    let compiled = state.unit.as_ref()?.features()?;
    let lacking = state.declared.lacking(compiled);
    let lacks = named(lacking.first().copied()?, lacking.len());
    let what = fix_commands::name(state);
    let message = format!("{what} was compiled without {lacks}, which its Cargo.toml enables now");
    Some(finding(message, state, build))
}

/// The program's features against the words that were typed, or else the defaults.
fn other_than_asked(program: &CrateFreshness, build: &Build) -> Option<Finding> {
    let compiled: BTreeSet<&str> =
        program.unit.as_ref()?.features()?.iter().map(String::as_str).collect();
    let wanted = program.declared.wanted(&build.package.name, &build.requested_features);
    let missing: Vec<&str> = wanted.difference(&compiled).copied().collect();
    let more: Vec<&str> = compiled.difference(&wanted).copied().collect();
    let explicit = build.requested_features.is_explicit();
    let message = match (missing.as_slice(), more.as_slice()) {
        ([first, ..], _) => {
            format!("the binary was compiled without {}", named(first, missing.len()))
        }
        // Another package of the same command may have turned it on in this one.
        ([], [first, ..]) if explicit && !program.declared.shared => {
            let more = named(first, more.len());
            format!("the binary was compiled with {more}, which was not asked for")
        }
        _ => return None,
    };
    let asked = build.requested_features.words().join(" ");
    let finding = finding(message, program, build)
        .evidence(format!("asked for: {}", if explicit { &asked } else { "cargo's defaults" }));
    Some(if explicit { finding } else { finding.at_most_warn() })
}

fn finding(message: String, state: &CrateFreshness, build: &Build) -> Finding {
    let path = state.directory.join("Cargo.toml").display().to_string();
    let compiled = state.unit.as_ref().and_then(|unit| unit.features()).unwrap_or_default();
    let compiled = if compiled.is_empty() { "none".to_owned() } else { compiled.join(", ") };
    let finding = Finding::new(Location::File { path, line: None }, message)
        .evidence(format!("compiled with: {compiled}"))
        .fix(build.command());
    // Only of its own unit is it known that the program was compiled with it.
    if build.freshness.origin == ProgramOrigin::Output { finding } else { finding.at_most_warn() }
}

/// `tls`, or `tls` and how many more.
fn named(first: &str, count: usize) -> String {
    match count {
        1 => format!("`{first}`"),
        _ => format!("`{first}` and {} more", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::freshness::FileLocation;
    use crate::cargo::test_support::{build_of, state};

    /// A program compiled with these features, under a manifest where `default` turns on `tls`.
    fn build(compiled: &[&str], requested_features: &[&str]) -> Build {
        let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mut program = state(CrateRole::Program);
        let table = [("default", vec!["tls"]), ("tls", vec![]), ("extra", vec![])];
        program.declared.features =
            table.into_iter().map(|(name, on)| (name.to_owned(), list(&on))).collect();
        let unit = program.unit.as_mut().unwrap();
        unit.fingerprint.as_mut().unwrap().features = list(compiled);
        let mut build = build_of(vec![program]);
        build.requested_features.features = list(requested_features);
        build
    }

    fn level(build: &Build) -> Option<Option<Level>> {
        check(&Binary::default(), build).findings().first().map(|finding| finding.at_most)
    }

    #[test]
    fn a_feature_that_must_be_there_by_the_manifest_or_the_command_is_denied() {
        assert_eq!(level(&build(&["default"], &[])), Some(None));
        assert_eq!(level(&build(&["default", "tls"], &["extra"])), Some(None));
        assert_eq!(level(&build(&["default", "tls", "extra"], &["tls"])), Some(None));
        assert_eq!(level(&build(&["default", "tls", "extra"], &["extra"])), None);
    }

    #[test]
    fn what_the_build_may_have_asked_for_is_no_more_than_a_warning() {
        assert_eq!(level(&build(&[], &[])), Some(Some(Level::Warn)));
        assert_eq!(level(&build(&["default", "tls", "extra"], &[])), None);
        let mut shared = build(&["default", "tls", "extra"], &["tls"]);
        shared.freshness.crates[0].declared.shared = true;
        assert_eq!(level(&shared), None);
        let mut elsewhere = build(&["default"], &[]);
        elsewhere.freshness.origin = ProgramOrigin::Differs {
            same_build_id: None,
            output: "/o".into(),
            location: FileLocation::OnThisMachine,
        };
        assert_eq!(level(&elsewhere), Some(Some(Level::Warn)));
    }

    #[test]
    fn without_a_unit_it_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
