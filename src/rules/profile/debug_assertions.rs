use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "debug-assertions",
    aliases: &[],
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "debug assertions are compiled into an optimised binary",
    what: "The rule looks in the binary for the text of checks that only `debug-assertions` \
           compiles in (`unsafe precondition(s) violated`), and compares the result with the \
           resolved profile and the flags in effect.",
    why: "Every `debug_assert!` of every dependency can end the process, and each costs time. \
           Their authors do not expect these checks in production.",
    fix: "If the finding names a place that enables debug assertions, set `debug-assertions = \
           false` there. Build again.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("unsafe precondition(s) violated"),
        Symptom::Stderr("assertion failed"),
        Symptom::Behaviour("slower than expected"),
    ],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#debug-assertions"],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let effective_profile = &build.effective_profile;
    if effective_profile.opt_level.value == "0" {
        return Outcome::not_applicable("the profile is for development");
    }
    let wanted = &effective_profile.debug_assertions;
    match (binary.debug_assertions.value, wanted.value) {
        (Some(false), false) => return Outcome::pass("debug assertions: off"),
        (Some(false), true) => {
            return Outcome::open(
                format!(
                    "{} enables debug assertions, but the binary shows none, as a small one may",
                    wanted.origin
                ),
                settle::BY_REBUILD,
            );
        }
        (None, _) => {
            return Outcome::open(binary.debug_assertions.evidence.clone(), settle::BY_REBUILD);
        }
        (Some(true), _) => {}
    }
    let evidence = format!("in the binary: {}", binary.debug_assertions.evidence);
    if wanted.value {
        return Finding::new(
            Location::from(&wanted.origin),
            format!("debug assertions are compiled in: {} enables them", wanted.origin),
        )
        .evidence(evidence)
        .fix(format!("debug-assertions = false # in [profile.{}]", build.profile.name))
        .into();
    }
    if build.overridden.iter().any(|key| key == "debug-assertions") {
        return Outcome::open(
            "a profile override enables debug assertions for some packages",
            "look at `[profile.*.package]`",
        );
    }
    if let Some((missing, settle)) = build.may_be_inline("debug-assertions", "true") {
        return Outcome::open(missing, settle);
    }
    Finding::new(
        Location::Subject,
        format!(
            "debug assertions are compiled in, but profile {} has none: the binary comes from another build",
            build.profile.name
        ),
    )
    .evidence(evidence)
    .fix(build.command())
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting};
    use crate::fact::Fact;

    fn outcome(seen: Fact<bool>, wanted: bool, overridden: &[&str]) -> Outcome {
        let effective_profile =
            Profile { debug_assertions: ProfileSetting::default(wanted), ..Profile::release() };
        let overridden = overridden.iter().map(|key| (*key).to_owned()).collect();
        let binary = Binary { debug_assertions: seen, ..Binary::default() };
        check(&binary, &Build { effective_profile, overridden, ..Build::default() })
    }

    #[test]
    fn assertions_fail_whoever_turned_them_on() {
        let seen = || Fact::high(true, "text");
        let fix = |outcome: Outcome| outcome.findings()[0].fix.clone().unwrap();
        assert!(fix(outcome(seen(), true, &[])).starts_with("debug-assertions = false"));
        assert_eq!(fix(outcome(seen(), false, &[])), "cargo build --release");
        assert_eq!(outcome(seen(), false, &["debug-assertions"]).name(), "open");
        assert_eq!(outcome(Fact::high(false, "text"), false, &[]).name(), "pass");
        assert_eq!(outcome(Fact::high(false, "text"), true, &[]).name(), "open");
        assert_eq!(outcome(Fact::default(), false, &[]).name(), "open");
    }

    #[test]
    fn a_debug_build_has_them_by_design() {
        let build = Build { effective_profile: Profile::dev(), ..Build::default() };
        let binary = Binary { debug_assertions: Fact::high(true, "text"), ..Binary::default() };
        assert_eq!(check(&binary, &build).name(), "not-applicable");
    }
}
