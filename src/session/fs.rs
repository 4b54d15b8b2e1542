//! What a session writes to the disk itself: the ledger of `freshen`, and what it takes away.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::cargo::file_time::FileTime;

/// Writes a file, in a directory that is made for it, and says when by the file system's clock.
///
/// # Errors
/// The system refuses it.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<FileTime> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, bytes)?;
    Ok(FileTime::modified(&fs::metadata(path)?))
}

/// Writes a file that is not there yet.
///
/// # Errors
/// The system refuses it; there is something under this path, or a link that leads nowhere.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::File::create_new(path)?.write_all(bytes)
}

/// Whether something is there under this path.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Puts a file in the place of another in one step.
///
/// # Errors
/// The system refuses it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Removes a file; one that is not there is removed.
///
/// # Errors
/// The system refuses it.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
