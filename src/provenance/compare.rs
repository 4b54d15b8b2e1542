//! A record beside the record that would be written today, field by field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::provenance::record::FieldDifference;
use crate::provenance::slsa::Provenance;

/// Every field in which the two differ, and the fields that could not be compared.
pub fn compare(recorded: &Provenance, now: &Provenance) -> (Vec<FieldDifference>, Vec<String>) {
    let mut comparison = RecordComparison::default();
    comparison.values("", Some(&recorded.to_value()), Some(&now.to_value()));
    (comparison.differences, comparison.open)
}

#[derive(Default)]
struct RecordComparison {
    differences: Vec<FieldDifference>,
    open: Vec<String>,
}

/// Fields that only the builder could know, so that their absence today means nothing.
fn unknowable(field: &str) -> Option<&'static str> {
    match field {
        "runDetails.metadata" => {
            Some("no SOURCE_DATE_EPOCH is set, so there is no time to compare with")
        }
        "buildDefinition.internalParameters.compiled" => {
            Some("only the build that wrote the record saw what cargo compiled")
        }
        "buildDefinition.resolvedDependencies[git]" => {
            Some("the sources lie in no work tree of git here")
        }
        "buildDefinition.resolvedDependencies[git].annotations.dirty" => {
            Some("there is no git here to compare the work tree with its commit")
        }
        "buildDefinition.internalParameters.rustc"
        | "buildDefinition.internalParameters.linker" => {
            Some("this machine has none, or it is the checkout's own, which only a build starts")
        }
        _ => None,
    }
}

impl RecordComparison {
    fn values(&mut self, field: &str, recorded: Option<&Value>, now: Option<&Value>) {
        match (recorded, now) {
            (Some(Value::Object(recorded)), Some(Value::Object(now))) => {
                self.objects(field, recorded, now);
            }
            (Some(Value::Array(recorded)), Some(Value::Array(now)))
                if field.ends_with("resolvedDependencies") =>
            {
                self.descriptors(field, recorded, now);
            }
            (recorded, now) if recorded == now => {}
            (Some(_), None) if unknowable(field).is_some() => {
                let why = unknowable(field).unwrap_or_default();
                self.open.push(format!("{field}: {why}"));
            }
            (recorded, now) => self.differences.push(FieldDifference {
                field: field.to_owned(),
                recorded: recorded.map(short),
                now: now.map(short),
                doubt: None,
            }),
        }
    }

    fn objects(&mut self, field: &str, recorded: &Map<String, Value>, now: &Map<String, Value>) {
        let mut keys: Vec<&String> = recorded.keys().chain(now.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let inner = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
            self.values(&inner, recorded.get(key), now.get(key));
        }
    }

    /// Dependencies by what they are called, not by their place: one file more must not make
    /// every later one differ.
    fn descriptors(&mut self, field: &str, recorded: &[Value], now: &[Value]) {
        let (recorded, now) = (by_name(recorded), by_name(now));
        let mut names: Vec<&String> = recorded.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let inner = format!("{field}[{name}]");
            let (recorded, now) = (recorded.get(name), now.get(name));
            let (Some(recorded), Some(now)) = (recorded, now) else {
                self.values(&inner, recorded.copied(), now.copied());
                continue;
            };
            self.values(&inner, Some(recorded), Some(now));
        }
    }
}

fn by_name(descriptors: &[Value]) -> BTreeMap<String, &Value> {
    let mut named = BTreeMap::new();
    for descriptor in descriptors {
        let text = |key: &str| descriptor[key].as_str();
        // Two versions of one package share their name; a commit's address changes with it.
        let package = text("uri").filter(|uri| uri.starts_with("pkg:"));
        let name = package.or(text("name")).or(text("uri")).unwrap_or_default();
        let mut unique = name.to_owned();
        // A second entry of one name is compared too, instead of hiding behind the first.
        while named.contains_key(&unique) {
            unique.push('\'');
        }
        named.insert(unique, descriptor);
    }
    named
}

/// A value on one line, cut where it is long.
fn short(value: &Value) -> String {
    const MAX_SHOWN: usize = 200;
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
