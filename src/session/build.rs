//! `build`: cargo's own build, and what it made.

use crate::cargo::build_command;
use crate::cargo::build_command::{Crate, Program};
use crate::session::Error;
use crate::session::select::Selection;

/// What cargo's build did.
#[derive(Debug)]
pub struct Built {
    /// Cargo's exit code; 0 is success.
    pub code: u8,
    /// The programs, in cargo's order.
    pub programs: Vec<Program>,
    /// Every library, program and build script, in cargo's order.
    pub crates: Vec<Crate>,
    /// What gets no record, and why, one sentence each.
    pub notes: Vec<String>,
}

/// Runs `cargo build` with these arguments; `selection` is what they say.
///
/// # Errors
/// There is no cargo, or the working directory is gone.
pub fn build(selection: &Selection, arguments: &[String]) -> Result<Built, Error> {
    let built = build_command::build(&selection.query()?, arguments)?;
    let build_command::Built { code, programs, others, crates } = built;
    let mut notes: Vec<String> = others
        .iter()
        .map(|other| format!("{other} gets no record: it is no binary of a package"))
        .collect();
    if programs.is_empty() {
        notes.push("cargo was asked for no binary, so nothing is recorded".to_owned());
    }
    Ok(Built { code, programs, crates, notes })
}
