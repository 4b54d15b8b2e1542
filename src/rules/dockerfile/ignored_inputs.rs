use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::dockerfile::workspace::{below, join};
use crate::fix_line::shell_word;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "ignored-inputs",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "`.dockerignore` keeps from the builder what cargo reads",
    what: "The rule looks for files that cargo reads, that a COPY of their directory would bring, \
           and that `.dockerignore` excludes: Cargo.lock, the manifests, root files and build \
           scripts of the workspace, rust-toolchain files, the configuration in `.cargo`, and \
           `.sqlx`. It reports the first COPY only.",
    why: "The build fails, or it uses another toolchain, other versions of the dependencies or \
           other flags than the build that was tested.",
    fix: "Remove the files from `.dockerignore`, or add an exception such as `!Cargo.lock`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "`.dockerignore` keeps nothing that cargo reads";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let context = &dockerfile.context;
    if context.ignore.is_none() || dockerfile.workspace.guessed {
        return Outcome::pass(PASS);
    }
    let root = &dockerfile.workspace.root;
    let mut inputs = dockerfile.workspace.inputs();
    for name in
        ["rust-toolchain.toml", "rust-toolchain", ".cargo/config.toml", ".cargo/config", ".sqlx"]
    {
        inputs.push(join(root, name));
    }
    let there = |it: &str| context.files.contains(it) || context.directories.contains(it);
    let kept: Vec<&String> = inputs.iter().filter(|it| there(it) && !context.sends(it)).collect();
    let mut findings = Vec::new();
    for (_, _, instruction) in dockerfile.instructions() {
        let InstructionKind::Copy { flags, sources, .. } = &instruction.kind else { continue };
        let builds = dockerfile.builds().any(|(_, it)| !it.cook);
        if flags.iter().any(|it| it.name == "from") || !builds {
            continue;
        }
        for source in sources {
            let directory = join("", source.value.trim_start_matches('/'));
            let mut lost =
                kept.iter().filter(|it| below(it, &directory).is_some_and(|it| !it.is_empty()));
            if let Some(first) = lost.next() {
                let more = lost.count();
                let others = if more > 0 { format!(" and {more} more") } else { String::new() };
                let message = format!("`.dockerignore` keeps {first}{others} from the builder");
                findings.push(
                    Finding::in_dockerfile(dockerfile, &source.span, message)
                        .fix(format!("echo {} >> .dockerignore", shell_word(&format!("!{first}")))),
                );
            }
        }
    }
    // Once is enough.
    Outcome::of(findings.into_iter().take(1), PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn what_cargo_reads_is_sent() {
        let found = |ignore: &str| {
            let text = "FROM rust:1.95\nWORKDIR /app\nCOPY . .\nRUN cargo build\n";
            let dockerfile = testing::changed(text, |_, context| {
                context.files.insert("rust-toolchain.toml".to_owned());
                context.ignore = Some(crate::dockerfile::files::ignore_patterns(ignore));
            });
            RULE.of_dockerfile(&dockerfile)
        };
        assert_eq!(found("Cargo.lock"), [(3, Level::Warn)]);
        assert_eq!(found("rust-*"), [(3, Level::Warn)]);
        assert_eq!(found("target\n*.md"), []);
        assert_eq!(found("*\n!src\n!Cargo.*\n!rust-toolchain.toml"), []);
    }
}
