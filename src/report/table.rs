//! The report that a person reads: worst first, then the lines to paste, then one verdict.

use std::io::{self, Write};

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};

use crate::escape;
use crate::report::lines::{line, strong};
use crate::report::{Checked, Report, SubjectReport, Summary, words};
use crate::rule::{Level, Location, Outcome};

/// How the report is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns of the terminal; lines to paste are never broken.
    pub width: u16,
    /// Whether escape sequences are welcome.
    pub colour: bool,
    /// How much is said.
    pub detail: Detail,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict alone.
    Quiet,
    /// The findings, and how much stayed open.
    Normal,
    /// Every rule's answer, with its reason and evidence.
    Verbose,
}

/// Writes the report.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
    for judged in &report.subjects {
        if style.detail > Detail::Quiet {
            subject(judged, style, to)?;
        }
    }
    if style.detail > Detail::Quiet {
        for note in &report.notes {
            line(to, format_args!("note: {note}"))?;
        }
    }
    verdict(report, style, to)
}

fn subject(judged: &SubjectReport, style: Style, to: &mut dyn Write) -> io::Result<()> {
    strong(to, escape(None, style), &judged.name, format_args!(""))?;
    if let Some(binary) = &judged.facts.binary {
        if binary.path != judged.name {
            line(to, format_args!("  {}", binary.path))?;
        }
        line(to, format_args!("  {}", words::identity(binary)))?;
        for note in &binary.notes {
            line(to, format_args!("  note: {note}"))?;
        }
    }
    if let Some(dockerfile) = &judged.facts.dockerfile {
        for note in &dockerfile.notes {
            writeln!(to, "  note: {note}")?;
        }
    }
    let failures = judged.failures();
    let mut table = table(style);
    for checked in &failures {
        row(&mut table, checked, style);
    }
    if style.detail == Detail::Verbose {
        for checked in
            judged.checked.iter().filter(|it| !failures.iter().any(|one| std::ptr::eq(*one, *it)))
        {
            row(&mut table, checked, style);
        }
    }
    if !table.is_empty() {
        writeln!(to, "{table}")?;
    }
    lines_to_paste(&failures, to)?;
    let open = judged.summary().open;
    if open > 0 && style.detail == Detail::Normal {
        writeln!(to, "  {open} open: the evidence was not enough to decide (-v says why)")?;
    }
    writeln!(to)
}

fn table(style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width);
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

fn row(table: &mut Table, checked: &Checked, style: Style) {
    let (word, colour) = match (&checked.outcome, checked.level) {
        (Outcome::Fail(_), _) if checked.waived.is_some() => ("waived", Color::DarkGrey),
        (Outcome::Fail(_), Level::Deny) => ("deny", Color::Red),
        (Outcome::Fail(_), _) => ("warn", Color::Yellow),
        (Outcome::Open(_), _) => ("open", Color::Magenta),
        (Outcome::Pass(_), _) => ("pass", Color::Green),
        (Outcome::NotApplicable(_), _) => ("n/a", Color::DarkGrey),
    };
    table.add_row([
        Cell::new(word).fg(colour).add_attribute(Attribute::Bold),
        Cell::new(checked.rule.id),
        Cell::new(seen(checked, style)),
    ]);
}

/// What was seen, where, and on what evidence.
fn seen(checked: &Checked, style: Style) -> String {
    let mut lines = Vec::new();
    match &checked.outcome {
        Outcome::Pass(why) | Outcome::NotApplicable(why) | Outcome::Open(why) => {
            lines.push(why.to_string());
        }
        Outcome::Fail(findings) => {
            for finding in findings {
                lines.push(finding.message.clone());
                lines.push(format!("  at {}", finding.location));
                if let Location::Line { text, .. } = &finding.location {
                    lines.push(format!("  | {}", text.chars().take(200).collect::<String>()));
                }
                let shown = if style.detail == Detail::Verbose { usize::MAX } else { 3 };
                lines.extend(finding.evidence.iter().take(shown).map(|it| format!("  {it}")));
                if finding.evidence.len() > shown {
                    lines.push(format!("  … and {} more (-v)", finding.evidence.len() - shown));
                }
            }
            lines.push(format!("  see {}", checked.rule.url()));
        }
    }
    if let Some(waived) = &checked.waived {
        lines.push(format!("  waived: {} ({})", waived.reason, waived.place));
    }
    // A table breaks lines by itself, and takes no other characters for what they are.
    lines.iter().map(|line| escape::line(line)).collect::<Vec<_>>().join("\n")
}

/// Outside the table, because a line that is to be pasted must not be broken or framed. A finding
/// without one says why.
fn lines_to_paste(failures: &[&Checked], to: &mut dyn Write) -> io::Result<()> {
    let mut fixes: Vec<(&str, String)> = Vec::new();
    for checked in failures {
        for finding in checked.outcome.findings() {
            let none = || Some(format!("(no line: {})", checked.rule.no_fix_line?));
            let Some(fix) = finding.fix.clone().or_else(none) else { continue };
            if !fixes.iter().any(|(_, known)| *known == fix) {
                fixes.push((checked.rule.id, fix));
            }
        }
    }
    if fixes.is_empty() {
        return Ok(());
    }
    writeln!(to, "  to fix:")?;
    let widest = fixes.iter().map(|(id, _)| id.len()).max().unwrap_or_default();
    for (id, fix) in fixes {
        for (index, line) in fix.lines().enumerate() {
            let id = if index == 0 { id } else { "" };
            writeln!(to, "    {id:widest$}  {}", escape::whole(line))?;
        }
    }
    Ok(())
}

fn verdict(report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let summary = report.summary();
    let names = match report.subjects.as_slice() {
        [one] => one.name.clone(),
        many if many.iter().all(|it| it.facts.dockerfile.is_some()) => {
            format!("{} Dockerfiles", many.len())
        }
        many => format!("{} programs", many.len()),
    };
    let (word, colour) = match summary {
        Summary { deny: 1.., .. } => ("do not ship", Color::Red),
        Summary { warn: 1.., .. } => ("nothing denied", Color::Yellow),
        _ => ("clean", Color::Green),
    };
    let rest = format_args!(": {names}: {}", summary.words());
    strong(to, escape(Some(colour), style), word, rest)
}

/// The escape sequence of a strong word, where one is welcome.
fn escape(colour: Option<Color>, style: Style) -> Option<&'static str> {
    style.colour.then_some(match colour {
        Some(Color::Red) => ";31",
        Some(Color::Yellow) => ";33",
        Some(Color::Green) => ";32",
        _ => "",
    })
}
