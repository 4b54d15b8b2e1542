use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::dockerfile::workspace::join;
use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "exec-form-with-space",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the whole command line is one element of the exec form",
    what: "The rule looks at the first element of the last CMD or ENTRYPOINT in JSON form. It \
           fails if the element contains a space and no file has this name.",
    why: "The exec form runs no shell, so the whole element is the name of a file. The container \
           ends at once: `executable file not found`.",
    fix: "Write one element for each word: `CMD [\"app\", \"--help\"]`.",
    no_fix_line: Some("where there are quotes, only the user knows where a word ends"),
    symptoms: &[Symptom::ExitCode(127), Symptom::Stderr("executable file not found in $PATH")],
    references: &["https://docs.docker.com/reference/dockerfile/#exec-form"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "the exec form has one element a word";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let cmd = state.cmd.filter(|_| state.entrypoint.is_none());
    let mut findings = Vec::new();
    for index in [state.entrypoint, cmd].into_iter().flatten() {
        let Some(instruction) = dockerfile.instruction(index) else { continue };
        let (InstructionKind::Cmd(form) | InstructionKind::Entrypoint(form)) = &instruction.kind
        else {
            continue;
        };
        let Form::Exec(words) = form else { continue };
        let Some(first) = words.first().filter(|it| it.value.trim().contains(' ')) else {
            continue;
        };
        let path = join(&state.workdir, &first.value);
        if dockerfile.context.has(&first.value) || state.files.contains_key(&path) {
            continue;
        }
        let message =
            format!("no program is called `{}`: the exec form has one element a word", first.value);
        let mut finding = Finding::in_dockerfile(dockerfile, &first.span, message);
        // Without quotes and signs of the shell there is one way to split it.
        let plain =
            first.value.chars().all(|c| c.is_ascii_alphanumeric() || " /._=:,@%+-".contains(c));
        if plain {
            let list = exec_form(first.value.split_whitespace());
            let list = list.trim_start_matches('[').trim_end_matches(']');
            let keyword = if matches!(instruction.kind, InstructionKind::Cmd(_)) {
                "CMD"
            } else {
                "ENTRYPOINT"
            };
            let rest: String =
                words.iter().skip(1).map(|it| format!(", {}", dockerfile.text(&it.span))).collect();
            finding = finding.fix(format!("{keyword} [{list}{rest}]"));
            let quoted = dockerfile.text(&first.span).starts_with('"');
            let span = if quoted {
                first.span.clone()
            } else {
                first.span.start.saturating_sub(1)..first.span.end + 1
            };
            let whole = dockerfile.text(&span);
            if whole.starts_with('"') && whole.ends_with('"') {
                finding = finding.edit(span, list);
            }
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
    fn words_are_elements() {
        let found =
            |last: &str| RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\n{last}\n")));
        assert_eq!(found("CMD [\"cepler --help\"]"), [(2, Level::Deny)]);
        assert_eq!(found("ENTRYPOINT [\"./app -v\", \"x\"]"), [(2, Level::Deny)]);
        for good in [
            "CMD [\"cepler\", \"--help\"]",
            "CMD cepler --help",
            "ENTRYPOINT [\"sh\", \"-c\"]\nCMD [\"a b\"]",
            "CMD [\"a b\"]\nCMD [\"a\"]",
            "RUN touch '/a b'\nCMD [\"/a b\"]",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
