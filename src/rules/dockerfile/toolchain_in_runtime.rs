use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "toolchain-in-runtime",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the shipped image carries the compiler",
    what: "The rule fails if the last stage begins from an image of Rust and has a CMD or \
           ENTRYPOINT.",
    why: "The image is gigabytes larger to store and to send, and gives an attacker a compiler.",
    fix: "Copy the program into a separate stage: `FROM debian:bookworm-slim`.",
    no_fix_line: Some("a stage of its own is more than a line"),
    symptoms: &[],
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no compiler is shipped";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((stage, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let (_, image) = dockerfile.stages.image(dockerfile.stages.last);
    let rust = image.is_some_and(|it| it.cargo_home.is_some());
    let starts = trace.state.cmd.is_some() || trace.state.entrypoint.is_some();
    if rust && starts {
        return Finding::in_dockerfile(
            dockerfile,
            &stage.span,
            "the shipped image carries the compiler",
        )
        .into();
    }
    Outcome::pass(PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_compiler_stays_home() {
        let found = |text: &str| RULE.of_dockerfile(&testing::of(text));
        assert_eq!(found("FROM rust:1.95\nRUN cargo build\nCMD [\"x\"]\n"), [(1, Level::Allow)]);
        assert_eq!(found("FROM rust:1.95 AS b\nFROM debian:trixie\nCMD [\"x\"]\n"), []);
        assert_eq!(found("FROM rust:1.95\nRUN cargo build\n"), []);
    }
}
