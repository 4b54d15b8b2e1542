//! Image references: the transports that container tools share, and a bare path by its content.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::rootfs::source::local_path;
use crate::rootfs::source::oci_layout::is_copy;

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageReference {
    /// `dir:PATH`: a root file system.
    Directory(PathBuf),
    /// `docker-archive:FILE[:TAG]`, `oci-archive:FILE[:TAG]`, or a bare file: what is inside says which.
    Archive {
        /// `-` is standard input.
        path: PathBuf,
        /// The image in it.
        tag: Option<String>,
    },
    /// `oci:DIR[:TAG]`: an OCI layout; `dir:DIR` where skopeo made the directory.
    Layout {
        /// The directory with `oci-layout` in it.
        path: PathBuf,
        /// The image in it.
        tag: Option<String>,
    },
    /// `docker-daemon:NAME`: an image of the running engine.
    Daemon(String),
    /// A bare name that is no file here: perhaps an image of the running engine.
    Name(String),
}

/// Every transport that is read: its prefix, and the form that errors list.
pub const TRANSPORTS: &[(&str, &str)] = &[
    ("dir:", "dir:PATH"),
    ("docker-archive:", "docker-archive:FILE[:TAG]"),
    ("oci:", "oci:DIR[:TAG]"),
    ("oci-archive:", "oci-archive:FILE[:TAG]"),
    ("docker-daemon:", "docker-daemon:NAME"),
];

