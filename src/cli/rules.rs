//! `rules` and `explain`: the catalogue, for reading.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::output::{Failure, Output};
use crate::config::find_rule;
use crate::rule::{Group, Rule, Symptom};
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
    group: &'static str,
    level: &'static str,
    needs: &'static str,
    since: &'static str,
    summary: &'static str,
}

/// Prints every rule by group.
///
/// # Errors
/// The output refuses it.
pub fn list(words: &List) -> Result<u8, Failure> {
    words.output.write(|to, _| match words.format {
        Format::Table => by_group(to),
        Format::Json => {
            let entries: Vec<Entry> = rules::ALL.iter().map(|rule| entry(rule)).collect();
            serde_json::to_writer_pretty(&mut *to, &entries)?;
            writeln!(to)
        }
    })?;
    Ok(crate::cli::CLEAN)
}

fn entry(rule: &Rule) -> Entry {
    Entry {
        rule: rule.id,
        group: rule.group.name(),
        level: rule.level.name(),
        needs: rule.check.needs(),
        since: rule.since,
        summary: rule.summary,
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
pub fn explain(words: &Explain) -> Result<u8, Failure> {
    let rule = find_rule(&words.rule).map_err(Failure::Words)?;
    words.output.write(|to, style| page(rule, usize::from(style.width).min(90), to))?;
    Ok(crate::cli::CLEAN)
}

fn page(rule: &Rule, width: usize, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}: {}", rule.id, rule.summary)?;
    let (group, level) = (rule.group.name(), rule.level);
    writeln!(
        to,
        "group {group}, level {level}, needs {}, since {}",
        rule.check.needs(),
        rule.since
    )?;
    for (title, text) in [
        ("What it looks at", rule.what),
        ("Why it matters", rule.why),
        ("How to heal it", rule.fix),
    ] {
        writeln!(to, "\n{title}")?;
        paragraph(text, width, to)?;
    }
    if !rule.symptoms.is_empty() {
        writeln!(to, "\nHow it shows")?;
        for symptom in rule.symptoms {
            match symptom {
                Symptom::ExitCode(code) => writeln!(to, "  exit code {code}")?,
                Symptom::Silence => writeln!(to, "  nothing is printed")?,
                Symptom::Stderr(text) => writeln!(to, "  on standard error: {text}")?,
                Symptom::Client(text) => writeln!(to, "  a client sees: {text}")?,
                Symptom::Behaviour(text) => writeln!(to, "  {text}")?,
            }
        }
    }
    writeln!(to, "\nWhere this comes from")?;
    rule.references.iter().try_for_each(|reference| writeln!(to, "  {reference}"))
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
