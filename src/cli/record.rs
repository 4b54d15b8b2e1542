//! `record`: writes down what the programs of a build were built from.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{Features, Selection, Writing};
use crate::cli::output;
use crate::cli::output::CliError;
use crate::cli::rebuilding::Rebuilding;
use crate::session::record::{Answer, Recorder};
use crate::session::reproduced;

/// Arguments of `record`.
#[derive(Debug, Clone, Default, Args)]
pub struct Record {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    features: Features,
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    rebuilding: Rebuilding,
    /// Write here instead of beside the program; for one program only
    #[arg(short, long, value_name = "FILE", help_heading = "Record")]
    output: Option<PathBuf>,
}

/// Writes one record a program.
///
/// # Errors
/// Nothing built, several programs for one file, a program that no record can be made of.
pub fn run(arguments: &Record) -> Result<u8, CliError> {
    let to = arguments.output.as_deref();
    let recorder = Recorder::of_workspace(&arguments.selection.with(&arguments.features), to)?;
    let mut denied = false;
    for program in recorder.programs() {
        match recorder.record(program, to, &arguments.writing.options())? {
            Answer::Refused(why) => return Err(CliError::Arguments(why)),
            Answer::Written { path, notes } => {
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
