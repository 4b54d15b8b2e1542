use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "cook-hidden-by-cache-mount",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "what was cooked lies in the layer, and the build looks into a cache mount",
    what: "The rule compares the target directory of a build with that of the cook before it. It \
           fails if only one of them is a cache mount, or if they are different cache mounts.",
    why: "The build does not see the dependencies that were cooked: a mount hides the directory of \
           the layer below it, and a layer does not contain what is in a mount. Cargo compiles \
           every dependency again.",
    fix: "Use cargo-chef without a mount on the target directory, or the mount without cargo-chef.",
    no_fix_line: Some("either the cook or the mount goes"),
    symptoms: &[],
    references: &[
        "https://github.com/LukeMathWalker/cargo-chef",
        "https://docs.docker.com/reference/dockerfile/#run---mounttypecache",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "builds see what was cooked";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    let builds: Vec<_> = dockerfile.builds().collect();
    for (number, build) in builds.iter().filter(|(_, it)| !it.cook) {
        let cook = builds.iter().find(|(other, it)| {
            other < number
                && it.cook
                && !it.cargo.compiles_nothing
                && dockerfile.goes_on(build.stage, it.stage)
                && it.target_path == build.target_path
                && it.target_path.is_some()
        });
        let Some((_, cook)) = cook.filter(|(_, cook)| cook.mount != build.mount) else { continue };
        let line = dockerfile.position(&cook.ran.span).line;
        let message = match (&cook.mount, &build.mount) {
            (None, _) => format!(
                "line {line} cooked into the layer, and this build looks into a cache mount"
            ),
            (_, None) => {
                format!("line {line} cooked into a cache mount that this build does not have")
            }
            _ => format!("line {line} cooked into another cache mount"),
        };
        findings.push(Finding::in_dockerfile(dockerfile, &build.ran.span, message));
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn cook_and_build_see_one_directory() {
        let found = |cook: &str, build: &str| {
            let text = format!(
                "FROM rust:1.95\nWORKDIR /app\nRUN {cook} cargo chef cook --release\nCOPY . .\n\
                 RUN {build} cargo build --release && cp target/release/my-app /x\n"
            );
            RULE.of_dockerfile(&testing::of(&text))
        };
        let mount = "--mount=type=cache,target=/app/target";
        let registry = "--mount=type=cache,target=/usr/local/cargo/registry";
        assert_eq!(found("", mount), [(5, Level::Warn)]);
        assert_eq!(found(mount, ""), [(5, Level::Warn)]);
        assert_eq!(found(mount, mount), []);
        assert_eq!(found(registry, ""), []);
        assert_eq!(found("", ""), []);
    }
}
