//! `rules` and `explain`: the catalogue, for reading.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use crate::cli::output::{CliError, DestinationArgs};
use crate::config::{Scope, find_group, find_rule_or_group};
use crate::report;
use crate::report::table::Style;
use crate::report::wrap::wrap;
use crate::rule::{Group, Rule, Status};
use crate::rules;

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// List only the rules of this group
    #[arg(value_name = "GROUP")]
    group: Option<String>,
    /// Format of the list
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: RulesFormat,
    #[command(flatten)]
    destination: DestinationArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of the rule or group
    #[arg(value_name = "RULE|GROUP")]
    name: String,
    #[command(flatten)]
    destination: DestinationArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RulesFormat {
    Table,
    Json,
}

/// Prints the rules by group.
///
/// # Errors
/// There is no such group, or the output refuses it.
pub fn list(arguments: &RulesArgs) -> Result<u8, CliError> {
    let group = arguments.group.as_deref().map(find_group).transpose();
    let group = group.map_err(|error| CliError::Arguments(error.to_string()))?;
    let is_listed = |rule: &Rule| group.is_none_or(|group| group == rule.group);
    arguments.destination.write(|to, style| match arguments.format {
        RulesFormat::Table => by_group(&is_listed, style, to),
        RulesFormat::Json => {
            let listed = rules::ALL.iter().copied().filter(|rule| is_listed(rule));
            report::rules::write(listed, to)
        }
    })?;
    Ok(crate::cli::CLEAN)
}

fn by_group(is_listed: &dyn Fn(&Rule) -> bool, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let width = usize::from(style.width);
    let widest = rules::ALL.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    for group in Group::ALL {
        let mut of_group =
            rules::ALL.iter().filter(|rule| rule.group == *group && is_listed(rule)).peekable();
        if of_group.peek().is_some() {
            let title = format!("{}: {}", group.name(), group.question());
            writeln!(to, "{}", heading(&wrap(&title, 0, 2, width), style))?;
        }
        for rule in of_group {
            let row = format!("  {:widest$}  {:5}  ", rule.id, rule.level.name());
            // A narrow terminal has no room for a third column.
            if width >= row.len() + 40 {
                writeln!(to, "{row}{}", wrap(rule.summary, row.len(), row.len(), width))?;
            } else {
                writeln!(to, "  {}  {}", rule.id, rule.level.name())?;
                writeln!(to, "    {}", wrap(rule.summary, 4, 4, width))?;
            }
        }
    }
    Ok(())
}

fn heading(text: &str, style: Style) -> String {
    if style.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Prints one rule's page, or the rules of a group.
///
/// # Errors
/// There is no such rule or group, or the output refuses it.
pub fn explain(arguments: &ExplainArgs) -> Result<u8, CliError> {
    let scope = find_rule_or_group(&arguments.name)
        .map_err(|error| CliError::Arguments(error.to_string()))?;
    arguments.destination.write(|to, style| match scope {
        Scope::Rule(rule) => page(rule, style, to),
        Scope::Group(group) => by_group(&|rule| rule.group == group, style, to),
    })?;
    Ok(crate::cli::CLEAN)
}

fn page(rule: &Rule, style: Style, to: &mut dyn Write) -> io::Result<()> {
    // Prose in longer lines is hard to read, however wide the terminal is.
    let width = usize::from(style.width).min(90);
    let title = wrap(&format!("{}: {}", rule.id, rule.summary), 0, 2, width);
    writeln!(to, "{}", heading(&title, style))?;
    let (group, level) = (rule.group.name(), rule.level);
    let needs = rule.check.needs();
    let line = format!("group {group}, level {level}, needs {needs}, since {}", rule.since);
    writeln!(to, "{}", wrap(&line, 0, 2, width))?;
    match rule.status {
        Status::Stable => {}
        Status::Renamed { since, reason } => {
            let line = format!("called {} before {since}: {reason}", rule.aliases.join(", "));
            writeln!(to, "{}", wrap(&line, 0, 2, width))?;
        }
        Status::Deprecated { since, reason } => {
            let line = format!("deprecated in {since}: {reason}");
            writeln!(to, "{}", wrap(&line, 0, 2, width))?;
        }
    }
    for (title, text) in
        [("What is checked", rule.what), ("Why it matters", rule.why), ("How to fix it", rule.fix)]
    {
        writeln!(to, "\n{}", heading(title, style))?;
        paragraph(text, width, to)?;
    }
    if let Some(reason) = rule.no_fix_line {
        paragraph(
            &format!("A finding can come without a command that fixes it: {reason}."),
            width,
            to,
        )?;
    }
    if !rule.symptoms.is_empty() {
        writeln!(to, "\n{}", heading("Symptoms", style))?;
        rule.symptoms.iter().try_for_each(|symptom| paragraph(&symptom.to_string(), width, to))?;
    }
    writeln!(to, "\n{}", heading("References", style))?;
    rule.references.iter().try_for_each(|reference| writeln!(to, "  {reference}"))?;
    writeln!(to, "  {}", rule.url())
}

fn paragraph(text: &str, width: usize, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "  {}", wrap(text, 2, 2, width))
}
