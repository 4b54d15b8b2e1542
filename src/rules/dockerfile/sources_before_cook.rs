use crate::dockerfile::Dockerfile;
use crate::dockerfile::stages::FileOrigin;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "sources-before-cook",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "`cargo chef cook` writes its stubs over the sources",
    what: "The rule looks for a `cargo chef cook` in a directory that already contains the \
           sources. It fails if no COPY restores the sources before the last build.",
    why: "cargo-chef replaces every manifest and every root file with a stub. The build compiles \
           the stub, and the image ships an empty program.",
    fix: "Run the cook before the sources are copied: `COPY --from=planner /app/recipe.json .`, \
           `RUN cargo chef cook --release`, then `COPY . .`.",
    no_fix_line: None,
    symptoms: &[Symptom::Silence],
    references: &["https://github.com/LukeMathWalker/cargo-chef"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no cook writes over sources that are built";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    let over = |origin: &FileOrigin| matches!(origin, FileOrigin::Skeleton { over_context: true });
    for (number, cook) in dockerfile.builds().filter(|(_, it)| it.cook) {
        let later = dockerfile.builds().filter(|(other, it)| {
            *other > number && !it.cook && dockerfile.goes_on(it.stage, cook.stage)
        });
        let Some((_, build)) = later.last() else { continue };
        let Some(made) = build.made.iter().find(|it| over(&it.root) && over(&it.compiled_from))
        else {
            continue;
        };
        let message = format!(
            "this writes a stub over {}, and line {} builds that stub",
            made.path,
            dockerfile.position(&build.ran.span).line
        );
        findings.push(
            Finding::in_dockerfile(dockerfile, &cook.ran.span, message)
                .fix(format!("{}\nCOPY . .", dockerfile.text(&cook.ran.span).trim()))
                .sure_only(!dockerfile.workspace.guessed && build.opaque.is_none()),
        );
    }
    Outcome::of(findings, PASS)
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
    fn sources_come_behind_the_cook() {
        let bad = format!("{HEAD}COPY . .\n{COOK}RUN cargo build --release\n{TAIL}");
        assert_eq!(RULE.of_dockerfile(&testing::of(&bad)), [(9, Level::Deny)]);
        for good in [
            format!("{HEAD}{COOK}COPY . .\nRUN cargo build --release\n{TAIL}"),
            format!("{HEAD}COPY . .\n{COOK}COPY . .\nRUN cargo build --release\n{TAIL}"),
            format!("{HEAD}COPY . .\n{COOK}FROM debian:bookworm-slim\n"),
        ] {
            assert_eq!(RULE.of_dockerfile(&testing::of(&good)), [], "{good}");
        }
    }
}
