//! `inspect`: the facts of any programs, with no rule run.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::cli::output;
use crate::cli::output::{CliError, Output};
use crate::report;
use crate::report::binary::{Answer, Entry};
use crate::session::inspect;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Programs, libraries, and folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read headers only: no digest, no scan of the contents
    #[arg(long)]
    quick: bool,
    /// Leave out the SHA-256
    #[arg(long)]
    no_digest: bool,
    /// How to print the facts
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
}

/// Prints the facts of every file.
///
/// # Errors
/// The output refuses them.
pub fn run(arguments: &Inspect) -> Result<u8, CliError> {
    arguments.output.spares(arguments.files.iter().map(PathBuf::as_path))?;
    let options = inspect::Options {
        files: arguments.files.clone(),
        quick: arguments.quick,
        no_digest: arguments.no_digest,
    };
    let mut progress = Progress::new();
    let answers = inspect::inspect(&options, &mut |finished, all| progress.show(finished, all));
    drop(progress);
    let errors = answers.iter().filter_map(|(path, answer)| Some((path, answer.as_ref().err()?)));
    let failed = errors.clone().next().is_some();
    for (path, error) in errors.filter(|_| arguments.format == Format::Table) {
        match error.contains(path.as_str()) {
            true => output::say(format_args!("error: {error}"))?,
            false => output::say(format_args!("error: {path}: {error}"))?,
        }
    }
    arguments.output.write(|to, style| match arguments.format {
        Format::Table => report::inspect::write(&answers, style, to),
        Format::Json => report::binary::write(&entries(&answers), to),
        Format::Jsonl => report::binary::write_lines(&entries(&answers), to),
    })?;
    Ok(if failed { crate::cli::FAILED } else { crate::cli::CLEAN })
}

fn entries(answers: &[inspect::Answer]) -> Vec<Answer<'_>> {
    fn entry((path, answer): &inspect::Answer) -> Answer<'_> {
        match answer {
            Ok(binary) => Answer::Binary(Box::new(Entry::from(binary))),
            Err(error) => Answer::Error { path, error },
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
