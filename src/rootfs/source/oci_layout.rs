//! `oci:DIR[:TAG]`: an OCI layout in a directory.

use std::path::PathBuf;

use crate::rootfs::error::ImageError;
use crate::rootfs::layer::FileSelector;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::source::layout_blobs::{LayoutBlobs, is_copy};
use crate::rootfs::source::local_path::{BarePath, split_tag};
use crate::rootfs::source::{ImageSource, OpenedImage, required};

/// A layout, or a directory that skopeo copied an image to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciLayout {
    /// The directory with `oci-layout` in it.
    pub path: PathBuf,
    /// The image in it.
    pub tag: Option<String>,
}

impl ImageSource for OciLayout {
    fn open(&self, _: &FileSelector<'_>) -> Result<OpenedImage, ImageError> {
        let blobs = LayoutBlobs::open(&self.path)
            .map_err(|error| error.expecting(&self.path, "an OCI layout"))?;
        Ok(OpenedImage::Blobs { store: BlobStore::Directory(blobs), tag: self.tag.clone() })
    }
}

/// Reads `DIR[:TAG]`.
///
/// # Errors
/// It is empty.
pub fn parse(rest: &[u8]) -> Result<Box<dyn ImageSource>, ImageError> {
    let (path, tag) = split_tag(required(rest, "oci", "a directory")?);
    Ok(Box::new(OciLayout { path, tag }))
}

/// A directory with the files of a layout or of a copy in it.
pub fn detect(bare: &BarePath<'_>) -> Option<Box<dyn ImageSource>> {
    is_layout(bare).then(|| Box::new(OciLayout { path: bare.path.to_owned(), tag: None }) as _)
}

/// Whether a directory is an image and not a root file system.
pub fn is_layout(bare: &BarePath<'_>) -> bool {
    bare.is_directory() && (bare.has_layout_files() || is_copy(bare.path))
}
