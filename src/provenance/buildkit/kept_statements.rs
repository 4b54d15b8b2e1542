//! Statements that BuildKit itself wrote, in each of its shapes, kept in `testdata/provenance/`.

use super::{GraphShape, ImageBuild, ImageRole};

/// By Docker 28.5.2 with BuildKit 0.25 (`testdata/provenance/README.md`).
const STATEMENTS: [(GraphShape, bool, &str); 4] = [
    (
        GraphShape::V0_2,
        false,
        include_str!("../../../testdata/provenance/buildkit-0.25-v0.2-min.json"),
    ),
    (
        GraphShape::V0_2,
        true,
        include_str!("../../../testdata/provenance/buildkit-0.25-v0.2-max.json"),
    ),
    (GraphShape::V1, false, include_str!("../../../testdata/provenance/buildkit-0.25-v1-min.json")),
    (GraphShape::V1, true, include_str!("../../../testdata/provenance/buildkit-0.25-v1-max.json")),
];

#[test]
fn what_a_real_buildkit_wrote_is_read_in_every_shape() {
    for (shape, is_max, text) in STATEMENTS {
        let build = ImageBuild::from_statement(text.as_bytes()).unwrap();
        assert_eq!((build.shape, build.is_max), (shape, is_max));
        assert!(build.subjects[0].starts_with("27455ca4"), "{:?}", build.subjects);
        let images: Vec<_> = build
            .base_images
            .iter()
            .map(|it| (it.reference.as_str(), it.role, it.lines.as_slice()))
            .collect();
        let [debian, rust] = images.as_slice() else { panic!("{images:?}") };
        assert_eq!((debian.0, rust.0), ("debian:bookworm-slim", "rust:1.95-bookworm"));
        assert!(build.base_images[0].sha256.as_deref().unwrap().starts_with("ad91eb50"));
        if is_max {
            assert_eq!((debian.1, debian.2), (ImageRole::Runtime, &[4][..]));
            assert_eq!((rust.1, rust.2), (ImageRole::Build, &[2][..]));
            assert_eq!(build.build_args.get("SUITE").map(String::as_str), Some("bookworm"));
            assert!(build.dockerfile.unwrap().text.contains("FROM debian:${SUITE}-slim\n"));
            let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
            assert_eq!((copied.target.as_str(), &copied.lines[..]), ("/usr/bin/shop", &[5][..]));
            assert_eq!(copied.from.as_deref(), Some("rust:1.95-bookworm"));
        } else {
            assert_eq!((debian.1, rust.1), (ImageRole::Unknown, ImageRole::Unknown));
        }
    }
}

const SAMPLE: &str = include_str!("../../../testdata/provenance/buildkit-provenance-v0.2-max.json");

#[test]
fn the_statement_of_a_real_buildkit_is_read() {
    let build = ImageBuild::from_statement(SAMPLE.as_bytes()).unwrap();
    assert_eq!(build.shape, GraphShape::V0_2);
    let [image] = build.base_images.as_slice() else { panic!("{:?}", build.base_images) };
    // One image under both stages: what runs is what counts.
    assert_eq!(
        (image.reference.as_str(), image.role),
        ("base-bookworm:latest", ImageRole::Runtime)
    );
    assert!(image.sha256.as_deref().unwrap().starts_with("4eb2c84b"));
    assert_eq!(build.build_args.get("FOO").map(String::as_str), Some("bar"));
    assert!(build.dockerfile.unwrap().text.starts_with("FROM base-bookworm:latest AS build\n"));
    let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
    assert_eq!((copied.target.as_str(), copied.lines.as_slice()), ("/usr/local/bin/app", &[5][..]));
}
