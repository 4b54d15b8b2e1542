//! `dir:PATH`: a root file system in a directory.

use std::path::{Path, PathBuf};

use crate::rootfs::error::ImageError;
use crate::rootfs::layer::FileSelector;
use crate::rootfs::source::layout_blobs::is_copy;
use crate::rootfs::source::local_path::{BarePath, path_of};
use crate::rootfs::source::oci_layout::{OciLayout, is_layout};
use crate::rootfs::source::{ImageSource, OpenedImage, required};
use crate::rootfs::tree::host_directory::HostRoot;

/// A root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDirectory {
    /// Its root.
    pub path: PathBuf,
}

impl ImageSource for RootDirectory {
    fn open(&self, _: &FileSelector<'_>) -> Result<OpenedImage, ImageError> {
        let root = HostRoot::open(&self.path).map_err(ImageError::from);
        Ok(OpenedImage::Root(root.map_err(|it| it.expecting(&self.path, "a root file system"))?))
    }

    fn root_directory(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// Reads `PATH`. The same transport means a root file system here and a copy of an image to
/// skopeo: what is inside says which.
///
/// # Errors
/// It is empty.
pub fn parse(rest: &[u8]) -> Result<Box<dyn ImageSource>, ImageError> {
    let path = path_of(required(rest, "dir", "a directory")?);
    Ok(match is_copy(&path) {
        true => Box::new(OciLayout { path, tag: None }),
        false => Box::new(RootDirectory { path }),
    })
}

/// Every directory that is not a layout.
pub fn detect(bare: &BarePath<'_>) -> Option<Box<dyn ImageSource>> {
    let is_root = bare.is_directory() && !is_layout(bare);
    is_root.then(|| Box::new(RootDirectory { path: bare.path.to_owned() }) as _)
}
