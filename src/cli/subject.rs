//! What is linted, and where it lies.

use std::path::{Path, PathBuf};

use crate::subject::Facts;

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
