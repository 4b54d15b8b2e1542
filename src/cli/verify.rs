//! `verify`: a program beside the record of its build.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use crate::cli::args::{FeatureArgs, LintArgs, SelectionArgs};
use crate::cli::output::CliError;
use crate::cli::rebuilding::RebuildArgs;
use crate::session::{select, verify};

/// Arguments of `verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyArgs {
    /// The binary, or the image that carries it
    #[arg(value_name = "BINARY|IMAGE")]
    subject: PathBuf,
    /// Provenance record [default: the embedded one, else BINARY.intoto.jsonl]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Path of the record in the image
    #[arg(long, value_name = "PATH", conflicts_with = "record")]
    image_record: Option<String>,
    /// Path of the binary in the image [default: what the image starts]
    #[arg(long, value_name = "PATH")]
    at: Option<String>,
    /// Require a signature by this public key (PEM)
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Compare the recorded base images with this Dockerfile
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    rebuilding: RebuildArgs,
    #[command(flatten)]
    linting: LintArgs,
}

/// Runs the command.
///
/// # Errors
/// No program, no record, one that cannot be read, a workspace that cannot be asked.
pub fn run(arguments: &VerifyArgs, matches: &ArgMatches) -> Result<u8, CliError> {
    let read = arguments.key.iter().chain(&arguments.record).chain(&arguments.dockerfile);
    arguments.linting.spares(read.chain([&arguments.subject]).map(PathBuf::as_path))?;
    let report = verify::verify(&verify::VerifyOptions {
        subject: arguments.subject.clone(),
        record: arguments.record.clone(),
        image_record: arguments.image_record.clone(),
        at: arguments.at.clone(),
        keys: arguments.key.clone(),
        dockerfile: arguments.dockerfile.clone(),
        rebuild: arguments.rebuilding.options(),
        selection: select::Selection {
            is_trusted: arguments.rebuilding.rebuild,
            ..arguments.selection.with(&arguments.features)
        },
        configuration: arguments.linting.configuration(matches),
    })?;
    arguments.linting.answer(&report)
}
