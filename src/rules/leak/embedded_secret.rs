use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "embedded-secret",
    aliases: &[],
    group: Group::Leak,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a secret of the build machine is in the binary as plain text",
    what: "The rule looks for complete private keys in PEM form, and for the values of environment \
           variables whose names mean a secret (TOKEN, SECRET, PASSWORD, PRIVATE_KEY, API_KEY, …). \
           A value counts if it has at least 12 bytes, six of them different, a letter and a \
           digit, and does not begin like a path; a URL with a password counts under any name. The \
           variables are those of the environment that the linter runs in. The report names the \
           variable, never its value.",
    why: "Everybody who can pull the image can read the secret with `strings`. A layer that was \
           published once stays published.",
    fix: "Revoke the secret first. Then read it at run time, or in the build through `RUN \
           --mount=type=secret`; `env!` and `option_env!` embed it.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://docs.docker.com/build/building/secrets/",
        "https://cwe.mitre.org/data/definitions/798.html",
    ],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let keys = binary.private_keys.iter().map(|&offset| {
        Finding::new(Location::Offset(offset), "a private key is in the binary as plain text")
            .evidence(format!("a complete PEM private key at offset {offset:#x}"))
            .fix("revoke the key; read the new one from a file at run time")
    });
    let values = binary.environment_secrets.iter().map(|name| {
        Finding::new(
            Location::Subject,
            format!("the value of ${name} is in the binary as plain text"),
        )
        .evidence(format!("the value of {name} in this environment is in the file"))
        .fix(format!("revoke the secret; read {name} at run time instead of with env!"))
    });
    Outcome::of(keys.chain(values), "no private key and no secret of this environment found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_fail_and_the_value_is_never_shown() {
        assert_eq!(check(&Binary::default()).name(), "pass");
        let binary = Binary {
            private_keys: vec![0x40],
            environment_secrets: vec!["API_TOKEN".to_owned()],
            ..Binary::default()
        };
        let outcome = check(&binary);
        assert_eq!(outcome.findings()[0].location, Location::Offset(0x40));
        assert!(outcome.findings()[1].message.contains("$API_TOKEN"));
    }
}
