use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::fact::Confidence;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "overflow-checks-mismatch",
    aliases: &[],
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "arithmetic overflow is checked, but the profile turns the checks off",
    what: "The rule looks for the symbols of the functions that checked arithmetic panics with, \
           and for the texts `attempt to add/subtract/multiply with overflow`. It compares the \
           result with `overflow-checks` in the resolved profile and with the flags in effect. It \
           fails only if the binary has checks that the profile turns off. Texts without symbols \
           are inconclusive, because they can be data. A binary without both proves nothing: the \
           compiler may have shown that no operation overflows.",
    why: "Arithmetic that should wrap panics. The binary is not what this configuration builds.",
    fix: "Build again with the environment and options that you lint with, or set \
           `overflow-checks` in the profile.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("attempt to add with overflow"),
        Symptom::Stderr("attempt to subtract with overflow"),
        Symptom::Stderr("attempt to multiply with overflow"),
    ],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#overflow-checks"],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let wanted = &build.effective_profile.overflow_checks;
    match (binary.overflow_checks.value, wanted.value) {
        (Some(seen), wanted) if seen == wanted => {
            Outcome::pass(format!("overflow checks: {}", if seen { "on" } else { "off" }))
        }
        (None, _) => Outcome::open(binary.overflow_checks.evidence.clone(), settle::WITH_SYMBOLS),
        (Some(_), true) => Outcome::open("the profile enables overflow checks, but the binary shows none", settle::BY_REBUILD),
        (Some(_), false) if binary.overflow_checks.confidence < Confidence::High => {
            Outcome::open(format!(
                "in the binary: {}, which may be data",
                binary.overflow_checks.evidence
            ), settle::WITH_SYMBOLS)
        }
        (Some(_), false) if build.overridden.iter().any(|key| key == "overflow-checks") => {
            Outcome::open("a profile override enables the checks for some packages", "look at `[profile.*.package]`")
        }
        (Some(_), false) => match build.may_be_inline("overflow-checks", "true") {
            Some((missing, settle)) => Outcome::open(missing, settle),
            None => Finding::new(
                Location::from(&wanted.origin),
                format!(
                    "the binary checks arithmetic for overflow, but {} turns that off for profile {}",
                    wanted.origin, build.profile.name
                ),
            )
            .evidence(format!("in the binary: {}", binary.overflow_checks.evidence))
            .fix(build.command())
            .into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting};
    use crate::fact::Fact;

    #[test]
    fn only_checks_that_nobody_asked_for_fail() {
        let outcome = |seen: Fact<bool>, wanted, overridden: &[&str]| {
            let effective_profile =
                Profile { overflow_checks: ProfileSetting::default(wanted), ..Profile::release() };
            let overridden = overridden.iter().map(|key| (*key).to_owned()).collect();
            let binary = Binary { overflow_checks: seen, ..Binary::default() };
            check(&binary, &Build { effective_profile, overridden, ..Build::default() }).name()
        };
        let seen = |value| Fact::high(value, "text");
        assert_eq!(outcome(seen(true), true, &[]), "pass");
        assert_eq!(outcome(seen(false), false, &[]), "pass");
        assert_eq!(outcome(seen(true), false, &[]), "fail");
        assert_eq!(outcome(seen(true), false, &["overflow-checks"]), "open");
        assert_eq!(outcome(seen(false), true, &[]), "open");
        assert_eq!(outcome(Fact::default(), true, &[]), "open");
    }
}
