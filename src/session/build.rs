//! `build`: cargo's own build, and what it made.

use crate::cargo::build_command;
use crate::cargo::build_command::{BuiltCrate, BuiltProgram};
use crate::session::Error;
use crate::session::select::Selection;

/// What cargo's build did.
#[derive(Debug)]
pub struct BuiltPrograms {
    /// Cargo's exit code; 0 is success.
    pub code: u8,
    /// The programs, in cargo's order.
    pub programs: Vec<BuiltProgram>,
    /// Every library, program and build script, in cargo's order.
    pub crates: Vec<BuiltCrate>,
    /// What gets no record, and why, one sentence each.
    pub notes: Vec<String>,
}

/// Runs `cargo build` with these arguments; `selection` is what they say.
///
/// # Errors
/// There is no cargo, or the working directory is gone.
pub fn build(selection: &Selection, arguments: &[String]) -> Result<BuiltPrograms, Error> {
    let built = build_command::build(&selection.query()?, arguments)?;
    let build_command::BuildOutput { code, programs, others, crates } = built;
    let mut notes: Vec<String> = others
        .iter()
        .map(|other| format!("{other} gets no record: it is no binary of a package"))
        .collect();
    if programs.is_empty() {
        notes.push("cargo was asked for no binary, so nothing is recorded".to_owned());
    }
    Ok(BuiltPrograms { code, programs, crates, notes })
}
