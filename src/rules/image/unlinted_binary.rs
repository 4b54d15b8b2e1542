use crate::binary::Binary;
use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::command::CommandTarget;
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "unlinted-binary",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image runs another binary than the one that was linted",
    what: "The rule compares the file that Entrypoint and Cmd start with the path of the linted \
           binary.",
    why: "A report about one binary says nothing about the binary that runs: another binary of the \
           workspace, or the command of the base image.",
    fix: "Change the command to the linted binary, or lint the one that runs (`cargo binlint \
           --image IMAGE` without `--binary`).",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("another program answers")],
    references: &["https://docs.docker.com/reference/dockerfile/#entrypoint"],
    check: CheckFn::InImage(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    if image.subject_at.is_none()
        || image.programs.iter().any(|program| program.path == binary.path)
    {
        return Outcome::not_applicable("the binary was found in the image");
    }
    let Some(start) = image.start() else {
        return Outcome::open("the image has no command", "see `no-command`");
    };
    match (&start.end, image.starts(binary)) {
        (_, Some(true)) => Outcome::pass("the image runs the linted binary"),
        (CommandTarget::Unknown(why), _) => Outcome::open(
            format!("what the command runs is not known: {why}"),
            "start the container to settle it",
        ),
        (CommandTarget::Program(path), _) => {
            let at = image.subject_at.as_deref().unwrap_or_default();
            Finding::new(
                Location::ImageConfig(start.field),
                format!("the image runs {path}, but {at} was linted"),
            )
            .evidence(format!("the command: {}", start.words.join(" ")))
            .fix(format!("ENTRYPOINT {}", exec_form([at])))
            .into()
        }
        (CommandTarget::Fails(_) | CommandTarget::Nothing, _) => {
            Outcome::open("the command does not start", "see `missing-command`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(entrypoint: &[&str]) -> Outcome {
        let tree = InMemoryTree::default()
            .elf("/app", DynamicInfo::default())
            .elf("/other", DynamicInfo::default());
        let entrypoint = entrypoint.iter().map(|word| (*word).to_owned()).collect();
        let image =
            Image::from_tree(tree, Some(ImageConfig { entrypoint, ..ImageConfig::default() }))
                .with_subject_path("/app");
        check(&Binary { path: "target/release/app".into(), ..Binary::default() }, &image)
    }

    #[test]
    fn the_command_has_to_lead_to_the_subject() {
        assert_eq!(outcome(&["/app"]).name(), "pass");
        assert_eq!(
            outcome(&["/other"]).findings()[0].message,
            "the image runs /other, but /app was linted"
        );
        assert_eq!(outcome(&["/nope"]).name(), "open");
    }
}
