//! Lints Rust programs that ship in containers: is this the code that was written, built as
//! intended, and will it start in the image that carries it?
//!
//! `cargo binlint` is a thin program around this library. What it does can be done from code:
//!
//! - [`Linter`] lints what cargo built in a workspace, given files, or an image, under a
//!   configuration, and returns a [`Report`]: subjects, the [`Outcome`] of every rule for each of
//!   them, and the [`Finding`]s of those that fail.
//! - [`Verifier`] holds a program against the record of its build.
//! - [`inspect`] tells the facts of one binary from its bytes, and [`open_image`] what is in an
//!   image; neither runs a rule.
//! - [`rules`] lists the rules.
//!
//! ```no_run
//! use binlint::{Level, Linter};
//!
//! let report = Linter::new().image("docker-archive:server.tar").lint()?;
//! for subject in &report.subjects {
//!     for failed in subject.failures() {
//!         println!("{}: {} ({})", subject.name, failed.rule.id, failed.level);
//!         for finding in failed.outcome.findings() {
//!             println!("  {} at {}", finding.message, finding.location);
//!         }
//!     }
//! }
//! # Ok::<(), binlint::Error>(())
//! ```
//!
//! The types here may grow: they are `#[non_exhaustive]`. Ids of rules and groups stay. Nothing
//! that is linted is ever executed.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::ffi::OsStr;

pub(crate) mod binary;
pub(crate) mod cargo;
pub(crate) mod cli;
pub(crate) mod config;
pub(crate) mod digest;
pub(crate) mod dockerfile;
pub(crate) mod escape;
pub(crate) mod fact;
pub(crate) mod fix_line;
pub(crate) mod lint;
pub(crate) mod provenance;
pub(crate) mod report;
pub(crate) mod rootfs;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod session;
pub(crate) mod similar_name;
pub(crate) mod start;
pub(crate) mod subject;
pub(crate) mod toolchain;

pub use crate::cargo::error::WorkspaceError;
pub use crate::config::ConfigError;
pub use crate::fact::{Confidence, Fact};
pub use crate::report::{AppliedWaiver, Report, RuleResult, SubjectReport, Summary};
pub use crate::rootfs::error::{ImageError, LoadError};
pub use crate::rule::{
    Finding, Group, Inconclusive, Level, Location, Outcome, Rule, Status, Symptom,
};
pub use crate::session::Error;
pub use crate::session::linter::{Linter, Verifier};
pub use crate::session::opened::{Inspection, NamedFact, OpenImage};

/// The program around this library: arguments in, exit code out.
#[doc(hidden)]
pub use crate::cli::run as run_command_line;

/// Every rule, by group and name.
///
/// ```
/// let rule = binlint::rules().find(|rule| rule.id == "placeholder-main");
/// assert_eq!(rule.map(|rule| rule.group), Some(binlint::Group::Freshness));
/// ```
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    crate::rules::ALL.iter().copied()
}

/// Tells the facts of a program or library from its bytes, which are not run. `path` is what the
/// facts and errors call it; nothing is read there.
///
/// # Errors
/// The bytes are none of a program, a library or an object.
///
/// ```
/// let error = binlint::inspect("notes.txt", b"no program").unwrap_err();
/// assert!(error.to_string().starts_with("notes.txt: "));
/// ```
pub fn inspect(path: impl Into<String>, bytes: &[u8]) -> Result<Inspection, Error> {
    Inspection::of_bytes(path, bytes)
}

/// Reads an image.
#[doc = concat!("The reference is one of ", crate::rootfs::source::image_forms!(), ", or a path.")]
/// `platform` is `OS/ARCH[/VARIANT]`, for where there are several.
///
/// # Errors
/// There is no such image, it is damaged, or it is not there for this platform.
///
/// ```
/// assert!(binlint::open_image("oci:nowhere", Some("linux/amd64")).is_err());
/// ```
pub fn open_image(
    reference: impl AsRef<OsStr>,
    platform: Option<&str>,
) -> Result<OpenImage, Error> {
    OpenImage::open(reference.as_ref(), platform)
}

/// The parts of the library for its own fuzz targets and tests. Nothing here is promised.
#[doc(hidden)]
pub mod internals {
    pub mod binary {
        pub use crate::binary::*;
    }
    pub mod cargo {
        pub use crate::cargo::*;
    }
    pub mod digest {
        pub use crate::digest::*;
    }
    pub mod dockerfile {
        pub use crate::dockerfile::*;
    }
    pub mod provenance {
        pub use crate::provenance::*;
    }
    pub mod report {
        pub use crate::report::*;
    }
    pub mod rootfs {
        pub use crate::rootfs::*;
    }
    pub mod rule {
        pub use crate::rule::*;
    }
    pub mod rules {
        pub use crate::rules::*;
    }
    pub mod start {
        pub use crate::start::*;
    }
    pub mod subject {
        pub use crate::subject::*;
    }
    pub mod toolchain {
        pub use crate::toolchain::*;
    }
}
