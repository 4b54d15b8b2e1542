//! `diagnose`: from what was seen to its cause.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::args::{FeatureArgs, ImageArgs, SelectionArgs, SubjectArgs};
use crate::cli::output::{self, CliError, OutputArgs};
use crate::report::diagnosis::observation::{Observation, Signal};
use crate::report::diagnosis::{json, table};
use crate::session::check::CheckOptions;
use crate::session::diagnose;

/// More of a log is not read, in bytes: what matters stands in its first or last lines.
const MAX_LOG: u64 = 64 << 20;

/// Arguments of `diagnose`.
#[derive(Debug, Clone, Default, Args)]
pub struct DiagnoseArgs {
    /// Exit code that was seen
    #[arg(long, value_name = "N", help_heading = "What was seen")]
    exit_code: Option<u8>,
    /// Signal that ended it, by number or name
    #[arg(
        long,
        value_name = "SIGNAL",
        conflicts_with = "exit_code",
        help_heading = "What was seen"
    )]
    signal: Option<String>,
    /// It printed nothing
    #[arg(long, conflicts_with = "log", help_heading = "What was seen")]
    silent: bool,
    /// What it printed, both outputs; `-` reads standard input
    #[arg(long, value_name = "FILE", help_heading = "What was seen")]
    log: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    runtime: ImageArgs,
    /// Format of the diagnosis
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: DiagnoseFormat,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum DiagnoseFormat {
    #[default]
    Table,
    Json,
}

/// Diagnoses, and answers 0 whatever it is.
///
/// # Errors
/// Nothing to diagnose, unreadable input.
pub fn run(arguments: &DiagnoseArgs) -> Result<u8, CliError> {
    let image = arguments.runtime.file();
    let read = arguments.subject.binary.iter().chain(&arguments.log).chain(&image);
    arguments.output.spares(read.map(PathBuf::as_path))?;
    let is_image_stdin = arguments.runtime.image.as_deref() == Some("-".as_ref());
    if is_image_stdin && arguments.log.as_deref() == Some(Path::new("-")) {
        let why = "--image and --log cannot both read standard input; write one to a file";
        return Err(CliError::Arguments(why.to_owned()));
    }
    let observation = arguments.observation()?;
    let report = diagnose::examine(&CheckOptions {
        selection: arguments.selection.with(&arguments.features),
        binaries: arguments.subject.binary.clone(),
        image: arguments.runtime.options(),
        ..CheckOptions::default()
    })?;
    let diagnoses = diagnose::diagnose(&report, &observation);
    arguments.output.write(|to, style| match arguments.format {
        DiagnoseFormat::Table => table::write(&diagnoses, &observation, &report.notes, style, to),
        DiagnoseFormat::Json => json::write(&diagnoses, &observation, &report.notes, to),
    })?;
    Ok(crate::cli::CLEAN)
}

impl DiagnoseArgs {
    fn observation(&self) -> Result<Observation, CliError> {
        let signal = self.signal.as_deref().map(|text| {
            let unknown = || {
                CliError::Arguments(format!(
                    "--signal {text}: there is no such signal; give a number from 1 to 64 or a name \
                     such as SIGSEGV"
                ))
            };
            Signal::parse(text).ok_or_else(unknown)
        });
        let mut observation = Observation {
            exit_code: self.exit_code,
            signal: signal.transpose()?,
            output: self.printed()?,
        };
        let is_asked = self.format == DiagnoseFormat::Table
            && observation == Observation::default()
            && self.runtime.image.as_deref() != Some("-".as_ref())
            && io::stdin().is_terminal()
            && io::stderr().is_terminal();
        if is_asked {
            observation.exit_code = ask("With which exit code did it end? (Enter: unknown)")?
                .and_then(|answer| answer.parse().ok());
            observation.output = ask("Did it print anything? (y/n, Enter: unknown)")?
                .filter(|answer| answer.starts_with(['n', 'N']))
                .map(|_| String::new());
        }
        Ok(observation)
    }

    fn printed(&self) -> Result<Option<String>, CliError> {
        match &self.log {
            None => Ok(self.silent.then(String::new)),
            Some(path) => {
                let mut bytes = Vec::new();
                if path == Path::new("-") {
                    io::stdin().lock().take(MAX_LOG).read_to_end(&mut bytes)?;
                } else {
                    let file = crate::cargo::fs::open(path).map_err(crate::session::Error::from)?;
                    file.take(MAX_LOG).read_to_end(&mut bytes)?;
                }
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }
}

/// Asks on the terminal; an empty answer is none.
fn ask(question: &str) -> Result<Option<String>, CliError> {
    output::say(format_args!("{question}"))?;
    let mut line = String::new();
    io::stdin().lock().take(1_000).read_line(&mut line)?;
    Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
}
