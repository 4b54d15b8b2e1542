use crate::binary::Binary;
use crate::fix_line::plain_word;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "binary-differs",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image contains another file than the binary that was built",
    what: "The rule compares the SHA-256 of the binary that was built with the SHA-256 of the file \
           at its path in the image. If the digests differ but the build-id is the same, the \
           finding is a warning.",
    why: "The container does not run what was just built and tested, but the file of an old layer, \
           of another target directory, or of the host.",
    fix: "Copy the file that this build wrote. If the image strips the binary on purpose, strip it \
           in the build instead (`strip = true`).",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("the container shows old behaviour after a new build")],
    references: &[
        "https://docs.docker.com/build/cache/invalidation/",
        "https://docs.docker.com/build/building/multi-stage/",
    ],
    check: CheckFn::InImage(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(at) = &image.subject_at else {
        return Outcome::not_applicable(
            "the path of the binary in the image is not known; pass it with `--at PATH`",
        );
    };
    if image.programs.iter().any(|program| program.path == binary.path) {
        return Outcome::not_applicable("the binary was found in the image");
    }
    let Some(copy) = &image.subject_copy else {
        if image.has(at) && image.config.is_some() {
            return Outcome::open(
                format!("{at} is in the image, but cannot be read as a Rust binary"),
                "compare the files with sha256sum",
            );
        }
        return Outcome::not_applicable("the image does not contain the binary yet");
    };
    let (Some(built), Some(shipped)) = (&binary.sha256, &copy.sha256) else {
        return Outcome::open("no digest was computed", "compare the files with sha256sum");
    };
    if built == shipped {
        return Outcome::pass(format!("{at} is the binary that was built"));
    }
    let finding = Finding::new(
        Location::ImagePath(at.clone()),
        format!("{at} is not the binary that was built"),
    )
    .evidence(format!("built: {built}, {} bytes, {}", binary.size, binary.path))
    .evidence(format!("in the image: {shipped}, {} bytes", copy.size));
    match (&binary.build_id, &copy.build_id) {
        (Some(one), Some(other)) if one == other => finding
            .evidence(format!("both have the build-id {one}: the same build, changed later"))
            .fix("[profile.release]\nstrip = true")
            .at_most_warn()
            .into(),
        _ => {
            let copy = |at| {
                format!(
                    "docker build --no-cache . # the step that copies to {at} has to copy this build's output"
                )
            };
            finding.fix_if(plain_word(at).map(copy)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn file(path: &str, digest: &str, build_id: Option<&str>) -> Binary {
        Binary {
            path: path.into(),
            sha256: Some(digest.into()),
            build_id: build_id.map(str::to_owned),
            ..Binary::default()
        }
    }

    fn outcome(built: &Binary, shipped: Option<Binary>) -> Outcome {
        let image = Image {
            subject_at: Some("/app".into()),
            subject_copy: shipped.map(Arc::new),
            ..Image::default()
        };
        check(built, &image)
    }

    #[test]
    fn digests_decide_and_a_build_id_explains() {
        let built = file("target/release/app", "aa", Some("1"));
        assert_eq!(outcome(&built, Some(file("/app", "aa", Some("1")))).name(), "pass");
        assert_eq!(
            outcome(&built, Some(file("/app", "bb", Some("2")))).findings()[0].at_most,
            None
        );
        let stripped = outcome(&built, Some(file("/app", "bb", Some("1"))));
        assert_eq!(stripped.findings()[0].at_most, Some(Level::Warn));
        assert_eq!(outcome(&built, None).name(), "not-applicable");
        assert_eq!(check(&built, &Image::default()).name(), "not-applicable");
    }
}
