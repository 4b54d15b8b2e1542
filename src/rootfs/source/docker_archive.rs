//! `docker-archive:FILE[:TAG]`: what `docker save` writes.

use std::path::{Path, PathBuf};

use crate::rootfs::error::ImageError;
use crate::rootfs::layer::FileSelector;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::source::local_path::{BarePath, split_tag};
use crate::rootfs::source::{ImageSource, OpenedImage, required};

/// An archive of images. Whether Docker's documents or those of an OCI layout are inside is seen
/// there: engines write both into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// `-` is standard input.
    pub path: PathBuf,
    /// The image in it.
    pub tag: Option<String>,
}

impl ImageSource for Archive {
    fn open(&self, selector: &FileSelector<'_>) -> Result<OpenedImage, ImageError> {
        let store = BlobStore::open_archive(&self.path, selector)
            .map_err(|error| explain(error, &self.path))?;
        Ok(OpenedImage::Blobs { store, tag: self.tag.clone() })
    }

    fn archive_file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// Says what is at the path that was named as an archive: nothing, no archive, or an input that
/// ends before one begins.
fn explain(error: ImageError, path: &Path) -> ImageError {
    let is_stdin = path == Path::new("-");
    match error {
        ImageError::Truncated { at: 0..512 } if is_stdin => ImageError::NotAnImage(
            "standard input ended before one tar header was read; pipe `docker save NAME` into it"
                .to_owned(),
        ),
        ImageError::TarHeader { at: 0, .. } | ImageError::Truncated { at: 0..512 } if !is_stdin => {
            ImageError::NotAnImage(
                "not an image: neither a tar archive nor a directory; save one with \
                 `docker save NAME -o FILE`"
                    .to_owned(),
            )
        }
        error => error.expecting(path, "an archive"),
    }
}

/// Reads `FILE[:TAG]`.
///
/// # Errors
/// It is empty.
pub fn parse(rest: &[u8]) -> Result<Box<dyn ImageSource>, ImageError> {
    let (path, tag) = split_tag(required(rest, "docker-archive", "a file")?);
    Ok(Box::new(Archive { path, tag }))
}

/// Everything that is there and not a directory.
pub fn detect(bare: &BarePath<'_>) -> Option<Box<dyn ImageSource>> {
    let is_file = matches!(&bare.is_directory, Ok(false));
    is_file.then(|| Box::new(Archive { path: bare.path.to_owned(), tag: None }) as _)
}
