use crate::dockerfile::Dockerfile;
use crate::dockerfile::TextSpan;
use crate::dockerfile::parse::InstructionKind;
use crate::dockerfile::stages::FileOrigin;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "manifest-not-restored-after-cook",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "after `cargo chef cook` the manifests stay cargo-chef's own",
    what: "The rule looks for builds after `cargo chef cook` that have the real sources, but still \
           the manifests that cargo-chef wrote.",
    why: "cargo-chef sets every version to 0.0.1, so the program reports version 0.0.1. Cargo does \
           not compile a package without a library again: its empty stub is shipped, without any \
           message.",
    fix: "Copy all files back after the cook: `COPY . .`, or `COPY Cargo.toml Cargo.lock build.rs \
           ./` and `COPY src ./src`.",
    no_fix_line: None,
    symptoms: &[Symptom::Silence, Symptom::Behaviour("the program says that it is version 0.0.1")],
    references: &["https://github.com/LukeMathWalker/cargo-chef"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no build is under a manifest of cargo-chef";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let builds: Vec<_> = dockerfile.builds().collect();
    for (number, build) in &builds {
        let later =
            builds.iter().any(|(other, it)| other > number && it.stage == build.stage && !it.cook);
        let left = build.made.iter().find(|it| {
            matches!(it.manifest, FileOrigin::Skeleton { .. })
                && matches!(it.root, FileOrigin::Context(_))
        });
        let Some(made) = left.filter(|_| !build.cook && !later) else { continue };
        let version = dockerfile.workspace.package(&made.key.package).map(|it| it.version.clone());
        if version.as_deref() == Some("0.0.1") && made.compiled_from == made.root {
            continue;
        }
        let message = if made.is_stale() {
            format!(
                "`{}` stays the stub that cargo-chef compiled: its manifest never comes back",
                made.key.package
            )
        } else {
            format!(
                "`{}` is compiled as version 0.0.1: its manifest stays cargo-chef's",
                made.key.package
            )
        };
        let sure =
            !dockerfile.workspace.guessed && build.opaque.is_none() && !build.ran.conditional;
        let span =
            sources_copy(dockerfile, build.stage, build.instruction).unwrap_or(&build.ran.span);
        findings.push(
            Finding::in_dockerfile(dockerfile, span, message)
                .evidence(
                    "cargo-chef writes manifests with the version 0.0.1 and stubs for the sources",
                )
                .fix("COPY . .")
                .sure_only(sure),
        );
    }
    Outcome::of(findings, PASS)
}

/// The last COPY from the context before a build.
fn sources_copy(dockerfile: &Dockerfile, stage: usize, before: usize) -> Option<&TextSpan> {
    let range = dockerfile.stages.all.get(stage)?.instructions.clone();
    let copies =
        range.rev().filter(|index| *index < before).filter_map(|it| dockerfile.instruction(it));
    let mut copies = copies.filter(|it| {
        matches!(&it.kind, InstructionKind::Copy { flags, .. } if !flags.iter().any(|it| it.name == "from"))
    });
    copies.next().map(|it| &it.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    const HEAD: &str = "FROM rust:1.95-bookworm AS planner\nWORKDIR /app\nCOPY . .\nRUN cargo chef prepare\n\
                        FROM rust:1.95-bookworm AS builder\nWORKDIR /app\n";
    const COOK: &str =
        "COPY --from=planner /app/recipe.json recipe.json\nRUN cargo chef cook --release\n";
    const TAIL: &str = "FROM debian:bookworm-slim\nCOPY --from=builder /app/target/release/my-app /usr/local/bin/\n";

    #[test]
    fn manifests_must_come_back_behind_a_cook() {
        for (back, expected) in [
            ("COPY src ./src\nRUN cargo build --release\n", &[(9_u32, Level::Deny)] as &[_]),
            (
                "COPY src ./src\nRUN touch src/main.rs && cargo build --release\n",
                &[(9, Level::Deny)],
            ),
            ("COPY . .\nRUN cargo build --release\n", &[]),
            ("COPY Cargo.toml Cargo.lock ./\nCOPY src ./src\nRUN cargo build --release\n", &[]),
        ] {
            let text = format!("{HEAD}{COOK}{back}{TAIL}");
            assert_eq!(RULE.of_dockerfile(&testing::of(&text)), expected, "{back}");
        }
    }
}
