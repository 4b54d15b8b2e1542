use crate::provenance::buildkit::{ImageBuild, ImageRole};
use crate::provenance::image_build::{from_lines_of, stage_of};
use crate::provenance::record::{ComparedDockerfile, RecordFacts};
use crate::provenance::reference_claims::{find_contradictions, normalize_reference};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Need, Needs, Outcome, Rule, Status};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "base-image-mismatch",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image was built on other base images than the Dockerfile or the record says",
    what: "BuildKit's provenance of the image lists every base image with its digest. The rule \
           compares it with the `FROM` lines, its Dockerfile and its subject with those given, and \
           the build stage's image with the distribution and compiler in the record.",
    why: "A tag can move, so the image that was pulled can differ from the one that was reviewed. \
           A binary that was linked on one distribution may not start on another.",
    fix: "Pin base images by digest: `FROM rust:1.95-bookworm@sha256:…`, and build with \
           `--provenance=mode=max`.",
    no_fix_line: Some("only you know whether the Dockerfile or the build is the intended one"),
    symptoms: &[],
    references: &["https://docs.docker.com/build/metadata/attestations/slsa-provenance/"],
    check: CheckFn::Facts(Needs::new(&[Need::Record], &[Need::Binary, Need::Image]), check),
};

const MAX: &str = "build with `--provenance=mode=max`";
fn check(facts: &Facts) -> Outcome {
    let Some((record, build)) =
        facts.record.as_ref().and_then(|it| Some((it, it.image_build.as_ref()?)))
    else {
        return Outcome::not_applicable("no image with BuildKit's provenance was given");
    };
    let program = facts.binary.as_ref().map_or("", |binary| binary.path.as_str());
    let mut findings = beside_record(build, record, program);
    if build.about_another {
        let place = Location::File { path: record.origin.clone(), line: None };
        let finding = Finding::new(place, "the index has BuildKit's provenance of another image");
        findings.push(finding.evidence(format!("sha256:{}", build.subjects.join(", "))));
    }
    let undecided = match &record.dockerfile {
        Some(dockerfile) => {
            let (differing, undecided) = beside_dockerfile(build, dockerfile);
            findings.extend(differing);
            undecided
        }
        None if build.with_role(ImageRole::Build).count() > 0 => None,
        None => Some("no Dockerfile was given, and the provenance has no build stage".to_owned()),
    };
    match undecided.filter(|_| findings.is_empty()) {
        Some(undecided) => Outcome::open(undecided, MAX),
        None => Outcome::of(findings, "the base images are the expected ones"),
    }
}

/// What differs, and what cannot be told.
fn beside_dockerfile(
    build: &ImageBuild,
    dockerfile: &ComparedDockerfile,
) -> (Vec<Finding>, Option<String>) {
    let mut findings = Vec::new();
    let mut undecided = None;
    // BuildKit pulls nothing for a stage that nothing is taken from.
    for from in from_lines_of(build, dockerfile).into_iter().filter(|from| from.needed) {
        let place = Location::File { path: dockerfile.path.clone(), line: Some(from.line) };
        let (name, _, pinned) = normalize_reference(&from.image);
        let pulled: Vec<&str> = build.base_images.iter().map(|it| it.reference.as_str()).collect();
        let known = build.base_images.iter().find(|image| from.is(&image.reference));
        let Some(known) = known else {
            let is_told = build.is_max || !pulled.iter().any(|it| from.can_be(it));
            if from.open || !is_told {
                let why = match from.open {
                    true => "only the builder knows which image it is",
                    false => "mode=min does not record build arguments",
                };
                undecided = Some(format!("{}:{}: {why}", dockerfile.path, from.line));
                continue;
            }
            let message = format!("the build did not pull {}", from.image);
            let evidence = format!("pulled: {}", pulled.join(", "));
            findings.push(Finding::new(place, message).evidence(evidence));
            continue;
        };
        let digest = known.sha256.as_deref().unwrap_or("unknown");
        if pinned.is_some_and(|pinned| pinned != digest) {
            let message = format!("{name} is pinned to another digest than the build pulled");
            let evidence = format!("pulled {}@sha256:{digest}", known.reference);
            findings.push(Finding::new(place, message).evidence(evidence));
        } else if from.last && known.role == ImageRole::Build {
            let message = format!("{name} is the last stage's base here, but not in the build");
            findings.push(Finding::new(place, message).evidence(known.role.name()));
        }
    }
    let other = build.dockerfile.as_ref();
    if let Some(built) = other.filter(|built| built.text.trim() != dockerfile.text.trim()) {
        let place = Location::File { path: dockerfile.path.clone(), line: None };
        let lines = built.text.lines().zip(dockerfile.text.lines());
        let line = lines.take_while(|(a, b)| a == b).count() + 1;
        let finding = Finding::new(place, "the image was built from another Dockerfile");
        findings.push(finding.evidence(format!("{} differs from line {line} on", built.name)));
    }
    (findings, undecided)
}

