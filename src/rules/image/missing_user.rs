use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "missing-user",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image runs as a user that it does not define",
    what: "The rule looks up the names in User in the image's own /etc/passwd and /etc/group. A \
           number does not need an entry in these files.",
    why: "The engine does not start the container.",
    fix: "Name the user by number (`USER 10001:10001`), or create it in the last stage.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("unable to find user"), Symptom::ExitCode(125)],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#user",
        "https://github.com/GoogleContainerTools/distroless/issues/277",
        "passwd(5)",
    ],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    let Some(config) = &image.config else {
        return Outcome::not_applicable(
            "a root file system has no configuration that names a user",
        );
    };
    match image.users.resolve_user(&config.user) {
        Ok(identity) => Outcome::pass(format!("runs as user {}", identity.uid)),
        Err(message) => {
            let known: Vec<&str> =
                image.users.users.iter().map(|user| user.name.as_str()).collect();
            let known = if known.is_empty() { "no user".to_owned() } else { known.join(", ") };
            Finding::new(
                Location::ImageConfig("User"),
                format!("the image has no user `{}`", config.user),
            )
            .evidence(format!("the engine prints: {message}"))
            .evidence(format!("/etc/passwd has {known}"))
            .fix("USER 10001:10001")
            .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_name_needs_an_entry_and_a_number_does_not() {
        let outcome = |user: &str| {
            let tree =
                InMemoryTree::default().file("/etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\n");
            check(&Image::from_tree(
                tree,
                Some(ImageConfig { user: user.into(), ..ImageConfig::default() }),
            ))
        };
        for fine in ["", "root", "0", "10001", "10001:10001"] {
            assert_eq!(outcome(fine).name(), "pass", "{fine}");
        }
        assert_eq!(
            outcome("app").findings()[0].evidence[0],
            "the engine prints: unable to find user app: no matching entries in passwd file"
        );
    }
}
