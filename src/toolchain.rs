//! What is known of rustc's, cargo's and the linkers' internals, by release.

pub mod dep_info;
pub mod error;
pub mod fingerprint;
pub mod machine;
pub mod releases;
pub mod rmeta;
pub mod std_paths;
