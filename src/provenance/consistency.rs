//! What a record cannot say if this program wrote it: against its own specification, against
//! itself, against the program that it is about. `docs/provenance.md` is that specification.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::provenance::build_facts::{BUILD_TYPE, COMMIT, LOCKFILE, SOURCES, digest_of_all};
use crate::provenance::fs::HashedFile;
use crate::provenance::record::RecordFacts;
use crate::provenance::source_proof::{COMPILED, SourceProof};
use crate::provenance::statement::ResourceDescriptor;
use crate::provenance::statement::is_sha256;
use crate::provenance::subject_match::SubjectMatch;

/// One thing that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconsistency {
    /// As a clause.
    pub what: String,
    /// The field, and what it says.
    pub evidence: String,
}

/// What a parameter looks like, and whether it may be absent.
#[derive(Clone, Copy)]
enum ValueShape {
    Text,
    Flag,
    Texts,
    /// A number or nothing.
    Number,
    /// Text, or nothing where cargo leaves it to rustc.
    MaybeText,
    MaybeFlag,
}

/// The external parameters, every one of which is there.
const EXTERNAL: &[(&str, ValueShape)] = &[
    ("package", ValueShape::Text),
    ("bins", ValueShape::Texts),
    ("profile", ValueShape::Text),
    ("target", ValueShape::Text),
    ("features", ValueShape::Texts),
    ("allFeatures", ValueShape::Flag),
    ("defaultFeatures", ValueShape::Flag),
    ("config", ValueShape::Texts),
    ("rustflags", ValueShape::Texts),
];

/// The internal parameters that are texts, and absent where nothing could be asked.
const ASKED: &[&str] = &["rustc", "cargo", "linker", "libc"];

