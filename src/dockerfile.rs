//! Dockerfiles: what they say, which programs they build and ship, and what would go wrong before
//! anything is built.

pub mod parse;
pub mod shell;
pub mod source;

pub use source::Error;
