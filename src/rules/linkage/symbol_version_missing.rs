use crate::binary::Binary;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, same_release,
};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "symbol-version-missing",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a library in the image does not define a symbol version that the binary needs",
    what: "The file that the loader finds must define each version that the binary and its \
           libraries require of it without the WEAK flag. `glibc-too-new` does the same for the \
           versions of glibc. The rule also fails if the loader stops in a check of its own \
           (`Inconsistency detected by ld.so`).",
    why: "The loader prints \"version `OPENSSL_3.2.0' not found\" and exits. The image has an \
           older build of the library, or one that was built without versions.",
    fix: "Use the same release of the distribution in both stages, or link the library statically \
           (a `vendored` feature).",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("not found (required by"),
        Symptom::Stderr("Inconsistency detected by ld.so"),
        Symptom::ExitCode(1),
    ],
    references: &["ld.so(8)", "https://github.com/mozilla-services/autopush-rs/issues/124"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary loads no library");
    }
    let findings = plan.problems.iter().filter_map(|problem| finding(problem, image, plan));
    Outcome::of(findings, "every required symbol version is defined")
}

fn finding(problem: &StartProblem, image: &Image, plan: &StartPrediction) -> Option<Finding> {
    let (path, message, said) = match problem {
        StartProblem::VersionMissing { path, version, needed_by }
            if !version.starts_with("GLIBC_") =>
        {
            (path, format!("{needed_by} needs {version}, but {path} does not define it"), version)
        }
        StartProblem::LoaderGivesUp { path, why } => {
            (path, format!("{path}: the loader stops: {why}"), why)
        }
        _ => return None,
    };
    let finding = Finding::new(Location::ImagePath(path.clone()), message);
    let line = plan.errors.iter().find(|line| line.contains(said.as_str()) && line.contains(path));
    let finding = line.into_iter().fold(finding, |finding, line| finding.evidence(line.clone()));
    Some(finding.fix(same_release(image)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_s_versions_have_a_rule_of_their_own() {
        let binary = Binary { interpreter: Some("/lib/ld.so".to_owned()), ..Binary::default() };
        let missing = |version: &str| StartProblem::VersionMissing {
            path: "/lib/libssl.so.3".to_owned(),
            version: version.to_owned(),
            needed_by: "/app".to_owned(),
        };
        let plan = StartPrediction {
            problems: vec![missing("OPENSSL_3.2.0"), missing("GLIBC_2.39")],
            ..StartPrediction::default()
        };
        assert_eq!(check(&binary, &Image::default(), &plan).findings().len(), 1);
        assert_eq!(check(&binary, &Image::default(), &StartPrediction::default()).name(), "pass");
        assert_eq!(check(&Binary::default(), &Image::default(), &plan).name(), "not-applicable");
    }
}
