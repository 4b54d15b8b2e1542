//! The report that a person reads: worst first, each finding with its fix, then one summary line.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::escape;
use crate::report::lines::line;
use crate::report::verdict::{self, Verdict};
use crate::report::wrap::wrap;
use crate::report::{Report, RuleResult, SubjectReport, labels};
use crate::rule::{Finding, Level, Location, Outcome};

/// How the report is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns of the terminal; lines to paste are never broken.
    pub width: u16,
    /// Whether a terminal shows it. In a log each note, and the summary, stays on one line, where a search
    /// finds it.
    pub terminal: bool,
    /// Whether escape sequences are welcome.
    pub colour: bool,
    /// How much is said.
    pub detail: Detail,
    /// Whether inconclusive results fail the run, which the summary then says.
    pub strict: bool,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The summary alone.
    Quiet,
    /// The findings, and how many rules were inconclusive.
    Normal,
    /// Every rule's result, with its reason and evidence.
    Verbose,
}

impl Detail {
    /// The detail that `-q` and `-v` ask for.
    pub const fn asked(quiet: bool, verbose: bool) -> Detail {
        match (quiet, verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        }
    }
}

/// Colours of the levels and results, as SGR parameters.
#[derive(Clone, Copy)]
enum Colour {
    None,
    Grey,
    Red,
    Yellow,
    Green,
    Magenta,
}

/// Findings show this many pieces of evidence, unless every one was asked for.
const MAX_EVIDENCE: usize = 3;

/// Writes the report.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
    if style.detail == Detail::Quiet {
        // A waiver that ran out changes the exit code: it is said however quiet the run is.
        for note in &report.expired_waivers {
            write_note(note, "", style, to)?;
        }
        return write_summary(report, style, to);
    }
    for subject in &report.subjects {
        match style.detail == Detail::Normal && is_one_line(subject) {
            // One subject without findings is what the summary says.
            true if report.subjects.len() == 1 => {}
            true => writeln!(
                to,
                "{}: {}",
                bold(&subject.name, Colour::None, style),
                subject.summary().words()
            )?,
            false => write_subject(subject, style, to)?,
        }
    }
    for note in &report.notes {
        write_note(note, "", style, to)?;
    }
    write_summary(report, style, to)
}

/// Whether there is nothing to say of the subject but how many rules passed.
fn is_one_line(subject: &SubjectReport) -> bool {
    let of_dockerfile = subject.facts.dockerfile.as_ref().map_or(0, |it| it.notes.len());
    let notes =
        subject.facts.binary.as_ref().map_or(0, |binary| binary.notes.len()) + of_dockerfile;
    subject.failures().is_empty() && notes == 0
}

fn write_subject(subject: &SubjectReport, style: Style, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}", bold(&subject.name, Colour::None, style))?;
    if let Some(binary) = &subject.facts.binary {
        if binary.path != subject.name {
            line(to, format_args!("  {}", binary.path))?;
        }
        let identity = labels::identity(binary);
        writeln!(to, "  {}", wrap(&escape::line(&identity), 2, 2, usize::from(style.width)))?;
        for note in &binary.notes {
            write_note(note, "  ", style, to)?;
        }
    }
    if let Some(dockerfile) = &subject.facts.dockerfile {
        for note in &dockerfile.notes {
            write_note(note, "  ", style, to)?;
        }
    }
    writeln!(to)?;
    for result in subject.failures() {
        write_findings(result, style, to)?;
    }
    if style.detail == Detail::Verbose {
        write_others(&subject.results, style, to)?;
        writeln!(to)?;
    }
    Ok(())
}

/// A failed rule: each finding with its place, its evidence, its fix and the page that explains
/// it. A fix is to be pasted, so its lines are not broken.
fn write_findings(result: &RuleResult, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let rule = result.rule;
    let (level, colour) = match (&result.waiver, result.level) {
        (Some(_), _) => ("waived", Colour::Grey),
        (None, Level::Deny) => ("deny", Colour::Red),
        (None, _) => ("warn", Colour::Yellow),
    };
    for finding in result.outcome.findings() {
        write_result((level, colour), rule.id, &finding.message, style, to)?;
        write_evidence(finding, style, to)?;
        if let Some(waiver) = &result.waiver {
            let text = format!("waived: {} ({})", waiver.reason, waiver.place);
            writeln!(to, "    {}", wrap(&escape::line(&text), 4, 4, usize::from(style.width)))?;
        }
        match (&finding.fix, rule.no_fix_line) {
            (Some(fix), _) if fix.lines().count() > 1 => {
                writeln!(to, "    fix:")?;
                fix.lines().try_for_each(|line| writeln!(to, "      {}", escape::whole(line)))?;
            }
            (Some(fix), _) => writeln!(to, "    fix: {}", escape::whole(fix.trim_end()))?,
            (None, Some(why)) => {
                let line = format!("no fix command: {why}");
                writeln!(to, "    {}", wrap(&escape::line(&line), 4, 4, usize::from(style.width)))?;
            }
            (None, None) => {}
        }
        writeln!(to, "    see: cargo binlint explain {}", rule.id)?;
        writeln!(to)?;
    }
    Ok(())
}

