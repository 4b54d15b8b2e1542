use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "cache-id-collision",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "two cache mounts of one RUN are one directory",
    what: "The rule looks for two cache mounts of one RUN that have the same id and different \
           targets.",
    why: "Mounts with one id are one directory, so the files of the registry, of the git checkouts \
           and of the target directory are mixed.",
    fix: "Give each mount an id of its own.",
    no_fix_line: Some("which of the mounts keeps its id is the user's choice"),
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#run---mounttypecache"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "each cache mount of a RUN has its own directory";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, _, trace) in dockerfile.used() {
        for (_, mounts) in &trace.mounts {
            let caches: Vec<_> =
                mounts.iter().filter(|it| it.kind == "cache" && it.id.is_some()).collect();
            for (index, mount) in caches.iter().enumerate() {
                let same = caches[..index].iter().find(|it| {
                    it.key == mount.key
                        && it.from == mount.from
                        && it.source == mount.source
                        && it.target != mount.target
                });
                let Some(other) = same else { continue };
                let message = format!(
                    "this mount and the one of line {} are one directory: both have the id `{}`",
                    dockerfile.position(&other.span).line,
                    mount.id.as_deref().unwrap_or_default()
                );
                findings.push(Finding::in_dockerfile(dockerfile, &mount.span, message));
                break;
            }
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn each_mount_has_its_own_id() {
        let found = |second: &str| {
            let text = format!(
                "FROM rust:1.95\nRUN --mount=type=cache,id=a,target=/x \\\n  --mount=type=cache,{second} ls\n"
            );
            RULE.of_dockerfile(&testing::of(&text))
        };
        assert_eq!(found("id=a,target=/y"), [(3, Level::Warn)]);
        for good in ["id=b,target=/y", "target=/y", "id=a,target=/x", "id=a,target=/y,source=z"] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
