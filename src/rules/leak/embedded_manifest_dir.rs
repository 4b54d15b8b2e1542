use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "embedded-manifest-dir",
    group: Group::Leak,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the path of the build tree is baked into the program by CARGO_MANIFEST_DIR",
    what: "Code of the workspace that uses `env!(\"CARGO_MANIFEST_DIR\")`, by rustc's list of the \
           variables it read, where the directory's path is found in the program. An image that has \
           the directory is in order.",
    why: "Such a path is made to open files of the source tree: templates, migrations, assets. The \
          runtime image has no source tree, and the first request ends in `No such file or \
          directory`.",
    fix: "Embed the files (`include_str!`, `include_bytes!`), or read the directory's name from an \
          argument or variable when the program runs.",
    symptoms: &[Symptom::Stderr("No such file or directory (os error 2)")],
    references: &["https://doc.rust-lang.org/cargo/reference/environment-variables.html"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(build) = &facts.build else {
        return Outcome::not_applicable("no Cargo workspace was given");
    };
    if build.freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open("no unit of the program is known, so its variables are not");
    }
    let is_there = |path: &String| facts.image.as_ref().is_some_and(|image| image.has(path));
    let mut absent = build.freshness.manifest_dirs.iter().filter(|path| !is_there(path));
    let Some(path) = absent.next() else { return Outcome::Pass };
    let message = match &facts.image {
        Some(_) => format!("`{path}` is in the program, and the image has no such directory"),
        None => format!("`{path}` is in the program"),
    };
    Finding::new(Location::Subject, message)
        .evidence(format!("`# env-dep:CARGO_MANIFEST_DIR={path}` in rustc's dep-info"))
        .fix("include_str!, include_bytes!, or a directory given when the program runs")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::build::Build;
    use crate::cargo::crate_freshness::Role;
    use crate::cargo::test_support::{build_of, state};
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    fn facts(manifest_dir: Option<&str>, image: Option<Image>) -> Facts {
        let mut build = build_of(vec![state(Role::Program)]);
        build.freshness.manifest_dirs = manifest_dir.map(str::to_owned).into_iter().collect();
        Facts { build: Some(build), image, ..Facts::default() }
    }

    #[test]
    fn only_a_path_that_is_inside_fails() {
        assert_eq!(check(&facts(None, None)), Outcome::Pass);
        assert_eq!(check(&facts(Some("/app"), None)).findings().len(), 1);
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
        let unknown = Facts { build: Some(Build::default()), ..Facts::default() };
        assert!(matches!(check(&unknown), Outcome::Open(_)));
    }

    #[test]
    fn the_image_is_asked_whether_the_directory_is_there() {
        let with = Image::of(Memory::default().directory("/app"), None);
        assert_eq!(check(&facts(Some("/app"), Some(with))), Outcome::Pass);
        let without = Image::of(Memory::default().directory("/srv"), None);
        let outcome = check(&facts(Some("/app"), Some(without)));
        assert!(outcome.findings()[0].message.contains("the image has no such directory"));
    }
}