fn beside_record(build: &ImageBuild, record: &RecordFacts, program: &str) -> Vec<Finding> {
    let Some(image) = stage_of(build, program) else { return Vec::new() };
    let found = find_contradictions(&image.reference, record).into_iter();
    let found = found.map(|(claim, recorded)| {
        let place = Location::File { path: record.origin.clone(), line: None };
        let message = format!(
            "the build stage was based on {}, which is {claim}, but the record says {recorded}",
            image.reference
        );
        Finding::new(place, message).evidence(image.sha256.clone().unwrap_or_default())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::buildkit::CopiedPath;
    use crate::provenance::buildkit::UsedImage;
    use serde_json::json;

    fn image(reference: &str, role: ImageRole) -> UsedImage {
        UsedImage {
            reference: reference.to_owned(),
            sha256: Some("ab".to_owned()),
            platform: None,
            role,
            lines: Vec::new(),
        }
    }

    fn of(dockerfile: &str, codename: &str) -> Outcome {
        let base_images = vec![
            image("rust:1.95-bookworm", ImageRole::Build),
            image("debian:bookworm-slim", ImageRole::Runtime),
        ];
        let mut record = RecordFacts {
            image_build: Some(ImageBuild { base_images, ..ImageBuild::default() }),
            dockerfile: Some(ComparedDockerfile {
                path: "Dockerfile".into(),
                text: dockerfile.to_owned(),
            }),
            ..RecordFacts::default()
        };
        let internal = &mut record.provenance.build_definition.internal_parameters;
        internal
            .insert("osRelease".into(), json!({ "ID": "debian", "VERSION_CODENAME": codename }));
        internal.insert("rustc".into(), json!("rustc\nrelease: 1.95.0\n"));
        check(&Facts { record: Some(record), ..Facts::default() })
    }

    #[test]
    fn the_dockerfile_names_what_was_pulled() {
        let good = "FROM rust:1.95-bookworm AS b\nFROM debian:bookworm-slim@sha256:ab\n\
                    COPY --from=b /a /a\n";
        assert_eq!(of(good, "bookworm").name(), "pass");
        assert_eq!(of(&good.replace("1.95", "1.96"), "bookworm").findings().len(), 1);
        assert_eq!(of(&good.replace(":ab", ":cd"), "bookworm").findings().len(), 1);
        // Nothing is pulled for a stage that nothing is taken from.
        let unused = good.replacen("FROM", "FROM node:20 AS unused\nFROM", 1);
        assert_eq!(of(&unused, "bookworm").name(), "pass");
        let open = good.replacen("FROM", "FROM base-${TARGETARCH} AS c\nFROM", 1);
        assert_eq!(of(&open, "bookworm").name(), "pass");
        let open = format!("{open}COPY --from=c /b /b\n");
        assert!(matches!(of(&open, "bookworm"), Outcome::Open(_)));
        let turned = "FROM debian:bookworm-slim\nFROM rust:1.95-bookworm\n";
        assert_eq!(of(turned, "bookworm").findings().len(), 1);
    }

    #[test]
    fn the_record_names_what_the_build_stage_was() {
        assert_eq!(of("FROM rust:1.95-bookworm\n", "trixie").findings().len(), 2);
    }

    #[test]
    fn only_the_stage_of_the_program_is_held_against_its_record() {
        let copied = |target: &str, made_on: Option<&str>| CopiedPath {
            source: "/out".into(),
            target: target.into(),
            from: None,
            made_on: made_on.map(str::to_owned),
            lines: Vec::new(),
        };
        let count = |copies: Vec<CopiedPath>| {
            let base_images = vec![
                image("node:20-bookworm", ImageRole::Build),
                image("rust:1.95-trixie", ImageRole::Build),
            ];
            let mut record = RecordFacts::default();
            let internal = &mut record.provenance.build_definition.internal_parameters;
            internal.insert("osRelease".into(), json!({ "VERSION_CODENAME": "trixie" }));
            let build = ImageBuild { base_images, copies, is_max: true, ..ImageBuild::default() };
            record.image_build = Some(build);
            let path = "/usr/bin/app".to_owned();
            let binary = Some(crate::binary::Binary { path, ..Default::default() });
            check(&Facts { binary, record: Some(record), ..Facts::default() }).findings().len()
        };
        let (node, rust) = (Some("node:20-bookworm"), Some("rust:1.95-trixie"));
        assert_eq!(count(vec![copied("/usr/bin/", rust), copied("/www", node)]), 0);
        assert_eq!(count(vec![copied("/usr/bin/app", node)]), 1);
        assert_eq!(count(vec![copied("/usr/bin/app", None)]), 0);
        assert_eq!(count(vec![copied("/usr/bin/app", rust), copied("/usr", node)]), 1);
        assert_eq!(count(vec![copied("/usr/bi", node)]), 0);
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
        let record = RecordFacts { image_build: Some(build), ..RecordFacts::default() };
        assert_eq!(check(&Facts { record: Some(record), ..Facts::default() }).findings().len(), 1);
    }

    #[test]
    fn without_an_image_there_is_nothing_to_compare() {
        assert!(matches!(check(&Facts::default()), Outcome::NotApplicable(_)));
    }
}
