//! JUnit's XML, as CI servers read it: a suite for each subject, a case for each rule, and one more
//! for each further finding of a rule.
//!
//! There is no official schema. Elements and attributes are those that "JUnit XML format"
//! (github.com/testmoapp/junitxml) lists as common to producers and consumers.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::escape;
use crate::report::{Report, SubjectReport};
use crate::rule::{Finding, Level, Outcome, Rule};

/// Writes the suites.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, strict: bool, to: &mut dyn Write) -> io::Result<()> {
    let suites: Vec<Suite> = report.subjects.iter().map(|it| Suite::of(it, strict)).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    writeln!(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        to,
        "<testsuites name=\"cargo-binlint\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">",
        sum(|it| it.cases),
        sum(|it| it.failures),
        sum(|it| it.skipped)
    )?;
    for Suite { name, cases, failures, skipped, text } in &suites {
        writeln!(
            to,
            "  <testsuite name=\"{}\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n{text}  </testsuite>",
            xml(name)
        )?;
    }
    writeln!(to, "</testsuites>")
}

/// The cases of one subject.
struct Suite<'a> {
    name: &'a str,
    cases: usize,
    failures: usize,
    skipped: usize,
    text: String,
}

impl<'a> Suite<'a> {
    fn of(subject: &'a SubjectReport, strict: bool) -> Suite<'a> {
        let name = &subject.name;
        let mut suite = Suite { name, cases: 0, failures: 0, skipped: 0, text: String::new() };
        for result in &subject.results {
            let rule = result.rule;
            match (&result.outcome, &result.waiver) {
                (Outcome::Pass(why), _) => {
                    suite.case(rule, 0, &element("system-out", None, &xml(why)));
                }
                (Outcome::NotApplicable(why), _) => suite.skip(rule, 0, why),
                (Outcome::Open(why), _) if strict => {
                    suite.fail(rule, 0, "inconclusive", &why.to_string(), "");
                }
                (Outcome::Open(why), _) => suite.skip(rule, 0, &format!("inconclusive: {why}")),
                (Outcome::Fail(findings), Some(waiver)) => {
                    let why = format!("waived: {} ({})", waiver.reason, waiver.place);
                    (0..findings.len()).for_each(|index| suite.skip(rule, index, &why));
                }
                (Outcome::Fail(findings), None) => {
                    for (index, finding) in findings.iter().enumerate() {
                        let level = finding.at_most.map_or(result.level, |it| it.min(result.level));
                        suite.finding(rule, index, level, finding);
                    }
                }
            }
        }
        suite
    }

    /// A denied finding fails; a warning is what a case that passes prints.
    fn finding(&mut self, rule: &Rule, index: usize, level: Level, finding: &Finding) {
        let mut lines = vec![format!("at {}", finding.location)];
        lines.extend(finding.evidence.iter().cloned());
        let mut body = lines.iter().map(|line| xml(line)).collect::<Vec<_>>().join("\n");
        for line in finding.fix.iter().flat_map(|it| it.lines()) {
            let _ = write!(body, "\nfix: {}", quoted(&escape::whole(line)));
        }
        if level == Level::Deny {
            return self.fail(rule, index, "deny", &finding.message, &body);
        }
        let text = format!("warning: {}\n{body}", xml(&finding.message));
        self.case(rule, index, &element("system-out", None, &text));
    }

    fn fail(&mut self, rule: &Rule, index: usize, kind: &str, message: &str, body: &str) {
        self.failures += 1;
        self.case(rule, index, &element("failure", Some((message, Some(kind))), body));
    }

    fn skip(&mut self, rule: &Rule, index: usize, why: &str) {
        self.skipped += 1;
        self.case(rule, index, &element("skipped", Some((why, None)), ""));
    }

    fn case(&mut self, rule: &Rule, index: usize, inside: &str) {
        self.cases += 1;
        let number = if index == 0 { String::new() } else { format!(" {}", index + 1) };
        // A string takes everything.
        let _ = writeln!(
            self.text,
            "    <testcase name=\"{}{number}\" classname=\"{}.{}\">\n      {inside}\n    </testcase>",
            rule.id,
            xml(self.name),
            rule.group.name()
        );
    }
}

fn element(name: &str, message: Option<(&str, Option<&str>)>, body: &str) -> String {
    let attributes = message.map_or_else(String::new, |(message, kind)| {
        let kind = kind.map_or_else(String::new, |it| format!(" type=\"{it}\""));
        format!(" message=\"{}\"{kind}", xml(message))
    });
    match body {
        "" => format!("<{name}{attributes}/>"),
        body => format!("<{name}{attributes}>{body}</{name}>"),
    }
}

/// A text on one line, as a text or an attribute of XML.
fn xml(text: &str) -> String {
    quoted(&escape::line(text))
}

fn quoted(text: &str) -> String {
    escape::markup(text)
}
