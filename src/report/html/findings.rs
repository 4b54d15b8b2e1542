//! What the rules say: findings with evidence and fix, what is accepted or inconclusive, and what
//! every passing rule found.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::text;
use crate::escape;
use crate::report::found::place;
use crate::report::{Report, SubjectReport};
use crate::rule::{Finding, Group, Level, Location, Outcome, Rule};

/// The findings that count, worst first.
pub(super) fn write(
    report: &Report,
    subject: &SubjectReport,
    to: &mut dyn Write,
) -> io::Result<()> {
    let failures = subject.failures();
    if failures.is_empty() {
        return Ok(());
    }
    writeln!(to, "<h3>Findings</h3>")?;
    for checked in failures {
        for finding in checked.outcome.findings() {
            let level = finding.at_most.map_or(checked.level, |cap| cap.min(checked.level));
            write_finding(report, subject, checked.rule, level, finding, to)?;
        }
    }
    Ok(())
}

fn write_finding(
    report: &Report,
    subject: &SubjectReport,
    rule: &Rule,
    level: Level,
    finding: &Finding,
    to: &mut dyn Write,
) -> io::Result<()> {
    let class = if level == Level::Deny { "deny" } else { "warn" };
    writeln!(
        to,
        "<article class=\"finding {class}\">\n<span class=\"badge\">{class}</span> <code class=\"rule\">{}</code>\n<h4>{}</h4>",
        rule.id,
        text(&finding.message)
    )?;
    let at = place(report, subject, finding);
    let at = match (&finding.location, at.is_manifest) {
        (Location::Line { .. }, false) => {
            format!("{}:{}:{}", at.path, at.line, at.column.unwrap_or(1))
        }
        _ => finding.location.to_string(),
    };
    writeln!(to, "<p class=\"soft\">at <span class=\"path\">{}</span></p>", text(&at))?;
    if let Location::Line { text: line, .. } = &finding.location {
        writeln!(to, "<pre tabindex=\"0\">{}</pre>", text(line))?;
    }
    if !finding.evidence.is_empty() {
        writeln!(to, "<ul>")?;
        finding.evidence.iter().try_for_each(|it| writeln!(to, "<li>{}</li>", text(it)))?;
        writeln!(to, "</ul>")?;
    }
    match (&finding.fix, rule.no_fix_line) {
        (Some(fix), _) => {
            let lines: Vec<String> =
                fix.lines().map(|line| escape::markup(&escape::whole(line))).collect();
            writeln!(
                to,
                "<div class=\"fix\"><p><strong>Fix</strong> <button type=\"button\" class=\"copy\" hidden \
                 aria-label=\"Copy the fix of {}\">Copy</button></p>\n<pre tabindex=\"0\">{}</pre></div>",
                rule.id,
                lines.join("\n")
            )?;
        }
        (None, Some(why)) => writeln!(to, "<p class=\"soft\">No fix command: {}.</p>", text(why))?,
        (None, None) => {}
    }
    writeln!(
        to,
        "<details><summary>Why it matters</summary>\n<p>{}</p>\n<p>{}</p>\n<ul>",
        text(rule.why),
        text(rule.fix)
    )?;
    for reference in rule.references {
        match reference.starts_with("https://") {
            true => writeln!(
                to,
                "<li><a href=\"{0}\" rel=\"noreferrer\">{0}</a></li>",
                text(reference)
            )?,
            false => writeln!(to, "<li>{}</li>", text(reference))?,
        }
    }
    writeln!(to, "</ul>\n</details>\n</article>")
}

/// Waived, inconclusive, passed; what does not apply by its reason.
pub(super) fn write_others(subject: &SubjectReport, to: &mut dyn Write) -> io::Result<()> {
    let mut waived = Vec::new();
    let mut open = Vec::new();
    let mut passed: BTreeMap<Group, Vec<(&str, String)>> = BTreeMap::new();
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for checked in &subject.results {
        let rule = checked.rule.id;
        match (&checked.outcome, &checked.waiver) {
            (Outcome::Fail(findings), Some(why)) => {
                let why = format!("{} ({})", why.reason, why.place);
                waived.extend(
                    findings.iter().map(|it| (rule, format!("{}; waived: {why}", it.message))),
                );
            }
            (Outcome::Open(why), _) => open.push((rule, why.to_string())),
            (Outcome::Pass(why), _) => {
                passed.entry(checked.rule.group).or_default().push((rule, why.to_string()));
            }
            (Outcome::NotApplicable(why), _) => {
                reasons.entry(why.to_string()).or_default().push(rule);
            }
            (Outcome::Fail(_), None) => {}
        }
    }
    list(&format!("Waived ({})", waived.len()), &[("", waived)], to)?;
    list(&format!("Inconclusive ({})", open.len()), &[("", open)], to)?;
    let count: usize = passed.values().map(Vec::len).sum();
    let groups: Vec<_> = passed.into_iter().map(|(group, it)| (group.question(), it)).collect();
    list(&format!("Passed ({count})"), &groups, to)?;
    if !reasons.is_empty() {
        writeln!(to, "<details><summary><h3>Not applicable</h3></summary>\n<ul class=\"rules\">")?;
        for (why, rules) in &reasons {
            writeln!(
                to,
                "<li>{}<br><code class=\"soft\">{}</code></li>",
                text(why),
                rules.join(", ")
            )?;
        }
        writeln!(to, "</ul>\n</details>")?;
    }
    Ok(())
}

/// Rules with what each says, folded, under the questions that they answer.
fn list(title: &str, groups: &[(&str, Vec<(&str, String)>)], to: &mut dyn Write) -> io::Result<()> {
    if groups.iter().all(|(_, rules)| rules.is_empty()) {
        return Ok(());
    }
    writeln!(to, "<details><summary><h3>{title}</h3></summary>")?;
    for (question, rules) in groups {
        if !question.is_empty() {
            writeln!(to, "<h4>{}</h4>", text(question))?;
        }
        writeln!(to, "<ul class=\"rules\">")?;
        for (rule, why) in rules {
            writeln!(to, "<li><code>{rule}</code>: {}</li>", text(why))?;
        }
        writeln!(to, "</ul>")?;
    }
    writeln!(to, "</details>")
}
