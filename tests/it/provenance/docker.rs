//! From a record through an image to its verdict: in layouts with BuildKit's statements, and in a
//! real engine's build.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::docker::Engine;
use crate::support::recorded::{Shop, Verified, success};
use crate::support::slow::has;
use crate::support::{docker, layers};

/// The same build as both versions of the predicate tell it, `FROM rust … FROM debian`.
fn statement(version_1: bool, image: &str) -> Value {
    let sha256 = |digit: &str| digit.repeat(64);
    let source = |digit: &str, name: &str| {
        let identifier =
            format!("docker-image://registry.example/library/{name}@sha256:{}", sha256(digit));
        json!({ "Op": { "source": { "identifier": identifier } } })
    };
    let copy = json!({ "input": 0, "secondaryInput": 1, "output": 0, "Action": {
        "copy": { "src": "/src/shop", "dest": "/usr/bin/shop" } } });
    let graph = json!([
        { "id": "step0", "op": source("1", "debian:bookworm-slim") },
        { "id": "step1", "op": source("2", "rust:1.95-bookworm") },
        { "id": "step2", "op": { "Op": { "file": { "actions": [copy] } } }, "inputs": ["step0:0", "step1:0"] },
        { "id": "step3", "op": { "Op": null }, "inputs": ["step2:0"] },
    ]);
    let at = |line: u32| json!({ "locations": [{ "ranges": [{ "start": { "line": line } }] }] });
    let told = json!({ "locations": { "step0": at(2), "step1": at(1), "step2": at(3) } });
    let material = |digit: &str, name: &str| json!({ "uri": format!("pkg:docker/{name}?platform=linux%2Famd64"), "digest": { "sha256": sha256(digit) } });
    let materials =
        json!([material("2", "rust@1.95-bookworm"), material("1", "debian@bookworm-slim")]);
    let subject = json!([{ "name": "pkg:docker/shop", "digest": { "sha256": image } }]);
    match version_1 {
        true => json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subject,
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "externalParameters": { "request": { "args": {} } },
                    "internalParameters": { "buildConfig": { "llbDefinition": graph } },
                    "resolvedDependencies": materials,
                },
                "runDetails": { "builder": { "id": "" }, "metadata": { "buildkit_metadata": { "source": told } } },
            },
        }),
        false => json!({
            "_type": "https://in-toto.io/Statement/v0.1", "subject": subject,
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "predicate": {
                "builder": { "id": "" }, "materials": materials,
                "invocation": { "parameters": { "args": {} } },
                "buildConfig": { "llbDefinition": graph },
                "metadata": { "https://mobyproject.org/buildkit@v1#metadata": { "source": told } },
            },
        }),
    }
}

/// A layout with the program and, beside it in the index, its attestation manifest: as an image
/// manifest of no platform, or as the artifact that BuildKit writes since 0.32.
fn layout(at: &Path, shop: &Shop, version_1: bool, artifact: bool) {
    let program = fs::read(shop.program()).unwrap();
    let layer = layers::archive(&[
        layers::directory("usr/bin/"),
        layers::program("usr/bin/shop", &program),
    ]);
    let config = r#"{"Entrypoint":["/usr/bin/shop"]}"#;
    let image = layers::image(at, ("linux", "amd64"), config, &[layer]);
    let digest = image.split("sha256:").nth(1).unwrap()[..64].to_owned();
    let statement = statement(version_1, &digest).to_string();
    let kind = match version_1 {
        true => "https://slsa.dev/provenance/v1",
        false => "https://slsa.dev/provenance/v0.2",
    };
    let layer = layers::blob(at, "application/vnd.in-toto+json", statement.as_bytes());
    let layer = format!(r#"{{{layer},"annotations":{{"in-toto.io/predicate-type":"{kind}"}}}}"#);
    let manifest = if artifact {
        let empty = layers::blob(at, "application/vnd.oci.empty.v1+json", b"{}");
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"application/vnd.docker.attestation.manifest.v1+json","config":{{{empty}}},"layers":[{layer}],"subject":{{{image}}}}}"#,
            layers::MANIFEST
        )
    } else {
        let config = r#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config = layers::blob(at, layers::CONFIG, config.as_bytes());
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{{config}}},"layers":[{layer}]}}"#,
            layers::MANIFEST
        )
    };
    let manifest = layers::blob(at, layers::MANIFEST, manifest.as_bytes());
    let kind = if artifact {
        r#""artifactType":"application/vnd.docker.attestation.manifest.v1+json""#.to_owned()
    } else {
        r#""platform":{"os":"unknown","architecture":"unknown"}"#.to_owned()
    };
    let attestation = format!(
        r#"{manifest},{kind},"annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"sha256:{digest}"}}"#
    );
    let image = format!(r#"{image},"platform":{{"os":"linux","architecture":"amd64"}}"#);
    layers::index(at, &[image, attestation]);
}

