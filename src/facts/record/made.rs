//! What a build was made from: the facts that a record is written from, and verified against.

use crate::attest::sha256_hex;
use crate::facts::Build;
pub use crate::input::git::Git;
pub use crate::input::record::{SourceFile, Sources};
pub use crate::input::toolchain::Stage;

/// What the parameters of a record mean: a package URL with the page of this crate that says so.
pub const BUILD_TYPE: &str = "pkg:cargo/cargo-binlint?build-type=cargo-build-v1#docs/provenance.md";
/// Who made a record: the build itself, which nobody watched.
pub const SELF_ATTESTED: &str = "pkg:cargo/cargo-binlint?builder=self-attested#docs/provenance.md";
/// The name of the lockfile among the dependencies.
pub const LOCKFILE: &str = "Cargo.lock";
/// The name of the digest over all sources among the dependencies.
pub const SOURCES: &str = "sources";
/// The name of the commit among the dependencies.
pub const COMMIT: &str = "git";
/// Every external parameter of the build type.
pub const PARAMETERS: &[&str] = &[
    "package",
    "bins",
    "profile",
    "target",
    "features",
    "allFeatures",
    "defaultFeatures",
    "config",
    "rustflags",
];

/// The digest of all sources: SHA-256 over what `sha256sum` prints for them, sorted by path.
pub fn digest_of_all(files: &[SourceFile]) -> String {
    let lines = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path));
    sha256_hex(lines.collect::<String>().as_bytes())
}

/// One program's build, whole.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// What Cargo says.
    pub build: &'a Build,
    /// What was typed beside package, binary, profile and target.
    pub request: &'a Request,
    /// The machine.
    pub stage: &'a Stage,
    /// The files of the path crates.
    pub sources: &'a Sources,
    /// SHA-256 of `Cargo.lock`.
    pub lockfile: Option<&'a str>,
    /// The commit.
    pub git: Option<&'a Git>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<u64>,
}

/// Words of a `cargo build` that its facts do not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// `--config`.
    pub config: Vec<String>,
}
