//! `--baseline FILE`: findings that an earlier report has do not fail this run.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::cargo::fs::read_text;
use crate::report::base::Base;
use crate::report::fingerprint::Fingerprints;
use crate::report::{AppliedWaiver, Report, RuleResult, SubjectReport, json};
use crate::rule::{Finding, Outcome};
use crate::session::Error;
use crate::session::fs;

/// No report is longer, in bytes.
const MAX_TEXT: u64 = 256 << 20;

/// The directories around a run in this working directory.
pub fn base(cwd: &Path, workspace: Option<&Path>) -> Base {
    let from = workspace.unwrap_or(cwd);
    let repository = from.ancestors().find(|it| fs::exists(&it.join(".git")));
    Base {
        cwd: cwd.to_owned(),
        workspace: workspace.map(Path::to_owned),
        repository: repository.map(Path::to_owned),
    }
}

/// Takes what the baseline has out of what fails the run.
///
/// # Errors
/// A file that cannot be read, or that is no report of this version.
pub fn accept(report: &mut Report, baseline: &Path) -> Result<(), Error> {
    let shown = baseline.display();
    let file = read_text(baseline, "baseline", MAX_TEXT)?.ok_or_else(|| {
        Error::Usage(format!(
            "--baseline {shown}: there is no such file; write one with `--format json -o {shown}`"
        ))
    })?;
    let known = fingerprints(&file.text).map_err(|why| {
        Error::Usage(format!("--baseline {shown}: {why}; write it with `--format json -o {shown}`"))
    })?;
    let place = shown.to_string();
    let mut met = BTreeSet::new();
    for subject in &mut report.subjects {
        accept_of(subject, &report.base, &known, &place, &mut met);
    }
    match known.difference(&met).count() {
        0 => {}
        1 => {
            report.notes.push(format!("{place}: 1 finding of the baseline is gone; write it anew"))
        }
        gone => report
            .notes
            .push(format!("{place}: {gone} findings of the baseline are gone; write it anew")),
    }
    Ok(())
}

/// Why a document is no baseline.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum BaselineError {
    #[error("it is no JSON: {reason}")]
    NotJson { reason: String },
    #[error("it is a `{schema}`, not a `{}`", json::SCHEMA)]
    OtherSchema { schema: String },
    #[error("it is not a `{}`", json::SCHEMA)]
    NoSchema,
    #[error("a finding has no fingerprint")]
    NoFingerprint,
}

/// The fingerprints of every finding of a report.
fn fingerprints(text: &str) -> Result<BTreeSet<String>, BaselineError> {
    let document: Value = serde_json::from_str(text)
        .map_err(|error| BaselineError::NotJson { reason: error.to_string() })?;
    match document["schema"].as_str() {
        Some(json::SCHEMA) => {}
        Some(other) => return Err(BaselineError::OtherSchema { schema: other.to_owned() }),
        None => return Err(BaselineError::NoSchema),
    }
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut known = BTreeSet::new();
    for subject in list(&document, "subjects") {
        for outcome in list(&subject, "outcomes") {
            for finding in list(&outcome, "findings") {
                let fingerprint = finding["fingerprint"].as_str();
                known.insert(fingerprint.ok_or(BaselineError::NoFingerprint)?.to_owned());
            }
        }
    }
    Ok(known)
}

fn accept_of(
    subject: &mut SubjectReport,
    base: &Base,
    known: &BTreeSet<String>,
    place: &str,
    met: &mut BTreeSet<String>,
) {
    let name = match &subject.facts.dockerfile {
        Some(_) => base.in_workspace(&subject.name),
        None => subject.name.clone(),
    };
    let mut fingerprints = Fingerprints::default();
    let mut all = Vec::new();
    for result in std::mem::take(&mut subject.results) {
        let Outcome::Fail(findings) = &result.outcome else {
            all.push(result);
            continue;
        };
        let mut is_known = |finding: &Finding| {
            // A rule that has a better name now had its old one in the baseline.
            let names = [result.rule.id].into_iter().chain(result.rule.aliases.iter().copied());
            let of = |rule| fingerprints.of(rule, &name, finding, base);
            let of: Vec<String> = names.map(of).collect();
            let hit = of.into_iter().find(|it| known.contains(it));
            let is_hit = hit.is_some();
            met.extend(hit);
            is_hit
        };
        let (accepted, rest): (Vec<Finding>, Vec<Finding>) =
            findings.iter().cloned().partition(|it| is_known(it));
        if result.waiver.is_some() || accepted.is_empty() {
            all.push(result);
            continue;
        }
        let (rule, level) = (result.rule, result.level);
        let weight = |findings: &[Finding]| {
            let of = |it: &Finding| it.at_most.map_or(level, |cap| cap.min(level));
            findings.iter().map(of).max().unwrap_or(level)
        };
        let reason = "an earlier report has it, too".to_owned();
        let waiver = Some(AppliedWaiver { reason, place: place.to_owned() });
        all.push(RuleResult {
            rule,
            level: weight(&accepted),
            outcome: Outcome::Fail(accepted),
            waiver,
        });
        if !rest.is_empty() {
            let level = weight(&rest);
            all.push(RuleResult { rule, level, outcome: Outcome::Fail(rest), waiver: None });
        }
    }
    subject.results = all;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_of_this_version_is_a_baseline() {
        let report = r#"{"schema":"binlint.report/2","subjects":[{"outcomes":[
            {"findings":[{"fingerprint":"a"},{"fingerprint":"b"}]},{"findings":[]}]}]}"#;
        let both = ["a", "b"].map(str::to_owned).into();
        assert_eq!(fingerprints(report), Ok(both));
        for (text, why) in [
            ("{}", "not a `binlint.report/2`"),
            (r#"{"schema":"binlint.report/1"}"#, "a `binlint.report/1`"),
            ("[", "no JSON"),
            (
                r#"{"schema":"binlint.report/2","subjects":[{"outcomes":[{"findings":[{}]}]}]}"#,
                "no fingerprint",
            ),
        ] {
            assert!(fingerprints(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }
}
