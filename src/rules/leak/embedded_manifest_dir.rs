use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BUILD, NO_UNIT, Need, Needs, Outcome, Rule,
    Status, Symptom, settle,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "embedded-manifest-dir",
    aliases: &[],
    group: Group::Leak,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "CARGO_MANIFEST_DIR embeds the path of the source tree in the binary",
    what: "Rustc's dep-info lists the variables that the code of the workspace reads. The rule \
           fails if the code uses `env!(\"CARGO_MANIFEST_DIR\")`, the path is in the binary, and \
           no image is given or the image does not have that directory.",
    why: "Programs use such a path to open files of the source tree: templates, migrations, \
           assets. The runtime image has no source tree, so the first access ends with `No such \
           file or directory`.",
    fix: "Embed the files (`include_str!`, `include_bytes!`), or read the path of the directory \
           from an argument or a variable at run time.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("No such file or directory (os error 2)")],
    references: &["https://doc.rust-lang.org/cargo/reference/environment-variables.html"],
    check: CheckFn::Facts(Needs::new(&[Need::Cargo], &[Need::Image]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(build) = &facts.build else {
        return Outcome::not_applicable(NO_BUILD);
    };
    if build.freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open(NO_UNIT, settle::AT_BUILD);
    }
    let is_there = |path: &String| facts.image.as_ref().is_some_and(|image| image.has(path));
    let mut absent = build.freshness.manifest_dirs.iter().filter(|path| !is_there(path));
    let Some(path) = absent.next() else {
        return Outcome::pass("no path of CARGO_MANIFEST_DIR is missing where the binary runs");
    };
    let message = match &facts.image {
        Some(_) => format!("`{path}` is in the binary, but the image has no such directory"),
        None => format!("`{path}` is in the binary"),
    };
    Finding::new(Location::Subject, message)
        .evidence(format!("`# env-dep:CARGO_MANIFEST_DIR={path}` in rustc's dep-info"))
        .fix("replace env!(\"CARGO_MANIFEST_DIR\") by include_str!, include_bytes! or a run-time argument")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::build::Build;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::test_support::{build_of, state};
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn facts(manifest_dir: Option<&str>, image: Option<Image>) -> Facts {
        let mut build = build_of(vec![state(CrateRole::Program)]);
        build.freshness.manifest_dirs = manifest_dir.map(str::to_owned).into_iter().collect();
        Facts { build: Some(build), image, ..Facts::default() }
    }

    #[test]
    fn only_a_path_that_is_inside_fails() {
        assert_eq!(check(&facts(None, None)).name(), "pass");
        assert_eq!(check(&facts(Some("/app"), None)).findings().len(), 1);
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
        let unknown = Facts { build: Some(Build::default()), ..Facts::default() };
        assert!(matches!(check(&unknown), Outcome::Open(_)));
    }

    #[test]
    fn the_image_is_asked_whether_the_directory_is_there() {
        let with = Image::from_tree(InMemoryTree::default().directory("/app"), None);
        assert_eq!(check(&facts(Some("/app"), Some(with))).name(), "pass");
        let without = Image::from_tree(InMemoryTree::default().directory("/srv"), None);
        let outcome = check(&facts(Some("/app"), Some(without)));
        assert!(outcome.findings()[0].message.contains("the image has no such directory"));
    }
}
