//! SARIF 2.1.0, as code scanning reads it (OASIS, "Static Analysis Results Interchange Format").
//!
//! What counts and is not accepted is a result. Limits are GitHub's ("SARIF results exceed one or
//! more limits"): of more, the worst are kept and a notification says how many are not.

use std::io::{self, Write};

use serde::Serialize;

use crate::escape;
use crate::report::found::{Found, Place, found};
use crate::report::layers::layer_of;
use crate::report::{Report, lines, page};
use crate::rule::{Level, Location, Rule};

/// Results that GitHub shows of one run.
const MAX_RESULTS: usize = 5_000;
/// The name of the fingerprint, with the version of how it is made.
const FINGERPRINT: &str = "binlint/v1";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<ResultEntry>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<RuleEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleEntry {
    id: &'static str,
    #[serde(skip_serializing_if = "slice_is_empty")]
    deprecated_ids: &'static [&'static str],
    short_description: Text,
    full_description: Text,
    help: Help,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    tags: Vec<&'static str>,
    precision: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultEntry {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [LocationEntry; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<LocationEntry>,
    partial_fingerprints: std::collections::BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: String,
    kind: &'static str,
}

fn slice_is_empty(slice: &&[&str]) -> bool {
    slice.is_empty()
}

/// Writes the log: one run, the rules of its results with their pages, the results worst first.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let found = found(report);
    let left_out = found.len().saturating_sub(MAX_RESULTS);
    let kept = &found[..found.len() - left_out];
    let mut rules: Vec<&'static Rule> = Vec::new();
    let results = kept.iter().map(|it| {
        let index = rules.iter().position(|rule| *rule == it.rule).unwrap_or_else(|| {
            rules.push(it.rule);
            rules.len() - 1
        });
        result(report, it, index)
    });
    let results: Vec<_> = results.collect();
    let mut notifications = Vec::new();
    if left_out > 0 {
        let text = format!("{left_out} more findings are not in this file, none worse");
        notifications.push(Notification { level: "warning", message: Text { text } });
    }
    let driver = Driver {
        name: env!("CARGO_PKG_NAME"),
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: rules.into_iter().map(rule).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        invocations: [Invocation {
            execution_successful: true,
            tool_execution_notifications: notifications,
        }],
        column_kind: "unicodeCodePoints",
        results,
    };
    lines::json(to, &Log { schema: SCHEMA, version: "2.1.0", runs: [run] }, true)
}

fn rule(rule: &'static Rule) -> RuleEntry {
    RuleEntry {
        id: rule.id,
        deprecated_ids: rule.aliases,
        short_description: Text { text: sentence(rule.summary) },
        full_description: Text { text: rule.what.to_owned() },
        help: Help { text: page::text(rule), markdown: page::markdown(rule) },
        help_uri: Some(rule.url()).filter(|it| it.starts_with("https://")),
        default_configuration: Configuration { level: level(rule.level) },
        properties: Properties { tags: vec![rule.group.name()], precision: "high" },
    }
}

fn result(report: &Report, it: &Found<'_>, index: usize) -> ResultEntry {
    let message = match it.place.is_manifest {
        true => format!("{}: {}", it.subject.name, it.finding.message),
        false => it.finding.message.clone(),
    };
    let mut text = vec![sentence(&escape::line(&message))];
    text.extend(it.finding.evidence.iter().map(|it| sentence(&escape::line(it))));
    if let Some(fix) = &it.finding.fix {
        let lines: Vec<_> = fix.lines().map(escape::whole).collect();
        text.push(format!("Fix: {}", lines.join("\n")));
    }
    let physical = physical(&it.place);
    ResultEntry {
        rule_id: it.rule.id,
        rule_index: index,
        level: level(it.level),
        message: Text { text: text.join("\n") },
        locations: [LocationEntry {
            id: None,
            physical_location: physical,
            logical_locations: Vec::new(),
            message: None,
        }],
        related_locations: related(report, it).into_iter().collect(),
        partial_fingerprints: [(FINGERPRINT, it.fingerprint.clone())].into(),
    }
}

/// The place in the program or the image, which no reviewer can open: what is there, in words and by
/// name, beside the line that can be opened.
fn related(report: &Report, it: &Found<'_>) -> Option<LocationEntry> {
    let facts = &it.subject.facts;
    let binary = facts.binary.as_ref().map_or(it.subject.name.as_str(), |it| it.path.as_str());
    let (name, kind, words) = match &it.finding.location {
        Location::Line { .. } => return None,
        Location::File { path, .. } if report.base.in_repository(path).is_some() => return None,
        Location::File { path, .. } => (path.clone(), "resource", path.clone()),
        Location::Subject => (binary.to_owned(), "module", binary.to_owned()),
        Location::ImagePath(path) => {
            let layer = facts.image.as_ref().and_then(|image| layer_of(image, path));
            let layer = layer.map_or_else(String::new, |it| format!(", {it}"));
            (path.clone(), "resource", format!("image {path}{layer}"))
        }
        Location::ImageConfig(field) => {
            (format!("config/{field}"), "property", it.finding.location.to_string())
        }
        other => (format!("{binary}#{other}"), "object", format!("{binary}: {other}")),
    };
    Some(LocationEntry {
        id: Some(1),
        physical_location: physical(&it.place),
        logical_locations: vec![Logical {
            fully_qualified_name: escape::line(&name).into_owned(),
            kind,
        }],
        message: Some(Text { text: sentence(&escape::line(&words)) }),
    })
}

fn physical(place: &Place) -> Physical {
    let snippet = place.text.as_ref().filter(|it| !it.is_empty());
    Physical {
        artifact_location: Artifact { uri: uri(&place.path), uri_base_id: "%SRCROOT%" },
        region: Region {
            start_line: place.line,
            start_column: place.column,
            snippet: snippet.map(|it| Text { text: escape::line(it).into_owned() }),
        },
    }
}

/// A relative path as a URI reference (RFC 3986, 4.2): no segment may pass for a scheme.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => uri.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' | b',' | b'=' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Allow => "none",
    }
}

/// With a capital and a full stop, as code scanning's pages want their texts.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    // A name stays as it is written.
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_word = word.chars().all(|it| it.is_ascii_lowercase());
    let first = if is_word { first.to_ascii_uppercase() } else { first };
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_relative_reference() {
        assert_eq!(uri("a b/c#d?e%f:é"), "a%20b/c%23d%3Fe%25f%3A%C3%A9");
        assert_eq!(uri("src/main.rs"), "src/main.rs");
    }

    #[test]
    fn a_text_is_a_sentence_and_a_name_stays_a_name() {
        assert_eq!(sentence("the binary is stale"), "The binary is stale.");
        assert_eq!(sentence("libc.so.6 is missing"), "libc.so.6 is missing.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
