use crate::cargo::build::Build;
use crate::cargo::workspace::target::difference;
use crate::fact::Confidence;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom, settle,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "triple-mismatch",
    aliases: &[],
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is for another target than the expected one",
    what: "The rule compares the target that the file header, the C library and the notes of the \
           binary show with the expected one: `[expect] triple`, otherwise `--target` or \
           `build.target`, otherwise the host. Only incompatible differences count: architecture, \
           operating system, C library and floating-point ABI; vendors and CPU revisions do not.",
    why: "A binary for another machine ends with `exec format error`, one for another C library \
           with `no such file or directory`, although its build succeeded.",
    fix: "Build with `--target`, and copy from the directory of that target: \
           `target/<triple>/release`, not `target/release`.",
    no_fix_line: Some(
        "without a Cargo workspace the command that builds the expected target is \
           not known",
    ),
    symptoms: &[
        Symptom::Stderr("exec format error"),
        Symptom::Stderr("no such file or directory"),
        Symptom::ExitCode(1),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/config.html#buildtarget",
        "https://github.com/typst/typst/issues/5290",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo, Need::Expectations]), check),
};

/// The command that builds for the expected target, unless it is the very one that made this binary.
fn fix(build: &Build, wanted: &str) -> String {
    let dynamic = build.rustflags.iter().find(|flag| flag.word.contains("-crt-static"));
    match dynamic.filter(|_| wanted.contains("musl")) {
        Some(flag) => format!("remove {} from {}, and build again", flag.word, flag.origin),
        None if build.triple() == Some(wanted) => build.command(),
        None => Build { target: Some(wanted.to_owned()), ..build.clone() }.command(),
    }
}

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    let build = facts.build.as_ref();
    let Some(wanted) = facts.expectations.triple.as_deref().or(build.and_then(|it| it.triple()))
    else {
        return Outcome::not_applicable("no target is expected");
    };
    let Some(seen) = &binary.triple.value else {
        return Outcome::open(binary.triple.evidence.clone(), settle::BY_HEADER);
    };
    let Some(difference) = difference(seen, wanted) else {
        return Outcome::open(
            format!("`{wanted}` is not a known target"),
            "compare the binary with `readelf -h`",
        );
    };
    let Some(difference) = difference else {
        return Outcome::pass(format!("the binary is for {seen}"));
    };
    let mut finding = Finding::new(
        Location::Subject,
        format!("the binary is for {seen}, but {wanted} is expected: another {difference}"),
    )
    .evidence(format!("in the binary: {}", binary.triple.evidence));
    if let Some(build) = build {
        finding = finding
            .evidence(format!("cargo builds into {}", build.profile_dir.display()))
            .fix(fix(build, wanted));
    }
    match binary.triple.confidence >= Confidence::High {
        true => finding.into(),
        false => finding.at_most_warn().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::cargo::build::Build;
    use crate::fact::Fact;
    use crate::subject::Expectations;

    #[test]
    fn the_expectation_comes_first_then_the_target_then_the_host() {
        let outcome = |expectations: Option<&str>, target: Option<&str>, triple: Fact<String>| {
            let mut build = Build { target: target.map(str::to_owned), ..Build::default() };
            build.rustc.host = Some("x86_64-unknown-linux-gnu".to_owned());
            let binary = Some(Binary { triple, ..Binary::default() });
            let expectations =
                Expectations { triple: expectations.map(str::to_owned), ..Expectations::default() };
            check(&Facts { binary, build: Some(build), expectations, ..Facts::default() })
        };
        let arm = || Fact::high("aarch64-unknown-linux-gnu".to_owned(), "header");
        assert_eq!(outcome(None, None, arm()).name(), "fail");
        assert_eq!(outcome(None, Some("aarch64-unknown-linux-gnu"), arm()).name(), "pass");
        let musl =
            outcome(Some("aarch64-unknown-linux-musl"), Some("aarch64-unknown-linux-gnu"), arm());
        assert!(musl.findings()[0].message.ends_with("another C library"));
        assert_eq!(outcome(None, None, Fact::default()).name(), "open");
    }
}
