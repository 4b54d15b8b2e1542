//! Two stages on two images, described by both versions of the predicate.

use serde_json::{Value, json};

use crate::provenance::buildkit::*;
use crate::provenance::dsse::encode;
use crate::provenance::statement::STATEMENT_V0_1;

const RUST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const SLIM: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const DOCKERFILE: &str = "FROM rust:1.95-bookworm AS build\nRUN cargo build\nFROM debian:bookworm-slim\nCOPY --from=build /app /usr/bin/app\nRUN true\n";

fn image(digest: &str, name: &str) -> Value {
    let identifier = format!("docker-image://registry.example/library/{name}@sha256:{digest}");
    json!({ "Op": { "source": { "identifier": identifier } } })
}

fn graph() -> Value {
    json!([
        { "id": "step0", "op": image(SLIM, "debian:bookworm-slim") },
        { "id": "step1", "op": image(RUST, "rust:1.95-bookworm") },
        { "id": "step2", "inputs": ["step1:0"], "op": { "Op": { "exec": {
            "meta": { "args": ["cargo", "build"] },
            "mounts": [{ "input": -1, "dest": "/cache" }, { "input": 0, "dest": "/" }] } } } },
        { "id": "step3", "inputs": ["step0:0", "step2:0"], "op": { "Op": { "file": { "actions": [
            { "input": 0, "secondaryInput": -1, "output": -1, "Action": { "mkdir": { "path": "/usr" } } },
            { "input": 2, "secondaryInput": 1, "output": 0,
              "Action": { "copy": { "src": "/app", "dest": "/usr/bin/app" } } } ] } } } },
        { "id": "step4", "inputs": ["step3:0"], "op": { "Op": { "exec": {
            "meta": { "args": ["true"] }, "mounts": [{ "dest": "/" }] } } } },
        { "id": "step5", "inputs": ["step4:0"], "op": { "Op": null } },
    ])
}

fn source() -> Value {
    let at = |line: u32| json!({ "locations": [{ "ranges": [{ "start": { "line": line } }] }] });
    json!({
        "locations": { "step0": at(3), "step1": at(1), "step3": at(4) },
        "infos": [{ "filename": "Dockerfile", "data": encode(DOCKERFILE.as_bytes()) }],
    })
}

fn materials() -> Value {
    json!([
        { "uri": "pkg:docker/docker/dockerfile@1", "digest": { "sha256": "33" } },
        { "uri": "pkg:docker/rust@1.95-bookworm?platform=linux%2Famd64", "digest": { "sha256": RUST } },
        { "uri": "pkg:docker/debian@bookworm-slim?platform=linux%2Famd64", "digest": { "sha256": SLIM } },
        { "uri": "git+https://example.org/x", "digest": { "sha1": "44" } },
    ])
}

fn request() -> Value {
    json!({ "frontend": "dockerfile.v0",
            "args": { "build-arg:FEATURES": "tls", "label:x": "y", "target": "final" } })
}

fn v0_2() -> Value {
    json!({ "_type": STATEMENT_V0_1, "predicateType": PROVENANCE_V0_2, "subject": [], "predicate": {
        "builder": { "id": "" },
        "materials": materials(),
        "invocation": { "parameters": request() },
        "buildConfig": { "llbDefinition": graph() },
        "metadata": { "https://mobyproject.org/buildkit@v1#metadata": { "source": source() } },
    } })
}

fn v1() -> Value {
    json!({ "_type": "https://in-toto.io/Statement/v1", "predicateType": PROVENANCE_V1,
        "subject": [{ "name": "app", "digest": { "sha256": RUST } }],
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
                "externalParameters": { "request": request() },
                "internalParameters": { "buildConfig": { "llbDefinition": graph() } },
                "resolvedDependencies": materials(),
            },
            "runDetails": {
                "builder": { "id": "https://builder.example" },
                "metadata": { "buildkit_metadata": { "source": source() } },
            },
        } })
}

fn read(value: &Value) -> ImageBuild {
    ImageBuild::from_statement(value.to_string().as_bytes()).unwrap()
}

#[test]
fn both_versions_tell_the_same_story() {
    let (old, new) = (read(&v0_2()), read(&v1()));
    assert_eq!((old.shape, new.shape), (GraphShape::V0_2, GraphShape::V1));
    assert_eq!(old.builder, None);
    assert_eq!(new.builder.as_deref(), Some("https://builder.example"));
    for build in [&old, &new] {
        let of =
            |role| build.with_role(role).map(|image| image.reference.as_str()).collect::<Vec<_>>();
        assert_eq!(of(ImageRole::Runtime), ["debian:bookworm-slim"]);
        assert_eq!(of(ImageRole::Build), ["rust:1.95-bookworm"]);
        // The Dockerfile's own frontend is no base image: nothing of it is in the graph.
        assert_eq!(of(ImageRole::Unknown), ["docker/dockerfile:1"]);
        assert_eq!(build.base_images[1].lines, [1]);
        assert_eq!(build.base_images[2].lines, [3]);
        assert_eq!(build.base_images[2].platform.as_deref(), Some("linux/amd64"));
        assert_eq!(build.build_args.get("FEATURES").map(String::as_str), Some("tls"));
        assert_eq!(build.build_args.len(), 1);
        assert_eq!(build.target.as_deref(), Some("final"));
        assert_eq!(build.dockerfile.as_ref().unwrap().text, DOCKERFILE);
        let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
        assert_eq!(copied.from.as_deref(), Some("rust:1.95-bookworm"));
        assert_eq!((copied.target.as_str(), copied.lines.as_slice()), ("/usr/bin/app", &[4][..]));
    }
}

