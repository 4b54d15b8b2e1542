use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "root-user",
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the image runs as root",
    what: "Looks whether User is empty, root or 0.",
    why: "Whoever breaks into the program is root in the container.",
    fix: "Add `USER 10001:10001` to the last stage.",
    symptoms: &[],
    references: &["Kubernetes pod security standard: restricted"],
    check: Check::Image(check),
};

fn check(image: &Image) -> Outcome {
    let Some(config) = &image.config else {
        return Outcome::not_applicable("a root file system says nothing of whom it runs as");
    };
    match image.identity() {
        Some(identity) if identity.uid != 0 => Outcome::Pass,
        Some(_) => Finding::new(Location::ImageConfig("User"), "the image runs as root")
            .evidence(format!("User is `{}`", config.user))
            .fix("USER 10001:10001")
            .into(),
        None => Outcome::open("the image does not have its user"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::Config;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn only_another_number_is_not_root() {
        let outcome = |user: &str| {
            check(&Image::of(
                Memory::default(),
                Some(Config { user: user.into(), ..Config::default() }),
            ))
        };
        assert_eq!(outcome("").name(), "fail");
        assert_eq!(outcome("0").name(), "fail");
        assert_eq!(outcome("1000"), Outcome::Pass);
        assert_eq!(outcome("nobody").name(), "open");
    }
}
