//! What lies at a path that may name an image.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// A reference without a transport, and what lies there.
#[derive(Debug)]
pub struct BarePath<'a> {
    /// The reference as a path.
    pub path: &'a Path,
    /// Whether it is a directory, links followed, or why that is not known.
    pub is_directory: io::Result<bool>,
}

impl BarePath<'_> {
    /// Looks at the path.
    pub fn look(path: &Path) -> BarePath<'_> {
        let is_directory = std::fs::metadata(path).map(|metadata| metadata.is_dir());
        BarePath { path, is_directory }
    }

    /// Whether a directory is there.
    pub fn is_directory(&self) -> bool {
        matches!(self.is_directory, Ok(true))
    }

    /// Whether nothing is there.
    pub fn is_missing(&self) -> bool {
        self.is_directory.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether it holds the two files that every OCI layout has.
    pub fn has_layout_files(&self) -> bool {
        ["oci-layout", "index.json"].iter().all(|name| self.path.join(name).is_file())
    }
}

/// The path of these bytes.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Reads `PATH[:TAG]`. The first colon ends the path, as with the other tools, unless a path of
/// the whole exists.
pub fn split_tag(bytes: &[u8]) -> (PathBuf, Option<String>) {
    let whole = path_of(bytes);
    match bytes.iter().position(|byte| *byte == b':') {
        Some(colon) if !whole.exists() => {
            let (path, tag) = bytes.split_at(colon);
            let tag = String::from_utf8_lossy(tag.get(1..).unwrap_or_default()).into_owned();
            (path_of(path), Some(tag).filter(|tag| !tag.is_empty()))
        }
        _ => (whole, None),
    }
}

/// Whether a directory is there, links followed.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
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
