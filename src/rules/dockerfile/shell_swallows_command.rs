use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "shell-swallows-command",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "`set` takes the command as its own arguments",
    what: "The rule looks for `set` with options that is followed by the name of a common program, \
           because `;` or `&&` is missing.",
    why: "`set -eux cargo build` only sets the arguments of the shell, and succeeds. Nothing is \
           built.",
    fix: "Put `;` after the options: `RUN set -eux; cargo build --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#set"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no `set` takes a command for its argument";

const PROGRAMS: &[&str] = &[
    "cargo", "apt-get", "apt", "apk", "rustup", "cp", "mv", "rm", "mkdir", "touch", "curl", "wget",
    "make", "strip", "chmod", "git", "cd", "echo", "find",
];

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, _, trace) in dockerfile.used() {
        for step in trace.steps.iter().filter(|it| it.ran.program() == "set") {
            let rest = step.ran.rest();
            let word =
                |it: usize| rest.get(it).and_then(|it| it.value.as_deref()).unwrap_or_default();
            let mut first = 0;
            while word(first).starts_with(['-', '+']) && word(first) != "--" {
                first += if word(first).ends_with('o') { 2 } else { 1 };
            }
            if first == 0 || !PROGRAMS.contains(&word(first)) {
                continue;
            }
            let end = rest[first - 1].span.end;
            let message = format!("`set` takes `{}` as its argument: nothing runs it", word(first));
            let text = dockerfile.text(&step.ran.span);
            let at = end - step.ran.span.start;
            let line = match (text.get(..at), text.get(at..)) {
                (Some(before), Some(after)) => format!("RUN {before};{after}"),
                _ => "RUN set -eux; …".to_owned(),
            };
            findings.push(
                Finding::in_dockerfile(dockerfile, &step.ran.span, message)
                    .fix(line)
                    .edit(end..end, ";")
                    .sure_only(!step.ran.conditional),
            );
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn options_end_before_a_command() {
        let found =
            |run: &str| RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\nRUN {run}\n")));
        assert_eq!(found("set -eux \\\n    cargo build --release"), [(2, Level::Deny)]);
        assert_eq!(found("set -euo pipefail cargo build"), [(2, Level::Deny)]);
        for good in [
            "set -eux; cargo build",
            "set -e && cargo build",
            "set -o pipefail; a",
            "set -- cargo",
            "set cargo",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
