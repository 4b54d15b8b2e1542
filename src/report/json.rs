//! `binlint.report/2`: the report as a machine reads it. The names are a promise.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use crate::cargo::rebuild::Rebuild;
use crate::report::base::Base;
use crate::report::{Report, RuleResult, SubjectReport, Summary, binary, found, lines};
use crate::rule::{Location, Outcome};
use crate::start::image::Image;
use crate::start::loader::{StartPrediction, StartStage};

/// The version of the document; a name is only ever added.
pub const SCHEMA: &str = "binlint.report/2";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReportDocument<'a> {
    schema: &'static str,
    tool: Tool,
    subjects: Vec<SubjectEntry<'a>>,
    image: Option<ImageEntry<'a>>,
    summary: SummaryEntry,
    notes: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SubjectEntry<'a> {
    name: &'a str,
    sha256: Option<&'a str>,
    binary: Option<binary::BinaryEntry<'a>>,
    load: Option<LoadEntry<'a>>,
    rebuild: Option<RebuildEntry<'a>>,
    outcomes: Vec<OutcomeEntry<'a>>,
}

/// What compiling the subject again said, with `--rebuild`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RebuildEntry<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["equal", "same-code", "different", "not-repeatable", "not-possible"])))]
    outcome: &'static str,
    reason: Option<&'a str>,
    differences: &'a [String],
    compiled: &'a [String],
    milliseconds: u64,
    kept: Option<String>,
}

/// What the image's own loader would do with the subject.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoadEntry<'a> {
    #[cfg_attr(test, schemars(extend("enum" = ["starts", "fails", "unknown"])))]
    verdict: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["exec", "interpreter", "libraries", "versions", "symbols", null])))]
    stage: Option<&'static str>,
    errors: &'a [String],
    warnings: &'a [String],
    libraries: Vec<LibraryEntry<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LibraryEntry<'a> {
    name: &'a str,
    path: Option<&'a str>,
    needed_by: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImageEntry<'a> {
    reference: &'a str,
    digest: Option<&'a str>,
    platform: Option<String>,
    distribution: Option<String>,
    entrypoint: &'a [String],
    cmd: &'a [String],
    notes: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OutcomeEntry<'a> {
    rule: &'static str,
    url: String,
    group: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["allow", "warn", "deny"])))]
    level: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "fail", "not-applicable", "open"])))]
    outcome: &'static str,
    reason: Option<Cow<'a, str>>,
    waived: Option<WaivedEntry<'a>>,
    findings: Vec<FindingEntry<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WaivedEntry<'a> {
    reason: &'a str,
    place: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingEntry<'a> {
    message: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["warn", "deny"])))]
    level: &'static str,
    location: LocationEntry<'a>,
    evidence: &'a [String],
    fix: Option<&'a str>,
    url: String,
    fingerprint: String,
}

/// Where a finding is; what does not apply is null.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LocationEntry<'a> {
    /// What the other keys are about: the subject, a part of its file, a file beside it, a path of
    /// the image, a field of the image's configuration.
    #[cfg_attr(test, schemars(extend("enum" = ["subject", "segment", "section", "dynamic", "offset", "file", "image", "image-config"])))]
    kind: &'static str,
    /// Relative to the workspace where it lies in it; of `image` a path in the image.
    path: Option<String>,
    /// From 1.
    line: Option<u32>,
    /// From 1, in characters.
    column: Option<u32>,
    /// In bytes from the file's start.
    offset: Option<u64>,
    /// The line as it stands, without its indentation.
    text: Option<&'a str>,
    /// The segment, section, dynamic entry or field.
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    let document = ReportDocument {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        subjects: report.subjects.iter().map(|it| subject(it, &report.base)).collect(),
        image: report.subjects.iter().find_map(|it| it.facts.image.as_ref()).map(image),
        summary: summary(report.summary()),
        notes: &report.notes,
    };
    lines::json(to, &document, true)
}

fn subject<'a>(judged: &'a SubjectReport, base: &'a Base) -> SubjectEntry<'a> {
    let mut fingerprints = found::of_subject(judged, base).map(|(.., fingerprint, _)| fingerprint);
    let outcomes = judged.results.iter().map(|it| outcome(it, judged, base, &mut fingerprints));
    let outcomes = outcomes.collect();
    SubjectEntry {
        name: &judged.name,
        sha256: judged.facts.binary.as_ref().and_then(|it| it.sha256.as_deref()),
        binary: judged.facts.binary.as_ref().map(binary::BinaryEntry::from),
        load: judged.facts.load.as_ref().map(load),
        rebuild: judged.facts.build.as_ref().and_then(|it| it.rebuild.as_ref()).map(rebuild),
        outcomes,
    }
}

