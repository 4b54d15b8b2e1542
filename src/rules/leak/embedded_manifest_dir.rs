use crate::facts::{Binary, Build};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "embedded-manifest-dir",
    group: Group::Leak,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the path of the build tree is baked into the program by CARGO_MANIFEST_DIR",
    what: "Code of the workspace that uses `env!(\"CARGO_MANIFEST_DIR\")`, by rustc's list of the \
           variables it read, where the directory's path is found in the program.",
    why: "Such a path is made to open files of the source tree: templates, migrations, assets. The \
          runtime image has no source tree, and the first request ends in `No such file or \
          directory`.",
    fix: "Embed the files (`include_str!`, `include_bytes!`), or read the directory's name from an \
          argument or variable when the program runs.",
    symptoms: &[Symptom::Stderr("No such file or directory (os error 2)")],
    references: &["https://doc.rust-lang.org/cargo/reference/environment-variables.html"],
    check: Check::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    if build.freshness.program().is_none_or(|program| program.unit.is_none()) {
        return Outcome::open("no unit of the program is known, so its variables are not");
    }
    let Some(path) = &build.freshness.manifest_dir else { return Outcome::Pass };
    Finding::new(Location::Subject, format!("`{path}` is in the program"))
        .evidence(format!("`# env-dep:CARGO_MANIFEST_DIR={path}` in rustc's dep-info"))
        .fix("include_str!, include_bytes!, or a directory given when the program runs")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::build::crate_state::Role;
    use crate::facts::build::test_support::{build_of, state};

    #[test]
    fn only_a_path_that_is_inside_fails() {
        let mut build = build_of(vec![state(Role::Program)]);
        assert_eq!(check(&Binary::default(), &build), Outcome::Pass);
        build.freshness.manifest_dir = Some("/app".into());
        assert_eq!(check(&Binary::default(), &build).findings().len(), 1);
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
