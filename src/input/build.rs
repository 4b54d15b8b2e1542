//! Runs cargo's own build and notes which programs it made.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cargo_metadata::{Message, PackageId, TargetKind};

use super::Error;
use super::cargo::Query;

/// What a build did.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// Cargo's exit code; 0 is success.
    pub code: u8,
    /// The programs, in cargo's order.
    pub programs: Vec<Program>,
    /// Every library, program and build script, in cargo's order.
    pub crates: Vec<Crate>,
}

/// One crate that cargo compiled, or found compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Its package.
    pub package: PackageId,
    /// The kinds of the target: `bin`, `lib`, `custom-build`.
    pub kinds: Vec<TargetKind>,
    /// The name of the target.
    pub name: String,
    /// Cargo called it fresh: it did nothing.
    pub fresh: bool,
}

/// One program that cargo made or found made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its package.
    pub package: PackageId,
    /// The name of the binary target.
    pub bin: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Cargo called it fresh: it did nothing.
    pub fresh: bool,
}

/// Runs `cargo build` with these words. Diagnostics and progress go to standard error as they
/// always do, in cargo's colours; only the list of what was built is read.
///
/// # Errors
/// There is no cargo.
pub fn build(query: &Query, words: &[String]) -> Result<Built, Error> {
    let program = query.cargo();
    let missing = |source| Error::CargoMissing { program: program.clone(), source };
    let mut child = Command::new(&program)
        .arg("build")
        // Rendered diagnostics leave by standard error.
        .arg("--message-format=json-render-diagnostics")
        .args(words)
        .current_dir(&query.cwd)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    let mut programs = Vec::new();
    let mut crates = Vec::new();
    if let Some(output) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(output)) {
            match message {
                // A test of a crate is another unit, and no part of any program.
                Ok(Message::CompilerArtifact(made)) if !made.profile.test => {
                    crates.push(Crate {
                        package: made.package_id.clone(),
                        kinds: made.target.kind.clone(),
                        name: made.target.name.clone(),
                        fresh: made.fresh,
                    });
                    let is_program = made.target.is_kind(TargetKind::Bin);
                    programs.extend(made.executable.filter(|_| is_program).map(|path| Program {
                        package: made.package_id,
                        bin: made.target.name,
                        path: path.into(),
                        fresh: made.fresh,
                    }));
                }
                // What a build script prints is no message of cargo's.
                Ok(Message::TextLine(line)) => println!("{line}"),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
    let status = child.wait().map_err(missing)?;
    // A cargo that a signal ended has no code; cargo itself fails with 101.
    let code = status.code().map_or(101, |code| u8::try_from(code).unwrap_or(101));
    Ok(Built { code, programs, crates })
}
