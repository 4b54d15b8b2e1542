//! `--rebuild`, and what is told meanwhile.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::output;
use crate::session::rebuild::RebuildOptions;

/// Options of every command that can compile again.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Rebuild")]
pub struct RebuildArgs {
    /// Compile the workspace's own crates again in another directory, and compare the binaries
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

/// How often the line says how long it has taken.
const TICK: Duration = Duration::from_millis(250);

/// The crate that is compiled, and since when anything is.
static SHOWN: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// One line, written over a few times a second, and at last erased.
fn progress(what: Option<&str>) {
    static TICKER: Once = Once::new();
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let since = shown.as_ref().map_or_else(Instant::now, |(_, since)| *since);
    *shown = what.map(|what| {
        let what = what.chars().filter(|it| !it.is_control()).take(60).collect();
        (what, since)
    });
    let line = shown.as_ref().map(|(what, since)| said(what, since.elapsed()));
    let _ = write!(output::stderr(), "\r\x1b[K{}", line.unwrap_or_default());
    // It ends with the program: between two builds there is nothing to show.
    TICKER.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(TICK);
                let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((what, since)) = shown.as_ref() {
                    let line = said(what, since.elapsed());
                    let _ = write!(output::stderr(), "\r\x1b[K{line}");
                }
            }
        });
    });
}

fn said(what: &str, elapsed: Duration) -> String {
    format!("  Rebuilding {what} ({} s)", elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_crate_and_whole_seconds() {
        let shown = said("my-app v0.3.0", Duration::from_millis(12_900));
        assert_eq!(shown, "  Rebuilding my-app v0.3.0 (12 s)");
    }
}
