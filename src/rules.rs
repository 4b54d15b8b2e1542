//! Every rule. Written by `tests/tidy.rs` from the files in `src/rules/`; do not edit.
#![allow(missing_docs, reason = "a rule file is documented by the fields of its rule")]

use crate::rule::Rule;

/// Is it hardened as a Rust program can be?
pub mod hardening {
    pub mod executable_stack;
    pub mod insecure_runpath;
    pub mod missing_pie;
    pub mod partial_relro;
    pub mod writable_executable_segment;
}

/// Does it carry what should stay home?
pub mod leak {
    pub mod embedded_home_path;
    pub mod embedded_secret;
}

/// Is it for this machine?
pub mod target {
    pub mod kernel_too_new;
    pub mod lse_atomics;
    pub mod packed;
    pub mod segment_alignment;
}

/// Every rule, by group and name.
#[rustfmt::skip]
pub static ALL: &[&Rule] = &[
    &hardening::executable_stack::RULE,
    &hardening::insecure_runpath::RULE,
    &hardening::missing_pie::RULE,
    &hardening::partial_relro::RULE,
    &hardening::writable_executable_segment::RULE,
    &leak::embedded_home_path::RULE,
    &leak::embedded_secret::RULE,
    &target::kernel_too_new::RULE,
    &target::lse_atomics::RULE,
    &target::packed::RULE,
    &target::segment_alignment::RULE,
];
