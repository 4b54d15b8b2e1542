//! Trees in one line each: of an image as it is read here, as umoci unpacks it, and of a directory.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use binlint::internals::rootfs::error::ImageError;
use binlint::internals::rootfs::layer::Member;
use binlint::internals::rootfs::layer::apply::MergedLayers;
use binlint::internals::rootfs::spill::Spill;
use binlint::internals::rootfs::tree::arena::FileNode;
use binlint::internals::rootfs::{FileKind, Payload};

use super::layers::{image, index, named};
use super::run;

/// The contents of the files of every image that a test reads.
static CONTENTS: LazyLock<Spill> = LazyLock::new(Spill::default);

/// Keeps a file's contents for [`shown`].
pub fn keep(_: &Member<'_>, bytes: &[u8]) -> Result<Payload, ImageError> {
    CONTENTS.put(bytes)
}

/// `d/ f=contents l->target`, sorted.
pub fn shown(files: &MergedLayers) -> String {
    let mut all = Vec::new();
    let shown = |path: &[u8], node: &FileNode| {
        let path = String::from_utf8_lossy(&path[1..]);
        all.push(match &node.entry.kind {
            FileKind::Directory => format!("{path}/"),
            FileKind::Symlink(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
            FileKind::File { .. } => {
                let contents = node.contents.map(|kept| CONTENTS.get(kept).unwrap());
                let contents = contents.unwrap_or_default();
                format!("{path}={}", String::from_utf8_lossy(&contents))
            }
            FileKind::Other => format!("{path}?"),
        });
    };
    files.nodes.for_each(shown);
    all.retain(|line: &String| line != "/");
    all.sort();
    all.join(" ")
}

/// A tree of this machine as `d/ f=contents l->target`, sorted.
pub fn shown_on_disk(root: &Path) -> String {
    fn walk(root: &Path, at: &Path, all: &mut Vec<String>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display();
            // An overlay names a link to a whiteout in the directory, and then has nothing there.
            let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
            let kind = metadata.file_type();
            if kind.is_symlink() {
                all.push(format!("{name}->{}", std::fs::read_link(&path).unwrap().display()));
            } else if kind.is_dir() {
                all.push(format!("{name}/"));
                walk(root, &path, all);
            } else {
                all.push(format!(
                    "{name}={}",
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap())
                ));
            }
        }
    }
    let mut all = Vec::new();
    walk(root, root, &mut all);
    all.sort();
    all.join(" ")
}

/// What umoci makes of a layout's image, or its refusal.
pub fn umoci(layout: &Path) -> Result<String, String> {
    let bundle = layout.with_extension("bundle");
    let output = run::command("umoci")
        .args(["unpack", "--rootless", "--image"])
        .arg(format!("{}:latest", layout.display()))
        .arg(&bundle)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned());
    }
    let shown = shown_on_disk(&bundle.join("rootfs"));
    std::fs::remove_dir_all(bundle).unwrap();
    Ok(shown)
}

/// A layout of one image of these layers, in place of the one before.
pub fn layout_of(directory: &Path, layers: &[Vec<u8>]) -> PathBuf {
    let layout = directory.join("image");
    let _ = std::fs::remove_dir_all(&layout);
    let image = image(&layout, ("linux", "amd64"), "{}", layers);
    index(&layout, &[named(&image, "latest")]);
    layout
}
