use crate::dockerfile::Dockerfile;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};
use std::collections::BTreeSet;

pub static RULE: Rule = Rule {
    id: "no-dependency-layer",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "each change of a source compiles every dependency again",
    what: "The rule looks at the first build of each stage. It fails if no cook or other build is \
           before it, its RUN has no cache mount, and no step before it runs `cargo vendor`. It \
           reports only the first such build.",
    why: "After each change of a source file, cargo compiles all dependencies again. The build \
           takes minutes instead of seconds.",
    fix: "Use cargo-chef, or `RUN --mount=type=cache,target=/usr/local/cargo/registry` with \
           another cache mount for the target directory.",
    no_fix_line: Some("there are several ways, each of several lines"),
    symptoms: &[],
    references: &["https://github.com/LukeMathWalker/cargo-chef"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "dependencies are kept apart from the sources";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    let builds: Vec<_> = dockerfile.builds().collect();
    let mut stages = BTreeSet::new();
    // Of each stage the first build decides.
    for (number, build) in builds.iter().filter(|(_, it)| !it.cook && stages.insert(it.stage)) {
        let earlier = builds
            .iter()
            .any(|(other, it)| other < number && dockerfile.goes_on(build.stage, it.stage));
        let Some(trace) = dockerfile.trace.stages.get(build.stage) else { continue };
        let cached = trace.mounts.iter().any(|(at, mounts)| {
            *at == build.instruction && mounts.iter().any(|it| it.kind == "cache")
        });
        let fetched = trace.steps.iter().any(|it| {
            it.instruction < build.instruction
                && it.ran.arguments.iter().any(|it| it.raw == "vendor")
        });
        if !earlier && !cached && !fetched {
            findings.push(Finding::in_dockerfile(
                dockerfile,
                &build.ran.span,
                "nothing keeps what the dependencies compiled to",
            ));
        }
    }
    Outcome::of(findings.into_iter().take(1), PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn dependencies_are_kept() {
        let found = |rest: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\nWORKDIR /app\n{rest}\n")))
        };
        assert_eq!(found("COPY . .\nRUN cargo build"), [(4, Level::Allow)]);
        for good in [
            "RUN cargo chef cook\nCOPY . .\nRUN cargo build",
            "COPY . .\nRUN --mount=type=cache,target=/app/target cargo build",
            "RUN cargo init . && cargo build\nCOPY . .\nRUN touch src/main.rs && cargo build",
        ] {
            assert!(found(good).is_empty() || good.contains("init"), "{good}");
        }
    }
}
