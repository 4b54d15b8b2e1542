//! `check`: lints what cargo built here, the given programs, or an image.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use crate::cli::args::{Features, Linting, Runtime, Selection, Subject};
use crate::cli::output::CliError;
use crate::cli::rebuilding::Rebuilding;
use crate::session::{check, select};

/// Arguments of `check`, and of no command at all.
#[derive(Debug, Clone, Default, Args)]
pub struct Check {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    features: Features,
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    runtime: Runtime,
    /// The record of the program's build [default: the one inside or beside it]
    #[arg(long, value_name = "FILE", help_heading = "Subject")]
    record: Option<PathBuf>,
    #[command(flatten)]
    rebuilding: Rebuilding,
    #[command(flatten)]
    linting: Linting,
}

/// Runs the command.
///
/// # Errors
/// Nothing to lint, unreadable input, a broken configuration.
pub fn run(arguments: &Check, matches: &ArgMatches) -> Result<u8, CliError> {
    let image = arguments.runtime.file();
    let read = arguments.subject.binary.iter().chain(&arguments.record).chain(&image);
    let read = read.chain(&arguments.selection.manifest_path);
    arguments.linting.spares(read.map(PathBuf::as_path))?;
    let report = check::check(&check::Options {
        selection: select::Selection {
            is_trusted: arguments.rebuilding.rebuild,
            ..arguments.selection.with(&arguments.features)
        },
        binaries: arguments.subject.binary.clone(),
        image: arguments.runtime.options(),
        record: arguments.record.clone(),
        rebuild: arguments.rebuilding.options(),
        configuration: arguments.linting.configuration(matches),
    })?;
    arguments.linting.answer(&report)
}
