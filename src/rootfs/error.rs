//! Why an image cannot be read.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// Why an image could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file system or the stream.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A tar stream, as archive or as layer.
    #[error("{0}")]
    Tar(#[from] TarError),
    /// Anything that the image's own documents say wrongly, in words.
    #[error("{0}")]
    Image(String),
}

impl ImageError {
    /// A reason in words.
    pub fn new(text: impl Into<String>) -> ImageError {
        ImageError::Image(text.into())
    }

    /// Says of a path where nothing is what was looked for, and what can be named instead.
    pub(super) fn if_absent(self, path: &Path, what: &str) -> ImageError {
        match self {
            ImageError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                ImageError::new(format!(
                    "nothing is at {}: {what} was looked for (`docker save NAME -o FILE` and \
                 `skopeo copy docker://NAME oci:DIR` make one)",
                    path.display()
                ))
            }
            why => why,
        }
    }

    /// Says what is at the path that was named as an archive: nothing, no archive, or an input
    /// that ends before one begins.
    pub(super) fn of_archive(self, path: &Path) -> ImageError {
        use TarError::{Header, Truncated};
        match self {
            ImageError::Tar(Truncated { at: 0..512 }) if path == Path::new("-") => ImageError::new(
                "standard input ended before one tar header was read; pipe `docker save NAME` \
                 into it",
            ),
            ImageError::Tar(Header { at: 0, .. } | Truncated { at: 0..512 })
                if path != Path::new("-") =>
            {
                ImageError::new(
                    "not an image: neither a tar archive nor a directory; save one with \
                     `docker save NAME -o FILE`",
                )
            }
            why => why.if_absent(path, "an archive"),
        }
    }
}

/// An image that cannot be read: there is none, it is damaged, or its form is not supported.
///
/// ```
/// match binlint::open_image("oci:nowhere", None) {
///     Err(binlint::Error::Image(error)) => assert_eq!(error.reference, "oci:nowhere"),
///     _ => unreachable!(),
/// }
/// ```
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
#[error("{}{}{source}", prefix(Some(reference.as_str()).filter(|it| !it.is_empty())), prefix(layer.as_deref()))]
pub struct LoadError {
    /// The reference, as typed; empty until the caller that knows it sets it.
    pub reference: String,
    /// The layer, as `layer 2 of 3 (sha256:…)`.
    pub layer: Option<String>,
    /// What is wrong.
    pub source: ImageError,
}

fn prefix(text: Option<&str>) -> String {
    text.map(|text| format!("{text}: ")).unwrap_or_default()
}

impl<E: Into<ImageError>> From<E> for LoadError {
    fn from(error: E) -> LoadError {
        LoadError { reference: String::new(), layer: None, source: error.into() }
    }
}

impl LoadError {
    /// The error with the reference that was typed.
    pub fn with_reference(self, reference: &OsStr) -> LoadError {
        LoadError { reference: reference.to_string_lossy().into_owned(), ..self }
    }
}

/// Why a stream is not a tar archive that engines would take.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream itself.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The bytes of a header.
    #[error("damaged tar header at byte {at}: {why}")]
    Header {
        /// Offset of the header's block in the tar stream.
        at: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The stream ends inside an entry.
    #[error("the tar stream is cut off at byte {at}")]
    Truncated {
        /// Bytes read until the end.
        at: u64,
    },
}
