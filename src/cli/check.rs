//! `check`: lints what cargo built here, the given programs, or an image.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use crate::cli::args::{FeatureArgs, ImageArgs, LintArgs, SelectionArgs, SubjectArgs};
use crate::cli::output::CliError;
use crate::cli::rebuilding::RebuildArgs;
use crate::session::{check, select};

/// Arguments of `check`.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckFiles {
    /// Binaries to lint instead of the workspace's (same as --binary)
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    check: CheckArgs,
}

/// Options of `check`, and of no command at all.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    runtime: ImageArgs,
    /// Provenance record of the binary [default: the embedded one, else BINARY.intoto.jsonl]
    #[arg(long, value_name = "FILE", help_heading = "Subject")]
    record: Option<PathBuf>,
    #[command(flatten)]
    rebuilding: RebuildArgs,
    #[command(flatten)]
    linting: LintArgs,
}

/// Runs `check`: files and `--binary` are the same.
///
/// # Errors
/// As for [`run`].
pub fn run_with_files(arguments: &CheckFiles, matches: &ArgMatches) -> Result<u8, CliError> {
    let mut check = arguments.check.clone();
    check.subject.binary.extend(arguments.files.iter().cloned());
    run(&check, matches)
}

/// Runs the command.
///
/// # Errors
/// Nothing to lint, unreadable input, a broken configuration.
pub fn run(arguments: &CheckArgs, matches: &ArgMatches) -> Result<u8, CliError> {
    let image = arguments.runtime.file();
    let read = arguments.subject.binary.iter().chain(&arguments.record).chain(&image);
    let read = read.chain(&arguments.selection.manifest_path);
    arguments.linting.spares(read.map(PathBuf::as_path))?;
    let report = check::check(&check::CheckOptions {
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
