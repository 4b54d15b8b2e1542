//! Everything known about one linted thing; no opinion lives here.

use std::path::{Path, PathBuf};

pub mod crates;

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::dockerfile::Dockerfile;
use crate::provenance::record::RecordFacts;
use crate::start::image::Image;
use crate::start::loader::StartPrediction;

/// One program, or an image without one.
#[derive(Debug)]
pub struct Subject {
    /// The name that reports and waivers use.
    pub name: String,
    /// Where its bytes came from.
    pub origin: Origin,
    /// What is known of it.
    pub facts: Facts,
}

/// Where a subject's bytes came from. What an image says of itself never becomes a path of this
/// machine: only one that the user or cargo named can be opened here, or have files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file of this machine, by the path under which it was read.
    Host(PathBuf),
    /// An image; `binary.path` is a path in it.
    Image,
}

impl Origin {
    /// The file of this machine.
    pub fn on_this_machine(&self) -> Option<&Path> {
        match self {
            Origin::Host(path) => Some(path),
            Origin::Image => None,
        }
    }
}

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
    pub load: Option<StartPrediction>,
    /// A record of its build.
    pub record: Option<RecordFacts>,
    /// The Dockerfile that is linted: then there is no program.
    pub dockerfile: Option<Dockerfile>,
    /// What the user said to expect.
    pub expectations: Expectations,
}

/// What the user said to expect of the subject; an empty field expects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
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
    /// The highest version of each set of symbol versions: `("GLIBC", "2.28")`, from `max-glibc`.
    pub maxima: Vec<(String, String)>,
    /// The only libraries that may be needed.
    pub libraries: Option<Vec<String>>,
    /// Why it is not known what is expected: there is more for single targets, and the subject's
    /// is not known.
    pub unclear: Option<String>,
}

impl Expectations {
    /// These expectations with those of another laid over them.
    pub fn with(&self, over: &Expectations) -> Expectations {
        let or = |over: &Option<String>, under: &Option<String>| over.clone().or(under.clone());
        let is_set = |name: &str| over.maxima.iter().any(|(over, _)| over == name);
        let kept = self.maxima.iter().filter(|(name, _)| !is_set(name));
        Expectations {
            triple: or(&over.triple, &self.triple),
            libc: or(&over.libc, &self.libc),
            allocator: or(&over.allocator, &self.allocator),
            cpu_level: over.cpu_level.or(self.cpu_level),
            builders: match over.builders.is_empty() {
                true => self.builders.clone(),
                false => over.builders.clone(),
            },
            maxima: kept.chain(&over.maxima).cloned().collect(),
            libraries: over.libraries.clone().or(self.libraries.clone()),
            unclear: or(&over.unclear, &self.unclear),
        }
    }
}
