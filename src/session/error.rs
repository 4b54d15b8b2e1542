//! Why a use case could not be carried out.

use std::io;
use std::path::PathBuf;

use crate::cargo::error::WorkspaceError;

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
    Workspace(#[from] WorkspaceError),
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

impl Error {
    /// Says of a file that is not there which option named it, and what to name instead.
    pub(super) fn expecting(self, option: &str, what: &str) -> Error {
        match self {
            Error::Workspace(WorkspaceError::Read { path, source })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                let path = path.display();
                let named = format!("{option} {path}");
                Error::Usage(format!("{}: there is no such file; name {what}", named.trim_start()))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_its_option_and_what_it_should_be() {
        let of = |kind: io::ErrorKind| {
            let error = WorkspaceError::Read { path: "a.pem".into(), source: kind.into() };
            Error::from(error).expecting("--key", "a key in PEM").to_string()
        };
        let missing = "--key a.pem: there is no such file; name a key in PEM";
        assert_eq!(of(io::ErrorKind::NotFound), missing);
        assert_eq!(of(io::ErrorKind::PermissionDenied), "cannot read a.pem: permission denied");
    }
}
