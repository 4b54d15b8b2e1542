//! `freshen`: marks crates stale whose sources do not match what was compiled.

use std::io::{self, Write};

use clap::Args;

use crate::cargo::target_dir::units::UnitKind;
use crate::cli::args::SelectionArgs;
use crate::cli::output;
use crate::cli::output::CliError;
use crate::report::lines::line;
use crate::session::freshen;
use crate::session::freshen::Freshened;

/// Arguments of `freshen`.
#[derive(Debug, Clone, Default, Args)]
pub struct FreshenArgs {
    /// Change nothing; print what is stale, and exit with 1 if anything is
    #[arg(long)]
    check: bool,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    selection: SelectionArgs,
}

/// Runs the command.
///
/// # Errors
/// No workspace, or a target directory that cannot be written to.
pub fn run(arguments: &FreshenArgs) -> Result<u8, CliError> {
    let freshened = freshen::freshen(&arguments.selection.selection(), arguments.check)?;
    if !arguments.quiet {
        print(&freshened)?;
    }
    let is_stale = arguments.check && !freshened.stale.is_empty();
    Ok(if is_stale { crate::cli::DENIED } else { crate::cli::CLEAN })
}

/// Prints what is or would be compiled again.
///
/// # Errors
/// The pipe refuses it.
pub(super) fn print(freshened: &Freshened) -> io::Result<()> {
    let Freshened { stale, fresh, only_checked, unreadable } = freshened;
    let mut out = output::stdout();
    let verb = if *only_checked { "stale" } else { "marked stale" };
    for freshen::StaleUnit { unit, why } in stale {
        let what = match &unit.kind {
            UnitKind::Bin(name) => format!("bin `{name}`"),
            UnitKind::Lib => "the library".to_owned(),
            UnitKind::BuildScript => "the build script".to_owned(),
            UnitKind::BuildScriptRun => "the build script's run".to_owned(),
            UnitKind::Other => unit.stem.clone(),
        };
        let profile = unit.profile.display();
        let package = &unit.package;
        line(&mut out, format_args!("{verb}: {what} of `{package}` ({profile}): {why}"))?;
    }
    match (stale.len(), *fresh) {
        (0, 0) => match unreadable {
            Some(why) => line(&mut out, format_args!("inconclusive: {why}")),
            None => writeln!(out, "no build artifacts found; nothing to check"),
        },
        (0, 1) => writeln!(out, "1 unit matches its sources"),
        (0, fresh) => writeln!(out, "{fresh} units match their sources"),
        (count, fresh) => writeln!(out, "{count} stale, {fresh} up to date"),
    }
}
