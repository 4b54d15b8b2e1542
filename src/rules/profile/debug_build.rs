use crate::binary::Binary;
use crate::binary::DebugInfo;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "debug-build",
    group: Group::Profile,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is a debug build",
    what: "Fails when the resolved profile compiles without optimisation, and when the program has \
           all the marks of such a build (debug assertions, overflow checks, debug information) \
           although the profile that is linted has none of them.",
    why: "A debug build is eight to ten times slower, its `debug_assert!`s panic in production, and \
          crates such as `rust-embed` read their assets from the build tree, which the image does \
          not have.",
    fix: "Build with `--release` and copy from `target/release`. If a profile of your own is meant, \
          give it `opt-level = 3`.",
    symptoms: &[
        Symptom::Behaviour("an order of magnitude slower than expected"),
        Symptom::Behaviour("assets are missing that the program embeds"),
    ],
    references: &[
        "hoprnet 6349: 99 instead of 765 packets a second",
        "rust-embed 247",
        "torizon 53",
    ],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if binary.rust.value == Some(false) {
        return Outcome::not_applicable("the program is not written in Rust");
    }
    let told = &build.told;
    let marks = [
        (binary.debug_assertions.value == Some(true), &told.debug_assertions, "debug assertions"),
        (binary.overflow_checks.value == Some(true), &told.overflow_checks, "overflow checks"),
    ];
    if told.opt_level.value == "0" {
        let finding = Finding::new(
            Location::from(&told.opt_level.origin),
            format!(
                "the program was compiled without optimisation: opt-level=0 by {} of profile {}",
                told.opt_level.origin, build.profile.name
            ),
        )
        .evidence(build.executable.display().to_string())
        .evidence(format!("why this build: {}", build.chosen))
        .fix(release(build));
        return match told.debug_assertions.value {
            true => finding.into(),
            // Somebody chose the rest of a release build: slow, but hardly by mistake.
            false => finding.at_most_warn().into(),
        };
    }
    let against_profile = marks.iter().all(|(seen, told, _)| *seen && !told.value)
        && binary.debug_info == Some(DebugInfo::Present);
    if against_profile {
        let mut finding = Finding::new(
            Location::Subject,
            format!(
                "the program looks like a debug build, although profile {} is none",
                build.profile.name
            ),
        );
        for (_, _, mark) in marks {
            finding = finding.evidence(format!("the program has {mark}, the profile has none"));
        }
        return finding.evidence("the program has debug information").fix(release(build)).into();
    }
    Outcome::Pass
}

fn release(build: &Build) -> String {
    let profile = crate::cargo::workspace::profile::Profile::release();
    Build { profile, ..build.clone() }.command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, Setting};
    use crate::fact::Fact;

    fn build(told: Profile) -> Build {
        Build { profile: told.clone(), told, ..Build::default() }
    }

    fn marked() -> Binary {
        Binary {
            debug_assertions: Fact::high(true, "text"),
            overflow_checks: Fact::high(true, "text"),
            debug_info: Some(DebugInfo::Present),
            ..Binary::default()
        }
    }

    #[test]
    fn an_unoptimised_profile_is_denied() {
        let outcome = check(&marked(), &build(Profile::dev()));
        let [finding] = outcome.findings() else { panic!("{outcome:?}") };
        assert_eq!(finding.at_most, None);
        assert_eq!(finding.fix.as_deref(), Some("cargo build --release"));
        assert_eq!(check(&Binary::default(), &build(Profile::release())), Outcome::Pass);
        let chosen = Profile { debug_assertions: Setting::default(false), ..Profile::dev() };
        assert_eq!(
            check(&Binary::default(), &build(chosen)).findings()[0].at_most,
            Some(Level::Warn)
        );
    }

    #[test]
    fn a_debug_program_under_a_release_profile_needs_every_mark() {
        assert_eq!(check(&marked(), &build(Profile::release())).name(), "fail");
        let fewer = Binary { debug_info: Some(DebugInfo::None), ..marked() };
        assert_eq!(check(&fewer, &build(Profile::release())), Outcome::Pass);
        let asked = Profile { overflow_checks: Setting::default(true), ..Profile::release() };
        assert_eq!(check(&marked(), &build(asked)), Outcome::Pass);
    }
}
