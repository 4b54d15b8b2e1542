//! `--rebuild`, and what is told meanwhile.

use std::io::{self, IsTerminal, Write};

use clap::Args;

use crate::cli::output;
use crate::session::rebuild::RebuildOptions;

/// Options of every command that can compile again.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Rebuild")]
pub struct RebuildArgs {
    /// Compile the workspace's own crates again, beside the build, and compare the programs
    #[arg(long)]
    pub rebuild: bool,
    /// Keep the directory of the rebuild
    #[arg(long)]
    pub keep: bool,
}

impl RebuildArgs {
    /// The same for the use case, with a line of progress on a terminal.
    pub fn options(&self) -> RebuildOptions {
        let progress: Option<fn(Option<&str>)> =
            if io::stderr().is_terminal() { Some(progress) } else { None };
        RebuildOptions { rebuild: self.rebuild, keep: self.keep, progress }
    }
}

/// One line, written over and at last erased.
fn progress(what: Option<&str>) {
    let what = what.unwrap_or_default();
    let what: String = what.chars().filter(|it| !it.is_control()).take(60).collect();
    let said = if what.is_empty() { String::new() } else { format!("  Rebuilding {what}") };
    let _ = write!(output::stderr(), "\r\x1b[K{said}");
}
