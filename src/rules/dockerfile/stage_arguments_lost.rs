use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stage-arguments-lost",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the arguments of CMD and of `docker run` never reach the program",
    what: "The rule looks for an image with a CMD and an ENTRYPOINT in shell form or with `sh -c`. \
           A script of `sh -c` that uses its arguments, such as `\"$@\"`, passes.",
    why: "`sh -c 'app'` keeps the words after the script as its own arguments. The program starts \
           without them, and there is no message.",
    fix: "Use the exec form: `ENTRYPOINT [\"/app\"]`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no shell stands between the arguments and the program";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let entrypoint = state.entrypoint.and_then(|it| dockerfile.instruction(it));
    let Some((instruction, cmd)) =
        entrypoint.zip(state.cmd.and_then(|it| dockerfile.instruction(it)))
    else {
        return Outcome::pass(PASS);
    };
    let InstructionKind::Entrypoint(form) = &instruction.kind else { return Outcome::pass(PASS) };
    if matches!(&cmd.kind, InstructionKind::Cmd(Form::Exec(words)) if words.is_empty()) {
        return Outcome::pass(PASS);
    }
    let takes_none = match form {
        Form::Shell(_) => true,
        Form::Exec(words) => {
            let word =
                |index: usize| words.get(index).map(|it| it.value.as_str()).unwrap_or_default();
            let shell =
                ["sh", "bash", "ash"].contains(&word(0).rsplit('/').next().unwrap_or_default());
            // A script that speaks of its arguments gets them; without one, CMD is the script.
            shell && word(1) == "-c" && words.len() > 2 && !word(2).contains(['@', '*', '0', '1'])
        }
    };
    if !takes_none {
        return Outcome::pass(PASS);
    }
    Finding::in_dockerfile(
        dockerfile,
        &instruction.span,
        "what CMD says never reaches the program behind this shell",
    )
    .evidence(format!("CMD stands in line {}", dockerfile.position(&cmd.span).line))
    .fix(exec_form(form).unwrap_or_else(|| "ENTRYPOINT [\"/app\"]".to_owned()))
    .into()
}

/// The same words without a shell, where it does nothing with them.
fn exec_form(form: &Form) -> Option<String> {
    let Form::Shell(text) = form else { return None };
    let text = text.text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " /._-:,@%+".contains(c);
    let words: Vec<String> = text.split_whitespace().map(|it| format!("\"{it}\"")).collect();
    text.chars().all(is_plain).then(|| format!("ENTRYPOINT [{}]", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn arguments_reach_the_program() {
        let found =
            |last: &str| RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\n{last}\n")));
        assert_eq!(found("ENTRYPOINT /app\nCMD [\"-v\"]"), [(2, Level::Warn)]);
        assert_eq!(
            found("ENTRYPOINT [\"sh\", \"-c\", \"/app\"]\nCMD [\"-v\"]"),
            [(2, Level::Warn)]
        );
        for good in [
            "ENTRYPOINT [\"/app\"]\nCMD [\"-v\"]",
            "ENTRYPOINT /app",
            "ENTRYPOINT [\"sh\", \"-c\"]\nCMD [\"/app\"]",
            "ENTRYPOINT [\"sh\", \"-c\", \"exec /app $@\", \"x\"]\nCMD [\"-v\"]",
            "CMD [\"-v\"]\nENTRYPOINT /app\nCMD []",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
