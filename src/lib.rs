//! Reads a shipped Rust program, what Cargo says of it and the image that carries it, and judges
//! whether they fit: is this the code that was written, built as it was meant, and will it start?
//!
//! The modules stand in the order in which the data walks through them; `ARCHITECTURE.md` draws it.

#![forbid(unsafe_code)]

pub mod input;

pub mod attest;

pub mod cargo;
pub mod diff;

pub mod facts;

pub mod rule;
pub mod rules;

pub mod config;
pub mod lint;

pub mod record;
pub mod report;

pub mod cli;
