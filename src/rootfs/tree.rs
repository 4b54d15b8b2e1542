//! The image's files as a process inside a chroot of it would see them, and how a path is resolved.

pub mod arena;
pub mod host_directory;
pub mod os_release;
pub mod users;

use std::fmt;

use crate::rootfs::tree::users::Identity;
use crate::rootfs::{FileEntry, FileKind, join};

use crate::rootfs::MAX_LINKS;
/// The longest path the kernel takes, with its final NUL (`PATH_MAX`).
pub const MAX_PATH: usize = 4096;
/// The longest name in a directory, in bytes (`NAME_MAX`; every Linux file system that images lie
/// on has it).
const MAX_NAME: usize = 255;
/// Configuration files are read up to here, in bytes; longer ones are cut off.
pub const MAX_TEXT: u64 = 1 << 20;

/// The image's file tree. Paths are absolute and normalised, and no name before the last is a
/// link: `resolve` makes such paths of what configuration and programs write.
pub trait Tree: fmt::Debug + Send + Sync {
    /// What the path is (`lstat`).
    fn entry(&self, path: &[u8]) -> Option<FileEntry>;
    /// The names in a directory, sorted; empty for what is none.
    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>>;
    /// A small configuration file (`/etc/ld.so.conf`, `/etc/passwd`, scripts, …), cut off at
    /// [`MAX_TEXT`]; `None` for what is no such file, and for one whose bytes were not kept.
    fn text(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// Whether the user whose view this is lacks these permission bits on an entry.
    fn refuses(&self, _entry: &FileEntry, _bits: u32) -> bool {
        false
    }
}

/// A tree filtered by one user's permissions.
#[derive(Debug)]
pub struct UserView<'a, T: ?Sized + 'a> {
    /// The tree.
    pub tree: &'a T,
    /// The user.
    pub identity: Identity,
}

impl<T: Tree + ?Sized> Tree for UserView<'_, T> {
    fn entry(&self, path: &[u8]) -> Option<FileEntry> {
        self.tree.entry(path)
    }

    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        self.tree.children(directory)
    }

    fn text(&self, path: &[u8]) -> Option<Vec<u8>> {
        let entry = self.tree.entry(path)?;
        if self.refuses(&entry, 0o4) { None } else { self.tree.text(path) }
    }

    fn refuses(&self, entry: &FileEntry, bits: u32) -> bool {
        !self.identity.can_access(entry, bits)
    }
}

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The path without links.
    pub path: Vec<u8>,
    /// What it is; never a link after `resolve`.
    pub entry: FileEntry,
    /// The links that were followed, in order.
    pub links: Vec<FollowedLink>,
}

/// A link that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedLink {
    /// Where the link lies (a path without links).
    pub at: Vec<u8>,
    /// What it says.
    pub target: Vec<u8>,
}

/// A path that was not found, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The kernel's reason.
    pub why: Errno,
    /// The first path (without links) at which it went wrong.
    pub at: Vec<u8>,
    /// The links that were followed until there, in order.
    pub links: Vec<FollowedLink>,
}

/// The kernel's reasons for not resolving a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errno {
    /// `ENOENT`
    Missing,
    /// `ENOTDIR`
    NotDirectory,
    /// `ELOOP`
    TooManyLinks,
    /// `ENAMETOOLONG`
    TooLong,
    /// `EACCES`
    PermissionDenied,
}

impl Errno {
    /// As the C library prints it (`strerror`).
    pub const fn text(self) -> &'static str {
        match self {
            Errno::Missing => "No such file or directory",
            Errno::NotDirectory => "Not a directory",
            Errno::TooManyLinks => "Too many levels of symbolic links",
            Errno::TooLong => "File name too long",
            Errno::PermissionDenied => "Permission denied",
        }
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", String::from_utf8_lossy(&self.at), self.why.text())
    }
}

/// Resolves `path` as the kernel would inside a chroot of this tree: absolute links start again at
/// the root, `..` stops there, the last name's link is followed too. A relative path starts at the
/// root; give it the working directory first.
pub fn resolve(tree: &dyn Tree, path: &[u8]) -> Result<Resolved, Unresolved> {
    walk(tree, path, true)
}

/// As [`resolve`], but a link as the last name is itself the answer (`lstat`).
pub fn resolve_link(tree: &dyn Tree, path: &[u8]) -> Result<Resolved, Unresolved> {
    walk(tree, path, false)
}

