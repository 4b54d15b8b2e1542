use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "embedded-secret",
    group: Group::Leak,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a secret of the build machine lies in the program in plain text",
    what: "Looks for private keys in PEM armour with their whole body, and for the values of \
           environment variables whose names say that they are secret (TOKEN, SECRET, PASSWORD, \
           PRIVATE_KEY, API_KEY, …) and whose values are at least 12 bytes long and not plain \
           words. The report names the variable, never its value.",
    why: "Everybody who can pull the image can read it with `strings`, and layers that are \
           published once stay published.",
    fix: "Revoke the secret first. Then read it when the program runs, or in the build through \
           `RUN --mount=type=secret`; `env!` and `option_env!` bake it in.",
    symptoms: &[],
    references: &["sui 448", "divviup-api 2263", "https://docs.docker.com/build/building/secrets/"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let keys = binary.private_keys.iter().map(|&offset| {
        Finding::new(Location::Offset(offset), "a private key lies in the program in plain text")
            .evidence(format!("PEM armour with its body at offset {offset:#x}"))
            .fix("revoke the key, then read it from a file at run time")
    });
    let values = binary.environment_secrets.iter().map(|name| {
        Finding::new(
            Location::Subject,
            format!("the value of ${name} lies in the program in plain text"),
        )
        .evidence(format!("the value that {name} has here is in the file"))
        .fix(format!("revoke it, then read {name} at run time instead of with env!"))
    });
    keys.chain(values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_fail_and_the_value_is_never_shown() {
        assert_eq!(check(&Binary::default()), Outcome::Pass);
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
