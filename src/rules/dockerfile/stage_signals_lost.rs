use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::{Form, InstructionKind};
use crate::dockerfile::shell::{ShellNode, parse};
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stage-signals-lost",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a shell stays in front of the program, and keeps its signals",
    what: "The rule looks for a CMD or ENTRYPOINT in shell form, or with `sh -c`, that runs more \
           than one command. It fails if the last command does not start with `exec`, `tini` or \
           `dumb-init`, unless the script uses `trap` and `wait`.",
    why: "The shell is process 1 and does not pass SIGTERM on. The program is killed after ten \
           seconds and loses the data that it has not written.",
    fix: "Put `exec` before the last command: `CMD prepare && exec /app`.",
    no_fix_line: Some("which command is the program is not known"),
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no shell stays in front of the program";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let Some(instruction) =
        state.entrypoint.or(state.cmd).and_then(|it| dockerfile.instruction(it))
    else {
        return Outcome::pass(PASS);
    };
    let (InstructionKind::Entrypoint(form) | InstructionKind::Cmd(form)) = &instruction.kind else {
        return Outcome::pass(PASS);
    };
    let text = match form {
        Form::Shell(text) => text.text.clone(),
        Form::Exec(words) => {
            let word =
                |index: usize| words.get(index).map(|it| it.value.clone()).unwrap_or_default();
            let shell =
                ["sh", "bash", "ash"].contains(&word(0).rsplit('/').next().unwrap_or_default());
            if !shell || word(1) != "-c" {
                return Outcome::pass(PASS);
            }
            word(2)
        }
    };
    let Ok(nodes) = parse(&text) else {
        return Outcome::open(
            "the command is not understood",
            "see whether `docker stop` ends a container at once",
        );
    };
    // One command alone is what a shell becomes by itself, in most shells.
    let several =
        nodes.len() > 1 || matches!(nodes.first(), Some(ShellNode::AndOr(..) | ShellNode::Pipe(_)));
    // A script that traps the signal and waits for its programs is made for process 1.
    let waits = ["trap", "wait"].iter().all(|word| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|it| it == *word)
    });
    // The shell of busybox and bash give their place to the last command of a list, dash does not.
    let gives_way = match form {
        Form::Exec(words) => words.first().is_some_and(|it| it.value.ends_with("bash")),
        Form::Shell(_) => false,
    } || dockerfile
        .stages
        .image(dockerfile.stages.last)
        .1
        .is_some_and(|it| ["alpine", "busybox"].contains(&it.distribution.as_str()));
    if gives_way && ends_in_command(nodes.last()) {
        return Outcome::pass(PASS);
    }
    if !several || waits || ends_in_exec(nodes.last()) {
        return Outcome::pass(PASS);
    }
    Finding::in_dockerfile(
        dockerfile,
        &instruction.span,
        "a shell stays as process 1 and keeps the signals",
    )
    .into()
}

fn ends_in_command(node: Option<&ShellNode>) -> bool {
    match node {
        Some(ShellNode::Simple(_)) => true,
        Some(ShellNode::AndOr(_, rest)) => {
            matches!(rest.last(), Some((_, ShellNode::Simple(_))))
        }
        _ => false,
    }
}

fn ends_in_exec(node: Option<&ShellNode>) -> bool {
    match node {
        Some(ShellNode::Simple(simple)) => {
            let first = simple.words.first().and_then(|it| it.literal());
            matches!(first.as_deref(), Some("exec" | "tini" | "dumb-init"))
        }
        Some(ShellNode::AndOr(first, rest)) => {
            ends_in_exec(rest.last().map(|(_, node)| node)) || ends_in_exec(Some(first))
        }
        Some(ShellNode::Group(nodes, _) | ShellNode::Subshell(nodes, _)) => {
            ends_in_exec(nodes.last())
        }
        Some(ShellNode::If(branches, otherwise)) => {
            branches.iter().all(|(_, body)| ends_in_exec(body.last()))
                && ends_in_exec(otherwise.last())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn the_last_command_takes_the_shells_place() {
        let found =
            |last: &str| RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\n{last}\n")));
        assert_eq!(found("CMD migrate && /app"), [(2, Level::Warn)]);
        assert_eq!(found("ENTRYPOINT [\"sh\", \"-c\", \"a; b\"]"), [(2, Level::Warn)]);
        assert_eq!(found("CMD trap '' HUP; /app"), [(2, Level::Warn)]);
        let on = |base: &str, last: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM {base}\n{last}\n")))
        };
        assert_eq!(on("alpine:3.20", "CMD migrate && /app"), []);
        assert_eq!(on("alpine:3.20", "CMD /app | tee /log"), [(2, Level::Warn)]);
        assert_eq!(on("debian:trixie", "CMD [\"bash\", \"-c\", \"migrate; /app\"]"), []);
        for good in [
            "CMD migrate && exec /app",
            "CMD /app",
            "CMD [\"/app\"]",
            "CMD a; exec b",
            "CMD trap 'kill $P' TERM; /app & P=$!; wait $P",
            "ENTRYPOINT [\"/x.sh\"]",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
