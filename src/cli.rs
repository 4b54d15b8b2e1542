//! Parses the arguments, and runs the command that they name.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub mod args;
pub mod build;
pub mod check;
pub mod completions;
pub mod diagnose;
pub mod diff;
pub mod dockerfile;
pub mod formats;
pub mod freshen;
pub mod init;
pub mod inspect;
pub mod options;
pub mod output;
pub mod rebuilding;
pub mod record;
pub mod rules;
pub mod verify;

use crate::cli::output::CliError;
use crate::escape::is_hidden;

/// No denied finding.
pub const CLEAN: u8 = 0;
/// At least one denied finding or, under `--strict`, an inconclusive result.
pub const DENIED: u8 = 1;
/// Usage, input or I/O error; the reason is on standard error.
pub const FAILED: u8 = 2;

/// Is this the code that was written, and will it start in the image that carries it?
#[derive(Debug, Parser)]
#[command(
    name = "cargo-binlint",
    bin_name = "cargo binlint",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 no denied finding, 1 denied finding (with --strict also an inconclusive \
                  result), 2 usage, input or I/O error.\n\
                  The standalone `cargo-binlint` accepts the same arguments; cargo is not required."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    check: Box<check::CheckArgs>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Lint the binaries built in this workspace, or the given files [default]
    Check(Box<check::CheckFiles>),
    /// Print facts about binaries without running any rules
    Inspect(inspect::InspectArgs),
    /// Run `cargo build`, write provenance records of the binaries, and lint them
    Build(build::BuildArgs),
    /// Lint Dockerfiles before anything is built
    Dockerfile(Box<dockerfile::DockerfileArgs>),
    /// Make Cargo rebuild every crate whose sources changed, even if their mtimes did not
    Freshen(freshen::FreshenArgs),
    /// Write a provenance record (in-toto/SLSA) for the built binaries
    Record(Box<record::RecordArgs>),
    /// Verify a binary against its provenance record
    Verify(Box<verify::VerifyArgs>),
    /// Find the cause of what was seen: an exit code, a signal, silence, a message
    Diagnose(Box<diagnose::DiagnoseArgs>),
    /// Print what differs between two binaries or images, and why their bytes differ
    Diff(diff::DiffArgs),
    /// Write a first binlint.toml that accepts what is found today
    Init(init::InitArgs),
    /// List the rules
    Rules(rules::RulesArgs),
    /// Show the page of a rule, or the rules of a group
    Explain(rules::ExplainArgs),
    /// Print the script that completes the arguments in a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page of the program or of a command
    #[command(hide = true)]
    Man(completions::ManArgs),
}

