//! GitLab's Code Quality report: a list of issues, as the subset of Code Climate's format that
//! GitLab documents ("Code quality report format").

use std::io::{self, Write};

use serde::Serialize;

use crate::escape;
use crate::report::found::{Found, found};
use crate::report::{Report, lines};
use crate::rule::Level;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Issue<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    check_name: &'static str,
    description: String,
    content: Content,
    categories: [&'static str; 1],
    fingerprint: &'a str,
    #[cfg_attr(test, schemars(extend("enum" = ["info", "minor", "major", "critical", "blocker"])))]
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Content {
    body: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    let description = match it.place.is_manifest {
        true => format!("{}: {message}", it.subject.name),
        false => message.clone(),
    };
    let mut body = vec![escape::line(it.rule.why).into_owned()];
    body.extend(it.finding.evidence.iter().map(|it| escape::line(it).into_owned()));
    let fix = it.finding.fix.iter().flat_map(|it| it.lines());
    body.extend(fix.map(|line| format!("fix: {}", escape::whole(line))));
    Issue {
        kind: "issue",
        check_name: it.rule.id,
        description: escape::line(&description).into_owned(),
        content: Content { body: body.join("\n\n") },
        categories: ["Bug Risk"],
        fingerprint: &it.fingerprint,
        severity: if it.level == Level::Deny { "critical" } else { "minor" },
        location: Location { path: &it.place.path, lines: Lines { begin: it.place.line } },
    }
}
