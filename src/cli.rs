//! What was typed, and which room answers it.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub mod args;
pub mod build;
pub mod check;
pub mod diff;
pub mod dockerfile;
pub mod freshen;
pub mod inspect;
pub mod output;
pub mod rebuilding;
pub mod record;
pub mod rules;
pub mod verify;

use crate::cli::output::CliError;
use crate::escape::is_hidden;

/// Everything denied by no rule.
pub const CLEAN: u8 = 0;
/// At least one denied finding or, under `--strict`, an open outcome.
pub const DENIED: u8 = 1;
/// The work could not be done; the reason is on standard error.
pub const FAILED: u8 = 2;

/// Is this the code that was written, and will it start in the image that carries it?
#[derive(Debug, Parser)]
#[command(
    name = "cargo-binlint",
    bin_name = "cargo binlint",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 clean, 1 a denied finding (with --strict also an open one), \
                  2 the work could not be done."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    check: Box<check::Check>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge what cargo built here, or the given programs [the default]
    Check(Box<check::Check>),
    /// Print the facts of any programs, judged by nothing
    Inspect(inspect::Inspect),
    /// Run `cargo build`, record what it built from what, and judge it
    Build(build::Build),
    /// Judge Dockerfiles before anything is built
    Dockerfile(Box<dockerfile::Dockerfiles>),
    /// Make cargo compile again what does not match its sources, whatever their dates say
    Freshen(freshen::Freshen),
    /// Write down what cargo's programs were built from
    Record(Box<record::Record>),
    /// Judge a program by the record of its build
    Verify(Box<verify::Verify>),
    /// Say what changed between two programs or images, and what makes their bytes differ
    Diff(diff::Diff),
    /// List the rules
    Rules(rules::List),
    /// Show one rule's page
    Explain(rules::Explain),
}

/// Runs the program with these words, the program's own name first, and returns its exit code.
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    // A rebuild runs this program behind cargo: what follows are rustc's arguments.
    if let Some(code) = crate::cargo::rebuild::run_hidden(&words) {
        return code;
    }
    let words = without_subcommand_name(words);
    let matches = match Arguments::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => {
            let asked_for =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let text = error.render().to_string();
            let has_hidden = |letter| letter != '\n' && is_hidden(letter);
            // Nothing is left to do when not even this can be printed.
            let _ = match words.iter().any(|word| word.to_string_lossy().contains(is_hidden))
                || text.contains(has_hidden)
            {
                true => output::say(format_args!("{text}")),
                false => error.print(),
            };
            return if asked_for { CLEAN } else { FAILED };
        }
    };
    let answer = Arguments::from_arg_matches(&matches).map_err(CliError::from).and_then(|words| {
        let below = || matches.subcommand().map_or(&matches, |(_, below)| below);
        match words.command {
            None => check::run(&words.check, &matches),
            Some(Command::Check(words)) => check::run(&words, below()),
            Some(Command::Inspect(words)) => inspect::run(&words),
            Some(Command::Build(words)) => build::run(&words),
            Some(Command::Dockerfile(words)) => dockerfile::run(&words, below()),
            Some(Command::Freshen(words)) => freshen::run(&words),
            Some(Command::Record(words)) => record::run(&words),
            Some(Command::Verify(words)) => verify::run(&words, below()),
            Some(Command::Diff(words)) => diff::run(&words),
            Some(Command::Rules(words)) => rules::list(&words),
            Some(Command::Explain(words)) => rules::explain(&words),
        }
    });
    answer.unwrap_or_else(|error| {
        // Nothing is left to do when not even this can be said.
        let _ = output::say(format_args!("error: {error}"));
        FAILED
    })
}

/// Cargo starts `cargo binlint …` as `cargo-binlint binlint …`.
fn without_subcommand_name(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_some_and(|word| word == "binlint") {
        words.remove(1);
    }
    words
}
