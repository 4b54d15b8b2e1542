//! `record`: writes down what the programs of a build were built from.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{FeatureArgs, RecordWritingArgs, SelectionArgs};
use crate::cli::output;
use crate::cli::output::CliError;
use crate::cli::rebuilding::RebuildArgs;
use crate::session::record::{RecordOutcome, Recorder};
use crate::session::reproduced;

/// Arguments of `record`.
#[derive(Debug, Clone, Default, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    writing: RecordWritingArgs,
    #[command(flatten)]
    rebuilding: RebuildArgs,
    /// Write to this file instead of beside the binary (only for a single binary)
    #[arg(short, long, value_name = "FILE", help_heading = "Record")]
    output: Option<PathBuf>,
}

/// Writes one record a program.
///
/// # Errors
/// Nothing built, several programs for one file, a program that no record can be made of.
pub fn run(arguments: &RecordArgs) -> Result<u8, CliError> {
    let to = arguments.output.as_deref();
    let recorder = Recorder::of_workspace(&arguments.selection.with(&arguments.features), to)?;
    let mut denied = false;
    for program in recorder.programs() {
        match recorder.record(program, to, &arguments.writing.options())? {
            RecordOutcome::Refused(why) => return Err(CliError::Arguments(why)),
            RecordOutcome::Written { path, notes } => {
                for note in notes {
                    output::say(format_args!("note: {note}"))?;
                }
                writeln!(output::stdout(), "{}", path.display())?;
            }
        }
        if arguments.rebuilding.rebuild {
            let options = arguments.rebuilding.options();
            let (path, rebuild) =
                recorder.reproduce(program, options, &arguments.writing.options())?;
            writeln!(output::stdout(), "{}", path.display())?;
            let said = format!("{} {}", rebuild.outcome.name(), rebuild.reason);
            let bin = &program.output.bin;
            output::say(format_args!("rebuild of {bin}: {}", said.trim_end()))?;
            denied |= reproduced::is_denied(&rebuild);
        }
    }
    Ok(if denied { crate::cli::DENIED } else { crate::cli::CLEAN })
}
