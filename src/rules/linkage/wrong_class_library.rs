use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::loader::LoadPlan;
use crate::start::loader::Problem;

pub static RULE: Rule = Rule {
    id: "wrong-class-library",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a library is in the image for another machine only",
    what: "A loader passes over libraries of another ELF class or machine (musl's loads the \
           latter and fails at their relocations). The rule fails when the only files of a needed \
           name are such.",
    why: "The file is there, and the loader says that it is not: \"cannot open shared object \
           file\" or \"wrong ELF class\".",
    fix: "Copy the library for the program's own machine: take it from a stage of the same \
           `--platform`.",
    symptoms: &[
        Symptom::Stderr("wrong ELF class"),
        Symptom::Stderr("unsupported relocation type"),
        Symptom::ExitCode(127),
    ],
    references: &["glibc elf/dl-load.c, open_verify"],
    check: Check::Load(check),
};

fn check(binary: &Binary, _: &Image, plan: &LoadPlan) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the program loads no library");
    }
    let arch = binary.machine.as_ref().map_or("the program's machine", |machine| machine.arch);
    plan.problems.iter().filter_map(|problem| finding(problem, arch, plan)).collect()
}

fn finding(problem: &Problem, arch: &str, plan: &LoadPlan) -> Option<Finding> {
    let (path, message, said) = match problem {
        Problem::LibraryMissing { name, needed_by, passed_over, refused: None } => {
            let (path, why) = passed_over.first()?;
            (path, format!("{needed_by} needs {name}, and {path} is for {why}"), name)
        }
        Problem::ForeignLibrary { path } => {
            (path, format!("{path} is for another machine than {arch}"), path)
        }
        _ => return None,
    };
    let line = plan.errors.iter().find(|line| line.contains(said.as_str())).cloned();
    let finding = Finding::new(Location::ImagePath(path.clone()), message)
        .evidence(line.unwrap_or_else(|| "the loader stops at an earlier library".to_owned()));
    Some(finding.fix(format!(
        "put the {arch} build of the library there: COPY --from a stage of the same --platform"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_passed_over_fails() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |passed_over| LoadPlan {
            problems: vec![Problem::LibraryMissing {
                refused: None,
                name: "libz.so.1".to_owned(),
                needed_by: "/app".to_owned(),
                passed_over,
            }],
            ..LoadPlan::default()
        };
        let image = Image::default();
        let over = vec![("/lib/libz.so.1".to_owned(), "another machine".to_owned())];
        assert_eq!(check(&binary, &image, &missing(over)).findings().len(), 1);
        assert_eq!(check(&binary, &image, &missing(Vec::new())), Outcome::Pass);
        assert_eq!(
            check(&Binary::default(), &image, &missing(Vec::new())).name(),
            "not-applicable"
        );
    }
}
