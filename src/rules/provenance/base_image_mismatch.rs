use crate::facts::Facts;
use crate::facts::record::from_lines::{contradictions, from_lines, normal};
use crate::facts::record::{Dockerfile, ImageBuild, Record, Role};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "base-image-mismatch",
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the image was built on other base images than the Dockerfile or the record says",
    what: "BuildKit's provenance of the image names every base image with its digest and the line that \
           pulled it. They are compared with the `FROM` lines of the Dockerfile, digests included, and \
           the build stage's with the distribution and compiler that the record of the build names.",
    why: "A tag moves. The image that was reviewed, the one in the Dockerfile and the one that was pulled \
          are three, and a program linked on one distribution may not start on another.",
    fix: "Pin base images by digest: `FROM rust:1.95-bookworm@sha256:…`, and build with \
          `--provenance=mode=max`.",
    symptoms: &[],
    references: &["https://docs.docker.com/build/metadata/attestations/slsa-provenance/"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some((record, build)) =
        facts.record.as_ref().and_then(|record| Some((record, record.image_build.as_ref()?)))
    else {
        return Outcome::not_applicable("no image with BuildKit's provenance was given");
    };
    let mut findings = beside_record(build, record);
    if build.about_another {
        let place = Location::File { path: record.origin.clone(), line: None };
        let message = "BuildKit's provenance in the index is about another image";
        let subjects = build.subjects.join(", ");
        findings.push(Finding::new(place, message).evidence(format!("sha256:{subjects}")));
    }
    let undecided = match &record.dockerfile {
        Some(dockerfile) => {
            let (differing, undecided) = beside_dockerfile(build, dockerfile);
            findings.extend(differing);
            undecided
        }
        None if build.with_role(Role::Build).count() > 0 => None,
        None => Some("no Dockerfile was given, and the provenance names no build stage".to_owned()),
    };
    match undecided.filter(|_| findings.is_empty()) {
        Some(undecided) => Outcome::open(undecided),
        None => findings.into_iter().collect(),
    }
}

/// What differs, and what cannot be told.
fn beside_dockerfile(
    build: &ImageBuild,
    dockerfile: &Dockerfile,
) -> (Vec<Finding>, Option<String>) {
    let mut findings = Vec::new();
    let mut undecided = None;
    for from in from_lines(&dockerfile.text, &build.build_args, build.target.as_deref()) {
        let place = Location::File { path: dockerfile.path.clone(), line: Some(from.line) };
        let (name, _, pinned) = normal(&from.image);
        let pulled: Vec<&str> = build.base_images.iter().map(|it| it.reference.as_str()).collect();
        let known = build.base_images.iter().find(|image| from.is(&image.reference));
        let Some(known) = known else {
            if !build.is_max && pulled.iter().any(|reference| from.can_be(reference)) {
                let why =
                    "the provenance of mode=min does not say with which arguments it was built";
                undecided = Some(format!("{}:{}: {why}", dockerfile.path, from.line));
                continue;
            }
            let message = format!("{} is not among the images that the build pulled", from.image);
            let pulled = format!("pulled: {}", pulled.join(", "));
            findings.push(Finding::new(place, message).evidence(pulled));
            continue;
        };
        let digest = known.sha256.as_deref().unwrap_or("unknown");
        if pinned.is_some_and(|pinned| pinned != digest) {
            let message = format!("{} is pinned to another image than the build pulled", name);
            let evidence = format!("pulled {}@sha256:{digest}", known.reference);
            findings.push(Finding::new(place, message).evidence(evidence));
        } else if from.last && known.role == Role::Build {
            let message = format!("{} carries the last stage here, and did not in the build", name);
            let evidence = format!("{} of the build", known.role.name());
            findings.push(Finding::new(place, message).evidence(evidence));
        }
    }
    if let Some(built) =
        build.dockerfile.as_ref().filter(|built| built.text.trim() != dockerfile.text.trim())
    {
        let place = Location::File { path: dockerfile.path.clone(), line: None };
        let same =
            built.text.lines().zip(dockerfile.text.lines()).take_while(|(a, b)| a == b).count();
        let message = "the image was built from another Dockerfile";
        let evidence = format!("{} of the build differs from line {}", built.name, same + 1);
        findings.push(Finding::new(place, message).evidence(evidence));
    }
    (findings, undecided)
}

fn beside_record(build: &ImageBuild, record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    for image in build.with_role(Role::Build) {
        for (claim, recorded) in contradictions(&image.reference, record) {
            let place = Location::File { path: record.origin.clone(), line: None };
            let message = format!(
                "the build stage stood on {}, which is {claim}, and the record says {recorded}",
                image.reference
            );
            let digest = image.sha256.as_deref().unwrap_or("unknown");
            findings.push(Finding::new(place, message).evidence(format!("sha256:{digest}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::record::BaseImage;
    use serde_json::json;

    fn image(reference: &str, role: Role) -> BaseImage {
        BaseImage {
            reference: reference.to_owned(),
            sha256: Some("ab".to_owned()),
            platform: None,
            role,
            lines: Vec::new(),
        }
    }

    fn of(dockerfile: &str, codename: &str) -> Outcome {
        let base_images = vec![
            image("rust:1.95-bookworm", Role::Build),
            image("debian:bookworm-slim", Role::Runtime),
        ];
        let mut record = Record {
            image_build: Some(ImageBuild { base_images, ..ImageBuild::default() }),
            dockerfile: Some(Dockerfile { path: "Dockerfile".into(), text: dockerfile.to_owned() }),
            ..Record::default()
        };
        let internal = &mut record.provenance.build_definition.internal_parameters;
        internal
            .insert("osRelease".into(), json!({ "ID": "debian", "VERSION_CODENAME": codename }));
        internal.insert("rustc".into(), json!("rustc\nrelease: 1.95.0\n"));
        check(&Facts { record: Some(record), ..Facts::default() })
    }

    #[test]
    fn the_dockerfile_names_what_was_pulled() {
        let good = "FROM rust:1.95-bookworm AS b\nFROM debian:bookworm-slim@sha256:ab\n";
        assert_eq!(of(good, "bookworm"), Outcome::Pass);
        assert_eq!(of(&good.replace("1.95", "1.96"), "bookworm").findings().len(), 1);
        assert_eq!(of(&good.replace(":ab", ":cd"), "bookworm").findings().len(), 1);
        let turned = "FROM debian:bookworm-slim\nFROM rust:1.95-bookworm\n";
        assert_eq!(of(turned, "bookworm").findings().len(), 1);
    }

    #[test]
    fn the_record_names_what_the_build_stage_was() {
        assert_eq!(of("FROM rust:1.95-bookworm\n", "trixie").findings().len(), 2);
    }

    #[test]
    fn what_arguments_decide_is_open_without_them() {
        assert!(matches!(of("ARG V=2\nFROM rust:$V\n", "bookworm"), Outcome::Open(_)));
        assert_eq!(of("ARG V=2\nFROM own/rust:$V\n", "bookworm").findings().len(), 1);
        assert_eq!(of("ARG V=2\nFROM rust:2\n", "bookworm").findings().len(), 1);
    }

    #[test]
    fn provenance_of_another_image_is_no_evidence() {
        let build = ImageBuild { about_another: true, ..ImageBuild::default() };
        let record = Record { image_build: Some(build), ..Record::default() };
        assert_eq!(check(&Facts { record: Some(record), ..Facts::default() }).findings().len(), 1);
    }

    #[test]
    fn without_an_image_there_is_nothing_to_compare() {
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }
}
