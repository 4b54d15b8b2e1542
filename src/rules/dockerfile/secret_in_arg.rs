use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "secret-in-arg",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a secret is given as a build argument or written into ENV",
    what: "The rule looks for an ARG or ENV whose name contains SECRET, TOKEN, PASSWORD, PASSWD, \
           ACCESS_KEY, API_KEY, PRIVATE_KEY, CREDENTIALS or DATABASE_URL. It leaves out empty \
           values, names that end in _FILE, _PATH, _ID, _NAME, _TTL or _EXPIRY, and an address of \
           a database without `@` and `$`.",
    why: "The values of ARG and ENV of a stage are in the history of its image. `docker history` \
           shows them to everybody who has that image.",
    fix: "Mount the secret: `RUN --mount=type=secret,id=NAME,env=NAME cargo build --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://docs.docker.com/build/building/secrets/"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no argument is called a secret";

const MARKS: &[&str] = &[
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "ACCESS_KEY",
    "API_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
    "DATABASE_URL",
];

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for (_, _, instruction) in dockerfile.instructions() {
        let names: Vec<(&String, Option<&str>)> = match &instruction.kind {
            InstructionKind::Arg(pairs) => {
                pairs.iter().map(|(name, value)| (name, value.as_deref())).collect()
            }
            InstructionKind::Env(pairs) => {
                pairs.iter().map(|(name, value)| (name, Some(value.as_str()))).collect()
            }
            _ => continue,
        };
        for (name, value) in names {
            let upper = name.to_ascii_uppercase();
            let marked = MARKS.iter().any(|it| upper.contains(it));
            let named = ["_FILE", "_PATH", "_ID", "_NAME", "_TTL", "_EXPIRY"]
                .iter()
                .any(|it| upper.ends_with(it));
            // A database without a password in its address is no secret.
            let address = upper.contains("DATABASE_URL");
            let harmless = value.is_some_and(|it| {
                it.is_empty() || address && !it.contains('@') && !it.contains('$')
            });
            if marked && !named && !harmless {
                let message = format!("{name} stays in the image's history");
                findings.push(Finding::in_dockerfile(dockerfile, &instruction.span, message).fix(
                    format!("RUN --mount=type=secret,id={name},env={name} cargo build --release"),
                ));
                break;
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
    fn secrets_are_mounted() {
        let found =
            |line: &str| RULE.of_dockerfile(&testing::of(&format!("FROM rust:1.95\n{line}\n")));
        for bad in [
            "ARG AWS_SECRET_ACCESS_KEY",
            "ENV TOKEN=abc",
            "ARG DATABASE_URL",
            "ENV DATABASE_URL=postgres://a:b@c/d",
        ] {
            assert_eq!(found(bad), [(2, Level::Warn)], "{bad}");
        }
        for good in [
            "ARG RUST_VERSION",
            "ENV TOKEN_FILE=/run/secrets/t",
            "ENV DATABASE_URL=sqlite:x.db",
            "ENV PASSWORD=\"\"",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
