//! Where a report goes: standard output or a file, in which format, in which colours.

use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cargo::fs;
use crate::provenance::fs as atomic;
use crate::report::lines;
use crate::report::table::{Detail, Style};

/// Options of every command that prints a report.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Colours: auto obeys the terminal, NO_COLOR and CARGO_TERM_COLOR
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,
    /// Print the verdict alone
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every rule's answer, with its reason
    #[arg(short, long)]
    pub verbose: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names are Cargo's own")]
pub enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// What was typed makes no sense, or an answer that is an error and no report.
    #[error("{0}")]
    Arguments(String),
    /// The work itself.
    #[error(transparent)]
    Session(#[from] crate::session::Error),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
}

/// Standard output, or standard error, for every command. A reader that has gone away has seen
/// enough: what else is written is dropped, and the exit code stays what it would have been.
struct Patient<W>(W);

/// Standard output.
pub fn stdout() -> impl Write {
    Patient(io::stdout().lock())
}

/// Standard error.
pub fn stderr() -> impl Write {
    Patient(io::stderr().lock())
}

/// Says one line on standard error.
///
/// # Errors
/// Those of standard error, but for a reader that has gone away.
pub fn say(text: Arguments<'_>) -> io::Result<()> {
    lines::line(&mut stderr(), text)
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            answer => answer,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            answer => answer,
        }
    }
}

impl From<clap::Error> for CliError {
    fn from(error: clap::Error) -> CliError {
        CliError::Arguments(error.to_string())
    }
}

impl Output {
    /// Writes the whole report or nothing: it is made in memory first.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn write(
        &self,
        make: impl FnOnce(&mut dyn Write, Style) -> io::Result<()>,
    ) -> Result<(), CliError> {
        let mut text = Vec::new();
        make(&mut text, self.style())?;
        match &self.output {
            None => stdout().write_all(&text)?,
            Some(path) => atomic::write(path, &text).map_err(crate::session::Error::from)?,
        }
        Ok(())
    }

    /// Refuses to write over what is read.
    ///
    /// # Errors
    /// The output is one of the inputs.
    pub fn spares<'a>(&self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), CliError> {
        let Some(output) = &self.output else { return Ok(()) };
        match inputs.into_iter().find(|input| fs::is_same(input, output)) {
            None => Ok(()),
            Some(input) => Err(CliError::Arguments(format!(
                "--output {} would be written over {}, which is read; name another file",
                output.display(),
                input.display()
            ))),
        }
    }

    fn style(&self) -> Style {
        let terminal = self.output.is_none() && io::stdout().is_terminal();
        let detail = match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        };
        Style { width: width(terminal), colour: self.colour(terminal), detail }
    }

    fn colour(&self, terminal: bool) -> bool {
        let says = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => match says("CARGO_TERM_COLOR").as_deref() {
                _ if says("NO_COLOR").is_some() => false,
                Some("always") => true,
                Some("never") => false,
                _ => terminal,
            },
        }
    }
}

/// The terminal's width; a pipe has none, and 100 columns are what a log viewer shows.
fn width(terminal: bool) -> u16 {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let asked = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col);
    let width = if terminal { asked().filter(|it| *it > 0) } else { None };
    width.or_else(columns).unwrap_or(100).clamp(40, 160)
}
