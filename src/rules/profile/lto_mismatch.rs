use crate::binary::Binary;
use crate::binary::LtoShape;
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::Lto;
use crate::cargo::workspace::rustflags::codegen;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "lto-mismatch",
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    summary: "link-time optimisation went another way than the profile says",
    what: "Compares the shape that the start code of a Rust program has, which tells `lto = \"fat\"` \
           from everything else, with `lto` of the resolved profile. Thin and none cannot be told \
           apart and are not.",
    why: "A program that was meant to be small and fast is not, or takes minutes to build for \
          nothing; and it is not what this configuration builds.",
    fix: "Build again in the environment that is linted; look for `CARGO_PROFILE_<NAME>_LTO` in the \
          environment of the one or the other.",
    symptoms: &[Symptom::Behaviour("the program is larger or slower than the same code elsewhere")],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#lto"],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let wanted = &build.told.lto;
    if build.told.opt_level.value == "0" {
        return Outcome::not_applicable("without optimisation nothing shows how it was linked");
    }
    if codegen(&build.rustflags).iter().any(|option| option.name == "linker-plugin-lto") {
        return Outcome::open("the linker's own plug-in decides (`-C linker-plugin-lto`)");
    }
    let Some(seen) = binary.lto.value else {
        return Outcome::open(binary.lto.evidence.clone());
    };
    let value = if seen == LtoShape::Fat { "\"fat\"" } else { "false" };
    let seen = match (seen, wanted.value) {
        (LtoShape::Fat, Lto::Fat) | (LtoShape::ThinOrOff, Lto::Off | Lto::Local | Lto::Thin) => {
            return Outcome::Pass;
        }
        (LtoShape::Fat, _) => "fat link-time optimisation",
        (LtoShape::ThinOrOff, _) => "no fat link-time optimisation",
    };
    if let Some(why) = build.may_be_inline("lto", value) {
        return Outcome::open(why);
    }
    Finding::new(
        Location::from(&wanted.origin),
        format!("the program shows {seen}, but {} says lto={}", wanted.origin, wanted.value.name()),
    )
    .evidence(format!("in the program: {}", binary.lto.evidence))
    .fix(build.command())
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Origin, Profile, Setting};
    use crate::cargo::workspace::rustflags::RustFlag;
    use crate::fact::Fact;

    fn outcome(seen: Fact<LtoShape>, lto: Lto, opt_level: &str, flag: &str) -> &'static str {
        let told = Profile {
            lto: Setting::default(lto),
            opt_level: Setting::default(opt_level.to_owned()),
            ..Profile::release()
        };
        let rustflags = vec![RustFlag { word: flag.to_owned(), origin: Origin::Default }];
        let binary = Binary { lto: seen, ..Binary::default() };
        check(&binary, &Build { told, rustflags, ..Build::default() }).name()
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
