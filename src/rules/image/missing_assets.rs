use crate::binary::Binary;
use crate::fix_line::instruction;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "missing-assets",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary loads templates from a directory that the image does not have",
    what: "The rule looks in the binary for the pattern of a template engine (`templates/**/*` or \
           `views/**/*`). It fails if the image does not have that directory below WorkingDir.",
    why: "The process ends at start, or answers every request with an error. The usual cause is \
           that the directory was not copied from the build stage.",
    fix: "Copy the directory beside the binary, or embed the files (`include_str!`, `rust-embed`).",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr(
        "Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
    )],
    references: &[
        "https://docs.docker.com/build/building/multi-stage/",
        "https://doc.rust-lang.org/std/macro.include_str.html",
    ],
    check: CheckFn::InImage(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    if binary.runtime_needs.template_directories.is_empty() {
        return Outcome::not_applicable("the binary names no directory of templates");
    }
    let directory =
        image.config.as_ref().map(|config| config.working_dir.as_str()).unwrap_or_default();
    let findings = binary
        .runtime_needs
        .template_directories
        .iter()
        .map(|name| (name, format!("{}/{name}", directory.trim_end_matches('/'))))
        .filter(|(_, path)| !image.has(path))
        .map(|(name, path)| {
            Finding::new(Location::ImagePath(path.clone()), format!("{path} is not in the image"))
                .evidence(format!("the binary contains the pattern {name}/**/*"))
                .fix_if(instruction("COPY", &[name, &path]))
        });
    Outcome::of(findings, "the image has every directory of templates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::detect::runtime_needs::RuntimeNeeds;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn templates_lie_below_the_working_directory() {
        let outcome = |tree: InMemoryTree| {
            let runtime_needs = RuntimeNeeds {
                template_directories: vec!["templates".into()],
                ..RuntimeNeeds::default()
            };
            let config = ImageConfig { working_dir: "/srv".into(), ..ImageConfig::default() };
            let image = Image::from_tree(tree.file("/app", 0o755, "x"), Some(config))
                .with_subject_path("/app");
            check(&Binary { runtime_needs, ..Binary::default() }, &image)
        };
        assert_eq!(
            outcome(InMemoryTree::default()).findings()[0].message,
            "/srv/templates is not in the image"
        );
        assert_eq!(outcome(InMemoryTree::default().directory("/srv/templates")).name(), "pass");
    }
}
