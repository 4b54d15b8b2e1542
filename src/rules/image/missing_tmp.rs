use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-tmp",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program makes temporary files and the image has no /tmp",
    what: "Looks for crates that make temporary files, and for /tmp (or TMPDIR) in the image.",
    why: "The first temporary file fails: an image from scratch has no /tmp.",
    fix: "Make it in the last stage: `COPY --from=build --chmod=1777 /tmp /tmp`, or mount one.",
    symptoms: &[Symptom::Stderr("No such file or directory (os error 2) at path \"/tmp/.tmp")],
    references: &["failures catalogue C17"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(image) = &facts.image else { return Outcome::not_applicable("no image was given") };
    let directory = image.variable("TMPDIR").filter(|path| path.starts_with('/')).unwrap_or("/tmp");
    if image.resolve(directory).is_ok_and(|found| found.entry.is_directory()) {
        return Outcome::Pass;
    }
    if facts.binary.is_none() {
        return Outcome::not_applicable("no program was given");
    }
    match facts.has_one_of(&["tempfile", "tempdir", "temp-dir", "async-tempfile"]) {
        Some(Some(name)) => Finding::new(
            Location::ImagePath(directory.to_owned()),
            format!("the image has no {directory}"),
        )
        .evidence(format!("the crate {name} makes temporary files there"))
        .fix("COPY --from=build --chmod=1777 /tmp /tmp")
        .into(),
        Some(None) => Outcome::not_applicable("no crate of the program makes temporary files"),
        None => Outcome::open(format!(
            "the image has no {directory}; whether the program needs one cannot be told from its crates"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{Crate, CrateSource};
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    fn outcome(name: &str, from: CrateSource, tree: Memory) -> Outcome {
        let crates = vec![Crate { name: name.into(), version: "3.0.0".into(), from }];
        check(&Facts {
            binary: Some(Binary { crates, ..Binary::default() }),
            image: Some(Image::of(tree, Some(Config::default()))),
            ..Facts::default()
        })
    }

    #[test]
    fn temporary_files_need_a_place() {
        let none = Memory::default;
        assert_eq!(outcome("tempfile", CrateSource::PanicPath, none()).name(), "fail");
        assert_eq!(
            outcome("tempfile", CrateSource::PanicPath, none().directory("/tmp")),
            Outcome::Pass
        );
        assert_eq!(outcome("serde", CrateSource::DepV0, none()).name(), "not-applicable");
        assert_eq!(outcome("serde", CrateSource::PanicPath, none()).name(), "open");
    }
}
