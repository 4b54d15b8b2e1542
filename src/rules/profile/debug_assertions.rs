use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "debug-assertions",
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    summary: "debug assertions are compiled into an optimised program",
    what: "Looks in the program for the text of the checks that only `debug-assertions` compiles in \
           (`unsafe precondition(s) violated`), and compares with the resolved profile and the \
           flags in effect.",
    why: "Every `debug_assert!` of every dependency can end the program, and each costs time; \
          authors put checks there that they do not expect in production.",
    fix: "Set `debug-assertions = false` where the finding says that it is turned on, and build again.",
    symptoms: &[
        Symptom::Stderr("unsafe precondition(s) violated"),
        Symptom::Stderr("assertion failed"),
        Symptom::Behaviour("slower than expected"),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#debug-assertions",
        "kilt-node 62",
    ],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let told = &build.told;
    if told.opt_level.value == "0" {
        return Outcome::not_applicable("the profile is one for development");
    }
    let wanted = &told.debug_assertions;
    let seen = match (binary.debug_assertions.value, wanted.value) {
        (Some(false), false) => return Outcome::Pass,
        (Some(false), true) => {
            return Outcome::open(format!(
                "{} turns debug assertions on, but the program shows none; a small program may have none",
                wanted.origin
            ));
        }
        (None, _) => return Outcome::open(binary.debug_assertions.evidence.clone()),
        (Some(true), seen) => seen,
    };
    let evidence = format!("in the program: {}", binary.debug_assertions.evidence);
    if seen {
        return Finding::new(
            Location::from(&wanted.origin),
            format!("debug assertions are compiled in: {} turns them on", wanted.origin),
        )
        .evidence(evidence)
        .fix("debug-assertions = false")
        .into();
    }
    if build.overridden.iter().any(|key| key == "debug-assertions") {
        return Outcome::open("an override turns debug assertions on for some packages only");
    }
    if let Some(why) = build.may_be_inline("debug-assertions", "true") {
        return Outcome::open(why);
    }
    Finding::new(
        Location::Subject,
        format!(
            "debug assertions are compiled in, although profile {} has none: another build made this program",
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
    use crate::cargo::workspace::profile::{Profile, Setting};
    use crate::fact::Fact;

    fn outcome(seen: Fact<bool>, wanted: bool, overridden: &[&str]) -> Outcome {
        let told = Profile { debug_assertions: Setting::default(wanted), ..Profile::release() };
        let overridden = overridden.iter().map(|key| (*key).to_owned()).collect();
        let binary = Binary { debug_assertions: seen, ..Binary::default() };
        check(&binary, &Build { told, overridden, ..Build::default() })
    }

    #[test]
    fn assertions_fail_whoever_turned_them_on() {
        let seen = || Fact::high(true, "text");
        let fix = |outcome: Outcome| outcome.findings()[0].fix.clone().unwrap();
        assert_eq!(fix(outcome(seen(), true, &[])), "debug-assertions = false");
        assert_eq!(fix(outcome(seen(), false, &[])), "cargo build --release");
        assert_eq!(outcome(seen(), false, &["debug-assertions"]).name(), "open");
        assert_eq!(outcome(Fact::high(false, "text"), false, &[]), Outcome::Pass);
        assert_eq!(outcome(Fact::high(false, "text"), true, &[]).name(), "open");
        assert_eq!(outcome(Fact::default(), false, &[]).name(), "open");
    }

    #[test]
    fn a_debug_build_has_them_by_design() {
        let build = Build { told: Profile::dev(), ..Build::default() };
        let binary = Binary { debug_assertions: Fact::high(true, "text"), ..Binary::default() };
        assert_eq!(check(&binary, &build).name(), "not-applicable");
    }
}
