use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;
use crate::start::loader::LoadPlan;
use crate::start::loader::Problem;

pub static RULE: Rule = Rule {
    id: "symbol-version-missing",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a library in the image does not define a version that is required of it",
    what: "Each version that the program and its libraries require of a library other than glibc \
           without the WEAK flag has to be defined by the file that the loader finds.",
    why: "The loader prints \"version `OPENSSL_3.2.0' not found\" and exits: the image has an \
           older build of the library, or one that was built without versions.",
    fix: "Install the library's release that the build stage linked against, or link it in (a \
           `vendored` feature).",
    symptoms: &[
        Symptom::Stderr("not found (required by"),
        Symptom::Stderr("Inconsistency detected by ld.so"),
        Symptom::ExitCode(1),
    ],
    references: &[
        "glibc elf/dl-version.c",
        "https://github.com/mozilla-services/autopush-rs/issues/124",
    ],
    check: Check::Load(check),
};

fn check(binary: &Binary, _: &Image, plan: &LoadPlan) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the program loads no library");
    }
    plan.problems.iter().filter_map(|problem| finding(problem, plan)).collect()
}

fn finding(problem: &Problem, plan: &LoadPlan) -> Option<Finding> {
    let (path, message, said) = match problem {
        Problem::VersionMissing { path, version, needed_by } if !version.starts_with("GLIBC_") => (
            path,
            format!("{needed_by} needs {version} of {path}, which does not define it"),
            version,
        ),
        Problem::LoaderGivesUp { path, why } => {
            (path, format!("{path}: the loader stops: {why}"), why)
        }
        _ => return None,
    };
    let finding = Finding::new(Location::ImagePath(path.clone()), message);
    let line = plan.errors.iter().find(|line| line.contains(said.as_str()));
    let finding = line.into_iter().fold(finding, |finding, line| finding.evidence(line.clone()));
    Some(finding.fix(
        "use the same release of the distribution in the build stage and in the runtime stage",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_s_versions_have_a_rule_of_their_own() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |version: &str| Problem::VersionMissing {
            path: "/lib/libssl.so.3".to_owned(),
            version: version.to_owned(),
            needed_by: "/app".to_owned(),
        };
        let plan = LoadPlan {
            problems: vec![missing("OPENSSL_3.2.0"), missing("GLIBC_2.39")],
            ..LoadPlan::default()
        };
        assert_eq!(check(&binary, &Image::default(), &plan).findings().len(), 1);
        assert_eq!(check(&binary, &Image::default(), &LoadPlan::default()), Outcome::Pass);
        assert_eq!(check(&Binary::default(), &Image::default(), &plan).name(), "not-applicable");
    }
}
