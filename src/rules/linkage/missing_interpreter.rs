use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;
use crate::start::loader::StartPrediction;
use crate::start::loader::StartProblem;

pub static RULE: Rule = Rule {
    id: "missing-interpreter",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the loader that the binary names is not in the image",
    what: "A dynamically linked binary names its loader in `PT_INTERP`. The kernel must find it in \
           the image, as an executable file for the same machine; links are followed.",
    why: "The kernel reports \"no such file or directory\". It means the loader, but the message \
           names the binary, which exists. The container ends at once.",
    fix: "Link the C library statically (`RUSTFLAGS=\"-C target-feature=+crt-static\"`, or a musl \
           target), or use a base image with the C library that the binary was linked with.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("no such file or directory"),
        Symptom::Stderr("required file not found"),
        Symptom::ExitCode(127),
    ],
    references: &["execve(2)", "elf(5)", "https://github.com/docker-library/hello-world/issues/44"],
    check: CheckFn::Load(check),
};

fn check(binary: &Binary, image: &Image, plan: &StartPrediction) -> Outcome {
    if binary.interpreter.is_none() {
        return Outcome::not_applicable("the binary needs no loader");
    }
    let findings = plan.problems.iter().filter_map(|it| finding(it, binary, image, plan));
    let path = binary.interpreter.as_deref().unwrap_or_default();
    Outcome::of(findings, format!("{path} is in the image"))
}

fn finding(
    problem: &StartProblem,
    binary: &Binary,
    image: &Image,
    plan: &StartPrediction,
) -> Option<Finding> {
    let (path, message) = match problem {
        StartProblem::InterpreterMissing { path, why } => {
            let ends = image.resolve(path).err().map(|not| not.to_string()).unwrap_or_default();
            let ends = if ends.is_empty() { (*why).to_owned() } else { ends };
            (path, format!("the loader {path} is not in the image ({ends})"))
        }
        StartProblem::InterpreterUnusable { path, why, because } => {
            (path, format!("the loader {path} cannot load the binary: {because} ({why})"))
        }
        _ => return None,
    };
    let release = image.release.as_ref().map(|release| format!("the image is {}", release.name()));
    let evidence = release.into_iter().chain(plan.errors.first().cloned());
    let finding = Finding::new(Location::ImagePath(path.clone()), message)
        .evidence(format!("PT_INTERP is {path}"));
    Some(evidence.fold(finding, Finding::evidence).fix(fix(path, binary, image)))
}

fn fix(path: &str, binary: &Binary, image: &Image) -> String {
    let arch = binary.machine.as_ref().map_or("x86_64", |machine| machine.arch);
    let alpine = image.release.as_ref().is_some_and(|release| release.id == "alpine");
    if binary.rust.value == Some(false) {
        format!("link it statically, or use a base image that has {path}")
    } else if path.contains("ld-musl") {
        format!(
            "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --target {arch}-unknown-linux-musl"
        )
    } else if alpine {
        format!("cargo build --release --target {arch}-unknown-linux-musl")
    } else {
        format!(
            "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --target \
             {arch}-unknown-linux-gnu"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_answer_is_explained() {
        let path = "/lib64/ld-linux-x86-64.so.2".to_owned();
        let binary = Binary { interpreter: Some(path.clone()), ..Binary::default() };
        let image = Image::default();
        let plan = StartPrediction {
            problems: vec![StartProblem::InterpreterMissing {
                path,
                why: "No such file or directory",
            }],
            errors: vec!["exec /app: no such file or directory".to_owned()],
            ..StartPrediction::default()
        };
        let outcome = check(&binary, &image, &plan);
        assert!(outcome.findings()[0].message.contains("/lib64: No such file or directory"));
        assert_eq!(check(&binary, &image, &StartPrediction::default()).name(), "pass");
        assert_eq!(check(&Binary::default(), &image, &plan).name(), "not-applicable");
    }
}
