//! Container images: where they lie, how their layers are read, and what one file in them is.

use std::num::NonZeroU32;

use crate::rootfs::error::ImageError;

pub mod budget;
pub mod document;
pub mod error;
pub mod extract_file;
pub mod layer;
pub mod load;
pub mod reference;
pub mod source;
pub mod spill;
pub mod tree;

/// Entries of all layers of an image; an entry that a higher layer writes again counts again.
pub const MAX_ENTRIES: usize = 4_000_000;
/// Bytes of memory that the paths of an image may take, while its layers are read and afterwards:
/// 150 for each of the most entries. A real entry takes some 60 and its name in the finished tree,
/// and some 30 while its layer waits to be applied, so that a million of them fit into a program
/// of 150 MB. What needs more, by long names or by many images for other platforms at a time, is
/// refused.
pub const MAX_PATH_BYTES: usize = 150 * MAX_ENTRIES;
/// Members of an archive with an image in it: layers and documents.
pub const MAX_MEMBERS: usize = 65_536;
/// Bytes of a path in a layer; the kernel's own limit.
pub const MAX_PATH: usize = 4096;
/// Bytes of path that the directories of one layer's entries may be looked up by, all together. A
/// real layer of a million entries needs a tenth of it.
pub const MAX_WALKED: u64 = 2 << 30;
/// Links that are followed before a path counts as a loop (`ELOOP`, path_resolution(7)).
pub const MAX_LINKS: usize = 40;
/// Bytes of a JSON document (manifest, index, configuration). BuildKit's statements are longer
/// and have a limit of their own.
pub const MAX_DOCUMENT: u64 = 4 << 20;
/// Bytes of an attached statement; BuildKit's own limit.
pub const MAX_STATEMENT: u64 = 40 << 20;
/// Layers of one image; engines stop at 127.
pub const MAX_LAYERS: usize = 512;
/// Manifests that one index may list, with those of the indexes in it.
pub const MAX_MANIFESTS: usize = 1000;
/// Indexes within indexes.
pub const MAX_INDEX_DEPTH: usize = 4;
/// Bytes that one compressed stream may inflate to.
pub const MAX_INFLATED: u64 = 64 << 30;
/// All manifests, indexes and configurations that are read for one image, in bytes: an index may
/// name one blob a thousand times.
pub const MAX_DOCUMENTS: u64 = 64 << 20;
/// Bytes behind an archive's end, and of a member that is none of an image's. What has more of them
/// has no end.
pub const MAX_TRAILING: u64 = 1 << 30;
/// Inflated bytes for one compressed byte, beyond the first [`FREE_INFLATION`].
pub const MAX_RATIO: u64 = 1000;
/// Bytes that may inflate at any ratio.
pub const FREE_INFLATION: u64 = 64 << 20;
/// Bytes of a file whose contents are read whole.
pub const MAX_CONTENTS: u64 = 512 << 20;
/// A plain blob up to this size, in bytes, is read whole and verified; in a longer one contents
/// that nobody wants are passed over and the digest is not known.
pub const VERIFY_PLAIN: u64 = 64 << 20;

/// What a path of an image is, as `lstat` would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is.
    pub kind: FileKind,
    /// The permission bits with set-uid, set-gid and sticky: `0o7777`.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// The kinds of file that decide what a process can do with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File {
        /// In bytes.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link, with its target as written.
    Symlink(Vec<u8>),
    /// A device, a FIFO or a socket.
    Other,
}

/// What the caller kept of a file's contents: its index in a table of the caller's own. Nothing
/// here knows what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload(NonZeroU32);

impl Payload {
    /// What has this index.
    ///
    /// # Errors
    ///
    /// The index is beyond 32 bits.
    pub fn new(index: usize) -> Result<Payload, ImageError> {
        let number = index.checked_add(1).and_then(|number| u32::try_from(number).ok());
        let number = number.and_then(NonZeroU32::new);
        number.map(Payload).ok_or_else(|| {
            ImageError::LimitExceeded("more files are kept than can be counted".to_owned())
        })
    }

    /// Its index.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl FileEntry {
    /// A directory that nobody wrote down, as engines make one for a file's missing parents.
    pub fn implied_directory() -> FileEntry {
        FileEntry { kind: FileKind::Directory, mode: 0o755, uid: 0, gid: 0 }
    }

    /// Whether it is a regular file.
    pub fn is_regular_file(&self) -> bool {
        matches!(self.kind, FileKind::File { .. })
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, FileKind::Directory)
    }
}

/// A path as an image's own processes write it: absolute, one slash between names, no `.` and no
/// trailing slash; `..` goes up and stops at the root. Symbolic links are not looked at, so this
/// is for names that are known to hold none (the entries of a layer), not for a user's path.
pub fn normalise(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    join(&names)
}

/// The absolute path of these names; `/` for none.
pub fn join(names: &[impl AsRef<[u8]>]) -> Vec<u8> {
    if names.is_empty() {
        return b"/".to_vec();
    }
    let mut path = Vec::new();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name.as_ref());
    }
    path
}

/// The directory that holds a normalised path; the root holds itself.
pub fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(slash) => path.get(..slash).unwrap_or(b"/"),
    }
}

/// The last name of a normalised path; empty for the root.
pub fn name(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None => path,
        Some(slash) => path.get(slash + 1..).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_as_layers_write_them() {
        for (given, want) in [
            (&b"./a"[..], &b"/a"[..]),
            (b"a//b/", b"/a/b"),
            (b"/a/./b", b"/a/b"),
            (b"../../etc/passwd", b"/etc/passwd"),
            (b"a/../../b", b"/b"),
            (b".", b"/"),
            (b"", b"/"),
            (b"caf\xe9", b"/caf\xe9"),
        ] {
            assert_eq!(normalise(given), want);
        }
    }

    #[test]
    fn a_path_has_a_parent_and_a_name() {
        assert_eq!((parent(b"/a/b"), name(b"/a/b")), (&b"/a"[..], &b"b"[..]));
        assert_eq!((parent(b"/a"), name(b"/a")), (&b"/"[..], &b"a"[..]));
        assert_eq!((parent(b"/"), name(b"/")), (&b"/"[..], &b""[..]));
    }
}
