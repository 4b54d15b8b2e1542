//! Where images lie: one file for each transport.

pub mod blob_store;
pub mod byte_range;
pub mod daemon;
pub mod local_path;
pub mod oci_layout;
