//! An image's JSON documents: indexes, manifests, configurations, and the digests that name them.

pub mod config;
pub mod digest;
pub mod manifest;
