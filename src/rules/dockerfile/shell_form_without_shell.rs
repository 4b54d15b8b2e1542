use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "shell-form-without-shell",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a shell form stands in an image without a shell",
    what: "The rule looks for RUN, CMD and ENTRYPOINT in shell form in stages whose image has no \
           shell (scratch, distroless). It passes if a step copies a shell or `SHELL` sets another \
           one.",
    why: "The image has no `/bin/sh`: the build stops, or the container ends at once.",
    fix: "Use the exec form: `ENTRYPOINT [\"/app\"]`. Run commands that need a shell in an earlier \
           stage.",
    no_fix_line: Some("where there are signs of the shell, another program must read them"),
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#shell-form"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every shell form has its shell";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (index, stage, trace) in dockerfile.used() {
        let (_, image) = dockerfile.stages.image(index);
        let state = &trace.state;
        let without = image.is_some_and(|it| !it.shell)
            && state.shell.is_none()
            && ["/bin/sh", "/busybox/sh", "/bin/busybox"].iter().all(|it| {
                state.presence(it, &dockerfile.context) != Some(true)
                    && !state.files.contains_key(*it)
            })
            && !state
                .trees
                .iter()
                .any(|it| it.source.is_none() && ["/", "/bin"].contains(&it.at.as_str()));
        if !without {
            continue;
        }
        for at in stage.instructions.clone() {
            let Some(instruction) = dockerfile.instruction(at) else { continue };
            let last = index == dockerfile.stages.last;
            let (what, form) = match &instruction.kind {
                InstructionKind::Run { form, .. } => ("RUN", form),
                InstructionKind::Cmd(form) if last && state.cmd == Some(at) => ("CMD", form),
                InstructionKind::Entrypoint(form) if last && state.entrypoint == Some(at) => {
                    ("ENTRYPOINT", form)
                }
                _ => continue,
            };
            let Form::Shell(text) = form else { continue };
            if text.text.trim().is_empty() {
                continue;
            }
            let message = format!("{what} in shell form, and the image has no /bin/sh");
            let mut finding = Finding::in_dockerfile(dockerfile, &instruction.span, message);
            let plain = text
                .text
                .trim()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " /._=:,@%+-".contains(c));
            if plain && what != "RUN" {
                let line = format!("{what} {}", exec_form(text.text.split_whitespace()));
                finding = finding.fix(line.clone()).edit(instruction.span.clone(), line);
            }
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
    fn a_shell_form_needs_a_shell() {
        let found = |text: &str| RULE.of_dockerfile(&testing::of(text));
        assert_eq!(found("FROM scratch\nCOPY . /\nCMD /app -v\n"), [(3, Level::Deny)]);
        assert_eq!(
            found("FROM gcr.io/distroless/cc-debian12\nRUN ls\nENTRYPOINT [\"/app\"]\n"),
            [(2, Level::Deny)]
        );
        for good in [
            "FROM scratch\nCMD [\"/app\"]\n",
            "FROM debian:trixie-slim\nCMD /app\n",
            "FROM busybox AS b\nFROM scratch\nCOPY --from=b / /\nCMD /app\n",
            "FROM scratch\nCOPY --from=busybox /bin/sh /bin/sh\nCMD /app\n",
            "FROM gcr.io/distroless/cc-debian12:debug\nCMD /app\n",
            "FROM scratch\nCMD a\nCMD [\"/app\"]\n",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
