//! What is compared with the sources, and what comparing it gives.

use std::path::Path;

/// How many were compared, and how many fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatchCount {
    /// Compared.
    pub checked: usize,
    /// Fitting.
    pub fitting: usize,
}

/// One value from the environment of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvInBinary {
    /// The variable.
    pub name: String,
    /// Its value at the time.
    pub value: String,
    /// Whether the value is in the subject.
    pub present: bool,
}

/// A variable or constant that should name a commit and names none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingCommit {
    /// Its name.
    pub name: String,
    /// What it was in the place of a commit; `None`: not set.
    pub value: Option<String>,
    /// Where that stands.
    pub place: String,
}

/// The bytes that are judged.
#[derive(Debug, Clone, Copy)]
pub struct ProgramBytes<'a> {
    /// Where they lie on this machine, when they do.
    pub path: Option<&'a Path>,
    /// All of them.
    pub bytes: &'a [u8],
    /// Whether they are packed, so that no text of the program can be found in them.
    pub packed: bool,
    /// The program's build-id, lower-case hex.
    pub build_id: Option<&'a str>,
}

/// What is sure of a `main`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MainReach {
    /// It may come to nothing: what it calls is at hand, and nothing in it is sure to be done.
    #[default]
    Nothing,
    /// It calls code that is not at hand.
    Foreign,
    /// It does what no optimiser leaves out.
    Acts,
}
