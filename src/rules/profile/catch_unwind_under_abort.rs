use crate::binary::Binary;
use crate::binary::PanicStrategy;
use crate::cargo::build::Build;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "catch-unwind-under-abort",
    aliases: &[],
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a dependency relies on `catch_unwind`, but the binary aborts on panic",
    what: "The rule looks at binaries with `panic = \"abort\"` for packages that are documented to \
           catch panics. It finds them in the dependency graph with its features or, without a \
           graph, among the crates that the binary itself names.",
    why: "With `panic = \"abort\"` no panic is ever caught. A panic that such a package would turn \
           into an error response, an exception of the host language or a retried query ends the \
           whole process.",
    fix: "Remove `panic = \"abort\"` at the place that the finding names, or remove the package or \
           its feature that catches panics.",
    no_fix_line: None,
    symptoms: &[
        Symptom::ExitCode(134),
        Symptom::Client("connection closed in the middle of a request"),
        Symptom::Behaviour("one bad request ends the server"),
    ],
    references: &[
        "https://doc.rust-lang.org/std/panic/fn.catch_unwind.html",
        "https://doc.rust-lang.org/cargo/reference/profiles.html#panic",
        "https://github.com/nteract/nteract/issues/1955",
    ],
    check: CheckFn::Build(check),
};

/// A package, the feature that matters if one does, and what it does with a panic.
const CATCHERS: &[(&str, Option<&str>, &str)] = &[
    ("lambda_runtime", None, "reports a panic as the invocation's error"),
    ("libtest-mimic", None, "counts a panic as a failed test"),
    ("napi", None, "throws a panic as an exception of JavaScript"),
    ("neon", None, "throws a panic as an exception of JavaScript"),
    ("pgrx", None, "raises a panic as an error of PostgreSQL"),
    ("pyo3", None, "raises a panic as an exception of Python"),
    ("rocket", None, "answers a request whose handler panics with 500"),
    ("salsa", None, "cancels queries by unwinding"),
    ("tower-http", Some("catch-panic"), "turns a panic into a response"),
];

fn check(binary: &Binary, build: &Build) -> Outcome {
    match binary.panic.value {
        None => return Outcome::open(binary.panic.evidence.clone(), settle::BY_REBUILD),
        Some(PanicStrategy::Unwind) => {
            return Outcome::not_applicable("the binary unwinds on panic");
        }
        Some(PanicStrategy::Abort | PanicStrategy::ImmediateAbort) => {}
    }
    let origin = &build.effective_profile.panic.origin;
    let finding = |name: &str, version: &str, work: &str| {
        Finding::new(
            Location::from(origin),
            format!("{name} {version} {work}, but the binary aborts on panic"),
        )
        .evidence(format!("panic=abort: {}", binary.panic.evidence))
        .evidence(format!("set by {origin}"))
        .fix(format!("panic = \"unwind\" # in [profile.{}]", build.profile.name))
    };
    match &build.dependencies {
        Some(dependencies) => Outcome::of(
            CATCHERS.iter().filter_map(|(name, feature, work)| {
                // Two versions of a package can be there with different features.
                let found = dependencies.iter().find(|found| {
                    found.name == *name
                        && feature.is_none_or(|it| found.features.iter().any(|on| on == it))
                })?;
                Some(finding(name, &found.version, work))
            }),
            format!("none of {} dependencies relies on catching panics", dependencies.len()),
        ),
        None => {
            let findings: Vec<Finding> = CATCHERS
                .iter()
                .filter(|(_, feature, _)| feature.is_none())
                .filter_map(|(name, _, work)| {
                    let found = binary.crates.iter().find(|it| it.name == *name)?;
                    Some(finding(name, &found.version, work))
                })
                .collect();
            match findings.is_empty() {
                true => Outcome::open(
                    "the dependency graph is not available, so not every crate is known",
                    "run `cargo fetch`",
                ),
                false => Outcome::Fail(findings),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::build::LinkedPackage;
    use crate::fact::Fact;

    fn outcome(
        panic: Fact<PanicStrategy>,
        dependencies: Option<&[(&str, &[&str])]>,
    ) -> &'static str {
        let dependency = |(name, features): &(&str, &[&str])| LinkedPackage {
            name: (*name).to_owned(),
            version: "1.0.0".to_owned(),
            features: features.iter().map(|it| (*it).to_owned()).collect(),
            ..LinkedPackage::default()
        };
        let dependencies = dependencies.map(|it| it.iter().map(dependency).collect());
        let binary = Binary { panic, ..Binary::default() };
        check(&binary, &Build { dependencies, ..Build::default() }).name()
    }

    #[test]
    fn a_catcher_in_a_program_that_aborts_fails() {
        let abort = || Fact::high(PanicStrategy::Abort, "text");
        assert_eq!(outcome(abort(), Some(&[("rocket", &[])])), "fail");
        assert_eq!(outcome(abort(), Some(&[("tower-http", &["trace"])])), "pass");
        assert_eq!(outcome(abort(), Some(&[("tower-http", &["catch-panic"])])), "fail");
        let two: &[(&str, &[&str])] =
            &[("tower-http", &["trace"]), ("tower-http", &["catch-panic"])];
        assert_eq!(outcome(abort(), Some(two)), "fail");
        assert_eq!(outcome(abort(), Some(&[("tokio", &[])])), "pass");
        assert_eq!(outcome(abort(), None), "open");
        let unwind = Fact::high(PanicStrategy::Unwind, "text");
        assert_eq!(outcome(unwind, Some(&[("rocket", &[])])), "not-applicable");
        assert_eq!(outcome(Fact::default(), Some(&[("rocket", &[])])), "open");
    }
}
