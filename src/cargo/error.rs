//! Why Cargo, its workspace or its files cannot be read.

use std::path::PathBuf;

use crate::similar_name::suggest;

/// Why the work could not be done. Each message says in one line what happened and what to do.
///
/// ```no_run
/// use binlint::{Error, Linter, WorkspaceError};
///
/// if let Err(Error::Workspace(WorkspaceError::NotBuilt { command, .. })) = Linter::new().lint() {
///     eprintln!("run `{command}` first");
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// There is no such file, it may not be read, or it is no regular file.
    #[error("cannot read {}: {}", path.display(), said_of(source))]
    Read {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file that was to be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than anything of its kind is.
    #[error("{} is larger than {limit} bytes: that is no {kind}", path.display())]
    TooLarge {
        /// The file that was asked for.
        path: PathBuf,
        /// What it should have been.
        kind: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A TOML file is broken.
    #[error("{}:{line}: {message}", path.display())]
    Toml {
        /// The broken file.
        path: PathBuf,
        /// Line from 1.
        line: u32,
        /// What the parser expected.
        message: String,
    },
    /// What was given as one of Cargo's settings is none, and no file either.
    #[error(
        "Cargo's setting `{text}` is neither a file nor KEY=VALUE; give the path of a TOML file, or a pair such as profile.release.lto=true"
    )]
    NotASetting {
        /// As typed.
        text: String,
    },
    /// There is no `cargo` to ask.
    #[error(
        "cannot run {}: {source}; run this where the program was built, or name the program with `--binary PATH`",
        program.display()
    )]
    CargoMissing {
        /// What was started.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no manifest here or in any parent directory.
    #[error(
        "no Cargo.toml in {} or in any parent directory; go to the workspace, or name it with `--manifest-path`",
        cwd.display()
    )]
    NoManifest {
        /// Where the search began.
        cwd: PathBuf,
    },
    /// Cargo refuses the workspace.
    #[error("cargo metadata: {message}")]
    Cargo {
        /// Cargo's own words, on one line.
        message: String,
    },
    /// No member of the workspace has this name.
    #[error("the workspace has no package `{name}`{}", did_you_mean(name, known))]
    NoSuchPackage {
        /// As typed.
        name: String,
        /// The members' names.
        known: Vec<String>,
    },
    /// No selected package has a binary of this name.
    #[error("no binary `{name}` in {}{}", list(packages), did_you_mean(name, known))]
    NoSuchBin {
        /// As typed.
        name: String,
        /// The packages that were searched.
        packages: Vec<String>,
        /// The binaries that they have.
        known: Vec<String>,
    },
    /// The selected packages have no binary at all.
    #[error(
        "{} has no binary target, so there is nothing to lint; if another package has one, name it with `-p`",
        list(packages)
    )]
    NoBins {
        /// The packages that were searched.
        packages: Vec<String>,
    },
    /// Neither the manifest nor the configuration defines this profile.
    #[error(
        "no profile `{name}` in the manifest or in cargo's configuration{}",
        did_you_mean(name, known)
    )]
    NoSuchProfile {
        /// As typed.
        name: String,
        /// The profiles that there are.
        known: Vec<String>,
    },
    /// Cargo has not built any of the binaries yet.
    #[error("{} is not built: nothing in {}; run `{command}` first", list(bins), within.display())]
    NotBuilt {
        /// The binaries that were selected.
        bins: Vec<String>,
        /// Where they would lie.
        within: PathBuf,
        /// The command that builds them.
        command: String,
    },
}

/// What the system said, without its number where that is all that there is to say.
fn said_of(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

/// The similar known name, or those that there are, as the end of a sentence.
fn did_you_mean(name: &str, known: &[String]) -> String {
    suggest(name, known.iter().map(String::as_str), || match known {
        [] => String::new(),
        known => format!("; there is {}", list(known)),
    })
}

/// Names for a person: at most five, quoted.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "the workspace".to_owned(),
        more @ 6.. => format!("{} and {} more", shown.join(", "), more - 5),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_nearest_name() {
        let known = ["server".to_owned(), "worker".to_owned()];
        assert_eq!(did_you_mean("sever", &known), "; did you mean `server`?");
        assert_eq!(did_you_mean("zzzzzz", &known), "; there is `server`, `worker`");
        assert_eq!(did_you_mean("x", &[]), "");
    }
}
