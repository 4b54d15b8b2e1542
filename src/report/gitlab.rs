//! GitLab's Code Quality report: a list of issues with the keys that GitLab documents ("Code Quality
//! report format"); of Code Climate's others it reads none.

use std::io::{self, Write};

use serde::Serialize;

use crate::escape;
use crate::report::found::{Found, found};
use crate::report::{Report, lines};
use crate::rule::Level;

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: &'a str,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// Writes the findings, worst first.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let found = found(report);
    let issues: Vec<Issue<'_>> = found.iter().map(issue).collect();
    lines::json(to, &issues, true)
}

fn issue<'a>(it: &'a Found<'a>) -> Issue<'a> {
    let message = &it.finding.message;
    let mut description = match it.place.is_manifest {
        true => format!("{}: {message}", it.subject.name),
        false => message.clone(),
    };
    // Nothing else of an issue is shown.
    if let Some(fix) = it.finding.fix.as_ref().filter(|fix| fix.lines().count() == 1) {
        description.push_str(&format!("; fix: {fix}"));
    }
    Issue {
        description: escape::line(&description).into_owned(),
        check_name: it.rule.id,
        fingerprint: &it.fingerprint,
        severity: if it.level == Level::Deny { "critical" } else { "minor" },
        location: Location { path: &it.place.path, lines: Lines { begin: it.place.line } },
    }
}
