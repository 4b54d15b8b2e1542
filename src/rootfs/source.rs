//! Where images lie: one list of the transports, and one file for each.

pub mod blob_store;
pub mod byte_range;
pub mod daemon;
pub mod directory;
pub mod docker_archive;
pub mod layout_blobs;
pub mod local_path;
pub mod oci_archive;
pub mod oci_layout;

use std::fmt;
use std::path::Path;

use crate::rootfs::error::ImageError;
use crate::rootfs::layer::FileSelector;
use crate::rootfs::source::blob_store::BlobStore;
use crate::rootfs::source::local_path::BarePath;
use crate::rootfs::tree::host_directory::HostRoot;

/// An image by its transport and its place there.
pub trait ImageSource: fmt::Debug + Send + Sync {
    /// Opens it. What passes only once is read under the selector at the same time.
    ///
    /// # Errors
    /// Nothing is there, it cannot be read, or it is not of this transport.
    fn open(&self, selector: &FileSelector<'_>) -> Result<OpenedImage, ImageError>;

    /// The directory of this machine that is the image's root file system, if it is one.
    fn root_directory(&self) -> Option<&Path> {
        None
    }

    /// The one file of this machine that holds the image, if it is one.
    fn archive_file(&self) -> Option<&Path> {
        None
    }
}

/// An image that was opened.
pub enum OpenedImage {
    /// A root file system: neither layers nor a configuration.
    Root(HostRoot),
    /// Documents and layers of one or more images.
    Blobs {
        /// Where they lie.
        store: BlobStore,
        /// The image that is meant, where the reference names one.
        tag: Option<String>,
    },
}

/// What the text behind a transport's colon names.
pub type ParsedSource = Result<Box<dyn ImageSource>, ImageError>;

/// How the references of one transport are recognised.
pub struct Transport {
    /// As help texts and errors show it: `oci:DIR[:TAG]`.
    pub form: &'static str,
    /// Reads what stands behind the colon.
    pub parse: fn(&[u8]) -> ParsedSource,
    /// Takes a reference without a transport for one of this one, by what lies there.
    pub detect: fn(&BarePath<'_>) -> Option<Box<dyn ImageSource>>,
}

impl Transport {
    /// What a reference of this transport begins with, without the colon.
    pub fn name(&self) -> &'static str {
        self.form.split(':').next().unwrap_or_default()
    }
}

/// Makes the list, and `image_forms!`: its forms as one literal, for help texts and documentation.
macro_rules! transports {
    ($first:literal => $module:ident $(, $form:literal => $transport:ident)* $(,)?) => {
        /// Every transport that is read.
        pub static TRANSPORTS: &[Transport] = &[
            Transport { form: $first, parse: $module::parse, detect: $module::detect },
            $(Transport {
                form: $form,
                parse: $transport::parse,
                detect: $transport::detect,
            }),*
        ];

        macro_rules! image_forms {
            () => { concat!("`", $first, "`" $(, ", `", $form, "`")*) };
        }
    };
}

// A new transport is a file with `parse` and `detect`, and its line here.
transports! {
    "dir:PATH" => directory,
    "docker-archive:FILE[:TAG]" => docker_archive,
    "oci:DIR[:TAG]" => oci_layout,
    "oci-archive:FILE[:TAG]" => oci_archive,
    "docker-daemon:NAME" => daemon,
}

pub(crate) use image_forms;

/// The forms of all transports, quoted.
pub const FORMS: &str = image_forms!();

/// What stands behind a transport's colon.
///
/// # Errors
/// Nothing does.
pub fn required<'a>(rest: &'a [u8], transport: &str, what: &str) -> Result<&'a [u8], ImageError> {
    match rest {
        [] => Err(ImageError::Reference(format!(
            "`{transport}:` without {what}; write it behind the colon"
        ))),
        rest => Ok(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_listed_as_they_are_parsed() {
        let mut names: Vec<&str> = TRANSPORTS.iter().map(Transport::name).collect();
        for transport in TRANSPORTS {
            assert!(FORMS.contains(&format!("`{}`", transport.form)), "{}", transport.form);
            let refused = (transport.parse)(b"").unwrap_err().to_string();
            assert!(refused.starts_with(&format!("`{}:` without", transport.name())), "{refused}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TRANSPORTS.len());
        assert_eq!(FORMS.matches('`').count(), 2 * TRANSPORTS.len());
    }
}