#[test]
fn base_images_are_shown_and_compared_in_all_four_shapes() {
    if !has("tar") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    shop.build(&["--embed"]);
    let dockerfile = "FROM rust:1.95-bookworm AS build\nFROM debian:bookworm-slim\nCOPY --from=build /src/shop /usr/bin/shop\n";
    fs::write(shop.root.join("Dockerfile"), dockerfile).unwrap();
    let other = dockerfile.replace("bookworm-slim", "trixie-slim");
    fs::write(shop.root.join("Dockerfile.other"), other).unwrap();
    let pinned = dockerfile.replacen(
        "1.95-bookworm",
        &format!("1.95-bookworm@sha256:{}", "3".repeat(64)),
        1,
    );
    fs::write(shop.root.join("Dockerfile.pinned"), pinned).unwrap();
    for (version_1, artifact) in [(false, false), (false, true), (true, false), (true, true)] {
        let name = format!("layout-{version_1}-{artifact}");
        let at = shop.root.join(&name);
        layout(&at, &shop, version_1, artifact);
        let image = format!("oci:{name}");
        let shown =
            shop.binlint(&["verify", &image, "--dockerfile", "Dockerfile"]).output().unwrap();
        let words = String::from_utf8_lossy(&shown.stdout);
        for line in [
            format!(
                "note: runtime base: debian:bookworm-slim@sha256:{} (Dockerfile:2)",
                "1".repeat(64)
            ),
            format!(
                "note: build stage's base: rust:1.95-bookworm@sha256:{} (Dockerfile:1)",
                "2".repeat(64)
            ),
            "note: /usr/bin/shop was copied from rust:1.95-bookworm (Dockerfile:3)".to_owned(),
        ] {
            assert!(
                words.contains(&line),
                "{name}: {words}{}",
                String::from_utf8_lossy(&shown.stderr)
            );
        }
        let verify = |file: &str| {
            let verified = shop.verify(&[&image, "--dockerfile", file, "-A", "toolchain-mismatch"]);
            let base = verified.failed.contains(&"base-image-mismatch".to_owned());
            (base, verified.said)
        };
        if cfg!(target_arch = "x86_64")
            && fs::read_to_string("/etc/os-release").unwrap().contains("bookworm")
        {
            let (failed, said) = verify("Dockerfile");
            assert!(!failed, "{name}: {said}");
        }
        let (failed, said) = verify("Dockerfile.other");
        assert!(failed && said.contains("did not pull debian:trixie-slim"), "{name}: {said}");
        let (failed, said) = verify("Dockerfile.pinned");
        assert!(failed && said.contains("pinned to another digest"), "{name}: {said}");
    }
}

