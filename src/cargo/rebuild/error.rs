//! Why nothing is compiled again.

use std::io;
use std::path::{Path, PathBuf};

/// Why nothing is compiled again, as a clause: a report says it behind the outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// A path cannot be written into arguments and plans.
    #[error("{:?} is not plain UTF-8", path.display().to_string())]
    PathNotPlain {
        /// The path.
        path: PathBuf,
    },
    /// rustc cuts `--remap-path-prefix=FROM=TO` at the last `=`.
    #[error("the path {} has an `=`", path.display())]
    PathWithEquals {
        /// The path.
        path: PathBuf,
    },
    /// The judged directory is of another profile or target.
    #[error("{} holds nothing of this build", path.display())]
    NothingBuilt {
        /// The build directory.
        path: PathBuf,
    },
    /// Another cargo holds a lock.
    #[error("another cargo works in {}", path.display())]
    Locked {
        /// The build directory.
        path: PathBuf,
    },
    /// More than any build has.
    #[error("the target directory has more than {limit} units")]
    TooManyUnits {
        /// How many are read.
        limit: usize,
    },
    /// Nothing more can be written.
    #[error("the disk is full: {}", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// A file of the copy cannot be written.
    #[error("{}: {reason}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// There is no cargo, or it may not be run.
    #[error("cannot run {}: {reason}", program.display())]
    Run {
        /// What was started.
        program: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The program was removed meanwhile.
    #[error("{} is gone", path.display())]
    Gone {
        /// The program.
        path: PathBuf,
    },
    /// The program may not be read, or is larger than any.
    #[error("the program cannot be read")]
    UnreadableProgram,
    /// No unit of the build directory is the program.
    #[error("nothing in {} made this file: {}", build_dir.display(), path.display())]
    NoUnit {
        /// The build directory.
        build_dir: PathBuf,
        /// The program.
        path: PathBuf,
    },
    /// The wrapper was not told what to do.
    #[error("the plan of the rebuild cannot be read")]
    UnreadablePlan,
    /// Such a call cannot be changed.
    #[error("rustc's arguments are not UTF-8")]
    ArgumentsNotUtf8,
    /// A downloaded package has no unit of this name.
    #[error("the dependency {package} would be compiled again")]
    Dependency {
        /// Its name.
        package: String,
    },
    /// A package of the workspace has no unit of this name.
    #[error(
        "{crate_name}-{unit} of {package} is not in the target directory: it was built with other \
         flags, features or another toolchain"
    )]
    OtherUnit {
        /// The crate.
        crate_name: String,
        /// The hash of the unit that cargo asks for.
        unit: String,
        /// The name of its package.
        package: String,
    },
}

impl RebuildError {
    /// A file that could not be written.
    pub fn write(path: &Path, error: &io::Error) -> RebuildError {
        match error.kind() {
            io::ErrorKind::StorageFull => RebuildError::DiskFull { path: path.to_owned() },
            _ => RebuildError::Write { path: path.to_owned(), reason: error.to_string() },
        }
    }
}
