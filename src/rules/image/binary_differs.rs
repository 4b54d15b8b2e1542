use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "binary-differs",
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the image carries another file than the one that was built",
    what: "Compares the SHA-256 of the program that was built with that of the file at its \
           place in the image.",
    why: "The container runs something else than what was just built and tested: a stale \
           layer, another target directory, a file of the host.",
    fix: "Copy the file that this build made: `COPY --from=build PATH /usr/local/bin/NAME`; \
           where the image strips it on purpose, strip it in the build (`strip = true`).",
    symptoms: &[Symptom::Behaviour("old behaviour after a new build")],
    references: &["clickup-cli 108", "Codewhale 587", "dbx 9519"],
    check: Check::Carried(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(at) = &image.subject_at else {
        return Outcome::not_applicable(
            "where the program lies in the image is not known; say it with `--at PATH`",
        );
    };
    if image.programs.iter().any(|program| program.path == binary.path) {
        return Outcome::not_applicable("the program that is judged is the image's own");
    }
    let Some(copy) = &image.subject_copy else {
        if image.has(at) && image.config.is_some() {
            return Outcome::open(format!(
                "{at} is in the image and is no Rust program that could be read"
            ));
        }
        return Outcome::not_applicable("the image does not hold the program yet");
    };
    let (Some(built), Some(shipped)) = (&binary.sha256, &copy.sha256) else {
        return Outcome::open("no digest was computed");
    };
    if built == shipped {
        return Outcome::Pass;
    }
    let finding = Finding::new(
        Location::ImagePath(at.clone()),
        format!("{at} is not the file that was built"),
    )
    .evidence(format!("built: {built}, {} bytes, {}", binary.size, binary.path))
    .evidence(format!("shipped: {shipped}, {} bytes", copy.size));
    match (&binary.build_id, &copy.build_id) {
        (Some(one), Some(other)) if one == other => finding
            .evidence(format!("both have the build id {one}: the same build, changed afterwards"))
            .fix("[profile.release]\nstrip = true")
            .at_most_warn()
            .into(),
        _ => finding.fix(format!("COPY --from=build {} {at}", binary.path)).into(),
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
        assert_eq!(outcome(&built, Some(file("/app", "aa", Some("1")))), Outcome::Pass);
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
