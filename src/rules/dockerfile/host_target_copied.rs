use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "host-target-copied",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a program that was built outside of the image is copied into it",
    what: "The rule looks for a COPY from the build context of a target directory or of a path in \
           `target/release`, `target/debug` or `target/<triple>`.",
    why: "Nothing in the build of the image says which sources the program was compiled from. A \
           program of the host can need another C library or processor than the image has.",
    fix: "Build the program in a stage, and copy it with `COPY --from=builder`.",
    no_fix_line: Some("a stage that builds is more than a line"),
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#copy"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no program comes out of a target directory of the host";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, _, instruction) in dockerfile.instructions() {
        let InstructionKind::Copy { flags, sources, .. } = &instruction.kind else { continue };
        if flags.iter().any(|it| it.name == "from") {
            continue;
        }
        for source in sources {
            let parts: Vec<&str> =
                source.value.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
            let at = parts.iter().position(|it| *it == "target");
            let built = at.is_some_and(|at| {
                parts.get(at + 1).is_none_or(|it| {
                    ["release", "debug"].contains(it) || is_triple(it) || it.contains('$')
                })
            });
            if built {
                let message = format!("`{}` was built outside of this Dockerfile", source.value);
                findings.push(Finding::in_dockerfile(dockerfile, &source.span, message));
            }
        }
    }
    Outcome::of(findings, PASS)
}

/// Whether a directory is named as rustc names targets: `x86_64-unknown-linux-musl`.
fn is_triple(name: &str) -> bool {
    const ARCHITECTURES: &[&str] = &[
        "x86_64",
        "i586",
        "i686",
        "aarch64",
        "arm",
        "thumb",
        "riscv",
        "powerpc",
        "s390x",
        "wasm",
        "mips",
        "loongarch",
        "sparc",
    ];
    name.contains('-') && ARCHITECTURES.iter().any(|it| name.starts_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn programs_come_from_a_stage() {
        let found = |copy: &str| {
            RULE.of_dockerfile(&testing::of(&format!(
                "FROM rust:1.95 AS b\nFROM debian:trixie\nCOPY {copy}\n"
            )))
        };
        assert_eq!(found("target/release/app /app"), [(3, Level::Warn)]);
        assert_eq!(
            found("./crates/x/target/x86_64-unknown-linux-musl/release/app /"),
            [(3, Level::Warn)]
        );
        for good in [
            "--from=b /target/release/app /",
            "src/target/mod.rs /",
            "targets /",
            "docs/target/my-page /",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
