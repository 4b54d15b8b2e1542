//! Dockerfiles: what they say, which programs they build and ship, and what would go wrong before
//! anything is built.

pub mod base_images;
pub mod cargo_command;
pub mod files;
pub mod parse;
pub mod run_commands;
pub mod shell;
pub mod source;
pub mod stages;
pub mod trace;
pub mod variables;
pub mod workspace;

pub use source::Error;