fn write_evidence(finding: &Finding, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let width = usize::from(style.width);
    if finding.location != Location::Subject {
        writeln!(
            to,
            "    {}",
            wrap(&escape::line(&format!("at {}", finding.location)), 4, 4, width)
        )?;
    }
    if let Location::Line { text, .. } = &finding.location {
        line(to, format_args!("    | {}", text.chars().take(200).collect::<String>()))?;
    }
    let shown = if style.detail == Detail::Verbose { usize::MAX } else { MAX_EVIDENCE };
    for evidence in finding.evidence.iter().take(shown) {
        writeln!(to, "    {}", wrap(&escape::line(evidence), 4, 4, width))?;
    }
    match finding.evidence.len().saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(to, "    … and {more} more (-v)"),
    }
}

/// What is not reported as a finding: waived, inconclusive, passed; rules that do not apply are
/// gathered by their reason.
fn write_others(all: &[RuleResult], style: Style, to: &mut dyn Write) -> io::Result<()> {
    for result in all {
        match &result.outcome {
            Outcome::Fail(_) if result.waiver.is_some() => write_findings(result, style, to)?,
            Outcome::Open(why) => {
                let label = ("inconclusive", Colour::Magenta);
                write_result(label, result.rule.id, &why.to_string(), style, to)?;
            }
            _ => {}
        }
    }
    for result in all {
        if let Outcome::Pass(why) = &result.outcome {
            write_result(("pass", Colour::Green), result.rule.id, why.as_ref(), style, to)?;
        }
    }
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for result in all {
        if let Outcome::NotApplicable(why) = &result.outcome {
            let why = why.to_string();
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, rules)) => rules.push(result.rule.id),
                None => reasons.push((why, vec![result.rule.id])),
            }
        }
    }
    for (why, rules) in reasons {
        write_result(("not applicable", Colour::Grey), &why, &rules.join(", "), style, to)?;
    }
    Ok(())
}

/// `warn missing-pie: message`, broken to the width under an indent.
fn write_result(
    (word, colour): (&str, Colour),
    subject: &str,
    text: &str,
    style: Style,
    to: &mut dyn Write,
) -> io::Result<()> {
    let taken = 2 + word.chars().count();
    let text =
        wrap(&escape::line(&format!(" {subject}: {text}")), taken, 3, usize::from(style.width));
    writeln!(to, "  {}{text}", bold(word, colour, style))
}

fn write_note(note: &str, indent: &str, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let width = if style.terminal { usize::from(style.width) } else { usize::MAX };
    let note = format!("note: {note}");
    writeln!(to, "{indent}{}", wrap(&escape::line(&note), indent.len(), indent.len() + 2, width))
}

fn write_summary(report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let (word, rest) = verdict::verdict(report, style.strict);
    let colour = match word {
        Verdict::DoNotShip | Verdict::FailedUnderStrict => Colour::Red,
        Verdict::NothingDenied => Colour::Yellow,
        Verdict::Clean => Colour::Green,
    };
    write_inconclusive(report, style, to)?;
    let width = if style.terminal { usize::from(style.width) } else { usize::MAX };
    let rest = wrap(&escape::line(&format!(": {rest}")), word.name().len(), 2, width);
    writeln!(to, "{}{rest}", bold(word.name(), colour, style))
}

/// How many rules were inconclusive and how to read why; under `--strict`, which.
fn write_inconclusive(report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let summary = report.summary();
    if summary.open == 0 || style.detail == Detail::Verbose {
        return Ok(());
    }
    if style.strict {
        let results = report.subjects.iter().flat_map(|subject| &subject.results);
        let open = results.filter(|it| matches!(it.outcome, Outcome::Open(_)));
        let open: BTreeSet<&str> = open.map(|it| it.rule.id).collect();
        let open = open.into_iter().collect::<Vec<_>>().join(", ");
        let line = format!("inconclusive: {open} (run with -v for the reasons)");
        return writeln!(to, "{}", wrap(&escape::line(&line), 0, 2, usize::from(style.width)));
    }
    match (summary.open, style.detail) {
        (_, Detail::Quiet) => Ok(()),
        (1, _) => writeln!(to, "1 rule inconclusive (run with -v for the reason)"),
        (open, _) => writeln!(to, "{open} rules inconclusive (run with -v for the reasons)"),
    }
}

fn bold(text: &str, colour: Colour, style: Style) -> String {
    let text = escape::line(text);
    if !style.colour {
        return text.into_owned();
    }
    let code = match colour {
        Colour::None => "",
        Colour::Grey => ";90",
        Colour::Red => ";31",
        Colour::Yellow => ";33",
        Colour::Green => ";32",
        Colour::Magenta => ";35",
    };
    format!("\u{1b}[1{code}m{text}\u{1b}[0m")
}
