use std::collections::BTreeSet;

use crate::facts::Binary;
use crate::facts::record::made::{
    BUILD_TYPE, INTERNAL, PARAMETERS, SOURCES, SourceFile, digest_of_all,
};
use crate::facts::record::tied::{COMPILED, Tie};
use crate::facts::record::{Fate, Record};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "inconsistent-record",
    group: Group::Provenance,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the record contradicts itself, its subject or its own specification",
    what: "The build type must be one that is known, the parameters and fields those that it defines, \
           the digest of all sources the one of the listed files, no dependency listed twice, and what the \
           record notes of its subject true of it.",
    why: "A record that nobody can have written this way was changed by hand, or by a program that means \
          something else by the same words.",
    fix: "Record again: `cargo binlint record`.",
    symptoms: &[],
    references: &["https://slsa.dev/spec/v1.0/verifying-artifacts#step-2-check-expectations"],
    check: Check::Record(check),
};

fn check(binary: &Binary, record: &Record) -> Outcome {
    let definition = &record.provenance.build_definition;
    let mut wrong: Vec<(String, String)> = Vec::new();
    if definition.build_type != BUILD_TYPE {
        let evidence = format!("buildType {:?}", definition.build_type);
        wrong.push(("the build type is none that is known here".to_owned(), evidence));
        return findings(record, wrong);
    }
    for name in definition.external_parameters.keys() {
        if !PARAMETERS.contains(&name.as_str()) {
            let message = format!("the build type knows no parameter {name:?}");
            wrong.push((message, format!("externalParameters.{name}")));
        }
    }
    for field in &record.unknown {
        let message = format!("the build type knows no field {field:?}");
        wrong.push((message, field.clone()));
    }
    for name in definition.internal_parameters.keys() {
        if !INTERNAL.contains(&name.as_str()) {
            let message = format!("the build type knows no parameter {name:?}");
            wrong.push((message, format!("internalParameters.{name}")));
        }
    }
    wrong.extend(about_crates(record));
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for dependency in &definition.resolved_dependencies {
        let name = dependency.name.as_deref().unwrap_or_default();
        if !seen.insert((name, dependency.uri.as_deref())) {
            let evidence = format!("resolvedDependencies[{name}]");
            wrong.push((format!("{name} is listed twice"), evidence));
        }
        if let (true, Some(sha256)) = (dependency.is_source_file(), dependency.sha256()) {
            files.push(SourceFile { path: name.to_owned(), sha256: sha256.to_owned() });
        }
    }
    files.sort();
    let of_listed = digest_of_all(&files);
    let of_all = record.dependency(SOURCES).and_then(|all| all.sha256()).unwrap_or("missing");
    if of_all != of_listed {
        let evidence = format!("resolvedDependencies[{SOURCES}] {of_all}, of the list {of_listed}");
        wrong.push((
            "the digest of all sources is not that of the listed files".to_owned(),
            evidence,
        ));
    }
    wrong.extend(about_subject(binary, record));
    findings(record, wrong)
}

/// What the record says of its crates must be in its own words, and say something of the program.
fn about_crates(record: &Record) -> Vec<(String, String)> {
    let internal = &record.provenance.build_definition.internal_parameters;
    let Some(compiled) = internal.get(COMPILED) else { return Vec::new() };
    let at = |name: &str| format!("internalParameters.{COMPILED}{name}");
    let Some(ties) = compiled.as_object() else {
        return vec![(format!("{COMPILED} names no crates"), at(""))];
    };
    let words = Tie::ALL.map(Tie::word);
    let mut wrong: Vec<(String, String)> = ties
        .iter()
        .filter(|(_, word)| !word.as_str().is_some_and(|word| words.contains(&word)))
        .map(|(name, word)| (format!("{name} is said to be {word}"), at(&format!(".{name}"))))
        .collect();
    let bins = record.provenance.build_definition.external_parameters.get("bins");
    for bin in bins.and_then(|bins| bins.as_array()).into_iter().flatten() {
        let name = format!("bin {}", bin.as_str().unwrap_or_default());
        if !ties.contains_key(&name) {
            let message = format!("it does not say how the sources of {name} are known");
            wrong.push((message, at(&format!(".{name}"))));
        }
    }
    wrong
}

