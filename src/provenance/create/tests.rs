//! A record of a build in memory, and every field of it changed in turn.

use serde_json::Value;

use crate::cargo::build::Build;
use crate::cargo::build::PackageLocation;
use crate::cargo::toolchain::BuildEnvironment;
use crate::cargo::workspace::profile::SettingOrigin;
use crate::cargo::workspace::rustflags::RustFlag;
use crate::provenance::build_facts::BuildRequest;
use crate::provenance::compare::compare;
use crate::provenance::create::*;
use crate::provenance::fs::HashedSources;
use crate::provenance::source_proof::{SourceProof, SourceProofs};

pub(crate) fn with_made<T>(act: impl FnOnce(BuildFacts<'_>) -> T) -> T {
    let locked = |name: &str, source: Option<&str>, checksum: Option<&str>| Locked {
        name: name.to_owned(),
        version: "1.0.0+meta".to_owned(),
        source: source.map(str::to_owned),
        checksum: checksum.map(str::to_owned),
    };
    let digest = "ab".repeat(32);
    let build = Build {
        package: PackageLocation {
            name: "app".into(),
            version: "0.1.0".into(),
            ..PackageLocation::default()
        },
        bin: "app".into(),
        target: Some("x86_64-unknown-linux-musl".into()),
        rustflags: vec![RustFlag {
            word: "-Ctarget-cpu=native".into(),
            origin: SettingOrigin::Default,
        }],
        locked: Some(vec![
            locked("app", None, None),
            locked("dep", Some("registry+https://forge.example/crates.io-index"), Some(&digest)),
            locked("own", Some("sparse+https://crates.example/index/"), Some(&digest)),
            locked("git", Some("git+https://me:secret@forge.example/a?branch=x#0123abcd"), None),
        ]),
        ..Build::default()
    };
    let release = [("ID", "debian"), ("VERSION_ID", "12")];
    let stage = BuildEnvironment {
        rustc: Some("rustc 1.95.0\nhost: x".into()),
        cargo: Some("cargo 1.95.0".into()),
        linker: Some("cc 12".into()),
        libc: Some("glibc 2.36".into()),
        os_release: release.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    };
    let file = |path: &str| HashedFile { path: path.to_owned(), sha256: digest.clone() };
    let sources = HashedSources {
        files: vec![file("Cargo.toml"), file("src/main.rs")],
        ..HashedSources::default()
    };
    let git = Git { commit: "cd".repeat(20), dirty: Some(false), remote: None };
    let request = BuildRequest { features: vec!["tls".into()], ..BuildRequest::default() };
    let proofs = SourceProofs::from([
        ("bin app".into(), SourceProof::InThisBuild),
        ("lib dep".into(), SourceProof::Open),
    ]);
    act(BuildFacts {
        build: &build,
        request: &request,
        stage: &stage,
        sources: &sources,
        lockfile: Some(&digest),
        git: Some(&git),
        proofs: Some(&proofs),
        epoch: Some(1_700_000_000),
    })
}

#[test]
fn equal_facts_make_equal_bytes() {
    let bytes = || with_made(|made| statement(made, "app", b"program", false).to_json());
    assert_eq!(bytes(), bytes());
    let read = Statement::from_json(&bytes()).unwrap();
    assert_eq!(read.to_json(), bytes());
    with_made(|made| assert_eq!(Provenance::from_statement(&read).unwrap(), provenance(made)));
}

#[test]
fn packages_are_named_by_purls() {
    let provenance = with_made(provenance);
    let all = &provenance.build_definition.resolved_dependencies;
    let uris: Vec<&str> = all.iter().filter_map(|it| it.uri.as_deref()).collect();
    // As packageurl-python writes them: the canonical form.
    assert_eq!(
        uris,
        [
            "pkg:cargo/app@1.0.0%2Bmeta",
            "pkg:cargo/dep@1.0.0%2Bmeta",
            "pkg:cargo/own@1.0.0%2Bmeta?repository_url=https://crates.example/index/",
            "pkg:cargo/git@1.0.0%2Bmeta?vcs_url=git%2Bhttps://forge.example/a%400123abcd",
        ]
    );
    assert_eq!(all[4].digest.get("gitCommit").map(String::as_str), Some("0123abcd"));
    assert!(all.iter().all(|it| it.uri.is_some() || !it.digest.is_empty()));
}

#[test]
fn the_digest_of_all_is_what_sha256sum_makes_of_them() {
    // printf 'a\n' | sha256sum; sha256sum a | sha256sum
    let file = HashedFile {
        path: "a".into(),
        sha256: "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7".into(),
    };
    let line = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  a\n";
    assert_eq!(digest_of_all(std::slice::from_ref(&file)), sha256_hex(line.as_bytes()));
    // printf a >$'a\nb\\\r'; sha256sum a*
    let odd = HashedFile { path: "a\nb\\\r".into(), ..file };
    let line = format!("\\{}  a\\nb\\\\\\r\n", odd.sha256);
    assert_eq!(digest_of_all(&[odd]), sha256_hex(line.as_bytes()));
}

#[test]
fn times_are_rfc_3339() {
    assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
    assert_eq!(rfc3339(951_782_400).as_deref(), Some("2000-02-29T00:00:00Z"));
    assert_eq!(rfc3339(1_700_000_000).as_deref(), Some("2023-11-14T22:13:20Z"));
    assert_eq!(rfc3339(253_402_300_799).as_deref(), Some("9999-12-31T23:59:59Z"));
    assert_eq!(rfc3339(u64::MAX), None);
    with_made(|made| {
        assert!(provenance(BuildFacts { epoch: None, ..made }).run_details.metadata.is_empty());
    });
}

/// Every scalar of the value, as a path of keys and indices.
fn leaves(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), into));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), into);
            }
        }
        _ => into.push(at.to_owned()),
    }
}

