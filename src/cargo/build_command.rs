//! Runs cargo's own build and notes which programs it made.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use cargo_metadata::{Message, PackageId, TargetKind};

use crate::cargo::error::WorkspaceError;
use crate::cargo::workspace::Query;

/// What a build did.
#[derive(Debug, Clone, Default)]
pub struct BuildOutput {
    /// Cargo's exit code; 0 is success.
    pub code: u8,
    /// The programs, in cargo's order.
    pub programs: Vec<BuiltProgram>,
    /// Executables that are no binaries of a package, tests aside: `the example \`demo\``.
    pub others: Vec<String>,
    /// Every library, program and build script, in cargo's order.
    pub crates: Vec<BuiltCrate>,
}

/// One crate that cargo compiled, or found compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltCrate {
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
pub struct BuiltProgram {
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
pub fn build(query: &Query, words: &[String]) -> Result<BuildOutput, WorkspaceError> {
    let program = query.cargo();
    let missing = |source| WorkspaceError::CargoMissing { program: program.clone(), source };
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
    let mut others = Vec::new();
    let mut crates = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            match serde_json::from_str(&line).unwrap_or(Message::TextLine(line)) {
                // A test of a crate is another unit, and no part of any program.
                Message::CompilerArtifact(made) if !made.profile.test => {
                    crates.push(BuiltCrate {
                        package: made.package_id.clone(),
                        kinds: made.target.kind.clone(),
                        name: made.target.name.clone(),
                        fresh: made.fresh,
                    });
                    match made.executable {
                        Some(path) if made.target.is_kind(TargetKind::Bin) => {
                            programs.push(BuiltProgram {
                                package: made.package_id,
                                bin: made.target.name,
                                path: path.into(),
                                fresh: made.fresh,
                            });
                        }
                        Some(_) => {
                            let kind = made
                                .target
                                .kind
                                .first()
                                .map_or_else(String::new, ToString::to_string);
                            others.push(format!("the {kind} `{}`", made.target.name));
                        }
                        None => {}
                    }
                }
                // What a build script prints is no message of cargo's.
                Message::TextLine(line) => {
                    // Nobody may be listening any more; the build goes on.
                    let _ = writeln!(std::io::stdout(), "{line}");
                }
                _ => {}
            }
        }
    }
    let status = child.wait().map_err(missing)?;
    Ok(BuildOutput { code: exit_code(status), programs, others, crates })
}

/// The code that a shell would see: of a cargo that a signal ended, 128 and the signal.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let signal = None;
    // Cargo itself fails with 101.
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(101)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn codes_pass_through_and_signals_are_told_as_a_shell_tells_them() {
        assert_eq!(exit_code(ExitStatus::from_raw(101 << 8)), 101);
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}