/// A builder, what packs its output, and an image that takes it from there.
fn through_stages(link: bool, mounted: bool) -> ImageBuild {
    let file = |id: &str, below: &str, from: &str, source: &str, target: &str| {
        let inputs: Vec<&str> = [below, from].into_iter().filter(|it| !it.is_empty()).collect();
        let base = if below.is_empty() { -1 } else { 0 };
        json!({ "id": id, "inputs": inputs, "op": { "Op": { "file": { "actions": [
            { "input": base, "secondaryInput": inputs.len() - 1, "output": 0,
              "Action": { "copy": { "src": source, "dest": target } } } ] } } } })
    };
    let run = |id: &str, below: &str, mount: Value| {
        json!({ "id": id, "inputs": [below, "step0:0"], "op": { "Op": { "exec": {
            "mounts": [{ "dest": "/" }, mount] } } } })
    };
    let cache = json!({ "input": 1, "dest": "/root/.cargo", "mountType": 3 });
    let bind = json!({ "input": 1, "dest": "/from" });
    let packed = run("step2", "step1:0", if mounted { bind } else { cache });
    let mut steps = vec![
        json!({ "id": "step0", "op": image(SLIM, "debian:bookworm-slim") }),
        json!({ "id": "step1", "op": image(RUST, "rust:1.95-bookworm") }),
        packed,
        file("step3", "step0:0", "step2:0", "/src/target/release/app", "/out/"),
    ];
    match link {
        false => steps.push(file("step4", "step0:0", "step3:0", "/out/app", "/usr/bin/app")),
        true => {
            steps.push(file("layer", "", "step3:0", "/out", "/usr/bin"));
            steps.push(json!({ "id": "step4", "inputs": ["step0:0", "layer:0"], "op": { "Op": {
                "merge": { "inputs": [{ "input": 0 }, { "input": 1 }] } } } }));
        }
    }
    steps.push(json!({ "id": "step5", "inputs": ["step4:0"], "op": { "Op": null } }));
    let mut statement = v1();
    let internal = &mut statement["predicate"]["buildDefinition"]["internalParameters"];
    internal["buildConfig"]["llbDefinition"] = Value::Array(steps);
    read(&statement)
}

#[test]
fn a_file_is_followed_to_the_stage_that_made_it() {
    let build = through_stages(false, false);
    let [copied] = build.copies.as_slice() else { panic!("{:?}", build.copies) };
    assert_eq!(copied.from.as_deref(), Some("debian:bookworm-slim"));
    assert_eq!(copied.made_on.as_deref(), Some("rust:1.95-bookworm"));
    assert!(copied.covers("/usr/bin/app") && !copied.covers("/usr/bin/apple"));
    // What a command with another stage at hand made may come from there.
    assert_eq!(through_stages(false, true).copies[0].made_on, None);
    // Of a directory that is copied on as a whole only one file is known.
    let linked = through_stages(true, false);
    assert_eq!(linked.copies.len(), 1, "{:?}", linked.copies);
    assert_eq!((linked.copies[0].target.as_str(), &linked.copies[0].made_on), ("/usr/bin", &None));
    assert_eq!(linked.with_role(ImageRole::Runtime).count(), 1);
}

#[test]
fn without_the_graph_no_role_is_claimed() {
    let mut min = v1();
    min["predicate"]["buildDefinition"]["internalParameters"] = json!({});
    let build = read(&min);
    assert_eq!(build.base_images.len(), 3);
    assert!(build.base_images.iter().all(|image| image.role == ImageRole::Unknown));
    assert!(build.copies.is_empty());
}

#[test]
fn one_image_under_both_stages_is_the_runtime_s() {
    let same = v1().to_string().replace(RUST, SLIM);
    let build = ImageBuild::from_statement(same.as_bytes()).unwrap();
    assert_eq!(build.with_role(ImageRole::Runtime).count(), 1);
}

#[test]
fn a_ring_in_the_graph_ends() {
    let mut ring = v1();
    let steps = &mut ring["predicate"]["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"];
    steps[3]["inputs"] = json!(["step4:0", "step2:0"]);
    steps[3]["op"]["Op"]["file"]["actions"][0]["input"] = json!(3);
    steps[3]["op"]["Op"]["file"]["actions"][1]["input"] = json!(2);
    read(&ring);
    let steps = &mut ring["predicate"]["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"];
    steps[3]["op"]["Op"]["file"]["actions"][0]["input"] = json!(0);
    read(&ring);
}

#[test]
fn another_predicate_is_no_image_build() {
    let mut sbom = v1();
    sbom["predicateType"] = json!("https://spdx.dev/Document");
    assert!(ImageBuild::from_statement(sbom.to_string().as_bytes()).is_err());
    assert!(ImageBuild::from_statement(b"{}").is_err());
    let mut empty = v1();
    empty["predicate"] = json!(null);
    assert_eq!(read(&empty).base_images, []);
}

#[test]
fn percent_signs_that_escape_nothing_stay() {
    assert_eq!(percent_decoded("linux%2Famd64"), "linux/amd64");
    assert_eq!(percent_decoded("100%"), "100%");
    assert_eq!(percent_decoded("%zz%é"), "%zz%é");
}
