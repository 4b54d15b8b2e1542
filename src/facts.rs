//! What is true of the program, of its build and of its image. No opinion lives here.

use std::borrow::Cow;

pub mod binary;
pub mod build;
mod crates;
pub mod image;
pub mod loader;
pub mod machine;
pub mod record;
pub mod shown;

pub use binary::Binary;
pub use build::Build;
pub use image::Image;
pub use loader::LoadPlan;
pub use record::Record;

/// Everything known about one subject; what was not given is `None`.
#[derive(Debug, Default)]
pub struct Facts {
    /// The program that is judged.
    pub binary: Option<Binary>,
    /// The Cargo build that should have made it.
    pub build: Option<Build>,
    /// The runtime image that carries it, or will.
    pub image: Option<Image>,
    /// What that image's loader would do with it.
    pub load: Option<LoadPlan>,
    /// A record of its build.
    pub record: Option<Record>,
    /// What the user said to expect.
    pub policy: Policy,
}

/// What the user said to expect of the subject; an empty field expects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The target triple, from `--target` or configuration.
    pub triple: Option<String>,
    /// `glibc-dynamic`, `glibc-static`, `musl-static`, `musl-dynamic`.
    pub libc: Option<String>,
    /// The allocator by name: `system`, `jemalloc`, `mimalloc`, ….
    pub allocator: Option<String>,
    /// The highest x86-64 level (1 to 4) that the machines it will run on are sure to have.
    pub cpu_level: Option<u8>,
    /// Builder identities that a record may name.
    pub builders: Vec<String>,
}

/// One thing that was asked of the bytes: its answer or none, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<T> {
    /// `None`: could not be told.
    pub value: Option<T>,
    /// How sure the value is; the measurements behind it are in `docs/accuracy.md`.
    pub confidence: Confidence,
    /// Where it was read, or why it could not be.
    pub evidence: Cow<'static, str>,
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing is known.
    None,
    /// A hint: wrong in some of the measured programs.
    Low,
    /// Never wrong in the measured programs, but not a matter of definition.
    High,
    /// What the format's specification says.
    Certain,
}

impl<T> Fact<T> {
    /// A value that the format's specification settles.
    pub fn certain(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::Certain, evidence: evidence.into() }
    }

    /// A value inferred by a method that was never wrong where it was measured.
    pub fn high(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::High, evidence: evidence.into() }
    }

    /// A hint.
    pub fn low(value: T, evidence: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: Some(value), confidence: Confidence::Low, evidence: evidence.into() }
    }

    /// No value, and why.
    pub fn unknown(why: impl Into<Cow<'static, str>>) -> Fact<T> {
        Fact { value: None, confidence: Confidence::None, evidence: why.into() }
    }
}

impl<T> Default for Fact<T> {
    fn default() -> Fact<T> {
        Fact::unknown("not looked at")
    }
}
