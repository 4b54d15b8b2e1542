use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::command::End;
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "unlinted-binary",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the image runs something else than the program that was judged",
    what: "Compares what Entrypoint and Cmd come to with the place of the program in the image.",
    why: "A report about one program says nothing of the one that runs: a second binary of the \
           workspace, the base image's own command.",
    fix: "Point the command at the program, or judge what it runs (`cargo binlint --image \
           IMAGE` without `--binary`).",
    symptoms: &[Symptom::Behaviour("another program answers")],
    references: &["stale twins: failures catalogue A5"],
    check: Check::Carried(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    if image.subject_at.is_none()
        || image.programs.iter().any(|program| program.path == binary.path)
    {
        return Outcome::not_applicable("the program that is judged was found in the image");
    }
    let Some(start) = image.start() else { return Outcome::open("the image has no command") };
    match (&start.end, image.starts(binary)) {
        (_, Some(true)) => Outcome::Pass,
        (End::Unknown(why), _) => {
            Outcome::open(format!("what the command runs cannot be told: {why}"))
        }
        (End::Program(path), _) => {
            let at = image.subject_at.as_deref().unwrap_or_default();
            Finding::new(
                Location::ImageConfig(start.field),
                format!("the image runs {path}, not {at}"),
            )
            .evidence(format!("the command: {}", start.words.join(" ")))
            .fix(format!("ENTRYPOINT [\"{at}\"]"))
            .into()
        }
        (End::Fails(_) | End::Nothing, _) => Outcome::open("the command does not start"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;
    use crate::rootfs::document::config::Config;
    use crate::start::image::elf_tree::Memory;

    fn outcome(entrypoint: &[&str]) -> Outcome {
        let tree =
            Memory::default().elf("/app", Linking::default()).elf("/other", Linking::default());
        let entrypoint = entrypoint.iter().map(|word| (*word).to_owned()).collect();
        let image =
            Image::of(tree, Some(Config { entrypoint, ..Config::default() })).seen_from("/app");
        check(&Binary { path: "target/release/app".into(), ..Binary::default() }, &image)
    }

    #[test]
    fn the_command_has_to_lead_to_the_subject() {
        assert_eq!(outcome(&["/app"]), Outcome::Pass);
        assert_eq!(outcome(&["/other"]).findings()[0].message, "the image runs /other, not /app");
        assert_eq!(outcome(&["/nope"]).name(), "open");
    }
}
