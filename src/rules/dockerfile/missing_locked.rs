use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "missing-locked",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "cargo may build with other versions of the dependencies than Cargo.lock says",
    what: "The rule looks for builds without `--locked` or `--frozen`.",
    why: "If Cargo.lock does not match the manifests, cargo changes it and builds with the result. \
           The image then contains versions that nobody tested.",
    fix: "Add the option: `cargo build --release --locked`.",
    no_fix_line: Some("a build through another tool has its own way"),
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/commands/cargo-build.html#manifest-options"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every build is locked";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, build) in dockerfile.builds().filter(|(_, it)| !it.cook && !it.cargo.locked) {
        let span = &build.ran.span;
        let finding = Finding::in_dockerfile(dockerfile, span, "this build may change Cargo.lock");
        // Behind the subcommand: `cargo build --locked --release`.
        let words = &build.ran.arguments;
        let verb =
            words.iter().find(|it| it.value.as_deref() == Some(build.cargo.subcommand.as_str()));
        findings.push(match verb {
            Some(verb) if build.cargo.subcommand != "auditable" => {
                let at = verb.span.end;
                let text = dockerfile.text(span);
                let cut = at.saturating_sub(span.start).min(text.len());
                let (before, after) = text.split_at_checked(cut).unwrap_or((text, ""));
                finding.fix(format!("RUN {before} --locked{after}")).edit(at..at, " --locked")
            }
            _ => finding,
        });
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn builds_are_locked() {
        let found = |run: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\nCOPY . .\nRUN {run}\n")))
        };
        assert_eq!(found("cargo build --release"), [(3, Level::Allow)]);
        assert_eq!(found("cargo install --path ."), [(3, Level::Allow)]);
        for good in [
            "cargo build --locked",
            "cargo build --frozen",
            "cargo check",
            "cargo install sqlx-cli",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
