//! Reads source files, each once, under a limit on their number and size.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cargo::fs::disk::Disk;
use crate::cargo::fs::{Snapshot, SourceFs};
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

/// Reads each file once.
#[derive(Debug)]
pub struct SourceReader {
    /// Where the files lie.
    pub fs: Arc<dyn SourceFs>,
    limits: ReadLimits,
    total: u64,
    seen: HashMap<PathBuf, Result<Option<Arc<Snapshot>>, SourceError>>,
}

impl SourceReader {
    /// A reader of the disk that stops at these limits.
    pub fn new(limits: ReadLimits) -> SourceReader {
        SourceReader::over(Arc::new(Disk), limits)
    }

    /// A reader of these files that stops at these limits.
    pub fn over(fs: Arc<dyn SourceFs>, limits: ReadLimits) -> SourceReader {
        SourceReader { fs, limits, total: 0, seen: HashMap::new() }
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
            self.fs
                .snapshot(path, self.limits.file.min(left))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_a_directory_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut reader = SourceReader::new(ReadLimits::default());
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
