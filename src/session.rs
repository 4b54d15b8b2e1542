//! The use cases, callable from code: select, gather, check, inspect, record, verify, freshen.
//!
//! A session neither prints nor exits: what the user should know stands in what it returns.

pub mod baseline;
pub mod build;
pub mod check;
pub mod clock;
pub mod compare_workspace;
pub mod configuration;
pub mod diagnose;
pub mod diff;
pub mod dockerfile;
pub mod error;
pub mod freshen;
pub mod fs;
pub mod gather;
pub mod image_history;
pub mod image_subjects;
pub mod init;
pub mod inspect;
pub mod linter;
pub mod opened;
pub mod rebuild;
pub mod record;
pub mod records;
pub mod reproduced;
pub mod same_flags;
pub mod select;
pub mod verify;

pub use crate::session::error::Error;
