//! Why a use case could not be carried out.

use std::io;
use std::path::PathBuf;

/// Why the work could not be done. Each message says in one line what happened and what to do.
///
/// ```
/// let error = binlint::inspect("notes.txt", b"no program").unwrap_err();
/// assert!(matches!(error, binlint::Error::Usage(_)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for makes no sense, or what was given is not what it should be.
    #[error("{0}")]
    Usage(String),
    /// A configuration makes no sense.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A file could not be read, or cargo refuses the workspace.
    #[error(transparent)]
    Workspace(#[from] crate::cargo::error::WorkspaceError),
    /// An image could not be read.
    #[error(transparent)]
    Image(#[from] crate::rootfs::error::LoadError),
    /// A file could not be changed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `write` or `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
