//! A whole record, and each of its fields changed, taken away or doubled.

use serde_json::json;

use crate::binary::elf::append_section::tests::sample;
use crate::provenance::attestation;
use crate::provenance::consistency::*;
use crate::provenance::subject_match::BinaryFingerprints;

fn whole() -> Value {
    let digest = "ab".repeat(32);
    let files = [HashedFile { path: "src/main.rs".into(), sha256: digest.clone() }];
    let program = sample(64, true);
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{
            "name": "app",
            "digest": { "sha256": crate::digest::sha256_hex(&program) },
            "annotations": BinaryFingerprints::of(&program).annotations(),
        }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "package": "app", "bins": ["app"], "profile": "release", "target": "x",
                    "features": [], "allFeatures": false, "defaultFeatures": true,
                    "config": [], "rustflags": ["-Cdebuginfo=0"],
                },
                "internalParameters": {
                    "rustc": "rustc 1.95.0",
                    "osRelease": { "ID": "debian" },
                    "resolvedProfile": {
                        "panic": "unwind", "strip": "none", "debug": "none", "splitDebuginfo": null,
                        "lto": "off", "optLevel": "3", "debugAssertions": false,
                        "overflowChecks": false, "rpath": false, "codegenUnits": 16,
                        "incremental": false,
                    },
                    "compiled": { "bin app": "in-this-build", "lib core": "open" },
                },
                "resolvedDependencies": [
                    { "name": "Cargo.lock", "digest": { "sha256": digest } },
                    { "name": "dep", "uri": "pkg:cargo/dep@1.0.0", "digest": { "sha256": digest } },
                    { "name": "sources", "digest": { "sha256": digest_of_all(&files) } },
                    { "name": "src/main.rs", "digest": { "sha256": digest } },
                    {
                        "name": "git",
                        "digest": { "gitCommit": "cd".repeat(20) },
                        "annotations": { "dirty": false },
                    },
                ],
            },
            "runDetails": {
                "builder": { "id": "x", "version": { "cargo-binlint": "0.1.0" } },
                "metadata": {
                    "startedOn": "2023-11-14T22:13:20Z",
                    "finishedOn": "2023-11-14T22:13:20Z",
                },
            },
        },
    })
}

/// Everything that is said against a record, in one text.
fn said(record: &Value) -> String {
    let attestation = match attestation::read(record.to_string().as_bytes()) {
        Ok(attestation) => attestation,
        Err(error) => return error.to_string(),
    };
    match RecordFacts::read("here".into(), &attestation, &[], &sample(64, true)) {
        Err(error) => error.to_string(),
        Ok(record) => {
            let all = find_inconsistencies(&record);
            all.iter().map(|it| format!("{}: {}\n", it.what, it.evidence)).collect()
        }
    }
}

const DEFINITION: &str = "/predicate/buildDefinition";

#[test]
fn what_this_program_writes_is_not_contradicted() {
    assert_eq!(said(&whole()), "");
    let mut without_times = whole();
    without_times["predicate"]["runDetails"].as_object_mut().unwrap().remove("metadata");
    assert_eq!(said(&without_times), "");
}

#[test]
fn of_a_stripped_program_what_is_noted_must_still_be_true() {
    let mut stripped = whole();
    stripped["subject"][0]["digest"]["sha256"] = json!("cd".repeat(32));
    assert_eq!(said(&stripped), "");
    stripped["subject"][0]["annotations"]["sections"][".text"] = json!("cd".repeat(32));
    assert!(said(&stripped).contains("sections"), "{}", said(&stripped));
}

