//! Files in memory, for tests of what follows from sources and a target directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::cargo::file_time::FileTime;
use crate::cargo::fs::{DirectoryEntry, FileStat, Snapshot, SourceFs};
use crate::cargo::source::error::SourceError;

/// As many links as Linux follows on the way to one file.
const MAX_LINKS: usize = 40;

/// Regular files and symbolic links; a directory is there as long as something is in it. Inodes have
/// neither numbers nor times, as on a file system that is put together from layers.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    files: BTreeMap<PathBuf, (Vec<u8>, FileTime)>,
    links: BTreeMap<PathBuf, PathBuf>,
}

impl InMemory {
    /// Writes a file with a date, in seconds since 1970.
    pub fn write(&mut self, path: &str, bytes: impl Into<Vec<u8>>, modified: i64) {
        self.files.insert(path.into(), (bytes.into(), FileTime::new(modified, 0)));
    }

    /// Makes a symbolic link to an absolute path in place of what is there.
    pub fn link(&mut self, path: &str, to: &str) {
        self.remove(path);
        self.links.insert(path.into(), to.into());
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(Path::new(path));
    }

    /// Where the links on the way lead.
    fn follow(&self, path: &Path) -> io::Result<PathBuf> {
        let mut path = path.to_path_buf();
        for _ in 0..=MAX_LINKS {
            let link = path.ancestors().find_map(|part| Some((part, self.links.get(part)?)));
            let Some((part, to)) = link else { return Ok(path) };
            path = match path.strip_prefix(part) {
                Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
                Ok(rest) => to.join(rest),
                Err(_) => return Ok(path),
            };
        }
        Err(io::Error::other("too many levels of symbolic links"))
    }

    fn file(&self, path: &Path) -> Option<&(Vec<u8>, FileTime)> {
        self.files.get(&self.follow(path).ok()?)
    }
}

impl SourceFs for InMemory {
    fn snapshot(&self, path: &Path, limit: u64) -> Result<Option<Snapshot>, SourceError> {
        let real = self.follow(path)?;
        let Some((bytes, modified)) = self.files.get(&real) else {
            return if self.is_directory(&real) { Err(SourceError::NotRegular) } else { Ok(None) };
        };
        let size = bytes.len() as u64;
        if size > limit {
            return Err(SourceError::TooLarge { size, limit });
        }
        let (bytes, modified) = (bytes.clone(), *modified);
        Ok(Some(Snapshot { bytes, modified, changed: None, device: 0 }))
    }

    fn stat(&self, path: &Path) -> Option<FileStat> {
        let (bytes, modified) = self.file(path)?;
        Some(FileStat { size: bytes.len() as u64, inode: None, modified: *modified })
    }

    fn is_directory(&self, path: &Path) -> bool {
        let Ok(real) = self.follow(path) else { return false };
        self.files.keys().chain(self.links.keys()).any(|it| *it != real && it.starts_with(&real))
    }

    fn is_there(&self, path: &Path) -> bool {
        self.file(path).is_some() || self.is_directory(path)
    }

    fn entries(&self, directory: &Path, limit: usize) -> Vec<DirectoryEntry> {
        let Ok(real) = self.follow(directory) else { return Vec::new() };
        let below = self.files.keys().chain(self.links.keys());
        let names: BTreeSet<_> =
            below.filter_map(|path| path.strip_prefix(&real).ok()?.iter().next()).collect();
        let entry = |name: &std::ffi::OsStr| DirectoryEntry {
            path: directory.join(name),
            name: name.to_owned(),
            is_directory: !self.links.contains_key(&real.join(name))
                && self.is_directory(&real.join(name)),
        };
        names.into_iter().take(limit).map(entry).collect()
    }

    fn files_below(&self, root: &Path, limit: usize) -> Vec<PathBuf> {
        let is_cache = |path: &Path| {
            let inside = path.ancestors().take_while(|part| *part != root);
            inside.skip(1).any(|part| {
                part.ends_with(".git") || self.files.contains_key(&part.join("CACHEDIR.TAG"))
            })
        };
        let below = self.files.keys().filter(|path| path.starts_with(root) && !is_cache(path));
        below.take(limit).cloned().collect()
    }

    fn newest(&self, path: &Path) -> Option<(FileTime, Option<FileTime>)> {
        let real = self.follow(path).ok()?;
        let below = self.files.iter().filter(|(path, _)| path.starts_with(&real));
        below.map(|(_, (_, modified))| (*modified, None)).max()
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        self.follow(path).ok().filter(|real| self.is_there(real))
    }

    fn latest_ctime(&self, _path: &Path, _root: &Path, _beside: &Path) -> Option<FileTime> {
        None
    }

    fn has_contents(&self, path: &Path, contents: &[u8]) -> bool {
        self.file(path).is_some_and(|(bytes, _)| bytes == contents)
    }
}