fn walk(tree: &dyn Tree, path: &[u8], follow_last: bool) -> Result<Resolved, Unresolved> {
    let mut links: Vec<FollowedLink> = Vec::new();
    let mut at: Vec<Vec<u8>> = Vec::new();
    let fail = |why, at: &[Vec<u8>], links: Vec<FollowedLink>| {
        Err(Unresolved { why, at: join(at), links })
    };
    if path.is_empty() {
        return fail(Errno::Missing, &at, links);
    }
    if path.len() >= MAX_PATH {
        return fail(Errno::TooLong, &at, links);
    }
    // What is still to be walked, the next name last. A trailing slash leaves a final `.`, which
    // asks that what it follows is a directory.
    let mut rest = names_reversed(path);
    while let Some(name) = rest.pop() {
        match name.as_slice() {
            b"." => {
                if !at.is_empty()
                    && !tree.entry(&join(&at)).is_some_and(|entry| entry.is_directory())
                {
                    return fail(Errno::NotDirectory, &at, links);
                }
                continue;
            }
            b".." => {
                at.pop();
                continue;
            }
            name if name.len() > MAX_NAME => return fail(Errno::TooLong, &at, links),
            _ => at.push(name),
        }
        let here = join(&at);
        let Some(entry) = tree.entry(&here) else {
            return fail(Errno::Missing, &at, links);
        };
        match entry.kind {
            FileKind::Symlink(target) if follow_last || !rest.is_empty() => {
                if links.len() == MAX_LINKS {
                    return fail(Errno::TooManyLinks, &at, links);
                }
                if target.is_empty() {
                    return fail(Errno::Missing, &at, links);
                }
                links.push(FollowedLink { at: here, target: target.clone() });
                if target.first() == Some(&b'/') {
                    at.clear();
                } else {
                    at.pop();
                }
                rest.extend(names_reversed(&target));
            }
            FileKind::Directory if !rest.is_empty() && tree.refuses(&entry, 0o1) => {
                return fail(Errno::PermissionDenied, &at, links);
            }
            FileKind::Directory => {}
            _ if rest.is_empty() => {}
            _ => return fail(Errno::NotDirectory, &at, links),
        }
    }
    let path = join(&at);
    match tree.entry(&path) {
        Some(entry) => Ok(Resolved { path, entry, links }),
        // An empty image has not even a root; a process in it still has one.
        None if at.is_empty() => {
            Ok(Resolved { path, entry: FileEntry::implied_directory(), links })
        }
        None => fail(Errno::Missing, &at, links),
    }
}

fn names_reversed(path: &[u8]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = path
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    if path.last() == Some(&b'/') {
        names.push(b".".to_vec());
    }
    names.reverse();
    names
}

/// A root file system in a directory of this machine.
#[derive(Debug)]
pub struct HostTree(pub crate::rootfs::tree::host_directory::HostRoot);

impl Tree for HostTree {
    fn entry(&self, path: &[u8]) -> Option<FileEntry> {
        self.0.entry(path)
    }

    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        self.0.children(directory)
    }

    fn text(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.read(path, MAX_TEXT).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::image::elf_tree::InMemoryTree;

    fn tree() -> InMemoryTree {
        InMemoryTree::default()
            .file("/usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, "libc")
            .link("/lib", "usr/lib")
            .link("/lib64", "/usr/lib")
            .link("/up", "../../../usr")
            .link("/usr/loop", "/usr/loop")
            .link("/usr/lib/a", "b")
            .link("/usr/lib/b", "x86_64-linux-gnu/libc.so.6")
            .link("/dangling", "nowhere/at/all")
            .link("/to-file/x", "/usr/lib/x86_64-linux-gnu/libc.so.6/")
    }

    fn at(tree: &InMemoryTree, path: &str) -> Result<String, (Errno, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        resolve(tree, path.as_bytes())
            .map(|found| text(found.path))
            .map_err(|not| (not.why, text(not.at)))
    }

    #[test]
    fn links_are_followed_as_in_a_chroot() {
        let tree = tree();
        let libc = "/usr/lib/x86_64-linux-gnu/libc.so.6".to_owned();
        for path in [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "lib64/x86_64-linux-gnu/../x86_64-linux-gnu/./libc.so.6",
            "/../../up/lib/a",
            "/usr/lib/b",
        ] {
            assert_eq!(at(&tree, path), Ok(libc.clone()), "{path}");
        }
        assert_eq!(at(&tree, "/"), Ok("/".into()));
        assert_eq!(at(&tree, "/lib/.."), Ok("/usr".into()), "`..` of where the link led");
        let found = resolve(&tree, b"/lib/a").unwrap();
        let chain: Vec<&[u8]> = found.links.iter().map(|link| link.at.as_slice()).collect();
        assert_eq!(chain, [&b"/lib"[..], b"/usr/lib/a", b"/usr/lib/b"]);
    }

    #[test]
    fn a_path_that_is_not_there_says_where_it_ended() {
        let tree = tree();
        for (path, why, ended) in [
            ("/dangling", Errno::Missing, "/nowhere"),
            ("/usr/loop", Errno::TooManyLinks, "/usr/loop"),
            ("/lib/b/x", Errno::NotDirectory, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("/lib/b/", Errno::NotDirectory, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("/lib/b/..", Errno::NotDirectory, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("/to-file/x", Errno::NotDirectory, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("/lib/none/..", Errno::Missing, "/usr/lib/none"),
            ("", Errno::Missing, "/"),
        ] {
            assert_eq!(at(&tree, path), Err((why, ended.to_owned())), "{path}");
        }
        assert_eq!(at(&tree, &"x/".repeat(2048)).unwrap_err().0, Errno::TooLong);
    }

    #[test]
    fn the_last_link_can_be_the_answer() {
        let tree = tree();
        let found = resolve_link(&tree, b"/lib/a").unwrap();
        assert_eq!(
            (found.path, found.entry.kind),
            (b"/usr/lib/a".to_vec(), FileKind::Symlink(b"b".to_vec()))
        );
    }

    #[test]
    fn children_are_the_names_of_one_directory() {
        let tree = tree().file("/usr/lib-not/x", 0o644, "");
        assert_eq!(tree.children(b"/usr"), [&b"lib"[..], b"lib-not", b"loop"]);
        assert_eq!(tree.children(b"/usr/lib"), [&b"a"[..], b"b", b"x86_64-linux-gnu"]);
        assert!(tree.children(b"/lib/a").is_empty());
        assert!(tree.children(b"/").contains(&b"up".to_vec()));
    }
}
