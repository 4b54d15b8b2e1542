use crate::binary::Binary;
use crate::binary::Optimisation;
use crate::cargo::build::Build;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "opt-level-mismatch",
    aliases: &[],
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was compiled with another opt-level than its profile sets",
    what: "The compiler never inlines the standard library's start code into `main` at `opt-level` \
           0 and z. If the start code is inlined, the rule fails where the resolved profile and \
           the flags in effect say 0 or z. Start code that is not inlined proves nothing: several \
           codegen units have the same effect, and fat link-time optimisation hides it.",
    why: "The binary is slower or larger than intended. It is not what this configuration builds.",
    fix: "Build again with the environment and options that you lint with. Look for \
           `CARGO_PROFILE_<NAME>_OPT_LEVEL`, and for `-C opt-level` in RUSTFLAGS.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("slower than the same code elsewhere")],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#opt-level"],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let wanted = &build.effective_profile.opt_level;
    let expected = match wanted.value.as_str() {
        "0" | "z" => Optimisation::NoneOrSmallest,
        _ => Optimisation::Inlining,
    };
    let Some(seen) = binary.optimisation.value else {
        return Outcome::open(binary.optimisation.evidence.clone(), settle::BY_REBUILD);
    };
    match seen {
        seen if seen == expected => {
            return Outcome::pass(format!("the start code matches opt-level {}", wanted.value));
        }
        Optimisation::Inlining => {}
        Optimisation::NoneOrSmallest => {
            return Outcome::open(
                "nothing is inlined into `main`, but several codegen units can cause that",
                settle::BY_REBUILD,
            );
        }
    }
    if let Some((missing, settle)) = build.may_be_inline("opt-level", "3") {
        return Outcome::open(missing, settle);
    }
    Finding::new(
        Location::from(&wanted.origin),
        format!(
            "the binary was compiled with opt-level 1, 2, 3 or s, but {} sets {}",
            wanted.origin, wanted.value
        ),
    )
    .evidence(format!("in the binary: {}", binary.optimisation.evidence))
    .fix(build.command())
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting};
    use crate::fact::Fact;

    #[test]
    fn only_inlining_proves_something() {
        use Optimisation::{Inlining, NoneOrSmallest};
        let outcome = |optimisation, level: &str| {
            let opt_level = ProfileSetting::default(level.to_owned());
            let effective_profile = Profile { opt_level, ..Profile::release() };
            let binary = Binary { optimisation, ..Binary::default() };
            check(&binary, &Build { effective_profile, ..Build::default() }).name()
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