/// Runs the program with these arguments, the program's own name first, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A rebuild runs this program behind cargo: what follows are rustc's arguments.
    if let Some(code) = crate::cargo::rebuild::run_hidden(&arguments) {
        return code;
    }
    let arguments = output_options_last(without_subcommand_name(arguments));
    let matches =
        match Cli::command().color(output::colour_of_help()).try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            Err(error) => {
                let is_help =
                    matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
                let text = error.render().to_string();
                let has_hidden = |letter| letter != '\n' && is_hidden(letter);
                // Nothing is left to do when not even this can be printed.
                let has_hidden =
                    arguments.iter().any(|it| it.to_string_lossy().contains(is_hidden))
                        || text.contains(has_hidden);
                let _ = match file_without_command(&error).or_else(|| wrong_value(&error)) {
                    Some(message) => output::say(format_args!("error: {message}")),
                    None if has_hidden => output::say(format_args!("{text}")),
                    None => error.print(),
                };
                return if is_help { CLEAN } else { FAILED };
            }
        };
    let answer = Cli::from_arg_matches(&matches).map_err(CliError::from).and_then(|cli| {
        let below = || matches.subcommand().map_or(&matches, |(_, below)| below);
        let name = matches.subcommand_name().unwrap_or("check");
        // Our options may stand among those of `cargo build`: the command finds them itself.
        if name != "build" {
            options::refuse_ignored(name, below())?;
        }
        match cli.command {
            None => check::run(&cli.check, &matches),
            Some(CliCommand::Check(arguments)) => check::run_with_files(&arguments, below()),
            Some(CliCommand::Inspect(arguments)) => inspect::run(&arguments),
            Some(CliCommand::Build(arguments)) => build::run(&arguments),
            Some(CliCommand::Dockerfile(arguments)) => dockerfile::run(&arguments, below()),
            Some(CliCommand::Freshen(arguments)) => freshen::run(&arguments),
            Some(CliCommand::Record(arguments)) => record::run(&arguments),
            Some(CliCommand::Verify(arguments)) => verify::run(&arguments, below()),
            Some(CliCommand::Diagnose(arguments)) => diagnose::run(&arguments),
            Some(CliCommand::Diff(arguments)) => diff::run(&arguments),
            Some(CliCommand::Init(arguments)) => init::run(&arguments),
            Some(CliCommand::Rules(arguments)) => rules::list(&arguments),
            Some(CliCommand::Explain(arguments)) => rules::explain(&arguments),
            Some(CliCommand::Completions(arguments)) => {
                completions::complete(&arguments, Cli::command())
            }
            Some(CliCommand::Man(arguments)) => completions::describe(&arguments, Cli::command()),
        }
    });
    answer.unwrap_or_else(|error| {
        // Nothing is left to do when not even this can be said.
        let _ = output::say(format_args!("error: {error}"));
        FAILED
    })
}

/// Cargo starts `cargo binlint …` as `cargo-binlint binlint …`.
fn without_subcommand_name(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|argument| argument == "binlint") {
        arguments.remove(1);
    }
    arguments
}

/// Output options before the command's name are the command's own: `-q freshen` is `freshen -q`.
/// A command on which one of them has no effect then refuses it.
fn output_options_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let mut command = 1;
    while let Some(argument) = arguments.get(command).and_then(|it| it.to_str()) {
        command += match argument {
            "-q" | "--quiet" | "-v" | "--verbose" => 1,
            "--color" | "--format" | "-o" | "--output" | "--report" => 2,
            joined
                if ["--color=", "--format=", "--output=", "--report="]
                    .iter()
                    .any(|it| joined.starts_with(it)) =>
            {
                1
            }
            _ => break,
        };
    }
    let name = arguments.get(command).and_then(|it| it.to_str());
    if command > 1 && name.is_some_and(|name| Cli::command().find_subcommand(name).is_some()) {
        arguments[1..=command].rotate_right(1);
    }
    arguments
}

/// What to say to `--format xml`, in one line.
fn wrong_value(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidValue {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) else {
        return None;
    };
    let option = option.split(' ').next().unwrap_or(option);
    match value {
        "" => Some(format!("{option} wants a value: {}", values.join(", "))),
        value => Some(format!("{option} has no value `{value}`; there is {}", values.join(", "))),
    }
}

/// What to say to `cargo binlint server`, where `server` is a file and no command.
fn file_without_command(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let path = Path::new(OsStr::new(word));
    crate::session::fs::exists(path).then(|| {
        format!(
            "`{word}` is a file, not a command: lint a binary with `cargo binlint check {word}`, \
             an image with `cargo binlint check --image {word}`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(text: &str) -> String {
        let arguments = text.split(' ').map(OsString::from).collect();
        let moved = output_options_last(arguments);
        let moved: Vec<&str> = moved.iter().filter_map(|it| it.to_str()).collect();
        moved.join(" ")
    }

    #[test]
    fn output_options_may_stand_before_the_command() {
        assert_eq!(moved("b -q freshen --check"), "b freshen -q --check");
        assert_eq!(
            moved("b --color never --format=json rules"),
            "b rules --color never --format=json"
        );
        // Without a command they are the default command's own; a value is no command's name.
        assert_eq!(moved("b -q --strict"), "b -q --strict");
        assert_eq!(moved("b -o check"), "b -o check");
        assert_eq!(moved("b check -q"), "b check -q");
    }

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Cli::command().debug_assert();
    }
}
