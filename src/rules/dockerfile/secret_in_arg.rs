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
    what: "The rule looks for an ARG or ENV, in the last stage or one that it begins from, whose name \
           ends in SECRET, SECRET_KEY, TOKEN, PASSWORD, PASSWD, ACCESS_KEY, API_KEY, PRIVATE_KEY, \
           CREDENTIALS or DATABASE_URL. It leaves out values that are empty, a switch or a number, \
           paths of mounted secrets, and an address of a database without `@` and `$`.",
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
    "SECRET_KEY",
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
    // What other stages hold does not reach the image.
    let chain = dockerfile.stages.chain(dockerfile.stages.last);
    for (stage, _, instruction) in dockerfile.instructions() {
        if !chain.contains(&stage) {
            continue;
        }
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
            let marked = MARKS.iter().any(|it| upper.ends_with(it));
            // A database without a password in its address is no secret.
            let address = upper.contains("DATABASE_URL");
            let harmless = value.is_some_and(|it| {
                is_plain(it) || address && !it.contains('@') && !it.contains('$')
            });
            if marked && !harmless {
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

/// What is no secret: nothing, a switch, a number, or the path of a mounted secret.
fn is_plain(value: &str) -> bool {
    let switch = ["true", "false", "yes", "no", "on", "off"];
    switch.iter().any(|it| value.eq_ignore_ascii_case(it))
        || value.len() < 6 && value.bytes().all(|it| it.is_ascii_digit())
        || value.starts_with("/run/secrets/")
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
            "ENV MAX_TOKENS=4096",
            "ENV TOKENIZERS_PARALLELISM=false",
            "ARG PASSWORD_MIN_LENGTH=12",
            "ENV REQUIRE_TOKEN=true",
            "ENV DB_PASSWORD=/run/secrets/db",
            "ARG GITHUB_TOKEN\nFROM debian:trixie",
            "FROM rust:1.95 AS b\nENV API_KEY=abc\nFROM debian:trixie\nCOPY --from=b /x /x",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
        let inherited = "FROM rust:1.95 AS b\nENV API_KEY=abc\nFROM b\n";
        assert_eq!(RULE.of_dockerfile(&testing::of(inherited)), [(2, Level::Warn)]);
    }
}
