use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "wrong-class-library",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the only file of a needed library is for another machine",
    what: "The rule fails if every file of a needed library that the loader looks at is for \
           another ELF class or machine. glibc's loader skips both kinds of files. musl's loader \
           skips files of another class only; it loads a file for another machine and fails at its \
           relocations.",
    why: "The file exists, but the loader reports that it does not: \"cannot open shared object \
           file\" or \"wrong ELF class\".",
    fix: "Copy the library for the machine of the binary, from a stage with the same `--platform`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("wrong ELF class"),
        Symptom::Stderr("unsupported relocation type"),
        Symptom::ExitCode(127),
    ],
    references: &["ld.so(8)", "elf(5)"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, _: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary loads no library");
    }
    let arch = binary.machine.as_ref().map_or("the machine of the binary", |machine| machine.arch);
    let findings = plan.problems.iter().filter_map(|problem| finding(problem, arch, plan));
    Outcome::of(findings, format!("every library that the loader finds is for {arch}"))
}

fn finding(problem: &StartProblem, arch: &str, plan: &StartPrediction) -> Option<Finding> {
    let (path, message, said) = match problem {
        StartProblem::LibraryMissing { name, needed_by, passed_over, refused: None } => {
            let (path, why) = passed_over.first()?;
            (path, format!("{needed_by} needs {name}, but {path} is for {why}"), name)
        }
        StartProblem::ForeignLibrary { path } => (path, format!("{path} is not for {arch}"), path),
        _ => return None,
    };
    let line = plan.errors.iter().find(|line| line.contains(said.as_str())).cloned();
    let finding = Finding::new(Location::ImagePath(path.clone()), message)
        .evidence(line.unwrap_or_else(|| "the loader stops at an earlier library".to_owned()));
    Some(finding.fix(format!(
        "copy the {arch} build of the library, from a stage with the same --platform"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_passed_over_fails() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |passed_over| StartPrediction {
            problems: vec![StartProblem::LibraryMissing {
                refused: None,
                name: "libz.so.1".to_owned(),
                needed_by: "/app".to_owned(),
                passed_over,
            }],
            ..StartPrediction::default()
        };
        let image = Image::default();
        let over = vec![("/lib/libz.so.1".to_owned(), "another machine".to_owned())];
        assert_eq!(check(&binary, &image, &missing(over)).findings().len(), 1);
        assert_eq!(check(&binary, &image, &missing(Vec::new())).name(), "pass");
        assert_eq!(
            check(&Binary::default(), &image, &missing(Vec::new())).name(),
            "not-applicable"
        );
    }
}
