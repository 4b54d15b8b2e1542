//! Will it start: a binary, a root filesystem and an image's configuration to a prediction. No I/O.

pub mod command;
pub mod image;
pub mod loader;
pub mod packages;
