use crate::dockerfile::Dockerfile;
use crate::dockerfile::cargo_command::NamedProfile;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stage-debug-build",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the shipped program is built without optimisation",
    what: "The rule looks at the profile of the build whose program the last stage takes. It fails \
           for the profile `dev`, unless the profile sets `opt-level`, or the name of the stage or of \
           the Dockerfile says that it is for development, debugging or tests.",
    why: "A debug build is many times slower and larger, and contains checks that a release build \
           does not have.",
    fix: "Use `cargo build --release`, and copy the program from target/release.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no debug build is shipped";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for shipped in dockerfile.shipped() {
        let debug = shipped.build.cargo.profile == NamedProfile::Named("dev".to_owned());
        let stages = dockerfile.stages.all.get(shipped.taken.stage);
        let name = stages.and_then(|it| it.name.clone()).unwrap_or_default();
        if !debug
            || shipped.build.cook
            || is_for_work(&name)
            || is_for_work(dockerfile.path.rsplit('/').next().unwrap_or_default())
            || dockerfile.workspace.dev_is_optimised
            || shipped.build.ran.variables.contains_key("CARGO_PROFILE_DEV_OPT_LEVEL")
            || dockerfile.text(&shipped.build.ran.span).contains("profile.dev.opt-level")
        {
            continue;
        }
        let span = &shipped.build.ran.span;
        let finding =
            Finding::in_dockerfile(dockerfile, span, "the program of this debug build is shipped")
                .evidence(format!(
                    "taken in line {}",
                    dockerfile.position(&shipped.taken.span).line
                ))
                .fix(format!("RUN {} --release", dockerfile.text(span)));
        if !findings.iter().any(|other| other.location == finding.location) {
            findings.push(finding);
        }
    }
    Outcome::of(findings, PASS)
}

/// Whether a name says that what it names is not for production: `Dockerfile.dev`, `test-runner`.
fn is_for_work(name: &str) -> bool {
    name.to_ascii_lowercase().split(|it: char| !it.is_ascii_alphanumeric()).any(|it| {
        ["dev", "devel", "development", "debug", "debugger", "test", "tests", "testing"]
            .contains(&it)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn releases_are_shipped() {
        let found = |run: &str, path: &str, name: &str| {
            RULE.of_dockerfile(&testing::of(&format!(
                "FROM rust:1.95 AS b\nWORKDIR /app\nCOPY . .\nRUN {run}\nFROM debian:trixie AS {name}\nCOPY --from=b {path} /x\n"
            )))
        };
        assert_eq!(found("cargo build", "/app/target/debug/my-app", "run"), [(4, Level::Warn)]);
        assert_eq!(
            found("cargo build && cp target/debug/my-app /m", "/m", "run"),
            [(4, Level::Warn)]
        );
        assert_eq!(found("cargo build --release", "/app/target/release/my-app", "run"), []);
        assert_eq!(found("cargo build --profile $P", "/app/target/debug/my-app", "run"), []);
        assert_eq!(found("cargo build", "/app/target/debug/my-app", "dev"), []);
        assert_eq!(found("cargo build", "/app/target/debug/my-app", "latest"), [(4, Level::Warn)]);
    }

    #[test]
    fn an_optimised_profile_is_meant() {
        let text = "FROM rust:1.95 AS b\nWORKDIR /app\nCOPY . .\nRUN cargo build\nFROM debian:trixie\nCOPY --from=b /app/target/debug/my-app /x\n";
        let of = |optimised| {
            let it = testing::changed(text, |workspace, _| workspace.dev_is_optimised = optimised);
            RULE.of_dockerfile(&it)
        };
        assert_eq!(of(false), [(4, Level::Warn)]);
        assert_eq!(of(true), []);
        let variable = text.replace("COPY . .", "COPY . .\nENV CARGO_PROFILE_DEV_OPT_LEVEL=3");
        assert_eq!(RULE.of_dockerfile(&testing::of(&variable)), []);
        let mut there = testing::of(text);
        there.path = "test/Dockerfile".to_owned();
        assert_eq!(RULE.of_dockerfile(&there), [(4, Level::Warn)]);
        there.path = "docker/Dockerfile.dev".to_owned();
        assert_eq!(RULE.of_dockerfile(&there), []);
    }
}
