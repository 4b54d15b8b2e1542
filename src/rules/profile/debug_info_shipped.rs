use crate::binary::Binary;
use crate::binary::DebugInfo;
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::{DebugLevel, ProfileSetting, Strip};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "debug-info-shipped",
    aliases: &[],
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary contains debug information",
    what: "The rule looks for DWARF (`.debug_info`, `.debug_line`) in a binary of an optimised \
           profile, and names the setting that keeps it there.",
    why: "Debug information is often most of the file. Every pull and every cold start pays for \
           it, and it contains the paths and names of the build machine.",
    fix: "Set `strip = \"debuginfo\"`, or `split-debuginfo = \"packed\"`, which writes a `.dwp` \
           file beside the binary. If you want line numbers in backtraces, use `debug = \
           \"line-tables-only\"`, which is far smaller, and allow this rule.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("the image is several times larger than the code")],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#debug",
        "https://doc.rust-lang.org/cargo/reference/profiles.html#split-debuginfo",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if build.effective_profile.opt_level.value == "0" {
        return Outcome::not_applicable("the profile is for development");
    }
    match binary.debug_info {
        None => {
            return Outcome::open(
                "the sections of the binary could not be read",
                "look at the output of `readelf -SW`",
            );
        }
        Some(DebugInfo::None | DebugInfo::Separate) => {
            return Outcome::pass("no debug information in the binary");
        }
        Some(DebugInfo::Present) => {}
    }
    let ProfileSetting { value: level, origin } = &build.effective_profile.debug;
    let (location, why) = match level {
        DebugLevel::None if build.effective_profile.strip.value == Strip::None => (
            Location::Section(".debug_info".to_owned()),
            "a dependency enables debug information, so cargo strips nothing".to_owned(),
        ),
        // Then the program is no product of this profile; `strip-mismatch` says so too.
        DebugLevel::None => (
            Location::Section(".debug_info".to_owned()),
            format!("although profile {} does not enable it", build.profile.name),
        ),
        level => (Location::from(origin), format!("{origin} sets debug=\"{}\"", level.name())),
    };
    Finding::new(location, format!("the binary contains debug information: {why}"))
        .evidence(format!("the file has {} bytes", binary.size))
        .fix(format!("strip = \"debuginfo\" # in [profile.{}]", build.profile.name))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::Profile;

    fn outcome(debug_info: Option<DebugInfo>, effective_profile: Profile) -> Outcome {
        let binary = Binary { debug_info, ..Binary::default() };
        check(&binary, &Build { effective_profile, ..Build::default() })
    }

    #[test]
    fn debug_information_inside_an_optimised_program_fails() {
        let release = Profile::release;
        let present = Some(DebugInfo::Present);
        assert_eq!(outcome(present, release()).name(), "fail");
        assert_eq!(outcome(Some(DebugInfo::None), release()).name(), "pass");
        assert_eq!(outcome(Some(DebugInfo::Separate), release()).name(), "pass");
        assert_eq!(outcome(None, release()).name(), "open");
        assert_eq!(outcome(present, Profile::dev()).name(), "not-applicable");
    }

    #[test]
    fn the_finding_names_who_asked() {
        let asked =
            Profile { debug: ProfileSetting::default(DebugLevel::Limited), ..Profile::release() };
        let message = |effective_profile| {
            outcome(Some(DebugInfo::Present), effective_profile).findings()[0].message.clone()
        };
        assert!(message(asked).ends_with("the default sets debug=\"limited\""));
        let kept = Profile { strip: ProfileSetting::default(Strip::None), ..Profile::release() };
        assert!(message(kept).contains("a dependency enables"));
    }
}
