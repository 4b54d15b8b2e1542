use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "root-user",
    aliases: &[],
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image runs as root",
    what: "The rule fails if User is empty, `root`, 0, or another name of user 0.",
    why: "An attacker who takes over the process is root in the container.",
    fix: "Add `USER 10001:10001` to the last stage.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("container has runAsNonRoot and image will run as root")],
    references: &["https://kubernetes.io/docs/concepts/security/pod-security-standards/"],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    let Some(config) = &image.config else {
        return Outcome::not_applicable(
            "a root file system has no configuration that names a user",
        );
    };
    match image.identity() {
        Some(identity) if identity.uid != 0 => {
            Outcome::pass(format!("runs as user {}", identity.uid))
        }
        Some(_) => Finding::new(Location::ImageConfig("User"), "the image runs as root")
            .evidence(format!("User is `{}`", config.user))
            .fix("USER 10001:10001")
            .into(),
        None => Outcome::open("the image does not define its user", "see `missing-user`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn only_another_number_is_not_root() {
        let outcome = |user: &str| {
            check(&Image::from_tree(
                InMemoryTree::default(),
                Some(ImageConfig { user: user.into(), ..ImageConfig::default() }),
            ))
        };
        assert_eq!(outcome("").name(), "fail");
        assert_eq!(outcome("0").name(), "fail");
        assert_eq!(outcome("1000").name(), "pass");
        assert_eq!(outcome("nobody").name(), "open");
    }
}
