//! Facts of a build → the statement about it, and the statement beside what is true today.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::binary::elf::record_section;
use crate::cargo::file_time::FileTime;
use crate::cargo::workspace::git::Git;
use crate::cargo::workspace::lockfile::Locked;
use crate::cargo::workspace::profile::Profile;
use crate::digest::sha256_hex;
use crate::provenance::build_facts::BuildFacts;
use crate::provenance::build_facts::{
    BUILD_TYPE, COMMIT, LOCKFILE, SELF_ATTESTED, SOURCES, digest_of_all,
};
use crate::provenance::fs::HashedFile;
use crate::provenance::slsa::{BuildDefinition, Builder, PROVENANCE_V1, Provenance, RunDetails};
use crate::provenance::source_proof::COMPILED;
use crate::provenance::statement::STATEMENT_V1;
use crate::provenance::statement::{ResourceDescriptor, Statement};
use crate::provenance::subject_match::{BinaryFingerprints, DIGEST_COVERS};

/// The statement about one program: `program` are its bytes, with or without a record inside.
/// Equal facts make equal bytes; there is no time in it unless `SOURCE_DATE_EPOCH` names one.
pub fn statement(made: BuildFacts<'_>, name: &str, program: &[u8], embed: bool) -> Statement {
    Statement {
        kind: STATEMENT_V1.to_owned(),
        subject: vec![subject(name, program, embed)],
        predicate_type: PROVENANCE_V1.to_owned(),
        predicate: provenance(made).to_value(),
    }
}

/// How the program was built.
pub fn provenance(made: BuildFacts<'_>) -> Provenance {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: external(made),
            internal_parameters: internal(made),
            resolved_dependencies: dependencies(made),
        },
        run_details: RunDetails {
            builder: Builder {
                id: SELF_ATTESTED.to_owned(),
                version: BTreeMap::from([("cargo-binlint".to_owned(), version)]),
            },
            metadata: times(made.epoch),
        },
    }
}

/// The program, its digest, and the traces by which it is known again when its bytes changed.
fn subject(name: &str, program: &[u8], embed: bool) -> ResourceDescriptor {
    let original = record_section::without(program);
    let bytes = original.as_deref().unwrap_or(program);
    let fingerprints = BinaryFingerprints::of(bytes);
    let mut subject = ResourceDescriptor::named(name, sha256_hex(bytes));
    subject.annotations = fingerprints.annotations();
    if embed || original.is_some() {
        let covers = json!(record_section::DIGEST_COVERS);
        subject.annotations.insert(DIGEST_COVERS.to_owned(), covers);
    }
    subject
}

/// What the person who built chose.
fn external(made: BuildFacts<'_>) -> Map<String, Value> {
    let BuildFacts { build, request, .. } = made;
    let rustflags: Vec<String> = build.rustc_arguments().into_iter().map(|it| it.0).collect();
    let mut parameters = Map::new();
    let mut set = |key: &str, value: Value| parameters.insert(key.to_owned(), value);
    set("package", json!(build.package.name));
    set("bins", json!([build.bin]));
    set("profile", json!(build.profile.name));
    set("target", json!(build.triple()));
    set("features", json!(request.features));
    set("allFeatures", json!(request.all_features));
    set("defaultFeatures", json!(!request.no_default_features));
    set("config", json!(request.config));
    set("rustflags", json!(rustflags));
    parameters
}

