//! Since when a file has surely been what it is now, by times that nobody can set.

use std::path::Path;

use crate::cargo::file_time::FileTime;

/// The latest moment at which the file at `path`, or a directory between it and `root`, changed
/// its inode: contents, name, place, owner, date. `root` itself is not looked at.
///
/// `None` where that proves nothing: on a file system that is put together from layers or comes
/// over a network, which may show an old inode at a new place; across two file systems; through
/// links; and where there is no such time.
#[cfg(unix)]
pub fn latest_ctime(path: &Path, root: &Path, beside: &Path) -> Option<FileTime> {
    use std::os::unix::fs::MetadataExt;
    let device = std::fs::metadata(beside).ok()?.dev();
    if !keeps_inodes(beside) {
        return None;
    }
    let mut latest: Option<FileTime> = None;
    for part in path.ancestors().take_while(|part| *part != root) {
        // The root is an ancestor, or nothing is known of the way to the file.
        part.parent()?;
        let metadata = std::fs::symlink_metadata(part).ok()?;
        if metadata.file_type().is_symlink() || metadata.dev() != device {
            return None;
        }
        latest = latest.max(FileTime::changed(&metadata));
    }
    latest
}

/// As on Unix, where there are no such times.
#[cfg(not(unix))]
pub fn latest_ctime(_path: &Path, _root: &Path, _beside: &Path) -> Option<FileTime> {
    None
}

/// File systems on which a file that comes to a place gets a new inode or a new inode time:
/// ext2/3/4, XFS, Btrfs, tmpfs, F2FS, ZFS. OverlayFS, which every container's root is, is not.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_cast, reason = "the field's type differs between machines")]
fn keeps_inodes(path: &Path) -> bool {
    const KNOWN: &[i64] =
        &[0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010, 0x2fc1_2fc1];
    rustix::fs::statfs(path).is_ok_and(|it| KNOWN.contains(&(it.f_type as i64)))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn keeps_inodes(_path: &Path) -> bool {
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_with_an_old_date_is_steady_only_since_it_came() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("src")).unwrap();
        let file = root.join("src/main.rs");
        std::fs::write(&file, "fn main() {}").unwrap();
        if !keeps_inodes(root) {
            assert_eq!(latest_ctime(&file, root, root), None);
            return;
        }
        let old = std::time::SystemTime::UNIX_EPOCH;
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        let since = latest_ctime(&file, root, root).unwrap();
        assert!(since > FileTime::modified(&std::fs::metadata(&file).unwrap()));
        // A directory that is moved here brings its files' times along, but not its own.
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::rename(root.join("src"), root.join("moved")).unwrap();
        assert!(latest_ctime(&root.join("moved/main.rs"), root, root).unwrap() > since);
        std::os::unix::fs::symlink(root.join("moved"), root.join("src")).unwrap();
        assert_eq!(latest_ctime(&file, root, root), None);
    }
}
