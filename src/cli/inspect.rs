//! `inspect`: the facts of any programs, with no rule run.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::cli::output;
use crate::cli::output::{CliError, DestinationArgs};
use crate::report;
use crate::report::binary::{BinaryEntry, InspectEntry};
use crate::report::table::Detail;
use crate::session::inspect;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Binaries, libraries, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read headers only: no digest, no scan of the contents
    #[arg(long)]
    quick: bool,
    /// Do not compute the SHA-256 digest
    #[arg(long)]
    no_digest: bool,
    /// Format of the facts
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: InspectFormat,
    #[command(flatten)]
    destination: DestinationArgs,
    /// Print one line for each file
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Print every fact of every file
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InspectFormat {
    Table,
    Json,
    Jsonl,
}

/// Prints the facts of every file.
///
/// # Errors
/// The output refuses them.
pub fn run(arguments: &InspectArgs) -> Result<u8, CliError> {
    arguments.destination.spares(arguments.files.iter().map(PathBuf::as_path))?;
    let options = inspect::InspectOptions {
        files: arguments.files.clone(),
        quick: arguments.quick,
        no_digest: arguments.no_digest,
    };
    let mut progress = Progress::new();
    let answers = inspect::inspect(&options, &mut |finished, all| progress.show(finished, all));
    drop(progress);
    let errors = answers.iter().filter_map(|(path, answer)| Some((path, answer.as_ref().err()?)));
    let failed = errors.clone().next().is_some();
    for (path, error) in errors.filter(|_| arguments.format == InspectFormat::Table) {
        match error.to_string().contains(path.as_str()) {
            true => output::say(format_args!("error: {error}"))?,
            false => output::say(format_args!("error: {path}: {error}"))?,
        }
    }
    let detail = Detail::asked(arguments.quiet, arguments.verbose);
    arguments.destination.write_detailed(detail, |to, style| match arguments.format {
        InspectFormat::Table => report::inspect::write(&answers, style, to),
        InspectFormat::Json => report::binary::write(&entries(&answers), to),
        InspectFormat::Jsonl => report::binary::write_lines(&entries(&answers), to),
    })?;
    Ok(if failed { crate::cli::FAILED } else { crate::cli::CLEAN })
}

fn entries(answers: &[inspect::InspectResult]) -> Vec<InspectEntry<'_>> {
    fn entry((path, answer): &inspect::InspectResult) -> InspectEntry<'_> {
        match answer {
            Ok(binary) => InspectEntry::Binary(Box::new(BinaryEntry::from(binary))),
            Err(error) => InspectEntry::Error { path, error: error.to_string() },
        }
    }
    answers.iter().map(entry).collect()
}

/// A line on a terminal's standard error, once the work takes longer than a breath.
struct Progress {
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    fn new() -> Progress {
        Progress { started: Instant::now(), shown: None }
    }

    fn show(&mut self, finished: usize, all: usize) {
        const PATIENCE: Duration = Duration::from_millis(700);
        let due = self.shown.is_none_or(|last| last.elapsed() > Duration::from_millis(100));
        if self.started.elapsed() < PATIENCE || !due || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        // Progress that cannot be shown is no loss.
        let _ = write!(io::stderr(), "\r{finished} of {all} files");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
