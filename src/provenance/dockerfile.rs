//! A Dockerfile, as far as BuildKit's provenance can be compared with it.

pub mod base_images;
pub mod instructions;
