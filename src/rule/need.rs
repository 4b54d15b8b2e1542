//! What a rule needs to be given.

use std::fmt;

use crate::subject::Facts;

/// An input that a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The binary that is linted.
    Binary,
    /// The Cargo workspace and target directory that the binary should come from.
    Cargo,
    /// The container image or root file system.
    Image,
    /// What the loader of the image would do with the binary.
    Loader,
    /// A provenance record of the binary's build.
    Record,
    /// A Dockerfile.
    Dockerfile,
    /// The table `[expect]` of the configuration.
    Expectations,
}

impl Need {
    /// The input's name in `rules` and on the rule's page.
    pub const fn name(self) -> &'static str {
        match self {
            Need::Binary => "binary",
            Need::Cargo => "Cargo",
            Need::Image => "image",
            Need::Loader => "loader",
            Need::Record => "record",
            Need::Dockerfile => "Dockerfile",
            Need::Expectations => "[expect]",
        }
    }

    /// Why a rule that requires the input is not applicable to these facts.
    pub(super) fn missing(self, facts: &Facts) -> Option<&'static str> {
        let (is_missing, why) = match self {
            Need::Binary => (facts.binary.is_none(), NO_BINARY),
            Need::Cargo => (facts.build.is_none(), NO_BUILD),
            Need::Image => (facts.image.is_none(), NO_IMAGE),
            Need::Loader => (facts.load.is_none(), NO_IMAGE),
            Need::Record => (facts.record.is_none(), NO_RECORD),
            Need::Dockerfile => (facts.dockerfile.is_none(), NO_DOCKERFILE),
            // Which key is missing is for the check to say.
            Need::Expectations => (false, ""),
        };
        is_missing.then_some(why)
    }
}

/// Why a rule that needs a binary is not applicable without one.
pub const NO_BINARY: &str = "no binary was given";
/// Why a rule about Rust programs is not applicable to another.
pub const NOT_RUST: &str = "the binary is not a Rust program";
/// Why a rule that needs an image is not applicable without one.
pub const NO_IMAGE: &str = "no image was given";
/// What a rule that needs the binary's build in the target directory is missing.
pub const NO_UNIT: &str = "no unit of this binary was found in the target directory";
/// What a rule that needs the sources is missing.
pub const NOT_COMPARED: &str = "the sources were not compared with the binary";
/// Why a rule that needs a Cargo workspace is not applicable without one.
pub const NO_BUILD: &str = "no Cargo workspace was given";
/// Why a rule that needs a Dockerfile is not applicable without one.
pub const NO_DOCKERFILE: &str = "no Dockerfile was given";
/// Why a rule that needs a record is not applicable without one.
pub const NO_RECORD: &str = "no record was given";

/// The inputs that a check declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Without any one of these the rule is not applicable.
    pub required: &'static [Need],
    /// These are read as well when they are given.
    pub optional: &'static [Need],
}

impl Needs {
    /// Needs all of the first, and reads the second too when they are given.
    pub const fn new(required: &'static [Need], optional: &'static [Need]) -> Needs {
        Needs { required, optional }
    }
}

/// `binary, image (optional: Cargo)`.
impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |needs: &[Need]| needs.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
        f.write_str(&names(self.required))?;
        if self.optional.is_empty() {
            return Ok(());
        }
        write!(f, " (optional: {})", names(self.optional))
    }
}
