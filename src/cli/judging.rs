//! What every command that judges is told: configuration, levels, how to answer.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::levels::Levels;
use crate::cli::output::{Failure, Output};
use crate::report;
use crate::report::Report;

/// Options of every command that judges.
#[derive(Debug, Clone, Default, Args)]
pub struct Judging {
    /// Configuration of the linter [default: binlint.toml at the workspace's root or here]
    #[arg(long, value_name = "FILE", help_heading = "Levels")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "what is written here would replace the help of the command")]
    pub levels: Levels,
    /// An open outcome fails too: what could not be decided is not good enough
    #[arg(long, help_heading = "Levels")]
    strict: bool,
    /// How to print the report
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names explain themselves")]
pub enum Format {
    #[default]
    Table,
    Json,
}

impl Judging {
    /// Prints the report, and returns the exit code that it means.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn answer(&self, report: &Report) -> Result<u8, Failure> {
        self.output.write(|to, style| match self.format {
            Format::Table => report::table::write(report, style, to),
            Format::Json => report::json::write(report, to),
        })?;
        Ok(if report.is_clean(self.strict) { crate::cli::CLEAN } else { crate::cli::DENIED })
    }
}
