//! `record`: writes down what the programs of a build were built from.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cargo::workspace;
use crate::cli::check::Selection;
use crate::cli::freshen;
use crate::cli::output;
use crate::cli::output::Failure;
use crate::cli::rebuilding::Rebuilding;
use crate::cli::recording::{Features, Gathered, Program, Writing, beside, read_program};
use crate::cli::reproduced;

/// Words after `record`.
#[derive(Debug, Clone, Default, Args)]
pub struct Record {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    features: Features,
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    rebuilding: Rebuilding,
    /// Write here instead of beside the program; for one program only
    #[arg(short, long, value_name = "FILE", help_heading = "Record")]
    output: Option<PathBuf>,
}

/// Writes one record a program.
///
/// # Errors
/// Nothing built, several programs for one file, whatever `Gathered::record` refuses.
pub fn run(words: &Record) -> Result<u8, Failure> {
    let request = words.features.request();
    let query = words.features.query(&words.selection)?;
    let workspace = workspace::workspace(&query)?;
    let outputs = crate::cargo::target_dir::outputs::find_outputs(&workspace, &query)?;
    if words.output.is_some() && outputs.built.len() > 1 {
        return Err(Failure::Words(format!(
            "--output takes one record, and {} programs are built; name one with --bin",
            outputs.built.len()
        )));
    }
    let units = freshen::known(&query, &workspace);
    let mut denied = false;
    for output in &outputs.built {
        let (bytes, binary) = read_program(&output.path)?;
        let program = Program { path: Some(&output.path), bytes: &bytes, binary: &binary };
        let built = (&outputs, output);
        let gathered = Gathered::new(&query, &workspace, built, request.clone(), program, &[])?;
        let to = words.output.clone().unwrap_or_else(|| beside(&output.path));
        gathered.record(&[], &units, &to, &words.writing)?.map_err(Failure::Words)?;
        writeln!(output::stdout(), "{}", to.display())?;
        if words.rebuilding.rebuild {
            let key = words.writing.key.as_deref();
            let (path, rebuild) = reproduced::write(&words.rebuilding, &workspace, &gathered, key)?;
            writeln!(output::stdout(), "{}", path.display())?;
            let said = format!("{} {}", rebuild.outcome.name(), rebuild.reason);
            writeln!(output::stderr(), "rebuild of {}: {}", output.bin, said.trim_end())?;
            denied |= reproduced::is_denied(&rebuild);
        }
    }
    Ok(if denied { crate::cli::DENIED } else { crate::cli::CLEAN })
}
