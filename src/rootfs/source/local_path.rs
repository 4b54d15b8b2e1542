//! What lies at a path that may name an image.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Whether anything is there, links followed.
pub fn is_there(path: &Path) -> bool {
    path.exists()
}

/// Whether a regular file is there, links followed.
pub fn is_regular(path: &Path) -> bool {
    path.is_file()
}

/// Whether a directory is there, links followed.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// Whether it is a directory, links followed.
///
/// # Errors
/// Nothing is there, or the system does not tell.
pub fn look(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|metadata| metadata.is_dir())
}

/// The first block of a regular file; opened so that nothing waits.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn head(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut head = Vec::new();
    file.take(512).read_to_end(&mut head)?;
    Ok(head)
}