/// The lines of `os-release` that are kept, where they are there.
const OS_RELEASE: &[&str] = &["ID", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME"];

/// The settings of the resolved profile, every one of which is there.
const PROFILE: &[(&str, ValueShape)] = &[
    ("panic", ValueShape::Text),
    ("strip", ValueShape::Text),
    ("debug", ValueShape::Text),
    ("splitDebuginfo", ValueShape::MaybeText),
    ("lto", ValueShape::Text),
    ("optLevel", ValueShape::Text),
    ("debugAssertions", ValueShape::Flag),
    ("overflowChecks", ValueShape::Flag),
    ("rpath", ValueShape::Flag),
    ("codegenUnits", ValueShape::Number),
    ("incremental", ValueShape::MaybeFlag),
];

/// Everything that the record cannot say.
pub fn find_inconsistencies(record: &RecordFacts) -> Vec<Inconsistency> {
    let mut found = Inconsistencies(Vec::new());
    let definition = &record.provenance.build_definition;
    if definition.build_type != BUILD_TYPE {
        let says = format!("buildType {:?}", definition.build_type);
        found.add("the build type is none that is known here", says);
        return found.0;
    }
    for field in &record.unknown {
        found.add(format!("a record has no field {field:?}"), field);
    }
    found.parameters("externalParameters", &definition.external_parameters, EXTERNAL, &[]);
    if let Some(bins) = definition.external_parameters.get("bins")
        && bins.as_array().is_none_or(|bins| bins.len() != 1)
    {
        found.add("a record is about one binary", format!("externalParameters.bins {bins}"));
    }
    internal(&mut found, record);
    dependencies(&mut found, &definition.resolved_dependencies);
    times(&mut found, &record.provenance.run_details.metadata);
    for name in record.provenance.run_details.builder.version.keys() {
        if name != "cargo-binlint" {
            found.add(format!("a builder has no part {name:?}"), format!("builder.version.{name}"));
        }
    }
    subjects(&mut found, record);
    found.0
}

struct Inconsistencies(Vec<Inconsistency>);

impl Inconsistencies {
    fn add(&mut self, what: impl Into<String>, evidence: impl Into<String>) {
        self.0.push(Inconsistency { what: what.into(), evidence: evidence.into() });
    }

    /// Every listed parameter is there and of its shape; nothing else is, but for `others`.
    fn parameters(
        &mut self,
        of: &str,
        map: &Map<String, Value>,
        listed: &[(&str, ValueShape)],
        others: &[&str],
    ) {
        for (name, shape) in listed {
            let is_text = |value: &Value| value.is_string();
            match map.get(*name) {
                None => self.add(format!("{of} lack {name}"), format!("{of}.{name}")),
                Some(value) => {
                    let fits = match shape {
                        ValueShape::Text => is_text(value),
                        ValueShape::Flag => value.is_boolean(),
                        ValueShape::Texts => {
                            value.as_array().is_some_and(|all| all.iter().all(is_text))
                        }
                        ValueShape::Number => value.is_u64() || value.is_null(),
                        ValueShape::MaybeText => is_text(value) || value.is_null(),
                        ValueShape::MaybeFlag => value.is_boolean() || value.is_null(),
                    };
                    if !fits {
                        let says = format!("{of}.{name} {value}");
                        self.add(format!("{name} is of another kind"), says);
                    }
                }
            }
        }
        let is_known =
            |name: &str| listed.iter().any(|(known, _)| *known == name) || others.contains(&name);
        for name in map.keys().filter(|name| !is_known(name)) {
            let what = format!("the build type knows no parameter {name:?}");
            self.add(what, format!("{of}.{name}"));
        }
    }
}

fn internal(found: &mut Inconsistencies, record: &RecordFacts) {
    let internal = &record.provenance.build_definition.internal_parameters;
    let of = "internalParameters";
    let asked = ASKED.iter().filter(|name| internal.contains_key(**name));
    let asked: Vec<(&str, ValueShape)> = asked.map(|name| (*name, ValueShape::Text)).collect();
    found.parameters(of, internal, &asked, &["osRelease", "resolvedProfile", COMPILED]);
    match internal.get("osRelease") {
        None => {}
        Some(Value::Object(release)) => {
            let kept = OS_RELEASE.iter().filter(|name| release.contains_key(**name));
            let kept: Vec<(&str, ValueShape)> =
                kept.map(|name| (*name, ValueShape::Text)).collect();
            found.parameters("internalParameters.osRelease", release, &kept, &[]);
        }
        Some(other) => found.add("osRelease is of another kind", format!("{of}.osRelease {other}")),
    }
    match internal.get("resolvedProfile") {
        Some(Value::Object(profile)) => {
            found.parameters("internalParameters.resolvedProfile", profile, PROFILE, &[]);
        }
        _ => found.add("resolvedProfile is no profile", format!("{of}.resolvedProfile")),
    }
    let Some(proofs) = internal.get(COMPILED).and_then(Value::as_object) else {
        let what = "it does not say how the sources of each crate are known";
        return found.add(what, format!("{of}.{COMPILED}"));
    };
    for (name, word) in proofs {
        if word.as_str().and_then(SourceProof::of).is_none() {
            let what = format!("{name} cannot be {word}");
            found.add(what, format!("{of}.{COMPILED}.{name}"));
        }
    }
    let name = format!("bin {}", record.bin().unwrap_or_default());
    if !proofs.contains_key(&name) {
        let what = format!("it does not say how the sources of {name} are known");
        found.add(what, format!("{of}.{COMPILED}.{name}"));
    }
}

fn dependencies(found: &mut Inconsistencies, all: &[ResourceDescriptor]) {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for dependency in all {
        let name = dependency.name.as_deref().unwrap_or_default();
        let at = |field: &str| format!("resolvedDependencies[{name}]{field}");
        if !seen.insert((name, dependency.uri.as_deref())) {
            found.add(format!("{name} is listed twice"), at(""));
        }
        let is_package = dependency.uri.as_deref().is_some_and(|uri| uri.starts_with("pkg:cargo/"));
        let is_commit = name == COMMIT && !is_package;
        for (kind, digest) in &dependency.digest {
            let (right, fits) = match kind.as_str() {
                "sha256" => (!is_commit, is_sha256(digest)),
                "gitCommit" => (is_commit || is_package, is_commit_id(digest)),
                _ => (false, true),
            };
            if !right || !fits {
                found.add(
                    format!("{name} has no such digest"),
                    at(&format!(".digest.{kind} {digest}")),
                );
            }
        }
        let must = if is_commit { "gitCommit" } else { "sha256" };
        if !is_package && !dependency.digest.contains_key(must) {
            found.add(format!("{name} has no digest"), at(&format!(".digest.{must}")));
        }
        if dependency.uri.is_some() && !is_package && !is_commit {
            found.add(format!("{name} is no package and has an address"), at(".uri"));
        }
        for (field, value) in &dependency.annotations {
            if !(is_commit && field == "dirty" && value.is_boolean()) {
                let says = at(&format!(".annotations.{field} {value}"));
                found.add(format!("{name} has no annotation {field}"), says);
            }
        }
        if dependency.content.is_some() || dependency.media_type.is_some() {
            found.add(format!("{name} carries contents"), at(".content, .mediaType"));
        }
        if let (true, Some(sha256)) = (dependency.is_source_file(), dependency.sha256()) {
            files.push(HashedFile { path: name.to_owned(), sha256: sha256.to_owned() });
        }
    }
    files.sort();
    let of_listed = digest_of_all(&files);
    let of_all = all.iter().find(|it| it.name.as_deref() == Some(SOURCES));
    let of_all = of_all.and_then(|all| all.sha256()).unwrap_or("missing");
    if of_all != of_listed {
        let says = format!("resolvedDependencies[{SOURCES}] {of_all}, of the list {of_listed}");
        found.add("the digest of all sources is not that of the listed files", says);
    }
    let is_locked = all.iter().any(|it| it.name.as_deref() == Some(LOCKFILE));
    if !is_locked
        && all.iter().any(|it| it.uri.as_deref().is_some_and(|uri| uri.starts_with("pkg:")))
    {
        found.add(
            "packages are listed without their lockfile",
            format!("resolvedDependencies[{LOCKFILE}]"),
        );
    }
}

fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Both times are the agreed one: `2023-11-14T22:13:20Z`.
fn times(found: &mut Inconsistencies, metadata: &Map<String, Value>) {
    const PATTERN: &str = "0000-00-00T00:00:00Z";
    let names = ["startedOn", "finishedOn"];
    for (name, value) in metadata {
        let digits = |text: &str| -> String {
            text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
        };
        let is_time = value.as_str().is_some_and(|text| digits(text) == PATTERN);
        if !names.contains(&name.as_str()) || !is_time {
            let says = format!("runDetails.metadata.{name} {value}");
            found.add(format!("{name} is no time of a record"), says);
        }
    }
    let [started, finished] = names.map(|name| metadata.get(name));
    if started != finished {
        found.add("startedOn is not finishedOn", "runDetails.metadata");
    }
}

/// What the record notes of a program that has the recorded digest must be true of it.
fn subjects(found: &mut Inconsistencies, record: &RecordFacts) {
    if let [_, _, ..] = record.subjects.as_slice() {
        let says = format!("{} subjects", record.subjects.len());
        found.add("a record is about one program", says);
    }
    for subject in &record.subjects {
        for kind in subject.digest.keys().filter(|kind| *kind != "sha256") {
            found.add(format!("a subject has no digest {kind}"), format!("subject.digest.{kind}"));
        }
        if subject.uri.is_some() || subject.content.is_some() || subject.media_type.is_some() {
            found.add(
                "a subject has a name and a digest alone",
                "subject.uri, .content, .mediaType",
            );
        }
    }
    if record.subject.state == SubjectMatch::Stripped {
        // What is loaded is the recorded, so all that is noted of a part of it must be true too.
        for (field, recorded, now) in record.subject.annotations() {
            if is_denied(recorded.as_ref(), now.as_ref()) && !field.starts_with("loaded") {
                let what = format!("the record's {field} is not that of what is loaded");
                found.add(what, format!("subject.annotations.{field}"));
            }
        }
    }
    let (SubjectMatch::Same, Some(subject)) = (record.subject.state, &record.subject.recorded)
    else {
        return;
    };
    for (field, recorded, now) in record.subject.annotations() {
        if recorded != now {
            let what = format!("the record's {field} is not that of the program it is about");
            let shown =
                |value: Option<Value>| value.map_or("nothing".to_owned(), |it| it.to_string());
            let says = format!("{}, found {}", shown(recorded), shown(now));
            found.add(what, format!("subject.annotations.{field} {says}"));
        }
    }
    let name = subject.name.as_deref().unwrap_or_default();
    let is_listed = record.bin().is_some_and(|bin| name == bin || name == format!("{bin}.exe"));
    if !is_listed {
        let what = "the subject is none of the binaries that were built";
        found.add(what, format!("subject.name {name:?}"));
    }
}

/// Whether two values cannot both be true; what only one of them says does not count.
fn is_denied(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            one.iter().any(|(key, value)| is_denied(Some(value), other.get(key)))
        }
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
