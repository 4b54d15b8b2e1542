//! The findings that count, one entry each, as every format for machines lists them: worst first,
//! each with a line of a file that a reviewer can open.

use std::cmp::Reverse;

use crate::report::base::Base;
use crate::report::fingerprint::Fingerprints;
use crate::report::{Report, SubjectReport};
use crate::rule::{Finding, Level, Location, Outcome, Rule};

/// The line that findings stand at which have none of their own, where no manifest is known.
const MANIFEST: &str = "Cargo.toml";

/// One finding that nobody accepted.
#[derive(Debug)]
pub struct Found<'a> {
    /// What it is a finding of.
    pub subject: &'a SubjectReport,
    /// The rule that fails.
    pub rule: &'static Rule,
    /// What this finding alone counts for.
    pub level: Level,
    /// The finding.
    pub finding: &'a Finding,
    /// The same in the next run.
    pub fingerprint: String,
    /// Where a reviewer reads it.
    pub place: Place,
}

/// A line of a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters, where it is known.
    pub column: Option<u32>,
    /// The line itself, without its indentation, where it is known.
    pub text: Option<String>,
    /// The finding has no line of its own: this is the manifest's first.
    pub is_manifest: bool,
}

/// The findings that count, worst first; those of one weight in the order of the subjects.
pub fn found(report: &Report) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for subject in &report.subjects {
        for (rule, level, finding, fingerprint, accepted) in of_subject(subject, &report.base) {
            if !accepted {
                let level = finding.at_most.map_or(level, |cap| cap.min(level));
                let place = place(report, subject, finding);
                all.push(Found { subject, rule, level, finding, fingerprint, place });
            }
        }
    }
    all.sort_by_key(|it| Reverse(it.level));
    all
}

/// Every finding of a subject in the order of its rules, accepted ones too: rule, level, finding,
/// fingerprint, and whether it is accepted.
pub fn of_subject<'a>(
    subject: &'a SubjectReport,
    base: &'a Base,
) -> impl Iterator<Item = (&'static Rule, Level, &'a Finding, String, bool)> {
    let name = match &subject.facts.dockerfile {
        Some(_) => base.in_workspace(&subject.name),
        None => subject.name.clone(),
    };
    let mut fingerprints = Fingerprints::default();
    subject.results.iter().flat_map(move |result| {
        let (rule, level, accepted) = (result.rule, result.level, result.waiver.is_some());
        let findings = match &result.outcome {
            Outcome::Fail(findings) => findings.as_slice(),
            _ => &[],
        };
        let of = |finding| {
            let fingerprint = fingerprints.of(rule.id, &name, finding, base);
            (rule, level, finding, fingerprint, accepted)
        };
        findings.iter().map(of).collect::<Vec<_>>()
    })
}

/// The line that a reviewer is sent to.
pub fn place(report: &Report, subject: &SubjectReport, finding: &Finding) -> Place {
    let of = |path: &str| report.base.in_repository(path);
    match &finding.location {
        Location::Line { path, line, column, text } if let Some(path) = of(path) => Place {
            path,
            line: (*line).max(1),
            column: Some((*column).max(1)),
            text: Some(text.clone()),
            is_manifest: false,
        },
        Location::File { path, line } if let Some(path) = of(path) => Place {
            path,
            line: line.unwrap_or(1).max(1),
            column: None,
            text: None,
            is_manifest: false,
        },
        _ => Place {
            path: manifest(report, subject),
            line: 1,
            column: None,
            text: None,
            is_manifest: true,
        },
    }
}

/// The manifest that is nearest to the subject: its package's, the workspace's; a Dockerfile is its
/// own.
fn manifest(report: &Report, subject: &SubjectReport) -> String {
    let of = |path: &str| report.base.in_repository(path);
    let dockerfile = subject.facts.dockerfile.as_ref().and_then(|it| of(&it.path));
    let package = subject.facts.build.as_ref().map(|it| it.package.manifest.as_path());
    let package = package.filter(|it| it.file_name().is_some());
    let root = report.base.workspace.as_ref().map(|it| it.join(MANIFEST));
    let manifests = package.map(std::path::Path::to_owned).into_iter().chain(root);
    let manifest = manifests.filter_map(|it| of(&it.to_string_lossy())).next();
    dockerfile.or(manifest).unwrap_or_else(|| MANIFEST.to_owned())
}
