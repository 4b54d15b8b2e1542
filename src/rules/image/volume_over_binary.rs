use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "volume-over-binary",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a volume of the image lies over the program",
    what: "Compares VOLUME with the files that the command goes through.",
    why: "A volume that was filled by an older image hides the program of the new one: updates \
           have no effect, and a volume that is mounted empty hides it altogether.",
    fix: "Keep programs and data apart: programs below /usr/local/bin, volumes below \
           /var/lib/NAME.",
    symptoms: &[
        Symptom::Behaviour("old behaviour after an update"),
        Symptom::Stderr("no such file or directory"),
    ],
    references: &["failures catalogue B10"],
    check: Check::Image(check),
};

fn check(image: &Image) -> Outcome {
    let Some(config) = &image.config else {
        return Outcome::not_applicable("a root file system has no volumes");
    };
    if config.volumes.is_empty() {
        return Outcome::not_applicable("the image has no volumes");
    }
    let steps = || image.commands.iter().flat_map(|command| &command.steps);
    config
        .volumes
        .iter()
        .filter_map(|volume| {
            let at = image.resolve(volume).map_or(volume.clone().into_bytes(), |found| found.path);
            let step = steps().find(|step| {
                step.path
                    .as_bytes()
                    .strip_prefix(at.as_slice())
                    .is_some_and(|rest| rest.first() == Some(&b'/'))
            })?;
            Some(
                Finding::new(
                    Location::ImageConfig("Volumes"),
                    format!("the volume {volume} lies over {}", step.path),
                )
                .evidence(format!("VOLUME {volume}"))
                .fix(format!("put {} outside of {volume}", step.path)),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;
    use crate::rootfs::document::config::Config;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn a_volume_above_the_program_hides_it() {
        let outcome = |volume: &str| {
            let config = Config {
                entrypoint: vec!["/app/bin/run".into()],
                volumes: vec![volume.into()],
                ..Config::default()
            };
            check(&Image::of(
                Memory::default().elf("/app/bin/run", Linking::default()),
                Some(config),
            ))
        };
        assert_eq!(outcome("/app").name(), "fail");
        assert_eq!(outcome("/app/bi"), Outcome::Pass);
        assert_eq!(outcome("/data"), Outcome::Pass);
    }
}