impl ImageReference {
    /// Reads a reference; errors are the reason in words.
    pub fn parse(text: &OsStr) -> Result<ImageReference, String> {
        let bytes = text.as_bytes();
        if bytes == b"-" {
            return Ok(ImageReference::Archive { path: "-".into(), tag: None });
        }
        let scheme = bytes.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (scheme, rest) = bytes.split_at(scheme);
        let rest = rest.get(1..).unwrap_or_default();
        let named = |what: &str| -> Result<(PathBuf, Option<String>), String> {
            if rest.is_empty() {
                return Err(format!(
                    "`{what}:` without {}",
                    if what == "oci" { "a directory" } else { "a file" }
                ));
            }
            Ok(split_tag(rest))
        };
        match scheme {
            b"dir" if !rest.is_empty() => Ok(directory(path_of(rest))),
            b"docker-archive" | b"oci-archive" => {
                let (path, tag) = named("docker-archive")?;
                Ok(ImageReference::Archive { path, tag })
            }
            b"oci" => {
                let (path, tag) = named("oci")?;
                Ok(ImageReference::Layout { path, tag })
            }
            b"docker-daemon" if !rest.is_empty() => std::str::from_utf8(rest)
                .map(|name| ImageReference::Daemon(name.to_owned()))
                .map_err(|_| "an image's name is not UTF-8".to_owned()),
            b"docker" if rest.starts_with(b"//") => Err(
                "registries are not read; fetch the image with `skopeo copy docker://NAME oci-archive:image.tar` and name `oci-archive:image.tar`"
                    .to_owned(),
            ),
            b"docker-daemon" | b"dir" => {
                let transport = String::from_utf8_lossy(scheme);
                let what = if scheme == b"dir" { "a directory" } else { "an image's name" };
                Err(format!("`{transport}:` without {what}; write it behind the colon"))
            }
            _ => recognise(Path::new(text)),
        }
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// The first colon ends the path, as with the other tools, unless a path of the whole exists.
fn split_tag(bytes: &[u8]) -> (PathBuf, Option<String>) {
    let whole = path_of(bytes);
    match bytes.iter().position(|byte| *byte == b':') {
        Some(colon) if !local_path::is_there(&whole) => {
            let (path, tag) = bytes.split_at(colon);
            let tag = String::from_utf8_lossy(tag.get(1..).unwrap_or_default()).into_owned();
            (path_of(path), Some(tag).filter(|tag| !tag.is_empty()))
        }
        _ => (whole, None),
    }
}

/// Whether an engine could have an image of this name, such as `app`, `app:latest` or
/// `registry:5000/team/app@sha256:…`; what ends as archives do is meant as a file.
fn is_image_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let is_file = [".tar", ".gz", ".tgz", ".zst"].iter().any(|it| text.ends_with(it));
    text.starts_with(|it: char| it.is_ascii_alphanumeric()) && text.bytes().all(is_part) && !is_file
}

fn recognise(path: &Path) -> Result<ImageReference, String> {
    let looked = local_path::look(path);
    if let (Err(error), Some(name)) = (&looked, path.to_str().filter(|it| is_image_name(it)))
        && error.kind() == std::io::ErrorKind::NotFound
    {
        return Ok(ImageReference::Name(name.to_owned()));
    }
    let is_directory = looked.map_err(|error| {
        let forms: Vec<String> = TRANSPORTS.iter().map(|(_, form)| format!("`{form}`")).collect();
        format!("{error}; write {} or `-`", forms.join(", "))
    })?;
    let path = path.to_owned();
    if !is_directory {
        return Ok(ImageReference::Archive { path, tag: None });
    }
    if ["oci-layout", "index.json"].iter().all(|name| local_path::is_regular(&path.join(name))) {
        return Ok(ImageReference::Layout { path, tag: None });
    }
    Ok(directory(path))
}

/// The same word means a root file system here and a copy of an image to skopeo: what is inside
/// says which.
fn directory(path: PathBuf) -> ImageReference {
    if is_copy(&path) {
        ImageReference::Layout { path, tag: None }
    } else {
        ImageReference::Directory(path)
    }
}

/// A name as engines complete it: `demo` is `docker.io/library/demo:latest`.
pub fn complete_name(name: &str) -> String {
    let (name, digest) =
        name.split_once('@').map_or((name, None), |(name, digest)| (name, Some(digest)));
    let first = name.split('/').next().unwrap_or_default();
    let has_host = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let mut full = match (has_host, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (false, false) => format!("docker.io/library/{name}"),
    };
    let last = full.rsplit('/').next().unwrap_or_default();
    if digest.is_none() && !last.contains(':') {
        full.push_str(":latest");
    }
    match digest {
        Some(digest) => format!("{full}@{digest}"),
        None => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ImageReference, String> {
        ImageReference::parse(OsStr::new(text))
    }

    #[test]
    fn every_transport_is_read() {
        let archive = |path: &str, tag: Option<&str>| ImageReference::Archive {
            path: path.into(),
            tag: tag.map(str::to_owned),
        };
        assert_eq!(parse("dir:/x:y"), Ok(ImageReference::Directory("/x:y".into())));
        assert_eq!(parse("docker-archive:a.tar"), Ok(archive("a.tar", None)));
        assert_eq!(
            parse("oci-archive:a.tar:demo:latest"),
            Ok(archive("a.tar", Some("demo:latest")))
        );
        assert_eq!(parse("docker-archive:-"), Ok(archive("-", None)));
        assert_eq!(parse("-"), Ok(archive("-", None)));
        assert_eq!(parse("docker-daemon:demo:1"), Ok(ImageReference::Daemon("demo:1".into())));
        assert_eq!(
            parse("oci:layout:v1"),
            Ok(ImageReference::Layout { path: "layout".into(), tag: Some("v1".into()) })
        );
        assert!(parse("docker://demo").unwrap_err().contains("skopeo copy"));
        assert!(parse("oci:").is_err());
        assert!(parse("/nowhere/at/all").unwrap_err().contains("dir:PATH"));
    }

    #[test]
    fn a_bare_path_is_what_is_there() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        let parse = || ImageReference::parse(path.as_os_str());
        assert_eq!(parse(), Ok(ImageReference::Directory(path.to_owned())));
        std::fs::write(path.join("oci-layout"), "{}").unwrap();
        std::fs::write(path.join("index.json"), "{}").unwrap();
        assert_eq!(parse(), Ok(ImageReference::Layout { path: path.to_owned(), tag: None }));
        let file = path.join("with:colon.tar");
        std::fs::write(&file, "").unwrap();
        let text = format!("docker-archive:{}", file.display());
        assert_eq!(
            super::ImageReference::parse(text.as_ref()),
            Ok(ImageReference::Archive { path: file, tag: None })
        );
    }

    /// Everyone's first try is the name of an image; a path or an archive that is not there is
    /// no name.
    #[test]
    fn a_bare_name_that_is_no_file_is_asked_of_the_engine() {
        for name in ["no-such-app", "no-such-app:latest", "localhost:5000/team/no-such-app:1"] {
            assert_eq!(parse(name), Ok(ImageReference::Name(name.to_owned())));
        }
        for path in ["no-such.tar", "no-such.tar.gz", "./no-such", "/no/such", "no such"] {
            assert!(parse(path).unwrap_err().contains("docker-daemon:NAME"), "{path}");
        }
        assert!(parse("docker-daemon:").unwrap_err().contains("without an image's name"));
        assert!(parse("dir:").unwrap_err().contains("without a directory"));
    }

    #[test]
    fn names_are_completed_as_engines_do() {
        for (name, full) in [
            ("demo", "docker.io/library/demo:latest"),
            ("me/demo:1", "docker.io/me/demo:1"),
            ("localhost/demo", "localhost/demo:latest"),
            ("ghcr.io/me/demo:1", "ghcr.io/me/demo:1"),
            ("localhost:5000/demo", "localhost:5000/demo:latest"),
        ] {
            assert_eq!(complete_name(name), full);
        }
    }
}
