//! Reads source files, each once, under a limit on their number and size.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cargo::file_time::FileTime;
use crate::cargo::source::error::SourceError;

/// How much is read at most.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Bytes of one file; a longer one is an error.
    pub file: u64,
    /// Bytes of all files together.
    pub total: u64,
    /// Number of files.
    pub files: usize,
}

impl Default for ReadLimits {
    fn default() -> ReadLimits {
        ReadLimits { file: 64 << 20, total: 1 << 30, files: 100_000 }
    }
}

/// A file as it was when it was read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The whole of it.
    pub bytes: Vec<u8>,
    /// When the contents were last written, as anyone may set it.
    pub modified: FileTime,
    /// When the inode last changed, which nobody can set.
    pub changed: Option<FileTime>,
    /// The file system it lies on; 0 where there is no such number.
    pub device: u64,
}

/// Reads each file once.
#[derive(Debug, Default)]
pub struct SourceReader {
    limits: ReadLimits,
    total: u64,
    seen: HashMap<PathBuf, Result<Option<Arc<Snapshot>>, SourceError>>,
}

impl SourceReader {
    /// A reader that stops at these limits.
    pub fn new(limits: ReadLimits) -> SourceReader {
        SourceReader { limits, ..SourceReader::default() }
    }

    /// The file at this path, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// It is no regular file, larger than the limit, or cannot be read; the path is in the error.
    pub fn read(&mut self, path: &Path) -> Result<Option<Arc<Snapshot>>, SourceError> {
        if let Some(known) = self.seen.get(path) {
            return known.clone();
        }
        let answer = if self.seen.len() >= self.limits.files {
            Err(SourceError::TooManyFiles { limit: self.limits.files })
        } else {
            let left = self.limits.total.saturating_sub(self.total);
            snapshot(path, self.limits.file.min(left))
                .map(|file| file.map(Arc::new))
                .map_err(|error| error.at(path))
        };
        if let Ok(Some(file)) = &answer {
            self.total += file.bytes.len() as u64;
        }
        self.seen.insert(path.to_path_buf(), answer.clone());
        answer
    }
}

/// Reads one regular file of at most `limit` bytes; `None` when there is none.
///
/// # Errors
///
/// It is no regular file, larger than the limit, or cannot be read; the path is not in the error.
pub fn snapshot(path: &Path, limit: u64) -> Result<Option<Snapshot>, SourceError> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    // The metadata is asked for before the file is opened: opening a pipe would wait for ever.
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !metadata.is_file() {
        return Err(SourceError::NotRegular);
    }
    if metadata.len() > limit {
        return Err(SourceError::TooLarge { size: metadata.len(), limit });
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    // It may have grown since: the limit holds for what is read, not for what was promised.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(SourceError::Grew { limit });
    }
    Ok(Some(Snapshot {
        bytes,
        modified: FileTime::modified(&metadata),
        changed: FileTime::changed(&metadata),
        device: device(&metadata),
    }))
}

/// Where a path leads once every link on its way is followed; `None` when it leads nowhere.
pub fn real_path(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// The times of a file, or of the newest file below a directory, as Cargo takes them for
/// `rerun-if-changed`: when it was last written, and when an inode last changed.
pub fn newest(path: &Path) -> Option<(FileTime, Option<FileTime>)> {
    fn visit(path: &Path, depth: usize, left: &mut usize) -> Option<(FileTime, Option<FileTime>)> {
        let metadata = std::fs::metadata(path).ok()?;
        let own = (FileTime::modified(&metadata), FileTime::changed(&metadata));
        if !metadata.is_dir() || depth == 0 {
            return Some(own);
        }
        let mut newest = own;
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            *left = left.checked_sub(1)?;
            // A link to a directory could lead round in a circle; Cargo follows only files.
            let is_linked_directory =
                entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir();
            if is_linked_directory {
                continue;
            }
            if let Some((modified, changed)) = visit(&entry.path(), depth - 1, left) {
                newest = (newest.0.max(modified), newest.1.max(changed));
            }
        }
        Some(newest)
    }
    visit(path, 64, &mut 100_000)
}

/// Every regular file below a directory, sorted, but for caches (`CACHEDIR.TAG`: target
/// directories among them) and `.git`; links to directories are not followed. At most `limit`.
pub fn files_below(root: &Path, limit: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let is_cache = || entry.file_name() == ".git" || path.join("CACHEDIR.TAG").exists();
            if kind.is_dir() && !is_cache() {
                directories.push(path);
            } else if kind.is_file() || (kind.is_symlink() && path.is_file()) {
                files.push(path);
            }
            if files.len() >= limit || directories.len() >= limit {
                files.sort();
                return files;
            }
        }
    }
    files.sort();
    files
}

#[cfg(unix)]
pub(super) fn device(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
pub(super) fn device(_metadata: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_a_directory_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut reader = SourceReader::default();
        assert!(reader.read(&dir.path().join("absent.rs")).unwrap().is_none());
        assert_eq!(reader.read(dir.path()).unwrap_err(), SourceError::NotRegular.at(dir.path()));
    }

    #[test]
    fn limits_hold_for_one_file_and_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a.rs"), dir.path().join("b.rs"));
        std::fs::write(&first, "0123456789").unwrap();
        std::fs::write(&second, "0123456789").unwrap();
        let mut reader = SourceReader::new(ReadLimits { file: 100, total: 15, files: 9 });
        assert_eq!(reader.read(&first).unwrap().unwrap().bytes.len(), 10);
        let too_large = SourceError::TooLarge { size: 10, limit: 5 };
        assert_eq!(reader.read(&second).unwrap_err(), too_large.at(&second));
        let mut reader = SourceReader::new(ReadLimits { file: 100, total: 100, files: 1 });
        reader.read(&first).unwrap();
        assert!(reader.read(&second).is_err());
    }
}
