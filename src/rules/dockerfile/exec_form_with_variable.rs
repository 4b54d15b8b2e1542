use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::dockerfile::variables::expand;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "exec-form-with-variable",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the exec form names its program by a variable that nobody expands",
    what: "The rule looks for a variable such as `$NAME` in the first element of the last CMD or \
           ENTRYPOINT in JSON form.",
    why: "The exec form runs no shell, so the engine looks for a file with the name `${APP}`. The \
           container ends at once with exit code 127.",
    fix: "Write the name of the program, or use a shell: `CMD [\"sh\", \"-c\", \"exec ./$APP\"]`.",
    no_fix_line: Some("where the variable is not known, neither is the program"),
    symptoms: &[Symptom::ExitCode(127)],
    references: &["https://docs.docker.com/reference/dockerfile/#exec-form"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "the exec form names its program";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let cmd = state.cmd.filter(|_| state.entrypoint.is_none());
    let mut findings = Vec::new();
    for index in [state.entrypoint, cmd].into_iter().flatten() {
        let Some(instruction) = dockerfile.instruction(index) else { continue };
        let (InstructionKind::Cmd(Form::Exec(words))
        | InstructionKind::Entrypoint(Form::Exec(words))) = &instruction.kind
        else {
            continue;
        };
        let Some(first) = words.first() else { continue };
        let named =
            first.value.split('$').skip(1).any(|it| {
                it.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic())
            });
        if !named {
            continue;
        }
        let message = format!("nothing expands `{}` in the exec form", first.value);
        let mut finding = Finding::in_dockerfile(dockerfile, &first.span, message);
        if let Some(value) = expand(&first.value, &state.variables) {
            let name = dockerfile.text(&first.span).trim_matches('"').to_owned();
            finding = finding.fix(dockerfile.text(&instruction.span).replace(&name, &value));
        }
        findings.push(finding);
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn only_a_shell_expands() {
        let found = |last: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\nENV APP=x\n{last}\n")))
        };
        assert_eq!(found("CMD [\"./${APP}\"]"), [(3, Level::Deny)]);
        assert_eq!(found("ENTRYPOINT [\"/bin/$APP\", \"x\"]"), [(3, Level::Deny)]);
        for good in [
            "CMD ./$APP",
            "CMD [\"sh\", \"-c\", \"$APP\"]",
            "CMD [\"a$\"]",
            "ENTRYPOINT [\"a\"]\nCMD [\"$APP\"]",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
