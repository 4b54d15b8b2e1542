//! `init`: a first configuration, and the lines that put the linter to work.

use clap::Args;

use crate::cli::args::SelectionArgs;
use crate::cli::output::{CliError, stdout};
use crate::report::lines;
use crate::session::init;

/// Arguments of `init`.
#[derive(Debug, Clone, Default, Args)]
pub struct InitArgs {
    #[command(flatten)]
    selection: SelectionArgs,
}

/// Where people work, and the line for it.
const LINES: &[(&str, &str)] = &[
    (
        "Dockerfile, behind `cargo build --release`",
        "RUN --mount=from=cargo-binlint,target=/linter /linter/cargo-binlint --release",
    ),
    ("GitHub, a step behind the build", "- run: cargo binlint --release --report github=-"),
    ("GitLab, in a job's script", "- cargo binlint --release --report gitlab=gl-code-quality.json"),
];

/// Runs the command; 1 where a finding is left that no configuration should accept.
///
/// # Errors
/// There is a configuration already, nothing to lint, or the file cannot be written.
pub fn run(arguments: &InitArgs) -> Result<u8, CliError> {
    let written = init::init(arguments.selection.selection())?;
    let to = &mut stdout();
    let findings = if written.waivers == 1 { "finding" } else { "findings" };
    lines::line(
        to,
        format_args!("wrote {}: it accepts {} {findings}", written.path, written.waivers),
    )?;
    for finding in &written.left {
        lines::line(to, format_args!("not accepted: {finding}"))?;
    }
    for (place, line) in LINES {
        lines::line(to, format_args!(""))?;
        lines::line(to, format_args!("{place}:"))?;
        lines::line(to, format_args!("  {line}"))?;
    }
    Ok(if written.left.is_empty() { crate::cli::CLEAN } else { crate::cli::DENIED })
}
