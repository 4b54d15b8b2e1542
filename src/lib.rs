//! Reads a shipped Rust program, what Cargo says of it and the image that carries it, and judges
//! whether they fit: is this the code that was written, built as it was meant, and will it start?
//!
//! The modules stand in the order in which the data walks through them; `ARCHITECTURE.md` draws it.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod binary;
pub mod cargo;
pub mod cli;
pub mod config;
pub mod digest;
pub mod fact;
pub mod lint;
pub mod provenance;
pub mod report;
pub mod rootfs;
pub mod rule;
pub mod rules;
pub mod session;
pub mod start;
pub mod subject;
pub mod toolchain;
