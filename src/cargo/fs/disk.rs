//! The disk, as the comparison of a program with its sources reads it.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cargo::file_time::FileTime;
use crate::cargo::fs::inode_time;
use crate::cargo::fs::{DirectoryEntry, FileStat, Snapshot, SourceFs};
use crate::cargo::source::error::SourceError;

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl SourceFs for Disk {
    fn snapshot(&self, path: &Path, limit: u64) -> Result<Option<Snapshot>, SourceError> {
        snapshot(path, limit)
    }

    fn stat(&self, path: &Path) -> Option<FileStat> {
        super::stat(path)
    }

    fn is_directory(&self, path: &Path) -> bool {
        super::is_directory(path)
    }

    fn is_there(&self, path: &Path) -> bool {
        super::is_there(path)
    }

    fn entries(&self, directory: &Path, limit: usize) -> Vec<DirectoryEntry> {
        super::entries(directory, limit).collect()
    }

    fn files_below(&self, root: &Path, limit: usize) -> Vec<PathBuf> {
        files_below(root, limit)
    }

    fn newest(&self, path: &Path) -> Option<(FileTime, Option<FileTime>)> {
        newest(path)
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        std::fs::canonicalize(path).ok()
    }

    fn latest_ctime(&self, path: &Path, root: &Path, beside: &Path) -> Option<FileTime> {
        inode_time::latest_ctime(path, root, beside)
    }

    fn has_contents(&self, path: &Path, contents: &[u8]) -> bool {
        super::has_contents(path, contents)
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

/// The times of a file, or of the newest file below a directory, as Cargo takes them for
/// `rerun-if-changed`: when it was last written, and when an inode last changed.
fn newest(path: &Path) -> Option<(FileTime, Option<FileTime>)> {
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
fn device(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device(_metadata: &std::fs::Metadata) -> u64 {
    0
}
