//! Rust sources: which files a crate is made of, and what their tokens say.

pub mod cfg;
pub mod error;
pub mod files;
pub mod module_tree;
pub mod string_literals;
pub mod tokens;