/// What the machine added.
fn internal(made: BuildFacts<'_>) -> Map<String, Value> {
    let stage = made.stage;
    let release = ["ID", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME"]
        .iter()
        .filter_map(|key| Some((*key, stage.os_release.get(*key)?)))
        .collect::<BTreeMap<_, _>>();
    let mut parameters = Map::new();
    for (key, value) in [
        ("rustc", &stage.rustc),
        ("cargo", &stage.cargo),
        ("linker", &stage.linker),
        ("libc", &stage.libc),
    ] {
        // A key without a value would claim that there is no linker; what is unknown is absent.
        if let Some(value) = value {
            parameters.insert(key.to_owned(), json!(value));
        }
    }
    if !release.is_empty() {
        parameters.insert("osRelease".to_owned(), json!(release));
    }
    parameters.insert("resolvedProfile".to_owned(), resolved(&made.build.effective_profile));
    if let Some(proofs) = made.proofs {
        let words: BTreeMap<&str, &str> =
            proofs.iter().map(|(name, proof)| (name.as_str(), proof.word())).collect();
        parameters.insert(COMPILED.to_owned(), json!(words));
    }
    parameters
}

/// The profile as rustc got it, as strings (SLSA asks for simple values).
pub fn resolved(profile: &Profile) -> Value {
    json!({
        "panic": profile.panic.value.name(),
        "strip": profile.strip.value.name(),
        "debug": profile.debug.value.name(),
        "splitDebuginfo": profile.split_debuginfo.value,
        "lto": profile.lto.value.name(),
        "optLevel": profile.opt_level.value,
        "debugAssertions": profile.debug_assertions.value,
        "overflowChecks": profile.overflow_checks.value,
        "rpath": profile.rpath.value,
        "codegenUnits": profile.codegen_units.value,
        "incremental": profile.incremental.value,
    })
}

/// What was read: the lockfile and its packages, the sources one by one and all together, the
/// commit.
fn dependencies(made: BuildFacts<'_>) -> Vec<ResourceDescriptor> {
    let mut all: Vec<ResourceDescriptor> = Vec::new();
    all.extend(made.lockfile.map(|sha256| ResourceDescriptor::named(LOCKFILE, sha256)));
    all.extend(made.build.locked.iter().flatten().map(package));
    all.push(ResourceDescriptor::named(SOURCES, digest_of_all(&made.sources.files)));
    let file = |file: &HashedFile| ResourceDescriptor::named(&file.path, &file.sha256);
    all.extend(made.sources.files.iter().map(file));
    all.extend(made.git.map(commit));
    all
}

/// A package of the lockfile as a package URL: the registry's checksum, or the commit of git.
fn package(package: &Locked) -> ResourceDescriptor {
    let Locked { name, version, source, checksum } = package;
    let version = version.replace('+', "%2B");
    let mut qualifier = String::new();
    let mut digest: BTreeMap<String, String> = BTreeMap::new();
    digest.extend(checksum.iter().map(|sha256| ("sha256".to_owned(), sha256.clone())));
    if let Some(git) = source.as_deref().and_then(|source| source.strip_prefix("git+")) {
        let (address, commit) = git.split_once('#').unwrap_or((git, ""));
        if !commit.is_empty() {
            digest.insert("gitCommit".to_owned(), commit.to_owned());
        }
        let address = without_password(address.split('?').next().unwrap_or(address));
        qualifier = format!("?vcs_url={}", percent_encoded(&format!("git+{address}@{commit}")));
    } else if let Some(address) = source.as_deref().filter(|source| !is_default(source)) {
        let address = address.split_once('+').map_or(address, |(_, address)| address);
        qualifier = format!("?repository_url={}", percent_encoded(address));
    }
    ResourceDescriptor {
        name: Some(name.clone()),
        uri: Some(format!("pkg:cargo/{name}@{version}{qualifier}")),
        digest,
        ..ResourceDescriptor::default()
    }
}

/// An address without the user and password that the manifest may hold; `git@` of ssh stays, it is
/// part of the address.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user = user.split(':').next().filter(|user| scheme == "ssh" && !user.is_empty());
    let user = user.map_or(String::new(), |user| format!("{user}@"));
    format!("{scheme}://{user}{host}/{path}")
}

/// Cargo's own registry, by the index of git or by the sparse one.
fn is_default(source: &str) -> bool {
    let index = source.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    index == "crates.io-index" || index == concat!("index.crates", ".io")
}

fn commit(git: &Git) -> ResourceDescriptor {
    let mut descriptor = ResourceDescriptor {
        name: Some(COMMIT.to_owned()),
        uri: git.remote.as_ref().map(|remote| format!("{remote}@{}", git.commit)),
        digest: BTreeMap::from([("gitCommit".to_owned(), git.commit.clone())]),
        ..ResourceDescriptor::default()
    };
    if let Some(dirty) = git.dirty {
        descriptor.annotations.insert("dirty".to_owned(), json!(dirty));
    }
    descriptor
}

/// `startedOn` and `finishedOn`, both the agreed time: a clock would make equal builds differ.
fn times(epoch: Option<u64>) -> Map<String, Value> {
    let mut times = Map::new();
    if let Some(time) = epoch.and_then(rfc3339) {
        times.insert("startedOn".to_owned(), json!(time));
        times.insert("finishedOn".to_owned(), json!(time));
    }
    times
}

/// The last second, counted from 1970, that RFC 3339 can write: the end of the year 9999.
pub const LATEST: u64 = 253_402_300_799;

/// Seconds since 1970 as RFC 3339, in UTC; `None` after [`LATEST`].
fn rfc3339(seconds: u64) -> Option<String> {
    let time = FileTime::new(i64::try_from(seconds).ok()?, 0).to_utc()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A value of a package URL's qualifier, in the canonical form: `:` and `/` stand as they are.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
