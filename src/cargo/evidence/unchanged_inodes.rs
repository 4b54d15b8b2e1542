//! Since when a source has surely been what it is: the times of inodes, where they can be trusted.

use std::path::Path;

use crate::cargo::file_time::FileTime;
use crate::cargo::fs::SourceFs;

/// The latest change of an inode on the way from the package to a file; `None` where that is not
/// known, or says nothing beside a build directory that lies elsewhere.
pub fn unchanged_since(
    fs: &dyn SourceFs,
    path: &Path,
    package: &Path,
    workspace: &Path,
    build_dir: &Path,
) -> Option<FileTime> {
    // A package of its own may be moved as a whole; the workspace's takes its target along.
    let root = match package == workspace {
        true => package,
        false => package.parent().unwrap_or(package),
    };
    build_dir.starts_with(workspace).then(|| fs.latest_ctime(path, root, build_dir))?
}
