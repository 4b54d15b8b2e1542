//! Where a report goes: standard output or a file, in which format, in which colours.

use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cargo::fs;
use crate::provenance::fs as atomic;
use crate::report::lines;
use crate::report::table::{Detail, Style};

/// Where a text goes and whether it is coloured: options of every command that prints one.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct DestinationArgs {
    /// Write to this file instead of standard output (`-`)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// When to use colours; auto obeys NO_COLOR, CARGO_TERM_COLOR and the terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColourChoice,
}

/// Options of every command that prints a report.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    #[command(flatten)]
    destination: DestinationArgs,
    /// Print only the summary
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Print every rule's result, with its reason
    #[arg(short, long)]
    verbose: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names are Cargo's own")]
pub enum ColourChoice {
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
    OutputArgs(#[from] io::Error),
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

impl DestinationArgs {
    /// Writes the whole text or nothing: it is made in memory first.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn write(
        &self,
        make: impl FnOnce(&mut dyn Write, Style) -> io::Result<()>,
    ) -> Result<(), CliError> {
        self.write_detailed(Detail::Normal, make)
    }

    /// As [`DestinationArgs::write`], in this detail.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn write_detailed(
        &self,
        detail: Detail,
        make: impl FnOnce(&mut dyn Write, Style) -> io::Result<()>,
    ) -> Result<(), CliError> {
        let terminal = self.output.is_none() && io::stdout().is_terminal();
        let colour = self.color.is_wanted(terminal);
        let width = width(terminal);
        let mut text = Vec::new();
        make(&mut text, Style { width, terminal, colour, detail, strict: false })?;
        match &self.output {
            None => stdout().write_all(&text)?,
            Some(path) if is_stdout(path) => stdout().write_all(&text)?,
            Some(path) => atomic::write(path, &text).map_err(crate::session::Error::from)?,
        }
        Ok(())
    }
}

impl DestinationArgs {
    /// Refuses to write over what is read.
    ///
    /// # Errors
    /// The output is one of the inputs.
    pub fn spares<'a>(&self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), CliError> {
        self.output.as_ref().map_or(Ok(()), |output| spares("--output", output, inputs))
    }
}

/// Refuses to write over what is read.
///
/// # Errors
/// The output is one of the inputs.
pub fn spares<'a>(
    option: &str,
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), CliError> {
    match inputs.into_iter().find(|input| fs::is_same(input, output)) {
        None => Ok(()),
        Some(input) => Err(CliError::Arguments(format!(
            "{option} {} would overwrite {}, which is an input; name another file",
            output.display(),
            input.display()
        ))),
    }
}

/// Writes the whole text to a file or nothing, for a reader without colours.
///
/// # Errors
/// The file refuses it.
pub fn write_file(
    path: &Path,
    make: impl FnOnce(&mut dyn Write, Style) -> io::Result<()>,
) -> Result<(), CliError> {
    let (width, detail) = (width(false), Detail::Normal);
    let mut text = Vec::new();
    make(&mut text, Style { width, terminal: false, colour: false, detail, strict: false })?;
    if is_stdout(path) {
        return Ok(stdout().write_all(&text)?);
    }
    Ok(atomic::write(path, &text).map_err(crate::session::Error::from)?)
}

/// `-`, as most tools have it.
fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

impl OutputArgs {
    /// The file, where it is not standard output.
    pub fn file(&self) -> Option<&Path> {
        self.destination.output.as_deref()
    }

    /// As [`DestinationArgs::spares`].
    ///
    /// # Errors
    /// The output is one of the inputs.
    pub fn spares<'a>(&self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), CliError> {
        self.destination.spares(inputs)
    }

    /// As [`DestinationArgs::write`], in the detail that was asked for.
    ///
    /// # Errors
    /// The file or the pipe refuses it.
    pub fn write(
        &self,
        make: impl FnOnce(&mut dyn Write, Style) -> io::Result<()>,
    ) -> Result<(), CliError> {
        self.destination.write_detailed(Detail::asked(self.quiet, self.verbose), make)
    }
}

impl ColourChoice {
    fn is_wanted(self, terminal: bool) -> bool {
        let value_of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match self {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => match value_of("CARGO_TERM_COLOR").as_deref() {
                _ if value_of("NO_COLOR").is_some() => false,
                Some("always") => true,
                Some("never") => false,
                _ => terminal && value_of("TERM").as_deref() != Some("dumb"),
            },
        }
    }
}

/// Help is coloured where a report is; clap by itself colours it for other variables.
pub fn colour_of_help() -> clap::ColorChoice {
    match ColourChoice::Auto.is_wanted(io::stdout().is_terminal()) {
        true => clap::ColorChoice::Always,
        false => clap::ColorChoice::Never,
    }
}

/// The terminal's width, of which fewer than 40 columns hold no column of text; a pipe has none, and 100
/// columns are what a log viewer shows.
fn width(terminal: bool) -> u16 {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let asked = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col);
    let width = if terminal { asked().filter(|it| *it > 0) } else { None };
    width.or_else(columns).unwrap_or(100).max(40)
}
