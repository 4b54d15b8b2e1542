//! `diff`: what changed between two programs or images.

use std::ffi::OsString;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::binary::diff::DifferenceCause;
use crate::cli::output::{CliError, OutputArgs};
use crate::report;
use crate::session::diff;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older binary or image
    #[arg(value_name = "OLD")]
    old: OsString,
    /// The newer binary or image
    #[arg(value_name = "NEW")]
    new: OsString,
    /// Ignore differences with this cause
    #[arg(
        long,
        value_name = "CAUSE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(DifferenceCause::IGNORABLE.iter().map(|it| it.name()))
    )]
    ignore: Vec<String>,
    /// Format of the output
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: DiffFormat,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    Table,
    Json,
}

/// Compares, prints, and answers 0 for equal, 1 for different.
///
/// # Errors
/// One of the two cannot be read, or a program is to be compared with an image.
pub fn run(arguments: &DiffArgs) -> Result<u8, CliError> {
    let is_named = |cause: &&DifferenceCause| arguments.ignore.iter().any(|it| it == cause.name());
    let answer = diff::compare(&diff::DiffOptions {
        old: arguments.old.clone(),
        new: arguments.new.clone(),
        ignored: DifferenceCause::IGNORABLE.iter().filter(is_named).copied().collect(),
    })?;
    arguments.output.write(|to, style| match arguments.format {
        DiffFormat::Table => report::diff::write(&answer, style, to),
        DiffFormat::Json => report::diff::write_json(&answer, to),
    })?;
    Ok(if answer.is_equal() { crate::cli::CLEAN } else { crate::cli::DENIED })
}
