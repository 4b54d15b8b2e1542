//! `binlint.report/1`: the report as a machine reads it. The names are a promise.

use std::io::{self, Write};

use serde::Serialize;

use super::{Checked, Judged, Report, Summary, binary};
use crate::rule::{Finding, Outcome};

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.report/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    subjects: Vec<SubjectEntry<'a>>,
    summary: SummaryEntry,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct SubjectEntry<'a> {
    name: &'a str,
    sha256: Option<&'a str>,
    binary: Option<binary::Entry<'a>>,
    outcomes: Vec<OutcomeEntry<'a>>,
}

#[derive(Serialize)]
struct OutcomeEntry<'a> {
    rule: &'static str,
    group: &'static str,
    level: &'static str,
    outcome: &'static str,
    reason: Option<&'a str>,
    waived: Option<WaivedEntry<'a>>,
    findings: Vec<FindingEntry<'a>>,
}

#[derive(Serialize)]
struct WaivedEntry<'a> {
    reason: &'a str,
    place: &'a str,
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    message: &'a str,
    location: String,
    evidence: &'a [String],
    fix: Option<&'a str>,
}

#[derive(Serialize)]
struct SummaryEntry {
    deny: usize,
    warn: usize,
    open: usize,
    pass: usize,
    not_applicable: usize,
    waived: usize,
}

/// Writes the report as one JSON document.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        subjects: report.subjects.iter().map(subject).collect(),
        summary: summary(report.summary()),
        notes: &report.notes,
    };
    serde_json::to_writer_pretty(&mut *to, &document)?;
    writeln!(to)
}

fn subject(judged: &Judged) -> SubjectEntry<'_> {
    SubjectEntry {
        name: &judged.name,
        sha256: judged.facts.binary.as_ref().and_then(|it| it.sha256.as_deref()),
        binary: judged.facts.binary.as_ref().map(binary::Entry::from),
        outcomes: judged.checked.iter().map(outcome).collect(),
    }
}

fn outcome(checked: &Checked) -> OutcomeEntry<'_> {
    OutcomeEntry {
        rule: checked.rule.id,
        group: checked.rule.group.name(),
        level: checked.level.name(),
        outcome: checked.outcome.name(),
        reason: match &checked.outcome {
            Outcome::NotApplicable(why) | Outcome::Open(why) => Some(why),
            Outcome::Pass | Outcome::Fail(_) => None,
        },
        waived: checked
            .waived
            .as_ref()
            .map(|it| WaivedEntry { reason: &it.reason, place: &it.place }),
        findings: checked.outcome.findings().iter().map(finding).collect(),
    }
}

fn finding(finding: &Finding) -> FindingEntry<'_> {
    FindingEntry {
        message: &finding.message,
        location: finding.location.to_string(),
        evidence: &finding.evidence,
        fix: finding.fix.as_deref(),
    }
}

fn summary(summary: Summary) -> SummaryEntry {
    let Summary { deny, warn, open, pass, not_applicable, waived } = summary;
    SummaryEntry { deny, warn, open, pass, not_applicable, waived }
}
