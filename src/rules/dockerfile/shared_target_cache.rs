use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "shared-target-cache",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "all branches and architectures share one target directory in a cache mount",
    what: "The rule looks for builds whose target directory is a cache mount. It fails if the `id` \
           of the mount is missing or contains no argument other than those of the platform, and \
           if the RUN does not touch the sources before the build.",
    why: "Cargo compares modification times. The files of another branch can be older than the \
           outputs in the mount: the build of branch A then ships the program of branch B, without \
           any message. Builds for two architectures overwrite the files of each other.",
    fix: "Put an argument for the branch and one for the platform in the id of the mount, or touch \
           the sources in the same RUN: `find . -name '*.rs' -not -path './target/*' -exec touch \
           {} + && cargo build --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#run---mounttypecache",
        "https://doc.rust-lang.org/nightly/nightly-rustc/cargo/core/compiler/fingerprint/index.html",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no target directory is a cache mount of all branches";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for (_, build) in dockerfile.builds().filter(|(_, it)| !it.cook) {
        let Some(key) = &build.mount else { continue };
        let Some(trace) = dockerfile.trace.stages.get(build.stage) else { continue };
        let mounts =
            trace.mounts.iter().filter(|it| it.0 == build.instruction).flat_map(|it| &it.1);
        let Some(mount) = mounts.into_iter().find(|it| it.kind == "cache" && it.key == *key) else {
            continue;
        };
        let id = mount.id.as_deref().unwrap_or_default();
        // An argument beside the platform's: what it stands for is the user's to know.
        let own = id.split('$').skip(1).any(|it| {
            let name = it.trim_start_matches('{');
            !name.starts_with("TARGET") && !name.starts_with("BUILD")
        });
        let before = trace.steps.iter().take_while(|it| it.ran.span != build.ran.span);
        let touches = before.filter(|it| it.instruction == build.instruction).any(|it| {
            let words = || it.ran.arguments.iter().map(|it| it.raw.as_str());
            it.ran.program() == "touch"
                || it.ran.freshens()
                || words().any(|it| it == "touch")
                || it.ran.piped_into.as_deref() == Some("xargs")
        });
        if own || touches {
            continue;
        }
        let message = match &mount.id {
            None => "the target directory is a cache mount that every build of this path shares"
                .to_owned(),
            Some(id) => {
                format!("the target directory is a cache mount that every branch shares: id={id}")
            }
        };
        let finding = Finding::in_dockerfile(dockerfile, &mount.span, message).fix(format!(
            "find . -name '*.rs' -not -path './target/*' -exec touch {{}} + && {}",
            dockerfile.text(&build.ran.span)
        ));
        if !findings.iter().any(|other| other.location == finding.location) {
            findings.push(finding);
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_mount_is_of_one_branch() {
        let found = |mount: &str, run: &str| {
            let text = format!(
                "FROM rust:1.95\nWORKDIR /app\nARG REF\nCOPY . .\nRUN --mount=type=cache,{mount} {run}\n"
            );
            RULE.of_dockerfile(&testing::of(&text))
        };
        assert_eq!(found("target=/app/target", "cargo build"), [(5, Level::Warn)]);
        assert_eq!(found("target=target,id=t-$TARGETARCH", "cargo build"), [(5, Level::Warn)]);
        for (mount, run) in [
            ("target=/app/target,id=t-$REF", "cargo build"),
            ("target=/app/target", "find . -name '*.rs' -exec touch {} + && cargo build"),
            ("target=/usr/local/cargo/registry", "cargo build"),
            ("target=/app/target", "cargo check"),
        ] {
            assert_eq!(found(mount, run), [], "{mount} {run}");
        }
    }
}