#[test]
fn every_field_changed_in_turn_is_named() {
    let now = with_made(provenance);
    assert_eq!(compare(&now, &now), (Vec::new(), Vec::new()));
    let whole = now.to_value();
    let mut paths = Vec::new();
    leaves(&whole, "", &mut paths);
    assert!(paths.len() > 50, "{paths:?}");
    for path in paths {
        let mut changed = whole.clone();
        let place = changed.pointer_mut(&path).unwrap();
        *place = match place {
            Value::Bool(is) => Value::Bool(!*is),
            Value::String(text) => Value::String(format!("{text}x")),
            _ => Value::String("x".to_owned()),
        };
        let changed: Provenance = serde_json::from_value(changed).unwrap();
        let (differences, _) = compare(&changed, &now);
        let last = path.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap();
        // A renamed dependency is one that is missing and one that is new.
        let named = differences.iter().any(|it| it.field.contains(last))
            || matches!(last, "name" | "uri") && !differences.is_empty();
        assert!(named, "{path}: {differences:?}");
    }
}

#[test]
fn every_field_taken_away_and_every_field_added_is_named() {
    let now = with_made(provenance);
    for key in now.build_definition.external_parameters.keys() {
        let mut less = now.clone();
        less.build_definition.external_parameters.remove(key);
        let (differences, _) = compare(&less, &now);
        assert_eq!(differences[0].field, format!("buildDefinition.externalParameters.{key}"));
        assert_eq!(compare(&now, &less).0.len(), 1);
    }
    for index in 0..now.build_definition.resolved_dependencies.len() {
        let mut less = now.clone();
        less.build_definition.resolved_dependencies.remove(index);
        assert_eq!(compare(&less, &now).0.len(), 1);
    }
    let mut twice = now.clone();
    twice
        .build_definition
        .resolved_dependencies
        .push(ResourceDescriptor::named("src/main.rs", "00"));
    assert_eq!(compare(&twice, &now).0.len(), 1);
}

#[test]
fn what_cannot_be_known_here_is_open() {
    with_made(|made| {
        let recorded = provenance(made);
        let here = provenance(BuildFacts { git: None, epoch: None, ..made });
        let (differences, open) = compare(&recorded, &here);
        assert_eq!(differences, []);
        assert_eq!(open.len(), 2, "{open:?}");
    });
}
