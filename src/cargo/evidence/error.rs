//! Why sources and program cannot be compared.

use std::path::PathBuf;

use crate::cargo::source::error::{SearchError, SourceError};

/// Why a comparison of sources with the program came to no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// A file of the comparison cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The texts of the sources cannot be searched for.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The toolchain that linked the program is not there, or not told by Cargo.
    #[error("the standard library that was linked is not known")]
    UnknownStandardLibrary,
    /// The program names another release.
    #[error("it was linked with the standard library of another release")]
    OtherStandardLibrary,
    /// Nothing lists the libraries.
    #[error("nothing here tells what it was linked with")]
    UnknownLibraries,
    /// A library for link-time optimization.
    #[error("{} holds no machine code yet", path.display())]
    OnlyBitcode {
        /// The library.
        path: PathBuf,
    },
    /// The target directory has more files than are looked through.
    #[error("more than {limit} files were compiled")]
    TooManyFiles {
        /// How many are looked through.
        limit: usize,
    },
    /// There is no thread that could read the sources.
    #[error("{reason}")]
    NoThread {
        /// What the system said.
        reason: String,
    },
    /// The thread that read the sources panicked.
    #[error("the reader of the sources stopped")]
    Stopped,
}