fn rebuild(rebuild: &Rebuild) -> RebuildEntry<'_> {
    let Rebuild { outcome, reason, differences, compiled, milliseconds, kept } = rebuild;
    RebuildEntry {
        outcome: outcome.name(),
        reason: Some(reason.as_str()).filter(|it| !it.is_empty()),
        differences,
        compiled,
        milliseconds: *milliseconds,
        kept: kept.as_ref().map(|it| it.display().to_string()),
    }
}

fn load(load: &StartPrediction) -> LoadEntry<'_> {
    LoadEntry {
        verdict: load.verdict.name(),
        stage: load.stage.map(StartStage::name),
        errors: &load.errors,
        warnings: &load.warnings,
        libraries: load
            .libraries
            .iter()
            .map(|it| LibraryEntry {
                name: &it.name,
                path: it.path.as_deref(),
                needed_by: &it.needed_by,
            })
            .collect(),
    }
}

fn image(image: &Image) -> ImageEntry<'_> {
    ImageEntry {
        reference: &image.reference,
        digest: image.digest.as_deref(),
        platform: image.config.as_ref().map(|it| it.platform.to_string()),
        distribution: image.release.as_ref().map(|it| it.pretty.clone()),
        entrypoint: image.config.as_ref().map(|it| it.entrypoint.as_slice()).unwrap_or_default(),
        cmd: image.config.as_ref().map(|it| it.cmd.as_slice()).unwrap_or_default(),
        notes: &image.notes,
    }
}

fn outcome<'a>(
    result: &'a RuleResult,
    subject: &'a SubjectReport,
    base: &'a Base,
    fingerprints: &mut dyn Iterator<Item = String>,
) -> OutcomeEntry<'a> {
    OutcomeEntry {
        rule: result.rule.id,
        url: result.rule.url(),
        group: result.rule.group.name(),
        level: result.level.name(),
        outcome: result.outcome.name(),
        reason: match &result.outcome {
            Outcome::Pass(why) | Outcome::NotApplicable(why) => Some(why.as_ref().into()),
            Outcome::Open(why) => Some(why.to_string().into()),
            Outcome::Fail(_) => None,
        },
        waived: result
            .waiver
            .as_ref()
            .map(|it| WaivedEntry { reason: &it.reason, place: &it.place }),
        findings: result
            .outcome
            .findings()
            .iter()
            .map(|finding| FindingEntry {
                message: &finding.message,
                level: finding.at_most.map_or(result.level, |it| it.min(result.level)).name(),
                location: location(&finding.location, subject, base),
                evidence: &finding.evidence,
                fix: finding.fix.as_deref(),
                url: result.rule.url(),
                // One for each finding, in this order.
                fingerprint: fingerprints.next().unwrap_or_default(),
            })
            .collect(),
    }
}

fn location<'a>(
    location: &'a Location,
    subject: &'a SubjectReport,
    base: &Base,
) -> LocationEntry<'a> {
    let binary = subject.facts.binary.as_ref();
    let none = LocationEntry {
        kind: "subject",
        path: binary.map(|it| base.in_workspace(&it.path)),
        line: None,
        column: None,
        offset: None,
        text: None,
        name: None,
    };
    match location {
        Location::Subject => none,
        Location::Segment(name) => LocationEntry { kind: "segment", name: Some(name), ..none },
        Location::Section(name) => LocationEntry { kind: "section", name: Some(name), ..none },
        Location::Dynamic(name) => LocationEntry { kind: "dynamic", name: Some(name), ..none },
        Location::Offset(offset) => LocationEntry { kind: "offset", offset: Some(*offset), ..none },
        Location::File { path, line } => {
            LocationEntry { kind: "file", path: Some(base.in_workspace(path)), line: *line, ..none }
        }
        Location::Line { path, line, column, text } => LocationEntry {
            kind: "file",
            path: Some(base.in_workspace(path)),
            line: Some(*line),
            column: Some(*column),
            text: Some(text),
            ..none
        },
        Location::ImagePath(path) => {
            LocationEntry { kind: "image", path: Some(path.clone()), ..none }
        }
        Location::ImageConfig(name) => {
            LocationEntry { kind: "image-config", path: None, name: Some(name), ..none }
        }
    }
}

fn summary(summary: Summary) -> SummaryEntry {
    let Summary { deny, warn, open, pass, not_applicable, waived } = summary;
    SummaryEntry { deny, warn, open, pass, not_applicable, waived }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_of_the_report_is_up_to_date() {
        crate::report::schema::keep_up_to_date::<super::ReportDocument<'_>>("report");
    }
}
