use crate::dockerfile::Dockerfile;
use crate::dockerfile::stages::StageBase;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "end-of-life-base",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a base image gets no security fixes any more",
    what: "The rule looks up the base images of the stages that the build uses in its table of \
           base images. It fails if the end of life in the table is before the day of the last \
           update of the table.",
    why: "Vulnerabilities that are found after the end of life are not fixed in the image. Its \
           package archive moves, and `apt-get update` fails.",
    fix: "Use a newer release of the base image.",
    no_fix_line: Some("which newer release fits is not known"),
    symptoms: &[],
    references: &["https://endoflife.date/debian"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no image is known to be without fixes";

/// The day on which the table of images was last looked over: later ends are not held against anybody.
const TODAY: &str = "2026-11-29";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, stage, _) in dockerfile.used() {
        let StageBase::Image(_, Some(image)) = &stage.base else { continue };
        let Some(end) = image.end_of_life.as_deref().filter(|it| *it < TODAY) else { continue };
        let message = format!("{} has been without fixes since {end}", image.name());
        findings.push(Finding::in_dockerfile(dockerfile, &stage.image.span, message));
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn images_are_cared_for() {
        let found = |image: &str| RULE.of_dockerfile(&testing::of(&format!("FROM {image}\n")));
        assert_eq!(found("debian:buster-slim"), [(1, Level::Allow)]);
        assert_eq!(found("rust:1.40"), [(1, Level::Allow)]);
        assert_eq!(found("debian:trixie"), []);
        assert_eq!(found("own:1"), []);
    }
}
