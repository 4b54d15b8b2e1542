//! Why an image cannot be read: kinds that a caller can act on, each with a complete message.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why an image could not be read. Every variant prints a complete message.
#[non_exhaustive]
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImageError {
    /// The file system, or a stream, fails.
    #[error("{}{source}", prefix(path.as_ref().map(|it| format!("cannot read {}", it.display())).as_deref()))]
    Io {
        /// The file, where it is not the one that the reference names.
        path: Option<PathBuf>,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// Nothing is at the path that the reference names.
    #[error(
        "nothing is at {}: {expected} was looked for (`docker save NAME -o FILE` and \
         `skopeo copy docker://NAME oci:DIR` make one)",
        path.display()
    )]
    NotFound {
        /// The path.
        path: PathBuf,
        /// What should be there, with its article.
        expected: &'static str,
    },
    /// The reference is a path at which nothing can be read, and names no transport.
    #[error("{source}; write {forms} or `-`")]
    Unrecognised {
        /// The forms that are read.
        forms: &'static str,
        /// The system's reason for the path.
        source: Arc<io::Error>,
    },
    /// The reference is neither a file nor an image of the engine.
    #[error(
        "there is no such file, and as the name of an image: {source}; write \
         `docker-daemon:{name}` to ask the engine, or save it with `docker save {name} -o \
         image.tar` and name `image.tar`"
    )]
    NoSuchFileOrImage {
        /// The reference.
        name: String,
        /// Why the engine does not give it.
        source: Box<ImageError>,
    },
    /// The reference names a transport and lacks what belongs behind it, or is not text.
    #[error("{0}")]
    Reference(String),
    /// What is there is not an image.
    #[error("{0}")]
    NotAnImage(String),
    /// No image there has this name or tag.
    #[error("there is no image {name}; there is {}", known.join(", "))]
    NoSuchName {
        /// The name or tag that the reference gives.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
    /// No image there is for this platform.
    #[error("there is no image for {platform}; there is {}", known.join(", "))]
    NoSuchPlatform {
        /// As `OS/ARCH[/VARIANT]`.
        platform: String,
        /// The platforms that are there.
        known: Vec<String>,
    },
    /// Several images are there, and nothing chooses among them.
    #[error("{0}")]
    Ambiguous(String),
    /// A document names a blob that is not there.
    #[error("the blob {blob} is missing")]
    MissingBlob {
        /// Its digest, or its path in the archive.
        blob: String,
    },
    /// A blob is longer or shorter than the document that names it states.
    #[error("{blob} has {found} bytes, its descriptor says {stated}")]
    SizeMismatch {
        /// `the blob`, and which where that is known.
        blob: String,
        /// In bytes.
        found: u64,
        /// In bytes.
        stated: u64,
    },
    /// A blob has another digest than the document that names it states.
    #[error("{what} is {found}, {stated_by} says {stated}")]
    DigestMismatch {
        /// Which digest of which blob.
        what: &'static str,
        /// The digest of the bytes.
        found: Box<str>,
        /// The document that states another.
        stated_by: &'static str,
        /// The digest that it states.
        stated: Box<str>,
    },
    /// The tar stream ends inside an entry.
    #[error("the tar stream is cut off at byte {at}")]
    Truncated {
        /// Bytes of the stream until its end.
        at: u64,
    },
    /// A tar header that engines would refuse.
    #[error("damaged tar header at byte {at}: {why}")]
    TarHeader {
        /// Offset of the header's block in the stream, in bytes.
        at: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Documents or layers contradict themselves or their format.
    #[error("{0}")]
    Damaged(String),
    /// The image is beyond a limit that keeps hostile ones from using up this machine.
    #[error("{0}")]
    LimitExceeded(String),
    /// The image has a form that this program does not read.
    #[error("{0}")]
    Unsupported(String),
    /// The container engine cannot be reached, or does not give the image.
    #[error("{0}")]
    Daemon(String),
    /// A member of the archive cannot be read.
    #[error("{path}: {source}")]
    Member {
        /// Its path in the archive, escaped.
        path: String,
        /// The reason.
        source: Box<ImageError>,
    },
    /// A part of this program failed.
    #[error("{0}")]
    Internal(&'static str),
}

impl From<io::Error> for ImageError {
    /// An error that passed a stream is itself again: readers can only hand on `io::Error`.
    fn from(error: io::Error) -> ImageError {
        error
            .downcast::<ImageError>()
            .unwrap_or_else(|source| ImageError::Io { path: None, source: Arc::new(source) })
    }
}

impl From<TarError> for ImageError {
    fn from(error: TarError) -> ImageError {
        match error {
            TarError::Read(source) => source.into(),
            TarError::Header { at, why } => ImageError::TarHeader { at, why },
            TarError::Truncated { at } => ImageError::Truncated { at },
        }
    }
}

impl From<ImageError> for io::Error {
    fn from(error: ImageError) -> io::Error {
        let kind = match &error {
            ImageError::Io { source, .. } => source.kind(),
            ImageError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

impl ImageError {
    /// Says of a path where nothing is what was looked for, and what makes one.
    pub(super) fn expecting(self, path: &Path, expected: &'static str) -> ImageError {
        match self {
            ImageError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ImageError::NotFound { path: path.to_owned(), expected }
            }
            other => other,
        }
    }
}

/// An image that cannot be read: there is none, it is damaged, or its form is not supported.
///
/// ```
/// use binlint::{Error, ImageError, open_image};
///
/// let Err(Error::Image(error)) = open_image("oci:nowhere", None) else { unreachable!() };
/// assert_eq!(error.reference, "oci:nowhere");
/// assert!(matches!(error.source, ImageError::NotFound { .. }));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_error_keeps_its_kind_through_a_stream() {
        let limit = ImageError::LimitExceeded("too much".to_owned());
        let passed = ImageError::from(io::Error::from(limit));
        assert!(matches!(&passed, ImageError::LimitExceeded(text) if text == "too much"));
        assert_eq!(
            io::Error::from(ImageError::Truncated { at: 7 }).kind(),
            io::ErrorKind::UnexpectedEof
        );
        let tar = ImageError::from(TarError::Read(ImageError::Damaged("x".to_owned()).into()));
        assert!(matches!(tar, ImageError::Damaged(_)));
        let system = ImageError::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(&system, ImageError::Io { path: None, .. }));
        assert!(system.source().is_some());
    }

    #[test]
    fn only_what_is_not_there_is_not_found() {
        let at = |kind: io::ErrorKind| {
            ImageError::from(io::Error::from(kind)).expecting(Path::new("/x"), "an archive")
        };
        let missing = at(io::ErrorKind::NotFound);
        assert!(missing.to_string().starts_with("nothing is at /x: an archive was looked for"));
        assert!(matches!(at(io::ErrorKind::PermissionDenied), ImageError::Io { .. }));
    }
}
