use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::image::machine_of_root;

pub static RULE: Rule = Rule {
    id: "wrong-architecture",
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is for another machine than the image",
    what: "Compares the machine in the program's ELF header with the platform of the image's \
           configuration; where there is none, with the image's own programs.",
    why: "The kernel refuses to start it; on a machine with emulation it works for whoever \
           tests it there and for nobody else.",
    fix: "Build for the image's platform: `cargo build --target TRIPLE` by TARGETARCH, and no \
           `--platform=$BUILDPLATFORM` on the last stage.",
    symptoms: &[Symptom::Stderr("exec format error"), Symptom::ExitCode(1)],
    references: &["typst 5290", "replex 48", "rudolfs 87", "docker-rust 147"],
    check: Check::Carried(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(linking) = &binary.linking else {
        return Outcome::open("the program is no ELF file that can be read");
    };
    let Some(own) = linking.architecture() else {
        return Outcome::open(format!(
            "images have no name for the machine {} of the ELF header",
            linking.machine
        ));
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
                "the image does not say what machine it is for, and has no program that would",
            );
        }
    };
    if own == wanted {
        return Outcome::Pass;
    }
    let at = image.subject_at.as_deref().unwrap_or(&binary.path);
    let finding = Finding::new(
        Location::Subject,
        format!("the program is for {own}, the image is for {wanted}"),
    )
    .evidence(format!(
        "ELF machine {}, {} bits",
        linking.machine,
        if linking.is_64() { 64 } else { 32 }
    ))
    .evidence(evidence)
    .evidence(format!("the kernel: exec {at}: exec format error"))
    .fix(format!("docker build --platform linux/{wanted} ."));
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
    use crate::binary::elf::Linking;
    use crate::rootfs::document::config::{Config, Platform};
    use crate::start::image::elf_tree::Memory;

    fn linking(machine: u16, class: u8) -> Linking {
        let mut linking = Linking { machine, ..Linking::default() };
        linking.ident[4] = class;
        linking.ident[5] = 1;
        linking
    }

    fn outcome(machine: u16, class: u8, platform: Option<&str>, tree: Memory) -> Outcome {
        let config = platform
            .map(|text| Config { platform: Platform::parse(text).unwrap(), ..Config::default() });
        check(
            &Binary { linking: Some(linking(machine, class)), ..Binary::default() },
            &Image::of(tree, config),
        )
    }

    #[test]
    fn the_header_is_compared_with_the_platform() {
        let none = Memory::default;
        assert_eq!(outcome(62, 2, Some("linux/amd64"), none()), Outcome::Pass);
        assert_eq!(outcome(183, 2, Some("linux/arm64/v8"), none()), Outcome::Pass);
        let failed = outcome(62, 2, Some("linux/arm64"), none());
        assert_eq!(
            failed.findings()[0].message,
            "the program is for amd64, the image is for arm64"
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
            Memory::default().elf("/usr/bin/dash", linking(183, 2)).link("/bin/sh", "/usr/bin/dash")
        };
        assert_eq!(outcome(62, 2, None, arm()).name(), "fail");
        assert_eq!(outcome(183, 2, None, arm()), Outcome::Pass);
        assert_eq!(outcome(62, 2, None, Memory::default()).name(), "open");
    }
}
