use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::dockerfile::workspace::join;
use crate::fix_line::shell_word;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "target-not-ignored",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the target directory of this machine is sent into the image",
    what: "The rule looks for a COPY of a directory that has a Cargo.toml and contains a `target` \
           directory now, if `.dockerignore` does not exclude `target`.",
    why: "Each build sends gigabytes to the builder. If the host and the image have the same \
           rustc, cargo considers the programs of the host fresh and ships them.",
    fix: "Add `target` to `.dockerignore`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no target directory of the host is sent";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let context = &dockerfile.context;
    let mut findings: Vec<Finding> = Vec::new();
    for (_, _, instruction) in dockerfile.instructions() {
        let InstructionKind::Copy { flags, sources, .. } = &instruction.kind else { continue };
        if flags.iter().any(|it| it.name == "from") {
            continue;
        }
        for source in sources {
            let directory = join("", source.value.trim_start_matches('/'));
            let target = join(&directory, "target");
            let of_cargo = context.files.contains(&join(&directory, "Cargo.toml"));
            if of_cargo
                && context.directories.contains(&target)
                && context.sends(&format!("{target}/release/app"))
            {
                let message = format!(
                    "`{}` holds the directory `{target}`, and `.dockerignore` lets it through",
                    source.value
                );
                findings.push(
                    Finding::in_dockerfile(dockerfile, &source.span, message)
                        .fix(format!("echo {} >> .dockerignore", shell_word(&target))),
                );
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
    fn what_this_machine_built_stays_here() {
        let found = |copy: &str, ignore: Option<&str>, there: bool| {
            let dockerfile =
                testing::changed(&format!("FROM rust:1.95\nCOPY {copy} /app\n"), |_, context| {
                    context.ignore = ignore.map(crate::dockerfile::files::ignore_patterns);
                    if there {
                        context.directories.insert("target".to_owned());
                    }
                });
            RULE.of_dockerfile(&dockerfile)
        };
        assert_eq!(found(".", None, true), [(2, Level::Warn)]);
        assert_eq!(found("./", Some(".git"), true), [(2, Level::Warn)]);
        assert_eq!(found(".", Some("target"), true), []);
        assert_eq!(found(".", Some("*\n!src"), true), []);
        assert_eq!(found(".", None, false), []);
        assert_eq!(found("src", None, true), []);
    }
}
