//! `dockerfile`: Dockerfiles before anything is built.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{ArgMatches, Args};

use crate::cli::args::LintArgs;
use crate::cli::output::CliError;
use crate::session::dockerfile::{DockerfileLintOptions, lint_dockerfiles};

/// Arguments of `dockerfile`.
#[derive(Debug, Clone, Default, Args)]
pub struct DockerfileArgs {
    /// Dockerfiles [default: every one below this directory]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The stage that is built [default: the last]
    #[arg(long, value_name = "NAME", help_heading = "Dockerfile")]
    stage: Option<String>,
    /// The build context [default: the folder around the Dockerfile that has what it copies]
    #[arg(long, value_name = "DIR", help_heading = "Dockerfile")]
    context: Option<PathBuf>,
    /// Value of a build argument, as for `docker build`
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Dockerfile")]
    build_arg: Vec<String>,
    /// Correct every finding that has exactly one right correction
    #[arg(long, help_heading = "Dockerfile")]
    fix: bool,
    /// With --fix: print the corrections as a patch, and write nothing
    #[arg(long, help_heading = "Dockerfile")]
    dry_run: bool,
    #[command(flatten)]
    linting: LintArgs,
}

/// Runs the command.
///
/// # Errors
/// There is no Dockerfile, or the report cannot be written. What one file has wrong is said, and the
/// others are linted: the code is 2 then.
pub fn run(arguments: &DockerfileArgs, matches: &ArgMatches) -> Result<u8, CliError> {
    let mut build_arguments = BTreeMap::new();
    for argument in &arguments.build_arg {
        let (name, value) = argument.split_once('=').ok_or_else(|| {
            CliError::Arguments(format!("--build-arg {}: not NAME=VALUE", argument.escape_debug()))
        })?;
        build_arguments.insert(name.to_owned(), value.to_owned());
    }
    arguments.linting.spares(arguments.files.iter().map(PathBuf::as_path))?;
    let mut linted = lint_dockerfiles(&DockerfileLintOptions {
        files: arguments.files.clone(),
        context: arguments.context.clone(),
        stage: arguments.stage.clone(),
        build_arguments,
        configuration: arguments.linting.configuration(matches),
    })?;
    if arguments.fix && !arguments.dry_run {
        linted.correct();
    }
    for error in &linted.errors {
        // Nothing is left to do when not even this can be said.
        let _ = writeln!(crate::cli::output::stderr(), "error: {error}");
    }
    let code = if arguments.dry_run {
        arguments.linting.print(&linted.patch())?;
        crate::cli::CLEAN
    } else if linted.report.subjects.is_empty() && !linted.errors.is_empty() {
        crate::cli::FAILED
    } else {
        arguments.linting.answer(&linted.report)?
    };
    Ok(if linted.errors.is_empty() { code } else { crate::cli::FAILED })
}
