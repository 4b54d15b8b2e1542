use crate::dockerfile::Dockerfile;
use crate::dockerfile::base_images::split;
use crate::dockerfile::stages::StageBase;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "floating-base",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the builder's image has no version of Rust in its tag",
    what: "The rule looks at images of Rust and cargo-chef. It fails if the image has no digest \
           and its tag does not contain a version such as 1.95.",
    why: "A later build of the same commit uses another compiler or another release of Debian.",
    fix: "Write the versions of Rust and of Debian in the tag: `FROM rust:1.95-bookworm`.",
    no_fix_line: Some("which version was tested is not known"),
    symptoms: &[],
    references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every image of Rust has a version";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (_, stage, _) in dockerfile.used() {
        let StageBase::Image(Some(reference), known) = &stage.base else { continue };
        let (_, tag) = split(reference);
        // `alpine3.20` is the version of another thing.
        let version = tag
            .split('-')
            .any(|it| it.contains('.') && it.chars().all(|c| c.is_ascii_digit() || c == '.'));
        let rust = known.as_ref().is_some_and(|it| it.cargo_home.is_some());
        if !reference.contains('@') && rust && !version {
            let message = format!("`{reference}` is another image tomorrow");
            findings.push(Finding::in_dockerfile(dockerfile, &stage.image.span, message));
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn images_have_versions() {
        let found = |image: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM {image}\nRUN cargo build\n")))
        };
        for bad in [
            "rust",
            "rust:latest",
            "rust:1",
            "rust:bookworm",
            "rust:alpine3.20",
            "rust:1-alpine3.20",
            "lukemathwalker/cargo-chef:latest-rust-1",
        ] {
            assert_eq!(found(bad), [(1, Level::Allow)], "{bad}");
        }
        for good in [
            "rust:1.95",
            "rust:1.95-bookworm",
            "rust:1.95.0-alpine3.20",
            "lukemathwalker/cargo-chef:latest-rust-1.95",
            "rust@sha256:ab",
            "own",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
