use crate::dockerfile::Dockerfile;
use crate::dockerfile::trace::CargoRun;
use crate::dockerfile::workspace::below;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "cache-path-outside-mount",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program lies in a cache mount that is not there any more",
    what: "The rule looks at paths in a target directory that was a cache mount of the RUN that \
           built. It fails if another RUN without this mount, or COPY --from, reads such a path.",
    why: "A cache mount is not part of the stage. Outside its RUN the directory is empty, and the \
           step fails. If an older layer has a file at the path, the step takes that file.",
    fix: "Copy the program to another directory in the same RUN: `RUN \
           --mount=type=cache,target=/app/target cargo build --release && cp target/release/app \
           /app/app`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#run---mounttypecache"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no step reads a cache mount that it does not have";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for taken in &dockerfile.trace.taken {
        let used = dockerfile.stages.all.get(taken.stage).is_some_and(|it| it.used);
        if !used || taken.mount.is_some() || taken.build.is_some() || taken.there == Some(true) {
            continue;
        }
        let of_stage = |build: &CargoRun| {
            dockerfile.goes_on(taken.from, build.stage)
                && build.target_path.as_deref().is_some_and(|it| below(&taken.path, it).is_some())
        };
        let before = taken.builds_before;
        let mut builds =
            dockerfile.trace.builds.iter().take(before).filter(|it| of_stage(it)).peekable();
        let Some(first) = builds.peek().copied() else { continue };
        if !builds.all(|it| it.mount.is_some()) {
            continue;
        }
        let message = format!(
            "`{}` is in the cache mount of line {}, and this step does not have it",
            taken.written,
            dockerfile.position(&first.ran.span).line
        );
        let name = taken.path.rsplit('/').next().unwrap_or("app");
        let line = format!("{} && cp {} /{name}", dockerfile.text(&first.ran.span), taken.path);
        let opaque = first.opaque.is_some();
        findings.push(
            Finding::in_dockerfile(dockerfile, &taken.span, message)
                .fix(line)
                .sure_only(!opaque && !taken.conditional && !first.ran.conditional),
        );
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_mount_ends_with_its_run() {
        let head = "FROM rust:1.95 AS builder\nWORKDIR /app\nCOPY . .\n";
        let mount = "RUN --mount=type=cache,target=/app/target";
        for (run, copy, line) in [
            (
                format!("{mount} cargo build --release\nRUN cp target/release/my-app /x"),
                "/x",
                Some(5),
            ),
            (
                format!("{mount} cargo build --release\nRUN true"),
                "/app/target/release/my-app",
                Some(7),
            ),
            (
                format!("{mount} cargo build --release && cp target/release/my-app /x\nRUN true"),
                "/x",
                None,
            ),
            (
                format!("{mount} cargo build --release\n{mount} cp target/release/my-app /x"),
                "/x",
                None,
            ),
            (
                format!("{mount},id=$UNKNOWN cargo build --release\nRUN true"),
                "/app/target/release/my-app",
                Some(7),
            ),
            (
                "RUN --mount=type=cache,target=/root/.cargo cargo build --release\nRUN true".into(),
                "/app/target/release/my-app",
                None,
            ),
        ] {
            let text =
                format!("{head}{run}\nFROM debian:trixie-slim\nCOPY --from=builder {copy} /app\n");
            let expected: Vec<_> = line.map(|it| (it, Level::Deny)).into_iter().collect();
            assert_eq!(RULE.of_dockerfile(&testing::of(&text)), expected, "{run}");
        }
    }
}
