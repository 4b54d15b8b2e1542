use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "wrong-platform-stage",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the last stage is of the builder's platform, not of the one that is asked for",
    what: "The rule looks for `--platform=$BUILDPLATFORM` at the last stage, or at the stage that \
           it begins from. It fails only if the image has a CMD or ENTRYPOINT.",
    why: "With `--platform linux/arm64` the image is marked as arm64, but contains programs for \
           the platform of the machine that built it: `exec format error`.",
    fix: "Use `--platform` only in stages that are not shipped.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("exec format error")],
    references: &["https://docs.docker.com/build/building/multi-platform/"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "the last stage is of the target's platform";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let chain = dockerfile.stages.chain(dockerfile.stages.last);
    let Some(stage) = chain.last().and_then(|it| dockerfile.stages.all.get(*it)) else {
        return Outcome::pass(PASS);
    };
    let platform = stage.platform.as_deref().unwrap_or_default();
    let runs = dockerfile
        .last()
        .is_some_and(|(_, it)| it.state.cmd.is_some() || it.state.entrypoint.is_some());
    if !platform.contains("BUILDPLATFORM") || !runs {
        return Outcome::pass(PASS);
    }
    Finding::in_dockerfile(
        dockerfile,
        &stage.span,
        "the image that is shipped is of the builder's platform",
    )
    .fix(format!("FROM {}", stage.image.value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn the_shipped_image_is_of_the_target() {
        let found = |text: &str| RULE.of_dockerfile(&testing::of(text));
        assert_eq!(
            found("FROM --platform=$BUILDPLATFORM debian:trixie\nCMD [\"x\"]\n"),
            [(1, Level::Warn)]
        );
        for good in [
            "FROM --platform=$BUILDPLATFORM rust:1.95 AS b\nFROM debian:trixie\nCMD [\"x\"]\n",
            "FROM --platform=$TARGETPLATFORM debian:trixie\nCMD [\"x\"]\n",
            "FROM --platform=$BUILDPLATFORM scratch AS export\nCOPY . /\n",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
