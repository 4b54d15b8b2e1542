use crate::binary::Binary;
use crate::binary::DebugInfo;
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::SettingOrigin;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "debug-build",
    aliases: &[],
    group: Group::Profile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is a debug build",
    what: "The rule fails if the resolved profile compiles without optimisation; this is only a \
           warning if the profile turns debug assertions off. It also fails if the binary has all \
           signs of a debug build (debug assertions, overflow checks, debug information) and the \
           profile enables neither debug assertions nor overflow checks.",
    why: "A debug build is about ten times slower, and a `debug_assert!` that fails panics in \
           production. In a debug build, crates such as `rust-embed` read their assets from the \
           source tree, which the image does not have.",
    fix: "Build with `--release` and copy from `target/release`. If the build uses a profile of \
           its own, set `opt-level = 3` in that profile.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Behaviour("ten times slower than expected"),
        Symptom::Behaviour("embedded assets are missing"),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#dev",
        "https://github.com/hoprnet/hoprnet/issues/6349",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if binary.rust.value == Some(false) {
        return Outcome::not_applicable("the binary is not written in Rust");
    }
    let effective_profile = &build.effective_profile;
    let marks = [
        (
            binary.debug_assertions.value == Some(true),
            &effective_profile.debug_assertions,
            "debug assertions",
        ),
        (
            binary.overflow_checks.value == Some(true),
            &effective_profile.overflow_checks,
            "overflow checks",
        ),
    ];
    if effective_profile.opt_level.value == "0" {
        let finding = Finding::new(
            Location::from(&effective_profile.opt_level.origin),
            format!(
                "the binary was compiled without optimisation: {} sets opt-level=0 for profile {}",
                effective_profile.opt_level.origin, build.profile.name
            ),
        )
        .evidence(build.executable.display().to_string())
        .evidence(format!("this build was chosen because: {}", build.selection_reason))
        .fix(optimised(build));
        return match effective_profile.debug_assertions.value {
            true => finding.into(),
            // Somebody chose the rest of a release build: slow, but hardly by mistake.
            false => finding.at_most_warn().into(),
        };
    }
    let against_profile =
        marks.iter().all(|(seen, effective_profile, _)| *seen && !effective_profile.value)
            && binary.debug_info == Some(DebugInfo::Present);
    if against_profile {
        let mut finding = Finding::new(
            Location::Subject,
            format!(
                "the binary has all signs of a debug build, but profile {} is not one",
                build.profile.name
            ),
        );
        for (_, _, mark) in marks {
            finding = finding.evidence(format!("the binary has {mark}, the profile has none"));
        }
        return finding.evidence("the binary has debug information").fix(release(build)).into();
    }
    Outcome::pass(format!(
        "profile {}: opt-level {}",
        build.profile.name, effective_profile.opt_level.value
    ))
}

/// `--release` cures nothing where the release profile itself says 0.
fn optimised(build: &Build) -> String {
    match &build.effective_profile.opt_level.origin {
        _ if build.profile.name == "dev" => release(build),
        SettingOrigin::File { path, line, .. } => format!("opt-level = 3 # in {path}:{line}"),
        SettingOrigin::Default => release(build),
        origin => format!("remove opt-level=0 from {origin}, and build again"),
    }
}

fn release(build: &Build) -> String {
    let profile = crate::cargo::workspace::profile::Profile::release();
    Build { profile, ..build.clone() }.command()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting};
    use crate::fact::Fact;

    fn build(effective_profile: Profile) -> Build {
        Build { profile: effective_profile.clone(), effective_profile, ..Build::default() }
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
        assert_eq!(check(&Binary::default(), &build(Profile::release())).name(), "pass");
        let chosen = Profile { debug_assertions: ProfileSetting::default(false), ..Profile::dev() };
        assert_eq!(
            check(&Binary::default(), &build(chosen)).findings()[0].at_most,
            Some(Level::Warn)
        );
    }

    #[test]
    fn a_debug_program_under_a_release_profile_needs_every_mark() {
        assert_eq!(check(&marked(), &build(Profile::release())).name(), "fail");
        let fewer = Binary { debug_info: Some(DebugInfo::None), ..marked() };
        assert_eq!(check(&fewer, &build(Profile::release())).name(), "pass");
        let asked =
            Profile { overflow_checks: ProfileSetting::default(true), ..Profile::release() };
        assert_eq!(check(&marked(), &build(asked)).name(), "pass");
    }
}
