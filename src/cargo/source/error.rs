//! Why a source file cannot be read, or not be read as Rust.

use std::path::PathBuf;

/// Why a source file cannot be read, or not be read as Rust. Only [`SourceError::At`] names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The same, with the path.
    #[error("{}: {source}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<SourceError>,
    },
    /// A directory, a FIFO, a device.
    #[error("not a regular file")]
    NotRegular,
    /// What the system said.
    #[error("{reason}")]
    System {
        /// Of which kind it is.
        kind: std::io::ErrorKind,
        /// In the system's words.
        reason: String,
    },
    /// It is larger than what is left to read.
    #[error("{size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// In bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
    /// It grew while it was read.
    #[error("more than the limit of {limit} bytes")]
    Grew {
        /// In bytes.
        limit: u64,
    },
    /// There are more files than are read.
    #[error("more than {limit} source files")]
    TooManyFiles {
        /// How many are read.
        limit: usize,
    },
    /// No Rust source is anything else.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A token takes many times its own length in memory.
    #[error("more than {megabytes} MB or {tokens} tokens")]
    TooLong {
        /// The limit of its length, in MiB.
        megabytes: usize,
        /// The limit of its tokens.
        tokens: usize,
    },
    /// One item has more tokens than are parsed at once.
    #[error("an item of more than {limit} tokens")]
    ItemTooLong {
        /// How many are parsed.
        limit: usize,
    },
    /// A parser could exhaust the stack.
    #[error("nested too deeply to be read")]
    TooDeep,
    /// It is not Rust.
    #[error("line {line}: {message}")]
    NotRust {
        /// From 1.
        line: usize,
        /// What the parser expected.
        message: String,
    },
}

impl SourceError {
    /// The error with the file that it is about.
    pub fn at(self, path: impl Into<PathBuf>) -> SourceError {
        SourceError::At { path: path.into(), source: Box::new(self) }
    }
}

impl From<std::io::Error> for SourceError {
    fn from(error: std::io::Error) -> SourceError {
        SourceError::System { kind: error.kind(), reason: error.to_string() }
    }
}

/// Why texts cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// There are too many to search for at once.
    #[error("the texts cannot be searched for: {reason}")]
    TooMany {
        /// What the search said.
        reason: String,
    },
    /// Texts that begin alike would take the square of their length.
    #[error("the texts cannot be searched for: all look alike")]
    Alike,
    /// They are parts of other texts, and too many.
    #[error("the texts cannot be searched for")]
    Parts,
}
