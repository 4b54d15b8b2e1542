//! Whether the subject is what the sources would be compiled to: every piece of evidence, apart.
//!
//! `docs/freshness.md` says what each piece can and cannot see, with the measurements.

use std::path::PathBuf;

use crate::cargo::compared::{EnvInBinary, MatchCount, MissingCommit};
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::compared_strings::StringComparison;
use crate::cargo::file_time::FileTime;

/// What the target directory and the sources say of the subject.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// Whether sources and target directory were looked at.
    pub read: bool,
    /// The subject among what Cargo made.
    pub origin: ProgramOrigin,
    /// The crates that the subject is made of and that lie in directories; its own come first.
    pub crates: Vec<CrateFreshness>,
    /// Other crates that the command which builds the subject would leave as they are, though they
    /// are stale: without them it may not even compile. Looked for where the subject is stale.
    pub also_stale: Vec<CrateFreshness>,
    /// Where the subject lies on this machine, when Cargo does not hand it out there.
    pub elsewhere: Option<PathBuf>,
    /// The workspace root that the target directory was filled from, when it is not this one.
    pub made_at: Option<PathBuf>,
    /// Panic locations of the subject that could be compared with a source.
    pub locations: MatchCount,
    /// The texts of the crates, as far as they are in the subject.
    pub string_literals: StringComparison,
    /// Values of `env!` and `option_env!` that Cargo did not set itself.
    pub env_in_binary: Vec<EnvInBinary>,
    /// The directories of packages that are in the subject by `env!("CARGO_MANIFEST_DIR")`.
    pub manifest_dirs: Vec<String>,
    /// What should name a commit and names none.
    pub missing_commits: Vec<MissingCommit>,
    /// Whether the sources are the stubs that `cargo chef cook` puts in the place of the real ones.
    pub chef_stubs: bool,
    /// The output that the subject is an older twin of: of its profile, in another directory.
    pub newer_output: Option<NewerOutput>,
    /// The file name of a subject in the target directory that no binary target has any more.
    pub nameless: Option<String>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// The subject among what Cargo made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProgramOrigin {
    /// It is the output of the first crate's unit, byte by byte.
    Output,
    /// It is not, and there are outputs of that name.
    Differs {
        /// Whether one of them has the same build-id; `None`: one of the two has none.
        same_build_id: Option<bool>,
        /// That one, else the one that Cargo handed out last.
        output: PathBuf,
        /// Where the subject lies instead.
        location: FileLocation,
    },
    /// The target directory has no output of that name that could be read, and why.
    #[default]
    NotLookedAt,
    /// The target directory has no unit of that name, or of a layout that is not known.
    NoUnit(String),
}

/// Where a subject lies that is no output of the target directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLocation {
    /// Below the target directory.
    InTargetDir,
    /// Anywhere else on this machine.
    OnThisMachine,
    /// In an image, whose stages had target directories of their own.
    InAnImage,
}

impl ProgramOrigin {
    /// Whether another build made the subject, so that no unit here says anything of it. A file out
    /// of an image without a build-id may be anybody's.
    pub(super) fn is_foreign(&self) -> bool {
        match self {
            ProgramOrigin::Differs { same_build_id: Some(same), .. } => !same,
            ProgramOrigin::Differs { same_build_id: None, location, .. } => {
                *location == FileLocation::InAnImage
            }
            ProgramOrigin::Output | ProgramOrigin::NotLookedAt | ProgramOrigin::NoUnit(_) => false,
        }
    }
}

/// Two outputs of one name: the older is the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerOutput {
    /// The newer.
    pub path: PathBuf,
    /// When it was written.
    pub written: FileTime,
    /// When the subject was.
    pub subject_written: FileTime,
    /// The newer one's target directory, where it has one: a triple.
    pub target: Option<String>,
}

impl Freshness {
    /// Whether the subject is an output of the target directory, or one that was stripped, and the
    /// directory was filled here.
    pub fn is_made_here(&self) -> bool {
        self.read && !self.is_of_another_build() && self.made_at.is_none()
    }

    /// Whether another build made the subject: one with variables and arguments of its own, which
    /// nothing here knows.
    pub fn is_of_another_build(&self) -> bool {
        let is_output = matches!(
            self.origin,
            ProgramOrigin::Output | ProgramOrigin::Differs { same_build_id: Some(true), .. }
        );
        self.read && !is_output
    }

    /// The program's own crate.
    pub fn program(&self) -> Option<&CrateFreshness> {
        self.crates.first().filter(|state| state.role == CrateRole::Program)
    }
}
