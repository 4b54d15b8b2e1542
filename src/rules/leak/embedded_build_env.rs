use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "embedded-build-env",
    group: Group::Leak,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a variable of the build's environment is baked into the program",
    what: "The variables that the code of the workspace reads with `env!` or `option_env!`, by \
           cargo's list of them, whose value is found in the program. Those that cargo or a build \
           script set are not meant: they are the program's own.",
    why: "What was an argument or a secret of the build becomes a constant that everybody can read \
          with `strings`, and that no setting of the container changes any more.",
    fix: "Read the variable when the program runs (`env::var`); give secrets to a build with \
          `RUN --mount=type=secret`.",
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/std/macro.env.html",
        "https://docs.docker.com/build/building/secrets/",
    ],
    check: Check::Build(check),
};

/// A shorter value is in every program by chance.
const SHORTEST: usize = 4;

fn check(_binary: &Binary, build: &Build) -> Outcome {
    if build.freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open("no unit of the program is known, so its variables are not");
    }
    let inside = build.freshness.baked.iter().filter(|it| it.present && it.value.len() >= SHORTEST);
    inside
        .map(|baked| {
            let message = format!("the value of `{}` at build time is in the program", baked.name);
            // The value may be a secret: it is not repeated in a log.
            Finding::new(Location::Subject, message)
                .evidence(format!("{} bytes, by `# env-dep:{}`", baked.value.len(), baked.name))
                .fix(format!("read `{}` when the program runs", baked.name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::compared::Baked;
    use crate::cargo::crate_freshness::Role;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn a_value_that_is_inside_is_named_and_not_shown() {
        let mut build = build_of(vec![state(Role::Program)]);
        let baked = |name: &str, value: &str, present| Baked {
            name: name.into(),
            value: value.into(),
            present,
        };
        build.freshness.baked = vec![
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
        let none = check(&Binary::default(), &build_of(vec![state(Role::Program)]));
        assert_eq!(none, Outcome::Pass);
    }
}
