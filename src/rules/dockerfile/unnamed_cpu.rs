use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "unnamed-cpu",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program is compiled for the processor of whatever machine builds it",
    what: "The rule looks for `target-cpu=native` in ENV, ARG and RUN.",
    why: "On an older processor the program ends with SIGILL at an instruction that the processor \
           does not have.",
    fix: "Name a CPU level: `-C target-cpu=x86-64-v2`.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(132)],
    references: &["https://doc.rust-lang.org/rustc/codegen-options/index.html#target-cpu"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no processor of the building machine is taken";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, _, instruction) in dockerfile.instructions() {
        if !matches!(
            instruction.kind,
            InstructionKind::Env(_) | InstructionKind::Arg(_) | InstructionKind::Run { .. }
        ) {
            continue;
        }
        let text = dockerfile.text(&instruction.span);
        let mark = "target-cpu=native";
        let said = |at: usize| {
            let line = text[..at].rsplit('\n').next().unwrap_or_default();
            let before = line.rsplit(['&', '|', ';']).next().unwrap_or_default();
            // A comment, or a command that only looks for it.
            !line.trim_start().starts_with('#')
                && !["grep", "rg"]
                    .iter()
                    .any(|it| before.split_whitespace().any(|word| word == *it))
        };
        if let Some((at, _)) = text.match_indices(mark).find(|(at, _)| said(*at)) {
            let start = instruction.span.start + at;
            findings.push(
                Finding::in_dockerfile(
                    dockerfile,
                    &(start..start + mark.len()),
                    "the processor of the building machine is taken",
                )
                .fix("-C target-cpu=x86-64-v2"),
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
    fn a_level_is_named() {
        let found =
            |line: &str| RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\n{line}\n")));
        assert_eq!(found("ENV RUSTFLAGS=\"-C target-cpu=native\""), [(2, Level::Warn)]);
        assert_eq!(found("RUN RUSTFLAGS='-Ctarget-cpu=native' cargo build"), [(2, Level::Warn)]);
        assert_eq!(found("ENV RUSTFLAGS=\"-C target-cpu=x86-64-v2\""), []);
        assert_eq!(found("RUN ! grep -r target-cpu=native . && cargo build"), []);
        assert_eq!(found("RUN cargo fetch && \\\n # no target-cpu=native here\n cargo build"), []);
        let both = "RUN grep target-cpu=native x; RUSTFLAGS=-Ctarget-cpu=native cargo build";
        assert_eq!(found(both), [(2, Level::Warn)]);
    }
}
