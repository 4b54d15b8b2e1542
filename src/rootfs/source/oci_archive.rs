//! `oci-archive:FILE[:TAG]`: an OCI layout as one archive.

use crate::rootfs::error::ImageError;
use crate::rootfs::source::docker_archive::Archive;
use crate::rootfs::source::local_path::{BarePath, split_tag};
use crate::rootfs::source::{ImageSource, required};

/// Reads `FILE[:TAG]`.
///
/// # Errors
/// It is empty.
pub fn parse(rest: &[u8]) -> Result<Box<dyn ImageSource>, ImageError> {
    let (path, tag) = split_tag(required(rest, "oci-archive", "a file")?);
    Ok(Box::new(Archive { path, tag }))
}

/// None: what is inside an archive is seen when it is opened.
pub fn detect(_: &BarePath<'_>) -> Option<Box<dyn ImageSource>> {
    None
}
