use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "volume-over-binary",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a volume of the image covers the binary",
    what: "The rule fails if a file that the command or the health check runs is below a path of \
           VOLUME.",
    why: "A volume that an older image filled hides the binary of the new image, so updates have \
           no effect. If an empty directory is mounted there, the container does not find the \
           binary.",
    fix: "Keep binaries and data apart: binaries in /usr/local/bin, volumes below /var/lib.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Behaviour("the container shows old behaviour after an update"),
        Symptom::Stderr("no such file or directory"),
    ],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#volume",
        "https://docs.docker.com/engine/storage/volumes/",
    ],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    let Some(config) = &image.config else {
        return Outcome::not_applicable("a root file system has no volumes");
    };
    if config.volumes.is_empty() {
        return Outcome::not_applicable("the image has no volumes");
    }
    let steps = || image.commands.iter().flat_map(|command| &command.steps);
    let findings = config.volumes.iter().filter_map(|volume| {
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
                format!("the volume {volume} covers {}", step.path),
            )
            .evidence(format!("VOLUME {volume}"))
            .fix(format!("move {} to a directory outside {volume}", step.path)),
        )
    });
    Outcome::of(findings, "no volume covers a file that the image runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_volume_above_the_program_hides_it() {
        let outcome = |volume: &str| {
            let config = ImageConfig {
                entrypoint: vec!["/app/bin/run".into()],
                volumes: vec![volume.into()],
                ..ImageConfig::default()
            };
            check(&Image::from_tree(
                InMemoryTree::default().elf("/app/bin/run", DynamicInfo::default()),
                Some(config),
            ))
        };
        assert_eq!(outcome("/app").name(), "fail");
        assert_eq!(outcome("/app/bi").name(), "pass");
        assert_eq!(outcome("/data").name(), "pass");
    }
}
