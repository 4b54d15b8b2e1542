//! `verify`: a program beside the record of its build.

use std::path::PathBuf;

use clap::{ArgMatches, Args};

use crate::cli::args::{Features, Linting, Selection};
use crate::cli::output::CliError;
use crate::cli::rebuilding::Rebuilding;
use crate::session::{select, verify};

/// Arguments of `verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct Verify {
    /// The program, or the image that carries it
    #[arg(value_name = "BINARY|IMAGE")]
    subject: PathBuf,
    /// Its record [default: the one inside, else the one beside it]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Its record by a path of the image
    #[arg(long, value_name = "PATH", conflicts_with = "record")]
    image_record: Option<String>,
    /// Where in the image the program lies [default: what the image would start]
    #[arg(long, value_name = "PATH")]
    at: Option<String>,
    /// Take only a record that the owner of this key signed: a public key in PEM
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Compare base images with this Dockerfile
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    features: Features,
    #[command(flatten)]
    rebuilding: Rebuilding,
    #[command(flatten)]
    linting: Linting,
}

/// Runs the command.
///
/// # Errors
/// No program, no record, one that cannot be read, a workspace that cannot be asked.
pub fn run(arguments: &Verify, matches: &ArgMatches) -> Result<u8, CliError> {
    let read = arguments.key.iter().chain(&arguments.record).chain(&arguments.dockerfile);
    arguments.linting.spares(read.chain([&arguments.subject]).map(PathBuf::as_path))?;
    let report = verify::verify(&verify::Options {
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
