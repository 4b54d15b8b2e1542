//! Every rule. Written by `tests/tidy.rs` from the files in `src/rules/`; do not edit.
#![allow(missing_docs, reason = "a rule file is documented by the fields of its rule")]

use crate::rule::Rule;

/// Is it hardened as a Rust program can be?
pub mod hardening {
    pub mod partial_relro;
}

/// Every rule, by group and name.
#[rustfmt::skip]
pub static ALL: &[&Rule] = &[
    &hardening::partial_relro::RULE,
];
