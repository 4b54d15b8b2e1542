//! Which directories surely do not hold a file: a loader asks for every library in every directory.

use std::collections::HashMap;

use crate::rootfs::join;
use crate::rootfs::tree::{Errno, MAX_PATH, Tree, resolve};
use crate::start::loader::search::absolute;

/// The directories that were looked at, by their absolute paths.
#[derive(Default)]
pub(super) struct AbsentDirectories {
    known: HashMap<String, PathKind>,
}

enum PathKind {
    /// Nothing is there, so that nothing is in it.
    Gone,
    /// A directory that may be gone through, by its path without links.
    There(Vec<u8>),
    /// Each file has to be asked for.
    Unclear,
}

impl AbsentDirectories {
    /// Whether a search for a file there surely ends with `ENOENT`.
    pub(super) fn is(
        &mut self,
        tree: &dyn Tree,
        (working_directory, directory): (&str, &str),
        name: &str,
    ) -> bool {
        const MAX_NAME: usize = 255;
        let path = absolute(working_directory, directory);
        let is_plain = !name.contains('/') && !matches!(name, "" | "." | "..");
        if !is_plain || name.len() > MAX_NAME || path.len() + name.len() + 1 >= MAX_PATH {
            return false;
        }
        match self.place(tree, path) {
            PathKind::Gone => true,
            PathKind::There(real) => {
                let inside = real.strip_prefix(b"/").unwrap_or(real);
                let parts = [inside, name.as_bytes()];
                tree.entry(&join(&parts[usize::from(inside.is_empty())..])).is_none()
            }
            PathKind::Unclear => false,
        }
    }

    fn place(&mut self, tree: &dyn Tree, path: String) -> &PathKind {
        self.known.entry(path).or_insert_with_key(|path| match resolve(tree, path.as_bytes()) {
            Ok(found) if found.entry.is_directory() && !tree.refuses(&found.entry, 0o1) => {
                PathKind::There(found.path)
            }
            Err(not) if not.why == Errno::Missing => PathKind::Gone,
            Ok(_) | Err(_) => PathKind::Unclear,
        })
    }

    /// A list of directories in which one stands for all that follow one another and are not there:
    /// to look into each of them says `ENOENT`, as often as it is done.
    pub(super) fn compact(
        &mut self,
        tree: &dyn Tree,
        working_directory: &str,
        list: Vec<String>,
    ) -> Vec<String> {
        let mut compact: Vec<String> = Vec::new();
        let mut was_gone = false;
        for directory in list {
            let path = absolute(working_directory, &directory);
            let is_gone =
                path.len() < MAX_PATH / 2 && matches!(self.place(tree, path), PathKind::Gone);
            if !(is_gone && was_gone) {
                compact.push(directory);
            }
            was_gone = is_gone;
        }
        compact
    }

    /// Whether nothing is there.
    pub(super) fn is_gone(&self, working_directory: &str, directory: &str) -> bool {
        matches!(self.known.get(&absolute(working_directory, directory)), Some(PathKind::Gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn what_is_absent_is_what_a_search_does_not_find() {
        let tree = InMemoryTree::default()
            .elf("/usr/lib/liba.so", DynamicInfo::default())
            .elf("/root.so", DynamicInfo::default())
            .link("/lib", "usr/lib")
            .link("/usr/lib/dangling.so", "/elsewhere/dangling.so")
            .link("/loop", "loop")
            .file("/file", 0o644, "x");
        let mut absent = AbsentDirectories::default();
        for directory in
            ["/", "/usr/lib/", "/lib/", "/gone/", "/gone/deeper/", "/loop/", "/file/", ""]
        {
            for name in ["liba.so", "dangling.so", "libb.so", "root.so", "lib", "..", "a/b"] {
                let path = absolute("/usr", &format!("{directory}{name}"));
                let found = resolve(&tree, path.as_bytes()).map_err(|not| not.why);
                if absent.is(&tree, ("/usr", directory), name) {
                    assert_eq!(found, Err(Errno::Missing), "{directory} {name}");
                }
                let again = absent.is(&tree, ("/usr", directory), name);
                assert!(!again || found.is_err(), "{directory} {name}");
            }
        }
        let list = ["/gone/", "/gone/a/", "/lib/", "/x/", "/y/", "/z/"].map(str::to_owned).to_vec();
        assert_eq!(absent.compact(&tree, "/", list), ["/gone/", "/lib/", "/x/"]);
        assert!(absent.is(&tree, ("/", "/lib/"), "libb.so"));
        assert!(absent.is_gone("/", "/gone/") && !absent.is_gone("/", "/lib/"));
    }
}
