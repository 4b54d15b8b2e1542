use crate::binary::Binary;
use crate::binary::Optimisation;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "opt-level-mismatch",
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program was optimised in another way than its profile says",
    what: "Looks whether the standard library's start-up was inlined into C's `main`, which it never \
           is at `opt-level` 0 and z, and compares with `opt-level` of the resolved profile and the \
           flags in effect. A program that was not inlined proves nothing, because several codegen \
           units keep the compiler from it too, and fat link-time optimisation hides the trace.",
    why: "A program that was meant to be fast is not, and it is not what this configuration builds.",
    fix: "Build again in the environment that is linted; look for `CARGO_PROFILE_<NAME>_OPT_LEVEL` \
          and for `-C opt-level` in RUSTFLAGS.",
    symptoms: &[Symptom::Behaviour("slower than the same code elsewhere")],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#opt-level"],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let wanted = &build.told.opt_level;
    let expected = match wanted.value.as_str() {
        "0" | "z" => Optimisation::NoneOrSmallest,
        _ => Optimisation::Inlining,
    };
    let Some(seen) = binary.optimisation.value else {
        return Outcome::open(binary.optimisation.evidence.clone());
    };
    match seen {
        seen if seen == expected => return Outcome::Pass,
        Optimisation::Inlining => {}
        Optimisation::NoneOrSmallest => {
            return Outcome::open(
                "nothing is inlined into main; codegen units alone can cause that",
            );
        }
    }
    if let Some(why) = build.may_be_inline("opt-level", "3") {
        return Outcome::open(why);
    }
    Finding::new(
        Location::from(&wanted.origin),
        format!(
            "the program was compiled with opt-level 1, 2, 3 or s, but {} says {}",
            wanted.origin, wanted.value
        ),
    )
    .evidence(format!("in the program: {}", binary.optimisation.evidence))
    .fix(build.command())
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, Setting};
    use crate::fact::Fact;

    #[test]
    fn only_inlining_proves_something() {
        use Optimisation::{Inlining, NoneOrSmallest};
        let outcome = |optimisation, level: &str| {
            let opt_level = Setting::default(level.to_owned());
            let told = Profile { opt_level, ..Profile::release() };
            let binary = Binary { optimisation, ..Binary::default() };
            check(&binary, &Build { told, ..Build::default() }).name()
        };
        for (seen, level, verdict) in [
            (Inlining, "3", "pass"),
            (Inlining, "1", "pass"),
            (Inlining, "s", "pass"),
            (Inlining, "0", "fail"),
            (Inlining, "z", "fail"),
            (NoneOrSmallest, "0", "pass"),
            (NoneOrSmallest, "z", "pass"),
            (NoneOrSmallest, "2", "open"),
        ] {
            assert_eq!(outcome(Fact::high(seen, "shape"), level), verdict, "{seen:?} {level}");
        }
        assert_eq!(outcome(Fact::default(), "3"), "open");
    }
}
