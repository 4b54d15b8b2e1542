use crate::binary::Binary;
use crate::binary::LtoShape;
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::Lto;
use crate::cargo::workspace::rustflags::codegen;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "lto-mismatch",
    aliases: &[],
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was linked with other link-time optimisation than the profile sets",
    what: "The start code of a Rust binary has another shape with `lto = \"fat\"` than with any \
           other setting. The rule compares that shape with `lto` in the resolved profile. Thin \
           and no link-time optimisation look alike, so the rule does not tell them apart.",
    why: "The binary is larger or slower than intended, or the build takes minutes for nothing. \
           Either way it is not what this configuration builds.",
    fix: "Build again with the environment and options that you lint with. Look for \
           `CARGO_PROFILE_<NAME>_LTO` in the environment of the build and in that of the linter.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("the binary is larger or slower than the same code elsewhere")],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#lto"],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let wanted = &build.effective_profile.lto;
    if build.effective_profile.opt_level.value == "0" {
        return Outcome::not_applicable(
            "without optimisation the start code does not depend on `lto`",
        );
    }
    if codegen(&build.rustflags).iter().any(|option| option.name == "linker-plugin-lto") {
        return Outcome::open(
            "the linker decides (`-C linker-plugin-lto`), and the binary does not show it",
            "look at the linker options",
        );
    }
    let Some(seen) = binary.lto.value else {
        return Outcome::open(binary.lto.evidence.clone(), settle::BY_REBUILD);
    };
    let value = if seen == LtoShape::Fat { "\"fat\"" } else { "false" };
    let seen = match (seen, wanted.value) {
        (LtoShape::Fat, Lto::Fat) | (LtoShape::ThinOrOff, Lto::Off | Lto::Local | Lto::Thin) => {
            return Outcome::pass(format!("the start code matches lto={}", wanted.value.name()));
        }
        (LtoShape::Fat, _) => "fat link-time optimisation",
        (LtoShape::ThinOrOff, _) => "no fat link-time optimisation",
    };
    if let Some((missing, settle)) = build.may_be_inline("lto", value) {
        return Outcome::open(missing, settle);
    }
    Finding::new(
        Location::from(&wanted.origin),
        format!("the binary shows {seen}, but {} sets lto={}", wanted.origin, wanted.value.name()),
    )
    .evidence(format!("in the binary: {}", binary.lto.evidence))
    .fix(build.command())
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting, SettingOrigin};
    use crate::cargo::workspace::rustflags::RustFlag;
    use crate::fact::Fact;

    fn outcome(seen: Fact<LtoShape>, lto: Lto, opt_level: &str, flag: &str) -> &'static str {
        let effective_profile = Profile {
            lto: ProfileSetting::default(lto),
            opt_level: ProfileSetting::default(opt_level.to_owned()),
            ..Profile::release()
        };
        let rustflags = vec![RustFlag { word: flag.to_owned(), origin: SettingOrigin::Default }];
        let binary = Binary { lto: seen, ..Binary::default() };
        check(&binary, &Build { effective_profile, rustflags, ..Build::default() }).name()
    }

    #[test]
    fn fat_is_told_from_the_rest() {
        use LtoShape::{Fat, ThinOrOff};
        let seen = |shape| Fact::high(shape, "start code");
        for (shape, lto, verdict) in [
            (Fat, Lto::Fat, "pass"),
            (Fat, Lto::Local, "fail"),
            (Fat, Lto::Thin, "fail"),
            (ThinOrOff, Lto::Fat, "fail"),
            (ThinOrOff, Lto::Thin, "pass"),
            (ThinOrOff, Lto::Off, "pass"),
            (ThinOrOff, Lto::Local, "pass"),
        ] {
            assert_eq!(outcome(seen(shape), lto, "3", ""), verdict, "{shape:?} {lto:?}");
        }
        assert_eq!(outcome(Fact::default(), Lto::Fat, "3", ""), "open");
        assert_eq!(outcome(seen(ThinOrOff), Lto::Fat, "0", ""), "not-applicable");
        assert_eq!(outcome(seen(ThinOrOff), Lto::Fat, "3", "-Clinker-plugin-lto"), "open");
    }
}
