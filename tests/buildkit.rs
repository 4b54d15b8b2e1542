//! Provenance as BuildKit itself wrote it, in each of its shapes: kept statements, and an engine
//! that writes them anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use binlint::attest::buildkit::{ImageBuild, Role, Shape};

#[path = "support/cache.rs"]
mod cache;
#[path = "support/debian.rs"]
mod debian;
#[path = "support/newer_engine.rs"]
mod newer_engine;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/recorded.rs"]
mod support;

use newer_engine::{Engine, Keeps, root};
use support::{Shop, has, success};

/// By Docker 28.5.2 with BuildKit 0.25 (`testdata/provenance/README.md`).
const STATEMENTS: [(Shape, bool, &str); 4] = [
    (Shape::V0_2, false, include_str!("../testdata/provenance/buildkit-0.25-v0.2-min.json")),
    (Shape::V0_2, true, include_str!("../testdata/provenance/buildkit-0.25-v0.2-max.json")),
    (Shape::V1, false, include_str!("../testdata/provenance/buildkit-0.25-v1-min.json")),
    (Shape::V1, true, include_str!("../testdata/provenance/buildkit-0.25-v1-max.json")),
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
            assert_eq!((debian.1, debian.2), (Role::Runtime, &[4][..]));
            assert_eq!((rust.1, rust.2), (Role::Build, &[2][..]));
            assert_eq!(build.build_args.get("SUITE").map(String::as_str), Some("bookworm"));
            assert!(build.dockerfile.unwrap().text.contains("FROM debian:${SUITE}-slim\n"));
            let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
            assert_eq!((copied.target.as_str(), &copied.lines[..]), ("/usr/bin/shop", &[5][..]));
            assert_eq!(copied.from.as_deref(), Some("rust:1.95-bookworm"));
        } else {
            assert_eq!((debian.1, rust.1), (Role::Unknown, Role::Unknown));
        }
    }
}

/// An archive of a directory.
fn packed(directory: &Path) -> Vec<u8> {
    success(Command::new("tar").arg("-C").arg(directory).args(["-c", "."])).stdout
}

#[test]
fn base_images_of_a_real_engine_are_shown_and_compared_in_every_shape() {
    if !has("git") {
        return;
    }
    // Debian's next release has the first BuildKit that writes SLSA v1.
    let Some(root) = root("forky") else { return };
    let engine = Engine::start(&root, Keeps::InContainerd);
    let docker = |words: &[&str], input: &[u8]| {
        let output = engine.docker(words, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        output.stdout
    };
    let shop = Shop::new();
    shop.build(&["--embed"]);
    let context = shop.root.join("context");
    fs::create_dir_all(&context).unwrap();
    // A base image holds its name and the program.
    let import = |name: &str| {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("src")).unwrap();
        fs::write(root.path().join("role"), name).unwrap();
        fs::copy(shop.program(), root.path().join("src/shop")).unwrap();
        docker(&["import", "-", name], &packed(root.path()));
    };
    // Tags that say of the build stage what the record says of this machine, and one that does not.
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap();
    let internal = &record["predicate"]["buildDefinition"]["internalParameters"];
    let rustc = internal["rustc"].as_str().unwrap();
    let rustc = rustc.lines().find_map(|line| line.strip_prefix("release: ")).unwrap();
    let rustc = rustc.split('-').next().unwrap();
    let suite = internal["osRelease"]["VERSION_CODENAME"].as_str().unwrap_or("sid").to_owned();
    for suite in [suite.as_str(), "buster"] {
        import(&format!("rust:{rustc}-{suite}"));
        import(&format!("debian:{suite}-slim"));
    }
    let dockerfile = format!(
        "ARG SUITE={suite}\nFROM rust:{rustc}-${{SUITE}} AS build\nFROM own/unused AS unused\n\
         FROM debian:${{SUITE}}-slim\nCOPY --from=build /src/shop /usr/bin/shop\n\
         ENTRYPOINT [\"/usr/bin/shop\"]\n"
    );
    fs::write(context.join("Dockerfile"), &dockerfile).unwrap();
    fs::write(shop.root.join("other"), dockerfile.replace("FROM debian", "FROM own/debian"))
        .unwrap();
    let build = |mode: &str, suite: &str| {
        let words = ["buildx", "build", "--quiet", "--network=none", "-t", "shop:1"];
        let mode = format!("--provenance={mode}");
        let suite = format!("--build-arg=SUITE={suite}");
        let to = ["--output=type=oci,dest=-", "-"];
        let archive = docker(&[&words[..], &[&mode, &suite], &to].concat(), &packed(&context));
        fs::write(shop.path("image.tar"), archive).unwrap();
    };
    let verify = |dockerfile: &str| {
        let words = ["verify", "oci-archive:image.tar", "--dockerfile", dockerfile];
        let output = shop.binlint(&words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    for version in ["v0.2", "v1"] {
        for mode in ["min", "max"] {
            let mode = format!("mode={mode},version={version}");
            build(&mode, &suite);
            let (code, words) = verify("context/Dockerfile");
            let runtime = format!("note: runtime base: debian:{suite}-slim@sha256:");
            let stage = format!("note: build stage's base: rust:{rustc}-{suite}@sha256:");
            for (line, number) in [(&runtime, 4), (&stage, 2)] {
                let line = words.lines().find(|it| it.contains(line.as_str()));
                let line = line.unwrap_or_else(|| panic!("{mode}: {words}"));
                assert!(line.ends_with(&format!("(Dockerfile:{number})")), "{mode}: {line}");
            }
            assert_eq!(code, 0, "{mode}: {words}");
            assert!(!words.contains("base-image-mismatch"), "{mode}: {words}");
            let (_, words) = verify("other");
            assert!(words.contains("base-image-mismatch"), "{mode}: {words}");
            assert!(words.contains("own/debian"), "{mode}: {words}");
            // Built with another argument, the stage is not what the record of the program says;
            // without a graph nothing but the tag's own line could tell, and it is not accused.
            build(&mode, "buster");
            let (_, words) = verify("context/Dockerfile");
            let is_max = mode.contains("max");
            assert_eq!(words.contains("which is buster"), is_max, "{words}");
            // What came from the context was built nobody knows where.
            fs::copy(shop.program(), context.join("shop")).unwrap();
            fs::write(context.join("Dockerfile"), dockerfile.replace("--from=build /src/", ""))
                .unwrap();
            build(&mode, "buster");
            let (_, words) = verify("context/Dockerfile");
            assert!(!words.contains("which is buster"), "{words}");
            fs::write(context.join("Dockerfile"), &dockerfile).unwrap();
        }
    }
    // The default of this engine, whatever it is, is read too.
    build("true", &suite);
    assert!(verify("context/Dockerfile").1.contains("runtime base: debian:"));
}
