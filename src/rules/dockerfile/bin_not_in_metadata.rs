use crate::dockerfile::Dockerfile;
use crate::fix_line::shell_command;
use crate::similar_name::find_similar;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "bin-not-in-metadata",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "cargo is asked for a binary or package that the workspace does not have",
    what: "The rule compares `--bin` and `-p` of every build with the binaries and packages of the \
           workspace. For `-p` it also reads the packages of Cargo.lock.",
    why: "Cargo refuses the build, for example with `no bin target named`.",
    fix: "Use the name of a binary or package that `cargo metadata` lists.",
    no_fix_line: Some("a name that is like none of several could mean any of them"),
    symptoms: &[Symptom::Stderr("no bin target named")],
    references: &["https://doc.rust-lang.org/cargo/commands/cargo-build.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every binary and package that is asked for is in the workspace";

fn check(dockerfile: &Dockerfile) -> Outcome {
    if dockerfile.workspace.guessed || dockerfile.workspace.packages.is_empty() {
        return Outcome::not_applicable("what the workspace holds is not known");
    }
    let mut findings = Vec::new();
    for (_, build) in dockerfile.builds().filter(|(_, it)| it.workspace.is_some()) {
        for (option, name) in &build.unknown_names {
            // Packages of the registry are named by the lockfile alone.
            if *option == "-p" && dockerfile.workspace.locked.is_empty() {
                continue;
            }
            let names = dockerfile.workspace.packages.iter().flat_map(|it| {
                let bins = it.binaries.iter().map(|(name, _)| name.as_str());
                if *option == "-p" { vec![it.name.as_str()] } else { bins.collect() }
            });
            let names: Vec<&str> = names.collect();
            // A workspace of one has only one that can be meant.
            let near = find_similar(name, names.iter().copied())
                .or_else(|| names.first().copied().filter(|_| names.len() == 1));
            let mut finding = Finding::in_dockerfile(
                dockerfile,
                &build.ran.span,
                format!("the workspace has no `{name}` for `{option}`"),
            )
            .sure_only(!build.ran.conditional && build.opaque.is_none());
            if let Some(near) = near {
                finding = finding.fix(shell_command(["cargo", "build", option, near]));
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
    fn names_are_those_of_the_workspace() {
        let found = |arguments: &str| {
            let text =
                format!("FROM rust:1.95\nWORKDIR /app\nCOPY . .\nRUN cargo build {arguments}\n");
            let dockerfile = testing::changed(&text, |workspace, _| {
                workspace.locked.insert("serde".to_owned());
            });
            RULE.of_dockerfile(&dockerfile)
        };
        assert_eq!(found("--bin server"), [(4, Level::Deny)]);
        assert_eq!(found("-p my_app"), [(4, Level::Deny)]);
        for good in [
            "--bin my-app",
            "-p my-app",
            "-p my-app@1.2.3",
            "-p serde",
            "--bin $NAME",
            "--bin 'my-*'",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
