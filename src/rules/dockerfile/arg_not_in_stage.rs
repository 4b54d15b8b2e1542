use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::dockerfile::variables::PLATFORM_ARGUMENTS;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "arg-not-in-stage",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "an argument of the platform is used in a stage that does not declare it",
    what: "The rule looks at each RUN and its mounts for TARGETPLATFORM, TARGETARCH and the other \
           arguments of the platform. It fails if neither the stage before the RUN nor a stage \
           that it begins from declares the argument with `ARG`, and nothing else sets it there.",
    why: "Without `ARG` the argument is empty: all platforms share one cache, or the wrong branch \
           of a script runs.",
    fix: "Declare the argument in the stage: `ARG TARGETPLATFORM`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "arguments of the platform are declared where they are used";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for (number, index, instruction) in dockerfile.instructions() {
        let InstructionKind::Run { .. } = &instruction.kind else { continue };
        let text = dockerfile.text(&instruction.span);
        if !text.contains('$') || !PLATFORM_ARGUMENTS.iter().any(|it| text.contains(it)) {
            continue;
        }
        for name in PLATFORM_ARGUMENTS {
            let used = [format!("${name}"), format!("${{{name}")].iter().any(|mark| {
                text.match_indices(mark.as_str()).any(|(at, _)| {
                    let after = text[at + mark.len()..].chars().next();
                    !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
                })
            });
            // A stage inherits what the stages that it begins from declare.
            let chain = dockerfile.stages.chain(number);
            let declared = dockerfile.instructions().any(|(stage, at, it)| {
                at < index
                    && chain.contains(&stage)
                    && match &it.kind {
                        InstructionKind::Arg(pairs) => pairs.iter().any(|(it, _)| it == name),
                        InstructionKind::Env(pairs) => pairs.iter().any(|(it, _)| it == name),
                        _ => false,
                    }
            });
            let set = declared
                || text.contains(&format!("{name}="))
                || text.contains(&format!("for {name} "))
                || text.contains("read ")
                    && text.split_whitespace().any(|it| it.trim_end_matches([';', ')']) == *name);
            if used && !set {
                let message = format!(
                    "{name} is empty here: stage {} does not declare it",
                    dockerfile.stages.name(number)
                );
                findings.push(
                    Finding::in_dockerfile(dockerfile, &instruction.span, message)
                        .fix(format!("ARG {name}")),
                );
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
    fn arguments_are_declared_where_they_are_used() {
        let found = |text: &str| RULE.of_dockerfile(&testing::of(text));
        assert_eq!(found("FROM rust:1.95\nRUN echo $TARGETARCH\n"), [(2, Level::Warn)]);
        assert_eq!(
            found("FROM rust:1.95\nRUN echo $TARGETARCH\nARG TARGETARCH\n"),
            [(2, Level::Warn)]
        );
        assert_eq!(
            found(
                "FROM rust:1.95 AS a\nARG TARGETPLATFORM\nRUN ls\nFROM rust:1.95\nCOPY --from=a /x /x\nRUN --mount=type=cache,id=x-${TARGETPLATFORM},target=/x ls\n"
            ),
            [(6, Level::Warn)]
        );
        for good in [
            "FROM rust:1.95 AS a\nARG TARGETPLATFORM\nFROM a\nRUN --mount=type=cache,id=x-${TARGETPLATFORM},target=/x ls\n",
            "FROM rust:1.95\nRUN for TARGETARCH in a b; do echo $TARGETARCH; done\n",
            "FROM rust:1.95\nRUN uname -m | (read TARGETARCH; echo $TARGETARCH)\n",
            "FROM rust:1.95\nARG TARGETARCH\nRUN echo $TARGETARCH\n",
            "FROM rust:1.95\nRUN TARGETARCH=x; echo $TARGETARCH\n",
            "FROM rust:1.95\nRUN echo $TARGETARCHES $TARGET\n",
            "FROM --platform=$BUILDPLATFORM rust:1.95\nRUN ls\n",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
