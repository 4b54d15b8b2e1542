//! Single files of an image, whole, as they lie: a program and the record of its build.

use std::ffi::OsStr;
use std::path::Path;

use crate::rootfs::document::config::Platform;
use crate::rootfs::error::LoadError;
use crate::rootfs::layer::{FileSelector, Member, Retention};
use crate::rootfs::load;
use crate::rootfs::reference;
use crate::rootfs::source::{OpenedImage, local_path};
use crate::rootfs::spill::Spill;
use crate::rootfs::{MAX_CONTENTS, name};

/// The bytes of each path of the image, links already resolved; `None` where no regular file is.
///
/// # Errors
/// There is no such image, or it is damaged.
pub fn read(
    reference: &OsStr,
    platform: Option<&Platform>,
    paths: &[&str],
) -> Result<Vec<Option<Vec<u8>>>, LoadError> {
    read_files(reference, platform, paths).map_err(|error| error.with_reference(reference))
}

fn read_files(
    reference: &OsStr,
    platform: Option<&Platform>,
    paths: &[&str],
) -> Result<Vec<Option<Vec<u8>>>, LoadError> {
    // By name alone: a layer may write the same file through another directory's link.
    let is_wanted =
        |member: &Member<'_>| paths.iter().any(|path| name(path.as_bytes()) == name(member.path));
    let wanted = |member: &Member<'_>, _: &[u8]| match is_wanted(member) {
        true => Retention::Look(MAX_CONTENTS),
        false => Retention::Nothing,
    };
    let spill = Spill::default();
    let reduce = |_: &Member<'_>, bytes: &[u8]| spill.put(bytes);
    let selector = FileSelector::new(&wanted, &reduce);
    let (store, tag) = match reference::parse(reference)?.open(&selector)? {
        OpenedImage::Root(root) => {
            let file = |path: &&str| root.read(path.as_bytes(), MAX_CONTENTS).ok();
            return Ok(paths.iter().map(file).collect());
        }
        OpenedImage::Blobs { store, tag } => (store, tag),
    };
    let loaded = load::load_blobs(store, tag.as_deref(), platform, &selector, &mut |_| Ok(()))?;
    let files = loaded.image.files;
    let contents = |path: &&str| {
        let node = files.nodes.get(path.as_bytes());
        node.and_then(|node| node.contents).map(|kept| spill.get(kept)).transpose()
    };
    Ok(paths.iter().map(contents).collect::<Result<_, _>>()?)
}

/// Whether an argument names an image and not a binary: a transport, a directory, or a file that
/// begins like an archive.
pub fn is_image(argument: &OsStr) -> bool {
    if reference::has_transport(&argument.to_string_lossy()) {
        return true;
    }
    let path = Path::new(argument);
    local_path::is_directory(path) || local_path::head(path).is_ok_and(|head| is_archive(&head))
}

/// tar, gzip or zstd, by their own marks.
fn is_archive(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
        || head.starts_with(b"\x1f\x8b")
        || head.starts_with(b"\x28\xb5\x2f\xfd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_from_a_program() {
        let directory = tempfile::tempdir().unwrap();
        assert!(is_image(directory.path().as_os_str()));
        assert!(is_image(OsStr::new("docker-archive:x.tar")));
        assert!(!is_image(OsStr::new("target/release/app")));
        let program = directory.path().join("app");
        std::fs::write(&program, b"\x7fELF").unwrap();
        assert!(!is_image(program.as_os_str()));
        std::fs::write(&program, b"\x1f\x8b\x08").unwrap();
        assert!(is_image(program.as_os_str()));
    }

    #[test]
    fn files_of_a_root_are_read_whole() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("app"), b"bytes").unwrap();
        let read = read(root.path().as_os_str(), None, &["/app", "/missing"]).unwrap();
        assert_eq!(read, [Some(b"bytes".to_vec()), None]);
    }
}
