//! Reads a key file.

use std::path::Path;

use crate::cargo::error::WorkspaceError;
use crate::cargo::fs::read_text;

/// A key file's text.
///
/// # Errors
/// There is none, it may not be read, or it is larger than any key.
pub fn key(path: &Path) -> Result<String, WorkspaceError> {
    let file = read_text(path, "key in PEM", 64 << 10)?;
    file.map(|file| file.text).ok_or_else(|| WorkspaceError::Read {
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })
}
