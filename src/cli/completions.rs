//! `completions` and `man`: what a package installs beside the program.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::output::{CliError, DestinationArgs};

/// The program as a shell starts it.
const PROGRAM: &str = "cargo-binlint";

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    destination: DestinationArgs,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command [default: the page of the program]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    #[command(flatten)]
    destination: DestinationArgs,
}

/// Prints the script that completes the words of `cargo-binlint`.
///
/// # Errors
/// The output refuses it.
pub fn complete(arguments: &CompletionsArgs, mut program: Command) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, PROGRAM, &mut script);
    arguments.destination.write(|to, _| to.write_all(&script))?;
    Ok(crate::cli::CLEAN)
}

/// Prints the manual page of the program or of a command.
///
/// # Errors
/// There is no such command, or the output refuses it.
pub fn describe(arguments: &ManArgs, mut program: Command) -> Result<u8, CliError> {
    // Gives each command the options that all of them have, and its whole name.
    program.build();
    let command = match &arguments.command {
        None => &program,
        Some(name) => program.find_subcommand(name).ok_or_else(|| {
            CliError::Arguments(format!("there is no command `{}`", name.escape_debug()))
        })?,
    };
    let page = clap_mangen::Man::new(command.clone());
    arguments.destination.write(|to, _| page.render(to))?;
    Ok(crate::cli::CLEAN)
}
