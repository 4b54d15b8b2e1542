//! What is known of rustc's, cargo's and the linkers' internals, by release.

pub mod machine;
