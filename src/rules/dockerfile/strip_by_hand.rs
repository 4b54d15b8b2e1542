use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "strip-by-hand",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program is stripped by a command, not by its profile",
    what: "The rule looks for `strip` on a program that cargo built.",
    why: "The shipped program differs from the program that the record of the build describes.",
    fix: "Set `strip = true` in `[profile.release]`.",
    no_fix_line: Some("the line belongs into Cargo.toml"),
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/reference/profiles.html#strip"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no program of cargo's is stripped by a command";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for taken in dockerfile.trace.taken.iter().filter(|it| it.by == "strip" && it.build.is_some()) {
        if dockerfile.stages.all.get(taken.stage).is_some_and(|it| it.used) {
            let message = format!("`{}` is stripped behind cargo's back", taken.written);
            findings.push(Finding::in_dockerfile(dockerfile, &taken.span, message));
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn the_profile_strips() {
        let found = |run: &str| {
            RULE.of_dockerfile(&testing::of(&format!(
                "FROM rust:1.95\nWORKDIR /app\nCOPY . .\nRUN {run}\n"
            )))
        };
        assert_eq!(
            found("cargo build --release && strip target/release/my-app"),
            [(4, Level::Allow)]
        );
        assert_eq!(found("cargo build --release && strip /usr/bin/x"), []);
        assert_eq!(found("cargo build --release"), []);
    }
}
