use crate::dockerfile::Dockerfile;
use crate::dockerfile::base_images::split;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stage-without-command",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the last stage says nothing of what it runs",
    what: "The rule looks for a last stage that takes a program from another stage and has neither \
           CMD nor ENTRYPOINT. A stage from scratch passes, because it can be meant for \
           `--output`. A base image that may have a command of its own is inconclusive.",
    why: "The container starts the command of the base image, usually a shell, and ends at once.",
    fix: "Add `ENTRYPOINT [\"/app\"]`.",
    no_fix_line: Some("where the program is to lie is not known"),
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#cmd"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "the last stage says what it runs, or ships no program";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((stage, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let says = trace.state.cmd.is_some() || trace.state.entrypoint.is_some();
    let (reference, image) = dockerfile.stages.image(dockerfile.stages.last);
    // Scratch and stages named after artifacts are for `--output`.
    let export = image.is_some_and(|it| it.distribution == "scratch");
    if says || export || dockerfile.shipped().is_empty() {
        return Outcome::pass(PASS);
    }
    // A base can have a command of its own: a web server, or the company's own entry point.
    let serves = reference.is_some_and(|it| split(it).0.ends_with("nginx"));
    if image.is_none() || serves {
        return Outcome::open(
            "the base image may say what it runs",
            "look at its Entrypoint and Cmd with `docker image inspect`",
        );
    }
    Finding::in_dockerfile(dockerfile, &stage.span, "nothing says what this image runs").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn an_image_says_what_it_runs() {
        let found = |image: &str, last: &str| {
            RULE.of_dockerfile(&testing::of(&format!(
                "FROM rust:1.95 AS b\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\nFROM {image}\nCOPY --from=b /app/target/release/my-app /x\n{last}"
            )))
        };
        assert_eq!(found("debian:trixie", ""), [(5, Level::Allow)]);
        assert_eq!(found("debian:trixie", "CMD [\"/x\"]\n"), []);
        assert_eq!(found("scratch", ""), []);
        for base in ["nginx:1.27", "registry.example.com/base:1"] {
            let text = format!(
                "FROM rust:1.95 AS b\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\nFROM {base}\nCOPY --from=b /app/target/release/my-app /x\n"
            );
            assert_eq!(check(&testing::of(&text)).name(), "open", "{base}");
        }
    }
}
