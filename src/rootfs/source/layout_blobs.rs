//! The blobs of an image in a directory: an OCI layout, or the copy that skopeo's own `dir:` leaves.

use std::path::Path;
use std::sync::Arc;

use crate::rootfs::document::digest::Digest;
use crate::rootfs::error::ImageError;
use crate::rootfs::source::byte_range::ByteRange;
use crate::rootfs::tree::host_directory::HostRoot;
use crate::rootfs::{FileKind, MAX_DOCUMENT, normalise};

/// How skopeo begins the file `version` of a copy.
const COPY: &[u8] = b"Directory Transport Version: ";

/// A directory of blobs. A link in it is an error: a layout that somebody else made could lead
/// anywhere by one.
#[derive(Debug)]
pub struct LayoutBlobs {
    root: HostRoot,
    /// The digest of `manifest.json`, and the index that an OCI layout would have for it, where
    /// this is a copy.
    copy: Option<(Digest, Vec<u8>)>,
}

/// Whether the directory is a copy by `skopeo copy … dir:DIR` or `podman save --format docker-dir`.
pub fn is_copy(directory: &Path) -> bool {
    let head = |root: HostRoot| root.read(b"/version", COPY.len() as u64).ok();
    HostRoot::open(directory).ok().and_then(head).is_some_and(|head| head == COPY)
}

impl LayoutBlobs {
    /// Opens the directory, and looks for the manifest of a copy.
    pub fn open(directory: &Path) -> Result<LayoutBlobs, ImageError> {
        let mut blobs = LayoutBlobs { root: HostRoot::open(directory)?, copy: None };
        if is_copy(directory) {
            let bytes = blobs.root.read(b"/manifest.json", MAX_DOCUMENT + 1)?;
            let digest = Digest::sha256(&bytes);
            let manifest: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
                ImageError::Damaged(format!("manifest.json is not readable: {error}"))
            })?;
            let media_type = manifest.get("mediaType").and_then(|it| it.as_str());
            // buildah leaves it out of its OCI manifests.
            let media_type = media_type.unwrap_or("application/vnd.oci.image.manifest.v1+json");
            let index = serde_json::json!({"manifests": [
                {"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()}
            ]});
            blobs.copy = Some((digest, index.to_string().into_bytes()));
        }
        Ok(blobs)
    }

    /// The index that stands for the one manifest of a copy.
    pub fn index(&self) -> Option<&[u8]> {
        self.copy.as_ref().map(|(_, index)| index.as_slice())
    }

    /// A file by its path in an OCI layout; `None` where there is none.
    pub fn find(&self, path: &str) -> Result<Option<ByteRange>, ImageError> {
        let path = normalise(path.as_bytes());
        match &self.copy {
            None => self.file(&path),
            Some((manifest, _)) => {
                let Some(hex) = path.strip_prefix(b"/blobs/sha256/") else { return Ok(None) };
                if hex == manifest.hex().as_bytes() {
                    return self.file(b"/manifest.json");
                }
                match self.file(&[b"/", hex].concat())? {
                    Some(span) => Ok(Some(span)),
                    // A list's manifests.
                    None => self.file(&[b"/", hex, b".manifest.json"].concat()),
                }
            }
        }
    }

    fn file(&self, path: &[u8]) -> Result<Option<ByteRange>, ImageError> {
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        for end in ends.map(|(at, _)| at).chain([path.len()]) {
            let Some(at) = path.get(..end) else { return Ok(None) };
            let shown = || String::from_utf8_lossy(at.get(1..).unwrap_or_default()).into_owned();
            match self.root.entry(at).map(|entry| entry.kind) {
                None => return Ok(None),
                Some(FileKind::Symlink(_)) => {
                    return Err(ImageError::Unsupported(format!(
                        "{} is a link, which is not followed; `cp -rL` makes files of links",
                        shown()
                    )));
                }
                Some(FileKind::Directory) if end < path.len() => {}
                Some(FileKind::File { size }) if end == path.len() => {
                    let file = Arc::new(self.root.file(at)?);
                    return Ok(Some(ByteRange::new(file, 0, size)));
                }
                Some(_) => {
                    return Err(ImageError::Damaged(format!("{} is not a regular file", shown())));
                }
            }
        }
        Ok(None)
    }
}
