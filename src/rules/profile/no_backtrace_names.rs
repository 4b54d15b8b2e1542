use crate::binary::Binary;
use crate::binary::Symbols;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "no-backtrace-names",
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    summary: "a backtrace of the program has no names",
    what: "Looks for the table of symbols, from which the standard library takes the names of a \
           backtrace's functions.",
    why: "With `RUST_BACKTRACE=1` a program without names prints no frame at all, and with `full` \
          it prints `<unknown>`: the one panic in production cannot be explained.",
    fix: "`strip = \"debuginfo\"` keeps the names and drops the rest; `debug = \"line-tables-only\"` \
          with `strip = \"none\"` adds files and lines.",
    symptoms: &[Symptom::Stderr("<unknown>"), Symptom::Stderr("stack backtrace:")],
    references: &["rust 147846", "polkadot 5828", "backtrace-rs 461"],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    match binary.symbols {
        None => Outcome::open("the sections could not be read"),
        Some(Symbols::Present) => Outcome::Pass,
        Some(Symbols::Stripped) => Finding::new(
            Location::from(&build.told.strip.origin),
            "the names of the program's functions are stripped",
        )
        .evidence(format!(
            "strip = \"{}\", by {}",
            build.told.strip.value.name(),
            build.told.strip.origin
        ))
        .fix(format!("strip = \"debuginfo\" # in [profile.{}]", build.profile.name))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripped_program_has_no_names() {
        let of = |symbols| check(&Binary { symbols, ..Binary::default() }, &Build::default());
        assert_eq!(of(Some(Symbols::Present)), Outcome::Pass);
        assert_eq!(of(Some(Symbols::Stripped)).name(), "fail");
        assert_eq!(of(None).name(), "open");
    }
}
