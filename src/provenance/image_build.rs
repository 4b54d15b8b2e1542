//! What BuildKit says of the image that carries the program: which statement is the image's, what
//! it tells, and what the Dockerfile adds to it.

use crate::provenance::buildkit::{ImageBuild, ImageRole, UsedImage};
use crate::provenance::dockerfile::base_images::{BuildInputs, RecordedFrom, from_lines};
use crate::provenance::record::ComparedDockerfile;

/// BuildKit's provenance of the image, among the statements that its index holds: the one about it,
/// else the first, which is then marked when it names another.
pub fn find_image_build(statements: &[Vec<u8>], digest: Option<&str>) -> Option<ImageBuild> {
    let read = |bytes: &Vec<u8>| ImageBuild::from_statement(bytes).ok();
    let builds: Vec<ImageBuild> = statements.iter().filter_map(read).collect();
    let digest = digest.and_then(|digest| digest.strip_prefix("sha256:"));
    let own = |build: &&ImageBuild| build.subjects.iter().any(|it| Some(it.as_str()) == digest);
    if let Some(own) = builds.iter().find(own) {
        return Some(own.clone());
    }
    // An image that was only written to a file has no name, and its statement no subject.
    let nameless = builds.iter().find(|build| build.subjects.is_empty());
    let mut build = nameless.or(builds.first()).cloned()?;
    build.about_another = digest.is_some() && !build.subjects.is_empty();
    Some(build)
}

/// Base images and copies, one sentence each.
pub fn describe(build: &ImageBuild) -> Vec<String> {
    let file = build.dockerfile.as_ref().map_or("Dockerfile", |dockerfile| &dockerfile.name);
    let at = |lines: &[u32]| match lines {
        [] => String::new(),
        [first, ..] => format!(" ({file}:{first})"),
    };
    let images = build.base_images.iter().map(|image| {
        let digest = image.sha256.as_deref().unwrap_or("unknown");
        let role = image.role.name();
        format!("{role}: {}@sha256:{digest}{}", image.reference, at(&image.lines))
    });
    let copies = build.copies.iter().map(|copied| {
        let from = copied.from.as_deref().unwrap_or("the build context");
        format!("{} was copied from {from}{}", copied.target, at(&copied.lines))
    });
    images.chain(copies).collect()
}

/// The images that the Dockerfile pulls when it is built with the words of this build.
pub fn from_lines_of(build: &ImageBuild, dockerfile: &ComparedDockerfile) -> Vec<RecordedFrom> {
    let ImageBuild { build_args: arguments, contexts, target, .. } = build;
    from_lines(&dockerfile.text, BuildInputs { arguments, contexts, target: target.as_deref() })
}

/// The base image of the stage that the program was built in, where that is known: other stages
/// make other things, on whatever they like.
pub fn stage_of<'a>(build: &'a ImageBuild, program: &str) -> Option<&'a UsedImage> {
    if build.is_max {
        let copied = build.copies.iter().rev().find(|copied| copied.covers(program))?;
        let made_on = copied.made_on.as_deref()?;
        return build.base_images.iter().find(|image| image.reference == made_on);
    }
    // Without the graph it is the only other stage, if that one has Rust.
    let mut stages = build.with_role(ImageRole::Build);
    let only = stages.next().filter(|_| stages.next().is_none());
    only.filter(|image| image.reference.contains("rust"))
}

/// Gives the images of a provenance without a build graph (`mode=min`) the roles and lines that
/// they have in this Dockerfile. An image that it does not name keeps none.
pub fn take_roles_from(build: &mut ImageBuild, dockerfile: &ComparedDockerfile) {
    if build.is_max {
        return;
    }
    for from in from_lines_of(build, dockerfile) {
        let mut images = build.base_images.iter_mut();
        let Some(image) = images.find(|image| from.is(&image.reference)) else { continue };
        let role = if from.last { ImageRole::Runtime } else { ImageRole::Build };
        if image.role == ImageRole::Unknown || role == ImageRole::Runtime {
            image.role = role;
        }
        image.lines.push(from.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(subjects: &str) -> Vec<u8> {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v0.1","subject":[{subjects}],
               "predicateType":"https://slsa.dev/provenance/v1","predicate":{{}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn a_statement_about_another_image_is_marked() {
        let own = r#"{"digest":{"sha256":"aa"}}"#;
        let other = r#"{"digest":{"sha256":"bb"}}"#;
        let of = |statements: &[&str], digest: Option<&str>| {
            let statements: Vec<_> = statements.iter().map(|it| statement(it)).collect();
            find_image_build(&statements, digest)
        };
        let digest = Some("sha256:aa");
        assert!(!of(&[other, own], digest).unwrap().about_another);
        assert!(!of(&[other, ""], digest).unwrap().about_another);
        assert!(of(&[other], digest).unwrap().about_another);
        assert!(!of(&[other], None).unwrap().about_another);
        assert_eq!(of(&[], digest), None);
    }

    #[test]
    fn without_a_graph_the_dockerfile_says_what_became_of_an_image() {
        let image = |reference: &str| UsedImage {
            reference: reference.to_owned(),
            sha256: None,
            platform: None,
            role: ImageRole::Unknown,
            lines: Vec::new(),
        };
        let base_images = vec![image("debian:bookworm-slim"), image("rust:1"), image("frontend")];
        let mut build = ImageBuild { base_images, ..ImageBuild::default() };
        let text = "FROM rust:1 AS b\nFROM b\nFROM debian:bookworm-slim\n".to_owned();
        take_roles_from(&mut build, &ComparedDockerfile { path: "Dockerfile".into(), text });
        let roles: Vec<_> = build.base_images.iter().map(|it| (it.role, it.lines.len())).collect();
        assert_eq!(
            roles,
            [(ImageRole::Runtime, 1), (ImageRole::Build, 1), (ImageRole::Unknown, 0)]
        );
        assert!(describe(&build)[0].ends_with("(Dockerfile:3)"));
    }
}
