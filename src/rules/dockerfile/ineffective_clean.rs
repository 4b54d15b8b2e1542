use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "ineffective-clean",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a step that should make cargo compile again takes away the wrong files",
    what: "The rule looks at `rm` in a target directory and at `cargo clean` between the build of \
           a stub and a later build. It fails if a crate is still stale after this step.",
    why: "Such a step can miss the files that cargo compares. Cargo names files after crates \
           (`my_app-…`), not after packages (`my-app-…`). `cargo clean -p` cleans the debug \
           profile unless `--release` is given. If only the program or the sources are removed, \
           cargo does not compile again. The image then ships the stub.",
    fix: "Use `cargo clean --release -p NAME`, or touch the sources after their COPY.",
    no_fix_line: None,
    symptoms: &[Symptom::Silence],
    references: &[
        "https://doc.rust-lang.org/nightly/nightly-rustc/cargo/core/compiler/fingerprint/index.html",
        "https://doc.rust-lang.org/cargo/commands/cargo-clean.html",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str =
    "every step that cleans takes away what cargo looks at, or nothing depends on it";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let stale = dockerfile.stale();
    let mut findings = Vec::new();
    for (index, cleaned) in dockerfile.trace.cleaned.iter().enumerate() {
        let kept: Vec<_> = stale.iter().filter(|it| it.clean == Some(index)).collect();
        let Some(first) = kept.first() else { continue };
        let message = format!(
            "`{}` stays compiled from the stub of line {}: {}",
            first.made.key.package,
            dockerfile.position(&first.stub.ran.span).line,
            if cleaned.hits.is_empty() {
                "this takes away nothing that cargo looks at".to_owned()
            } else {
                format!(
                    "this takes away {}, and not its {}",
                    cleaned.hits[0].target, first.made.key.target
                )
            },
        );
        let output = &first.made.key.output;
        let profile = match output.rsplit('/').next().unwrap_or_default() {
            "release" => " --release".to_owned(),
            "debug" => String::new(),
            other => format!(" --profile {other}"),
        };
        let line = format!("RUN cargo clean{profile} -p {}", first.made.key.package);
        findings.push(
            Finding::in_dockerfile(dockerfile, &cleaned.span, message)
                .evidence(format!(
                    "line {} calls it fresh",
                    dockerfile.position(&first.build.ran.span).line
                ))
                .fix(line)
                .sure_only(first.sure),
        );
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    const HEAD: &str = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n\
                        RUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build --release\n";
    const TAIL: &str = "FROM debian:bookworm-slim\nCOPY --from=builder /app/target/release/my-app /usr/local/bin/\n\
                        CMD [\"my-app\"]\n";

    #[test]
    fn what_is_taken_away_must_be_what_cargo_looks_at() {
        for (clean, bad) in [
            ("rm -f target/release/deps/my-app*", true),
            ("rm target/release/my-app", true),
            ("cargo clean -p my-app", true),
            ("rm -rf target/debug", true),
            ("rm -f target/release/deps/my_app*", false),
            ("rm -rf target/release/.fingerprint/my-app-*", false),
            ("rm -rf target", false),
            ("cargo clean --release -p my-app", false),
            ("cargo clean", false),
            ("rm -rf $(find target -name 'my*')", false),
        ] {
            let text =
                format!("{HEAD}RUN {clean}\nCOPY src ./src\nRUN cargo build --release\n{TAIL}");
            let expected: &[(u32, Level)] = if bad { &[(5, Level::Deny)] } else { &[] };
            assert_eq!(RULE.of_dockerfile(&testing::of(&text)), expected, "{clean}");
            // Where something else helps, nothing is wrong.
            let text = format!(
                "{HEAD}RUN {clean}\nCOPY src ./src\nRUN touch src/main.rs && cargo build --release\n{TAIL}"
            );
            assert_eq!(RULE.of_dockerfile(&testing::of(&text)), [], "{clean}");
        }
    }
}
