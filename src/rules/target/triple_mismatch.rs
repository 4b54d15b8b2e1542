use crate::cargo::workspace::target::difference;
use crate::fact::Confidence;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "triple-mismatch",
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is for another target than the one asked for",
    what: "Compares the target that the file's header, its C library and its notes tell with the \
           expected one: the configuration's, else `--target` or `build.target`, else the host. Only \
           what makes two targets incompatible counts: the architecture, the system, the C library \
           and the floating-point ABI; vendors and processor revisions do not.",
    why: "A program for another machine ends with `exec format error`, one for another C library \
          with `no such file or directory`; the build that made it looked successful.",
    fix: "Build with the target and copy from its own directory: `target/<triple>/release`, not \
          `target/release`.",
    symptoms: &[
        Symptom::Stderr("exec format error"),
        Symptom::Stderr("no such file or directory"),
        Symptom::ExitCode(1),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/config.html#buildtarget",
        "typst 5290",
        "Codewhale 587",
    ],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    let build = facts.build.as_ref();
    let Some(wanted) = facts.policy.triple.as_deref().or(build.and_then(|it| it.triple())) else {
        return Outcome::not_applicable("no target is expected");
    };
    let Some(seen) = &binary.triple.value else {
        return Outcome::open(binary.triple.evidence.clone());
    };
    let Some(difference) = difference(seen, wanted) else {
        return Outcome::open(format!("`{wanted}` is no target whose name tells what it is"));
    };
    let Some(difference) = difference else { return Outcome::Pass };
    let mut finding = Finding::new(
        Location::Subject,
        format!("the program is for {seen}, but {wanted} is expected: another {difference}"),
    )
    .evidence(format!("in the program: {}", binary.triple.evidence));
    if let Some(build) = build {
        finding = finding
            .evidence(format!("cargo builds into {}", build.profile_dir.display()))
            .fix(build.command());
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
    use crate::subject::Policy;

    #[test]
    fn the_expectation_comes_first_then_the_target_then_the_host() {
        let outcome = |policy: Option<&str>, target: Option<&str>, triple: Fact<String>| {
            let mut build = Build { target: target.map(str::to_owned), ..Build::default() };
            build.rustc.host = Some("x86_64-unknown-linux-gnu".to_owned());
            let binary = Some(Binary { triple, ..Binary::default() });
            let policy = Policy { triple: policy.map(str::to_owned), ..Policy::default() };
            check(&Facts { binary, build: Some(build), policy, ..Facts::default() })
        };
        let arm = || Fact::high("aarch64-unknown-linux-gnu".to_owned(), "header");
        assert_eq!(outcome(None, None, arm()).name(), "fail");
        assert_eq!(outcome(None, Some("aarch64-unknown-linux-gnu"), arm()), Outcome::Pass);
        let musl =
            outcome(Some("aarch64-unknown-linux-musl"), Some("aarch64-unknown-linux-gnu"), arm());
        assert!(musl.findings()[0].message.ends_with("another C library"));
        assert_eq!(outcome(None, None, Fact::default()).name(), "open");
    }
}
