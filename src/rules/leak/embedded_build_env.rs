use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_UNIT, Outcome, Rule, Status, settle,
};

pub static RULE: Rule = Rule {
    id: "embedded-build-env",
    aliases: &[],
    group: Group::Leak,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the value of a build-time environment variable is embedded in the binary",
    what: "Cargo records which variables the code of the workspace reads with `env!` or \
           `option_env!`. The rule fails if the value of such a variable has at least four bytes \
           and is in the binary. Variables that cargo or a build script sets do not count.",
    why: "A build argument or secret becomes a constant. Everybody can read it with `strings`, and \
           no setting of the container can change it.",
    fix: "Read the variable at run time (`env::var`). Pass secrets to a build with `RUN \
           --mount=type=secret`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/std/macro.env.html",
        "https://docs.docker.com/build/building/secrets/",
    ],
    check: CheckFn::Build(check),
};

/// A shorter value is in every program by chance.
const SHORTEST: usize = 4;

fn check(_binary: &Binary, build: &Build) -> Outcome {
    if build.freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open(NO_UNIT, settle::AT_BUILD);
    }
    let inside =
        build.freshness.env_in_binary.iter().filter(|it| it.present && it.value.len() >= SHORTEST);
    let findings = inside.map(|baked| {
        let message = format!("the build-time value of `{}` is in the binary", baked.name);
        // The value may be a secret: it is not repeated in a log.
        Finding::new(Location::Subject, message)
            .evidence(format!(
                "{} bytes; rustc's dep-info has `# env-dep:{}`",
                baked.value.len(),
                baked.name
            ))
            .fix(format!("env::var({:?}) // at run time, instead of env!", baked.name))
    });
    Outcome::of(findings, "no value of a build-time variable is in the binary")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::compared::EnvInBinary;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn a_value_that_is_inside_is_named_and_not_shown() {
        let mut build = build_of(vec![state(CrateRole::Program)]);
        let baked = |name: &str, value: &str, present| EnvInBinary {
            name: name.into(),
            value: value.into(),
            present,
        };
        build.freshness.env_in_binary = vec![
            baked("TOKEN", "s3cr3t!", true),
            baked("GONE", "optimised", false),
            baked("N", "1", true),
        ];
        let outcome = check(&Binary::default(), &build);
        assert_eq!(outcome.findings().len(), 1);
        let shown = format!("{outcome:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn without_a_unit_it_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
        let none = check(&Binary::default(), &build_of(vec![state(CrateRole::Program)]));
        assert_eq!(none.name(), "pass");
    }
}
