//! `rules` and `explain`: the catalogue, for reading.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::output::{CliError, Output};
use crate::config::find_rule;
use crate::report::lines;
use crate::rule::{Group, Rule, Status};
use crate::rules;

/// Words after `rules`.
#[derive(Debug, Args)]
pub struct List {
    /// How to print the list
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

/// Words after `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The rule, as the reports name it
    rule: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Serialize)]
struct Entry {
    rule: &'static str,
    aliases: &'static [&'static str],
    group: &'static str,
    level: &'static str,
    needs: String,
    since: &'static str,
    status: &'static str,
    summary: &'static str,
    url: String,
}

/// Prints every rule by group.
///
/// # Errors
/// The output refuses it.
pub fn list(words: &List) -> Result<u8, CliError> {
    words.output.write(|to, _| match words.format {
        Format::Table => by_group(to),
        Format::Json => {
            let entries: Vec<Entry> = rules::ALL.iter().map(|rule| entry(rule)).collect();
            lines::json(to, &entries, true)
        }
    })?;
    Ok(crate::cli::CLEAN)
}

fn entry(rule: &Rule) -> Entry {
    Entry {
        rule: rule.id,
        aliases: rule.aliases,
        group: rule.group.name(),
        level: rule.level.name(),
        needs: rule.check.needs().to_string(),
        since: rule.since,
        status: rule.status.name(),
        summary: rule.summary,
        url: rule.url(),
    }
}

fn by_group(to: &mut dyn Write) -> io::Result<()> {
    let widest = rules::ALL.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    for group in Group::ALL {
        let mut of_group = rules::ALL.iter().filter(|rule| rule.group == *group).peekable();
        if of_group.peek().is_some() {
            writeln!(to, "{}: {}", group.name(), group.question())?;
        }
        for rule in of_group {
            writeln!(to, "  {:widest$}  {:5}  {}", rule.id, rule.level.name(), rule.summary)?;
        }
    }
    Ok(())
}

/// Prints one rule's page.
///
/// # Errors
/// There is no such rule, or the output refuses it.
pub fn explain(words: &Explain) -> Result<u8, CliError> {
    let rule = find_rule(&words.rule).map_err(CliError::Arguments)?;
    words.output.write(|to, style| page(rule, usize::from(style.width).min(90), to))?;
    Ok(crate::cli::CLEAN)
}

fn page(rule: &Rule, width: usize, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}: {}", rule.id, rule.summary)?;
    let (group, level) = (rule.group.name(), rule.level);
    let needs = rule.check.needs();
    writeln!(to, "group {group}, level {level}, needs {needs}, since {}", rule.since)?;
    match rule.status {
        Status::Stable => {}
        Status::Renamed { since, reason } => {
            writeln!(to, "called {} before {since}: {reason}", rule.aliases.join(", "))?;
        }
        Status::Deprecated { since, reason } => writeln!(to, "deprecated in {since}: {reason}")?,
    }
    for (title, text) in
        [("What is checked", rule.what), ("Why it matters", rule.why), ("How to fix it", rule.fix)]
    {
        writeln!(to, "\n{title}")?;
        paragraph(text, width, to)?;
    }
    if let Some(reason) = rule.no_fix_line {
        paragraph(&format!("A finding can be without a fix line: {reason}."), width, to)?;
    }
    if !rule.symptoms.is_empty() {
        writeln!(to, "\nSymptoms")?;
        rule.symptoms.iter().try_for_each(|symptom| writeln!(to, "  {symptom}"))?;
    }
    writeln!(to, "\nReferences")?;
    rule.references.iter().try_for_each(|reference| writeln!(to, "  {reference}"))?;
    writeln!(to, "  {}", rule.url())
}

fn paragraph(text: &str, width: usize, to: &mut dyn Write) -> io::Result<()> {
    for block in text.lines() {
        let mut column = 0;
        for word in block.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > width {
                writeln!(to)?;
                column = 0;
            }
            write!(to, "{}{word}", if column == 0 { "  " } else { " " })?;
            column += length + if column == 0 { 2 } else { 1 };
        }
        writeln!(to)?;
    }
    Ok(())
}
