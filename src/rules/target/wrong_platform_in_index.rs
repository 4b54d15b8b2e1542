use crate::fix_line::plain_word;
use crate::rootfs::document::config::Platform;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, compile_for,
};
use crate::start::command::ResolvedCommand;
use crate::start::image::Image;
use crate::start::image::OtherPlatform;

pub static RULE: Rule = Rule {
    id: "wrong-platform-in-index",
    aliases: &[],
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "an index lists an image for a platform that its programs are not for",
    what: "For every image of an index, the rule compares the platform in the index, the platform \
           in the image's configuration, and the machine of the programs that the image runs.",
    why: "Engines choose an image by the index. On that platform the container does not start.",
    fix: "Compile for each platform of the index with its own target (`--platform \
           linux/amd64,linux/arm64`, and `cargo build --target` chosen by TARGETARCH).",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("exec format error"),
        Symptom::Stderr("does not match the detected host platform"),
    ],
    references: &[
        "https://github.com/opencontainers/image-spec/blob/main/image-index.md",
        "https://github.com/typst/typst/issues/5290",
    ],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    if image.other_platforms.is_empty() && image.index_platform.is_none() {
        return Outcome::not_applicable("the image is not in an index that names platforms");
    }
    let programs = image
        .start()
        .and_then(ResolvedCommand::program)
        .and_then(|path| Some((path.to_owned(), image.files.linking(path.as_bytes())?.ok()?)));
    let own = OtherPlatform {
        index_platform: image.index_platform.clone(),
        config: image.platform().cloned().unwrap_or_default(),
        programs: programs.into_iter().collect(),
    };
    let found = format!("{} images match their platform", image.other_platforms.len() + 1);
    let all = std::iter::once(&own).chain(image.other_platforms.iter());
    Outcome::of(all.flat_map(findings), found)
}

fn build_for(platform: &Platform) -> Option<String> {
    let platform = platform.to_string();
    plain_word(&platform).map(|platform| format!("docker build --platform {platform} ."))
}

fn findings(other_platform: &OtherPlatform) -> Vec<Finding> {
    let index_platform = other_platform.index_platform.as_ref().unwrap_or(&other_platform.config);
    let mut findings = Vec::new();
    if index_platform.architecture != other_platform.config.architecture
        && !other_platform.config.architecture.is_empty()
    {
        findings.push(
            Finding::new(
                Location::ImageConfig("architecture"),
                format!(
                    "the index lists the image for {index_platform}, but its configuration says {}",
                    other_platform.config
                ),
            )
            .fix_if(build_for(index_platform)),
        );
    }
    for (path, linking) in &other_platform.programs {
        let machine = linking.architecture();
        if let Some(machine) = machine.filter(|machine| *machine != index_platform.architecture) {
            findings.push(Finding::new(Location::ImagePath(path.clone()), format!("{path} is for {machine}, but the index lists its image for {index_platform}")).evidence(format!("ELF machine {}", linking.machine)).fix_if(plain_word(&index_platform.architecture).map(compile_for)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::Platform;

    fn other_platform(index_platform: &str, config: &str, machine: u16) -> OtherPlatform {
        let mut linking = DynamicInfo { machine, ..DynamicInfo::default() };
        (linking.ident[4], linking.ident[5]) = (2, 1);
        OtherPlatform {
            index_platform: Platform::parse(index_platform),
            config: Platform::parse(config).unwrap(),
            programs: vec![("/app".into(), Arc::new(linking))],
        }
    }

    #[test]
    fn every_image_of_the_index_is_looked_at() {
        let outcome = |one| check(&Image { other_platforms: [one].into(), ..Image::default() });
        assert_eq!(outcome(other_platform("linux/amd64", "linux/amd64", 62)).name(), "pass");
        let failed = outcome(other_platform("linux/arm64", "linux/arm64", 62));
        assert_eq!(
            failed.findings()[0].message,
            "/app is for amd64, but the index lists its image for linux/arm64"
        );
        assert_eq!(outcome(other_platform("linux/arm64", "linux/amd64", 62)).findings().len(), 2);
        assert_eq!(check(&Image::default()).name(), "not-applicable");
    }
}