#[test]
fn what_no_record_says_is_named() {
    for (at, value, word) in [
        ("/subject/0/name", json!("other"), "other"),
        ("/subject/0/digest/sha512", json!("00"), "sha512"),
        ("/subject/0/uri", json!("https://x"), "uri"),
        ("/subject/0/annotations/loaded", json!("00"), "loaded"),
        ("/subject/0/annotations/extra", json!(1), "extra"),
        ("/subject/0/annotations/digestCovers", json!("nothing"), "digestCovers"),
        ("/extra", json!(1), "extra"),
        ("/predicate/extra", json!([]), "predicate.extra"),
        ("/predicate/runDetails/byproducts", json!([]), "byproducts"),
        ("/predicate/runDetails/builder/extra", json!(""), "builder.extra"),
        ("/predicate/runDetails/builder/version/other", json!("1"), "version.other"),
        ("/predicate/runDetails/metadata/startedOn", json!("today"), "startedOn"),
        ("/predicate/runDetails/metadata/startedOn", json!("2023-11-14T22:13:21Z"), "startedOn"),
        ("/predicate/runDetails/metadata/invocationId", json!("x"), "invocationId"),
    ] {
        let mut changed = whole();
        let (parent, key) = at.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[key] = value;
        assert!(said(&changed).contains(word), "{at}: {}", said(&changed));
    }
    for (at, value, word) in [
        ("/buildType", json!("other"), "buildType"),
        ("/externalParameters/extra", json!(1), "extra"),
        ("/externalParameters/bins", json!(["app", "b"]), "bins"),
        ("/externalParameters/bins", json!("app"), "bins"),
        ("/externalParameters/features", json!([1]), "features"),
        ("/externalParameters/allFeatures", json!("no"), "allFeatures"),
        ("/internalParameters/extra", json!(1), "extra"),
        ("/internalParameters/rustc", json!(1), "rustc"),
        ("/internalParameters/osRelease", json!("debian"), "osRelease"),
        ("/internalParameters/osRelease/ID", json!(1), "ID"),
        ("/internalParameters/osRelease/HOME", json!("x"), "HOME"),
        ("/internalParameters/resolvedProfile", json!([]), "resolvedProfile"),
        ("/internalParameters/resolvedProfile/lto", json!(1), "lto"),
        ("/internalParameters/resolvedProfile/extra", json!(1), "extra"),
        ("/internalParameters/compiled", json!([]), "compiled"),
        ("/internalParameters/compiled/bin app", json!("seen"), "bin app"),
        ("/internalParameters/compiled", json!({ "lib app": "open" }), "bin app"),
        ("/resolvedDependencies/0/digest/sha256", json!("AB".repeat(32)), "Cargo.lock"),
        ("/resolvedDependencies/0/digest/md5", json!("00"), "md5"),
        ("/resolvedDependencies/2/digest/sha256", json!("ef".repeat(32)), "all sources"),
        ("/resolvedDependencies/3/digest/sha256", json!("ef".repeat(32)), "all sources"),
        ("/resolvedDependencies/3/name", json!("src/other.rs"), "all sources"),
        ("/resolvedDependencies/3/uri", json!("https://x"), "src/main.rs"),
        ("/resolvedDependencies/3/content", json!("eA=="), "src/main.rs"),
        ("/resolvedDependencies/3/annotations", json!({ "dirty": true }), "dirty"),
        ("/resolvedDependencies/4/digest/gitCommit", json!("HEAD"), "gitCommit"),
        ("/resolvedDependencies/4/digest/sha256", json!("ef".repeat(32)), "sha256"),
        ("/resolvedDependencies/4/annotations/dirty", json!("no"), "dirty"),
    ] {
        let mut changed = whole();
        let (parent, key) = at.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(&format!("{DEFINITION}{parent}")).unwrap();
        parent[key] = value;
        assert!(said(&changed).contains(word), "{at}: {}", said(&changed));
    }
}

#[test]
fn what_every_record_says_is_missed() {
    let external = ["package", "bins", "profile", "target", "features", "allFeatures"]
        .map(|name| format!("{DEFINITION}/externalParameters/{name}"));
    let profile = ["panic", "lto", "codegenUnits", "incremental"]
        .map(|name| format!("{DEFINITION}/internalParameters/resolvedProfile/{name}"));
    let other = [
        "/subject/0/annotations/loaded",
        "/subject/0/annotations/sections",
        "/subject/0/digest",
        "/predicate/runDetails/builder",
        "/predicate/runDetails/metadata/finishedOn",
    ];
    let compiled = format!("{DEFINITION}/internalParameters/compiled");
    let own = format!("{compiled}/bin app");
    let more = other.map(str::to_owned).into_iter().chain([compiled, own]);
    for at in external.into_iter().chain(profile).chain(more) {
        let mut changed = whole();
        let (parent, key) = at.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        let word = key.rsplit(' ').next().unwrap();
        assert!(said(&changed).contains(word), "{at}: {}", said(&changed));
    }
    for index in [0, 2, 3] {
        let mut changed = whole();
        let all = changed.pointer_mut(&format!("{DEFINITION}/resolvedDependencies")).unwrap();
        let gone = all.as_array_mut().unwrap().remove(index);
        assert_ne!(said(&changed), "", "{gone}");
    }
}

#[test]
fn two_subjects_and_two_dependencies_of_one_name_are_refused() {
    let mut twice = whole();
    let subject = twice["subject"][0].clone();
    twice["subject"].as_array_mut().unwrap().push(subject);
    assert!(said(&twice).contains("2 subjects"));
    let mut twice = whole();
    let all = twice.pointer_mut(&format!("{DEFINITION}/resolvedDependencies")).unwrap();
    let commit = all[4].clone();
    all.as_array_mut().unwrap().push(commit);
    assert!(said(&twice).contains("git is listed twice"));
}
