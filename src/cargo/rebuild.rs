//! Compiles the crates that lie in directories once more, beside the judged build, and compares.
//!
//! The judged build is read and never written: see [`files`] for what is borrowed of it and
//! `wrapper` for what keeps the copy's own paths out of the program. Equal bytes are proof that
//! the program is what these sources compile to; other bytes are proof of the contrary only where
//! the build repeats itself, and where it was made with settings that are known.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[cfg(unix)]
mod attempt;
#[cfg(unix)]
mod error;
#[cfg(unix)]
pub mod files;
#[cfg(unix)]
mod names;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod script;
#[cfg(unix)]
pub mod units;
#[cfg(unix)]
mod verdict;
#[cfg(unix)]
mod wrapper;

#[cfg(unix)]
pub use process::{executable, run_hidden};

/// Without Unix there is no rebuild, and so nothing that is run for one.
#[cfg(not(unix))]
pub fn run_hidden(_arguments: &[std::ffi::OsString]) -> Option<u8> {
    None
}

/// Without Unix there is no rebuild that would run it.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn executable() -> std::io::Result<PathBuf> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}

/// One build of a workspace, and the programs of it that are in question.
#[derive(Debug, Clone, Default)]
pub struct RebuildRequest {
    /// The cargo to run.
    pub cargo: PathBuf,
    /// This program: it is the wrapper around rustc.
    pub executable: PathBuf,
    /// Where cargo is started.
    pub cwd: PathBuf,
    /// The environment that it sees.
    pub env: BTreeMap<String, String>,
    /// `--manifest-path` and `--config`, as typed.
    pub arguments: Vec<String>,
    /// `-p`, as typed.
    pub selection: Vec<String>,
    /// `--features` and its like, as typed.
    pub features: Vec<String>,
    /// The directory of the workspace's root manifest.
    pub workspace_root: PathBuf,
    /// Cargo's build directory: the target directory unless configured otherwise.
    pub build_dir: PathBuf,
    /// The packages that lie in directories: name, version, directory.
    pub packages: Vec<(String, String, PathBuf)>,
    /// The directories of the other packages that are known.
    pub foreign: Vec<PathBuf>,
    /// The profile's name: `dev`, `release`, or its own.
    pub profile: String,
    /// The directory of the profile: `debug`, `release`.
    pub profile_directory: String,
    /// The target, as cargo takes it, and the name of its directory; `None` for the host's.
    pub target: Option<(String, String)>,
    /// The programs.
    pub programs: Vec<RebuildTarget>,
    /// The directory of the rebuild stays.
    pub keep: bool,
}

/// One program of the build.
#[derive(Debug, Clone, Default)]
pub struct RebuildTarget {
    /// The name of its package.
    pub package: String,
    /// How `-p` names it: `NAME@VERSION`.
    pub spec: String,
    /// The name of the binary target.
    pub bin: String,
    /// The file that is in question, or where cargo hands such a program out.
    pub path: PathBuf,
    /// The program itself, where it does not lie on this machine.
    pub bytes: Option<Vec<u8>>,
    /// Of a program that was built elsewhere: what says that it was built with the flags of the
    /// build here, or what is missing to know.
    pub same_flags: Option<Result<Recorded, FlagsUnknown>>,
}

/// What the record of a program that was built elsewhere says of its build: the words that were
/// typed, the profile and the compiler are those of here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The record, for a person.
    pub record: String,
    /// The flags that its rustc got.
    pub rustflags: Vec<String>,
    /// The variables that the build had, where that is what tells; the directory then is another.
    pub environment: Option<BTreeMap<String, String>>,
}

/// Why it is not known that a program was built with the flags of the build here, as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagsUnknown {
    /// Its record says otherwise.
    #[error("{record} names another {}: build here as it says", facts.join(", another "))]
    Different {
        /// The record, for a person.
        record: String,
        /// What differs.
        facts: Vec<&'static str>,
    },
    /// It has no record, and the command that built it in the image does not say all.
    #[error(
        "the image's history has `{command}`, {gap}; `cargo binlint record --embed` there says all"
    )]
    OnlyHistory {
        /// The command of cargo that compiles.
        command: String,
        /// What it leaves open, as a clause.
        gap: String,
    },
    /// It has no record, and the image's history cannot be followed.
    #[error("{reason}")]
    UnclearHistory {
        /// Which step, and why.
        reason: String,
    },
    /// It has no record, and a setting beside its history may have changed what was compiled.
    #[error("{setting} may change what is compiled, and the image's history does not name it")]
    Setting {
        /// The setting, and where it stands.
        setting: String,
    },
    /// It has no record, and no history names cargo.
    #[error(
        "nothing says with which compiler, profile, features and RUSTFLAGS the program was built: \
         it carries no record (`cargo binlint record --embed`), and the image's history has no cargo"
    )]
    NoRecord,
    /// Its record cannot be read.
    #[error("its record cannot be read: {reason}")]
    UnreadableRecord {
        /// Why.
        reason: String,
    },
}

/// What a rebuild says of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The answer.
    pub outcome: RebuildOutcome,
    /// Why, as a sentence without a full stop; empty for equal bytes.
    pub reason: String,
    /// What differs, most telling first, each for a person.
    pub differences: Vec<String>,
    /// The crates that were compiled again, once each.
    pub compiled: Vec<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Where the rebuild was left, when it was to be kept.
    pub kept: Option<PathBuf>,
}

/// The answer of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildOutcome {
    /// Byte by byte: the program is what the sources compile to.
    Equal,
    /// The same once it is loaded: build-id, record, symbols or debug information differ.
    SameCode,
    /// The build repeats itself and makes another program.
    Different,
    /// The build does not repeat itself, so that nothing follows.
    NotRepeatable,
    /// It could not be compiled again as it was.
    NotPossible,
}

impl RebuildOutcome {
    /// The outcome's name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            RebuildOutcome::Equal => "equal",
            RebuildOutcome::SameCode => "same-code",
            RebuildOutcome::Different => "different",
            RebuildOutcome::NotRepeatable => "not-repeatable",
            RebuildOutcome::NotPossible => "not-possible",
        }
    }

    /// Whether the program is proven to be what the sources compile to.
    pub const fn is_proof(self) -> bool {
        matches!(self, RebuildOutcome::Equal | RebuildOutcome::SameCode)
    }
}

impl Rebuild {
    /// An answer without anything compiled.
    pub fn new(outcome: RebuildOutcome, reason: impl Into<String>) -> Rebuild {
        Rebuild {
            outcome,
            reason: reason.into(),
            differences: Vec::new(),
            compiled: Vec::new(),
            milliseconds: 0,
            kept: None,
        }
    }

    /// Why there can be none.
    pub fn not_possible(reason: impl Into<String>) -> Rebuild {
        Rebuild::new(RebuildOutcome::NotPossible, reason)
    }
}

/// Compiles again and compares: one answer for each program of the request, in its order. The
/// name and version of each crate is told as cargo begins to compile it.
#[cfg(unix)]
pub fn rebuild(request: &RebuildRequest, progress: &dyn Fn(&str)) -> Vec<Rebuild> {
    verdict::rebuild(request, progress)
}

/// Compiles again and compares, where that is known to work.
#[cfg(not(unix))]
pub fn rebuild(request: &RebuildRequest, _progress: &dyn Fn(&str)) -> Vec<Rebuild> {
    let none = Rebuild::not_possible("a rebuild is known to work on Unix only");
    request.programs.iter().map(|_| none.clone()).collect()
}