/// What the record notes of a program that has the recorded digest must be true of it.
fn about_subject(binary: &Binary, record: &Record) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let (Fate::Same, Some(subject)) = (record.subject.fate, &record.subject.recorded) else {
        return wrong;
    };
    for (field, recorded, now) in record.subject.annotations() {
        if recorded != now {
            let message = format!("the record's {field} is not that of the program it is about");
            wrong.push((message, format!("subject.annotations.{field} {recorded}, found {now}")));
        }
    }
    let bins = record.provenance.build_definition.external_parameters.get("bins");
    let name = subject.name.as_deref().unwrap_or_default();
    let listed = bins.and_then(|bins| bins.as_array()).is_some_and(|bins| {
        bins.iter()
            .filter_map(|bin| bin.as_str())
            .any(|bin| name == bin || name == format!("{bin}.exe"))
    });
    if !listed {
        let evidence = format!("subject {name:?} of {}", binary.path);
        wrong.push(("the subject is none of the binaries that were built".to_owned(), evidence));
    }
    wrong
}

fn findings(record: &Record, wrong: Vec<(String, String)>) -> Outcome {
    let place = || Location::File { path: record.origin.clone(), line: None };
    wrong
        .into_iter()
        .map(|(message, evidence)| Finding::new(place(), message).evidence(evidence))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::record::Descriptor;
    use crate::facts::record::Subject;
    use serde_json::json;

    fn whole() -> Record {
        let mut record = Record::default();
        let definition = &mut record.provenance.build_definition;
        definition.build_type = BUILD_TYPE.to_owned();
        definition.external_parameters.insert("bins".into(), json!(["app"]));
        let file = SourceFile { path: "src/main.rs".into(), sha256: "ab".repeat(32) };
        definition.resolved_dependencies = vec![
            Descriptor::named("Cargo.lock", "cd".repeat(32)),
            Descriptor::named("src/main.rs", &file.sha256),
            Descriptor::named("sources", digest_of_all(&[file])),
        ];
        let subject = Descriptor::named("app", "ef".repeat(32));
        record.subject =
            Subject { fate: Fate::Same, recorded: Some(subject), ..Subject::default() };
        record
    }

    fn broken(by: impl FnOnce(&mut Record)) -> usize {
        let mut record = whole();
        by(&mut record);
        check(&Binary::default(), &record).findings().len()
    }

    #[test]
    fn each_contradiction_is_one_finding() {
        assert_eq!(check(&Binary::default(), &whole()), Outcome::Pass);
        fn definition(record: &mut Record) -> &mut crate::facts::record::BuildDefinition {
            &mut record.provenance.build_definition
        }
        assert_eq!(broken(|it| definition(it).build_type.push('x')), 1);
        assert_eq!(
            broken(|it| {
                definition(it).external_parameters.insert("extra".into(), json!(1));
            }),
            1
        );
        assert_eq!(
            broken(|it| {
                definition(it).resolved_dependencies.pop();
            }),
            1
        );
        assert_eq!(
            broken(|it| {
                definition(it).resolved_dependencies.remove(1);
            }),
            1
        );
        assert_eq!(
            broken(|it| {
                let twice = definition(it).resolved_dependencies[0].clone();
                definition(it).resolved_dependencies.push(twice);
            }),
            1
        );
        for (ties, count) in [
            (json!({ "bin app": "open" }), 0),
            (json!({ "bin app": "seen" }), 1),
            (json!({ "lib app": "open" }), 1),
            (json!([]), 1),
        ] {
            let found = broken(|it| {
                definition(it).internal_parameters.insert("compiled".into(), ties.clone());
            });
            assert_eq!(found, count, "{ties}");
        }
        assert_eq!(
            broken(|it| {
                definition(it).internal_parameters.insert("extra".into(), json!(1));
            }),
            1
        );
        assert_eq!(broken(|it| it.unknown.push("predicate.extra".into())), 1);
        assert_eq!(
            broken(|it| it.subject.recorded.as_mut().unwrap().name = Some("other".into())),
            1
        );
        assert_eq!(
            broken(|it| {
                let subject = it.subject.recorded.as_mut().unwrap();
                subject.annotations.insert("buildId".into(), json!("00"));
            }),
            1
        );
    }
}