#[test]
fn a_program_is_found_in_a_root_and_in_an_archive() {
    if !has("tar") {
        return;
    }
    let Some(shop) = Shop::new() else { return };
    shop.build(&[]);
    let root = shop.root.join("rootfs");
    fs::create_dir_all(root.join("opt")).unwrap();
    fs::create_dir_all(root.join("usr/share")).unwrap();
    fs::copy(shop.program(), root.join("opt/shop")).unwrap();
    fs::copy(shop.record(), root.join("usr/share/shop.json")).unwrap();
    let verify = |more: &[&str]| {
        let mut words = vec!["dir:rootfs", "--at", "/opt/shop"];
        words.extend(more);
        shop.verify(&words)
    };
    assert_eq!(verify(&["--image-record", "/usr/share/shop.json"]).code, 0);
    assert_eq!(verify(&["--record", "target/release/shop.intoto.jsonl"]).code, 0);
    let none = verify(&[]);
    assert_eq!(none.code, 2);
    assert!(none.said.contains("/opt/shop.intoto.jsonl"), "{}", none.said);
    assert_eq!(verify(&["--image-record", "/missing"]).code, 2);
    fs::copy(shop.record(), root.join("opt/shop.intoto.jsonl")).unwrap();
    assert_eq!(verify(&[]).code, 0);
    let nothing = shop.verify(&["dir:rootfs"]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.said.contains("--at"), "{}", nothing.said);
    success(&mut shop.command("tar", &["-C", "rootfs", "-cf", "rootfs.tar", "."]));
    assert_eq!(shop.verify(&["rootfs.tar", "--at", "/opt/shop"]).code, 0);
    // Another program at that place, and the image's own record denies it.
    fs::write(root.join("opt/shop"), fs::read("/bin/true").unwrap()).unwrap();
    let other = verify(&[]);
    assert_eq!((other.code, other.failed.contains(&"digest-mismatch".to_owned())), (1, true));
}

/// `rust` stands for the base image.
const DOCKERFILE: &str = "\
FROM rust AS build
WORKDIR /src
COPY shop /src
RUN --mount=source=tools,target=/tools PATH=/tools:$PATH && \
    cargo binlint build --release --no-check --embed
FROM rust AS stripped
COPY --from=build /src/target/release/shop /usr/local/bin/shop
RUN strip /usr/local/bin/shop
ENTRYPOINT [\"shop\"]
FROM rust
COPY --from=build /src/target/release/shop /usr/local/bin/shop
COPY --from=build /src/target/release/shop.intoto.jsonl /usr/share/shop.json
RUN --mount=source=tools,target=/tools /tools/cargo-binlint verify /usr/local/bin/shop
ENTRYPOINT [\"/usr/local/bin/shop\"]
";

#[test]
fn record_image_verify_in_a_real_build() {
    let Some(engine) = has("git").then(Engine::get).flatten() else { return };
    let context = tempfile::tempdir().unwrap();
    let at = |path: &str| context.path().join(path);
    fs::create_dir(at("tools")).unwrap();
    docker::linter(&at("tools"));
    let Some(shop) = Shop::new() else { return };
    success(&mut shop.git(&["clone", "-q", ".", at("shop").to_str().unwrap()]));
    let base = format!("FROM {}", engine.rust());
    fs::write(at("Dockerfile"), DOCKERFILE.replace("FROM rust", &base)).unwrap();
    let build = |words: &[&str]| {
        let archive = engine.build(context.path(), words).save(context.path());
        archive.to_str().unwrap().to_owned()
    };
    let image = build(&[]);
    let verify = |words: &[&str]| -> Verified { shop.verify(words) };
    let inside = verify(&[&image]);
    assert_eq!((inside.code, inside.failed), (0, vec![]), "{}", inside.said);
    let reference = format!("docker-archive:{image}");
    let beside =
        verify(&[&reference, "--image-record", "/usr/share/shop.json", "-D", "dirty-worktree"]);
    assert_eq!((beside.code, beside.failed), (0, vec![]), "{}", beside.said);
    let stripped = verify(&[&build(&["--target", "stripped"])]);
    assert_eq!((stripped.code, stripped.failed), (0, vec!["stripped-after-build".to_owned()]));
}
