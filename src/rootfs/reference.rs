//! Image references: the transports that container tools share, and a bare path by its content.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::rootfs::error::ImageError;
use crate::rootfs::source::docker_archive::Archive;
use crate::rootfs::source::local_path::BarePath;
use crate::rootfs::source::{FORMS, ImageSource, TRANSPORTS};

/// What a registry's references begin with. Users type it, and registries are not read.
const REGISTRY: &str = "docker://";

/// Reads a reference.
///
/// # Errors
/// It is incomplete, or it is a path at which nothing can be read.
pub fn parse(text: &OsStr) -> Result<Box<dyn ImageSource>, ImageError> {
    let bytes = text.as_bytes();
    if bytes == b"-" {
        return Ok(Box::new(Archive { path: "-".into(), tag: None }));
    }
    if bytes.starts_with(REGISTRY.as_bytes()) {
        return Err(ImageError::Unsupported(
            "registries are not read; fetch the image with `skopeo copy docker://NAME oci-archive:image.tar` and name `oci-archive:image.tar`"
                .to_owned(),
        ));
    }
    for transport in TRANSPORTS {
        let rest = bytes.strip_prefix(transport.name().as_bytes());
        if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b":")) {
            return (transport.parse)(rest);
        }
    }
    let bare = BarePath::look(Path::new(text));
    if let Some(source) = TRANSPORTS.iter().find_map(|transport| (transport.detect)(&bare)) {
        return Ok(source);
    }
    // What is there is a directory or a file, and each is taken by a transport.
    let source = bare.is_directory.err().unwrap_or_else(|| std::io::ErrorKind::Unsupported.into());
    Err(ImageError::Unrecognised { forms: FORMS, source: Arc::new(source) })
}

/// Whether the text begins like a reference, whatever is there.
pub fn has_transport(text: &str) -> bool {
    let names = |it: &str| text.strip_prefix(it).is_some_and(|rest| rest.starts_with(':'));
    text.starts_with(REGISTRY) || TRANSPORTS.iter().any(|transport| names(transport.name()))
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

    /// The source as its type shows itself.
    fn parse(text: &str) -> String {
        match super::parse(OsStr::new(text)) {
            Ok(source) => format!("{source:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_transport_is_read() {
        for (text, source) in [
            ("dir:/x:y", r#"RootDirectory { path: "/x:y" }"#),
            ("docker-archive:a.tar", r#"Archive { path: "a.tar", tag: None }"#),
            (
                "oci-archive:a.tar:demo:latest",
                r#"Archive { path: "a.tar", tag: Some("demo:latest") }"#,
            ),
            ("docker-archive:-", r#"Archive { path: "-", tag: None }"#),
            ("-", r#"Archive { path: "-", tag: None }"#),
            ("docker-daemon:demo:1", r#"EngineImage { name: "demo:1", is_bare: false }"#),
            ("oci:layout:v1", r#"OciLayout { path: "layout", tag: Some("v1") }"#),
        ] {
            assert_eq!(parse(text), source, "{text}");
        }
        assert!(parse("docker://demo").contains("skopeo copy"));
        assert!(parse("/nowhere/at/all").contains("dir:PATH"));
    }

    #[test]
    fn a_bare_path_is_what_is_there() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path();
        let of = |text: &std::path::Path| super::parse(text.as_os_str()).unwrap();
        assert_eq!(of(path).root_directory(), Some(path));
        std::fs::write(path.join("oci-layout"), "{}").unwrap();
        std::fs::write(path.join("index.json"), "{}").unwrap();
        assert!(format!("{:?}", of(path)).starts_with("OciLayout"));
        assert_eq!(of(path).root_directory(), None);
        let file = path.join("with:colon.tar");
        std::fs::write(&file, "").unwrap();
        assert_eq!(of(&file).archive_file(), Some(&*file));
        let named = std::path::PathBuf::from(format!("docker-archive:{}", file.display()));
        assert_eq!(of(&named).archive_file(), Some(&*file));
    }

    /// Everyone's first try is the name of an image; a path or an archive that is not there is
    /// no name.
    #[test]
    fn a_bare_name_that_is_no_file_is_asked_of_the_engine() {
        for name in ["no-such-app", "no-such-app:latest", "localhost:5000/team/no-such-app:1"] {
            assert_eq!(parse(name), format!("EngineImage {{ name: {name:?}, is_bare: true }}"));
        }
        for path in ["no-such.tar", "no-such.tar.gz", "./no-such", "/no/such", "no such"] {
            assert!(parse(path).contains("docker-daemon:NAME"), "{path}");
        }
        assert!(parse("docker-daemon:").contains("without an image's name"));
        assert!(parse("dir:").contains("without a directory"));
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
