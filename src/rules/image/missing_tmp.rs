use crate::fix_line::shell_command;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, NO_IMAGE, Need, Needs, Outcome, Rule,
    Status, Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-tmp",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary creates temporary files, but the image has no /tmp",
    what: "The rule fails if the binary contains a crate that creates temporary files, and the \
           image does not have the directory for them: the one that TMPDIR in Env names, otherwise \
           /tmp.",
    why: "An image from scratch has no /tmp, so the first temporary file fails.",
    fix: "Create it in the last stage (`WORKDIR /tmp`, then the original WORKDIR), or mount one \
           (`docker run --tmpfs /tmp`).",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("No such file or directory (os error 2) at path \"/tmp/.tmp")],
    references: &["https://docs.rs/tempfile", "https://doc.rust-lang.org/std/env/fn.temp_dir.html"],
    check: CheckFn::Facts(Needs::new(&[Need::Image], &[Need::Binary, Need::Cargo]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(image) = &facts.image else { return Outcome::not_applicable(NO_IMAGE) };
    let directory = image.variable("TMPDIR").filter(|path| path.starts_with('/')).unwrap_or("/tmp");
    if image.resolve(directory).is_ok_and(|found| found.entry.is_directory()) {
        return Outcome::pass(format!("the image has {directory}"));
    }
    if facts.binary.is_none() {
        return Outcome::not_applicable(NO_BINARY);
    }
    match facts.has_one_of(&["tempfile", "tempdir", "temp-dir", "async-tempfile"]) {
        Some(Some(name)) => Finding::new(
            Location::ImagePath(directory.to_owned()),
            format!("the image has no {directory}"),
        )
        .evidence(format!("the crate {name} creates temporary files there"))
        .fix(shell_command(["docker", "run", "--tmpfs", directory]))
        .into(),
        Some(None) => Outcome::not_applicable("no crate of the binary creates temporary files"),
        None => Outcome::open(
            format!("the image has no {directory}, and the crates of the binary are not all known"),
            "lint in its workspace",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(name: &str, from: CrateSource, tree: InMemoryTree) -> Outcome {
        let crates = vec![NamedCrate { name: name.into(), version: "3.0.0".into(), from }];
        check(&Facts {
            binary: Some(Binary { crates, ..Binary::default() }),
            image: Some(Image::from_tree(tree, Some(ImageConfig::default()))),
            ..Facts::default()
        })
    }

    #[test]
    fn temporary_files_need_a_place() {
        let none = InMemoryTree::default;
        assert_eq!(outcome("tempfile", CrateSource::PanicPath, none()).name(), "fail");
        assert_eq!(
            outcome("tempfile", CrateSource::PanicPath, none().directory("/tmp")).name(),
            "pass"
        );
        assert_eq!(outcome("serde", CrateSource::DepV0, none()).name(), "not-applicable");
        assert_eq!(outcome("serde", CrateSource::PanicPath, none()).name(), "open");
    }
}
