use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, compile_for,
};
use crate::start::image::Image;
use crate::start::image::machine_of_root;

pub static RULE: Rule = Rule {
    id: "wrong-architecture",
    aliases: &[],
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is for another machine than the image",
    what: "The rule compares the machine in the ELF header of the binary with the platform of the \
           image's configuration. If the configuration names none, it compares the machine with \
           that of another program in the image. A 32-bit x86 binary in an amd64 image, and a \
           32-bit Arm binary in an arm64 image, are warnings.",
    why: "The kernel does not start the binary. On a machine with emulation it starts, so a test \
           there does not show the fault.",
    fix: "Compile for the platform of the image (`cargo build --target TRIPLE`, chosen by \
           TARGETARCH), copy from `target/TRIPLE/release`, and do not write \
           `--platform=$BUILDPLATFORM` on the last stage.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("exec format error"), Symptom::ExitCode(1)],
    references: &[
        "https://docs.docker.com/build/building/multi-platform/",
        "https://github.com/typst/typst/issues/5290",
    ],
    check: CheckFn::InImage(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(linking) = &binary.linking else {
        return Outcome::open("the binary cannot be read as ELF", "look at the output of file(1)");
    };
    let Some(own) = linking.architecture() else {
        return Outcome::open(
            format!("machine {} of the ELF header has no name in image platforms", linking.machine),
            "compare it with the image by hand",
        );
    };
    let (wanted, evidence) = match (image.platform(), neighbour(image)) {
        (Some(platform), _) => {
            (platform.architecture.clone(), format!("the image is for {platform}"))
        }
        (None, Some((path, architecture))) => {
            (architecture.to_owned(), format!("{path} is for {architecture}"))
        }
        (None, None) => {
            return Outcome::open(
                "the image names no platform and has no program to compare with",
                "set `--platform` when you build it",
            );
        }
    };
    if own == wanted {
        return Outcome::pass(format!("binary and image are for {own}"));
    }
    let at = image.subject_at.as_deref().unwrap_or(&binary.path);
    let finding = Finding::new(
        Location::Subject,
        format!("the binary is for {own}, but the image is for {wanted}"),
    )
    .evidence(format!(
        "ELF machine {}, {} bits",
        linking.machine,
        if linking.is_64() { 64 } else { 32 }
    ))
    .evidence(evidence)
    .evidence(format!("the kernel: exec {at}: exec format error"))
    .fix_if(plain_word(&wanted).map(compile_for));
    // These kernels run programs of their machine's older half, when they are built to.
    match (own, wanted.as_str()) {
        ("386", "amd64") | ("arm", "arm64") => finding.at_most_warn().into(),
        _ => finding.into(),
    }
}

/// A program of the image itself, and its machine.
fn neighbour(image: &Image) -> Option<(&'static str, &'static str)> {
    let (path, linking) = machine_of_root::neighbour(&*image.files)?;
    Some((path, linking.architecture()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::{ImageConfig, Platform};
    use crate::start::image::elf_tree::InMemoryTree;

    fn linking(machine: u16, class: u8) -> DynamicInfo {
        let mut linking = DynamicInfo { machine, ..DynamicInfo::default() };
        linking.ident[4] = class;
        linking.ident[5] = 1;
        linking
    }

    fn outcome(machine: u16, class: u8, platform: Option<&str>, tree: InMemoryTree) -> Outcome {
        let config = platform.map(|text| ImageConfig {
            platform: Platform::parse(text).unwrap(),
            ..ImageConfig::default()
        });
        check(
            &Binary { linking: Some(linking(machine, class)), ..Binary::default() },
            &Image::from_tree(tree, config),
        )
    }

    #[test]
    fn the_header_is_compared_with_the_platform() {
        let none = InMemoryTree::default;
        assert_eq!(outcome(62, 2, Some("linux/amd64"), none()).name(), "pass");
        assert_eq!(outcome(183, 2, Some("linux/arm64/v8"), none()).name(), "pass");
        let failed = outcome(62, 2, Some("linux/arm64"), none());
        assert_eq!(
            failed.findings()[0].message,
            "the binary is for amd64, but the image is for arm64"
        );
        assert_eq!(
            outcome(3, 1, Some("linux/amd64"), none()).findings()[0].at_most,
            Some(Level::Warn)
        );
        assert_eq!(outcome(9999, 2, Some("linux/amd64"), none()).name(), "open");
    }

    #[test]
    fn a_root_is_known_by_its_programs() {
        let arm = || {
            InMemoryTree::default()
                .elf("/usr/bin/dash", linking(183, 2))
                .link("/bin/sh", "/usr/bin/dash")
        };
        assert_eq!(outcome(62, 2, None, arm()).name(), "fail");
        assert_eq!(outcome(183, 2, None, arm()).name(), "pass");
        assert_eq!(outcome(62, 2, None, InMemoryTree::default()).name(), "open");
    }
}
