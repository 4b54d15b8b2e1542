//! A root file system that lies in a directory: every look-up stays inside, whatever its links say.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::rootfs::{FileEntry, FileKind};

/// An opened root. Paths given to it are normalised, absolute in the root, and no name before
/// the last one may be a link: resolving links is the caller's business (one resolver serves
/// directories and layers), so a link met on the way is an error here and can never lead out.
#[derive(Debug)]
pub struct HostRoot {
    path: PathBuf,
    top: OwnedFd,
    /// Mount points inside, as paths of this root: what lies there is not in the image.
    mounts: Vec<Vec<u8>>,
    /// `openat2` is there. It is missing before Linux 5.6, under gVisor and under old seccomp
    /// filters; then every name is opened by itself.
    openat2: bool,
}

impl HostRoot {
    /// Opens the directory and notes which mounts lie inside it.
    pub fn open(path: &Path) -> io::Result<HostRoot> {
        let path = std::fs::canonicalize(path)?;
        let top = rustix::fs::open(
            &path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mounts = std::fs::read("/proc/self/mountinfo")
            .map(|text| mounts_below(&text, path.as_os_str().as_bytes()))
            .unwrap_or_default();
        let openat2 = has_openat2(&top);
        Ok(HostRoot { path, top, mounts, openat2 })
    }

    /// The same root with every name opened by itself, as where `openat2` is missing.
    pub fn without_openat2(mut self) -> HostRoot {
        self.openat2 = false;
        self
    }

    /// Where the root lies on this machine.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mount points inside the root, as paths of the root.
    pub fn mounts(&self) -> &[Vec<u8>] {
        &self.mounts
    }

    /// The mount that a path of the root lies on, if it is not the root's own file system.
    pub fn mount_of(&self, path: &[u8]) -> Option<&[u8]> {
        self.mounts.iter().map(Vec::as_slice).find(|mount| {
            path.strip_prefix(*mount).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    }

    /// What the path is (`lstat`); `None` where nothing is, where a name on the way is not a
    /// directory, and where another file system is mounted.
    pub fn entry(&self, path: &[u8]) -> Option<FileEntry> {
        let fd = self.open_beneath(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        let stat = rustix::fs::fstat(&fd).ok()?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                FileKind::File { size: u64::try_from(stat.st_size).unwrap_or_default() }
            }
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => {
                FileKind::Symlink(rustix::fs::readlinkat(&fd, c"", Vec::new()).ok()?.into_bytes())
            }
            _ => FileKind::Other,
        };
        Some(FileEntry { kind, mode: mode_of(&stat), uid: stat.st_uid, gid: stat.st_gid })
    }

    /// The names in a directory, sorted; empty for what is none. Names on which another file
    /// system is mounted are left out, as `entry` knows nothing there either.
    pub fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        let read = || -> io::Result<Vec<Vec<u8>>> {
            let fd = self.open_beneath(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut names = Vec::new();
            for entry in Dir::new(fd)? {
                let name = entry?.file_name().to_bytes().to_vec();
                if name != b"." && name != b".." {
                    names.push(name);
                }
            }
            Ok(names)
        };
        let mut names = read().unwrap_or_default();
        names.retain(|name| {
            let mut path = directory.to_vec();
            if path != b"/" {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            self.mount_of(&path).is_none()
        });
        names.sort();
        names
    }

    /// Opens a regular file for reading, and nothing else: a FIFO would block and a device might
    /// act on being opened, so the kind is asked first and once more on what was opened.
    pub fn file(&self, path: &[u8]) -> io::Result<File> {
        if !self.entry(path).is_some_and(|entry| entry.is_regular_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(self.open_beneath(path, flags)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(file)
    }

    /// A regular file's first `limit` bytes.
    pub fn read(&self, path: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open_beneath(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        if self.mount_of(path).is_some() {
            return Err(Errno::XDEV.into());
        }
        let flags = flags | OFlags::CLOEXEC;
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let relative = if relative.is_empty() { b"." } else { relative };
        #[cfg(target_os = "linux")]
        if self.openat2 {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH
                | ResolveFlags::NO_SYMLINKS
                | ResolveFlags::NO_MAGICLINKS
                | ResolveFlags::NO_XDEV;
            return Ok(rustix::fs::openat2(&self.top, relative, flags, Mode::empty(), resolve)?);
        }
        self.walk(relative, flags)
    }

    /// `openat2` by hand: every directory on the way is opened by itself and never through a
    /// link. The device stands in for `NO_XDEV`; bind mounts of one device are known from
    /// `mountinfo`.
    fn walk(&self, relative: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let device = rustix::fs::fstat(&self.top)?.st_dev;
        let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at: Option<OwnedFd> = None;
        let mut names =
            relative.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            if name == b".." {
                return Err(Errno::XDEV.into());
            }
            let flags = if names.peek().is_some() { step } else { flags | OFlags::NOFOLLOW };
            let from = at.as_ref().unwrap_or(&self.top);
            let next = rustix::fs::openat(from, name, flags, Mode::empty())?;
            if rustix::fs::fstat(&next)?.st_dev != device {
                return Err(Errno::XDEV.into());
            }
            at = Some(next);
        }
        at.ok_or_else(|| Errno::NOENT.into())
    }
}

fn mode_of(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

#[cfg(target_os = "linux")]
fn has_openat2(top: &OwnedFd) -> bool {
    use rustix::fs::ResolveFlags;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat2(top, c".", flags, Mode::empty(), ResolveFlags::BENEATH).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn has_openat2(_top: &OwnedFd) -> bool {
    false
}

/// The mount points strictly below `root` (an absolute path), as paths of that root, from the
/// text of `/proc/self/mountinfo` (proc(5): the fifth field, with octal escapes).
pub fn mounts_below(mountinfo: &[u8], root: &[u8]) -> Vec<Vec<u8>> {
    let root = if root == b"/" { b"" } else { root };
    let mut below: Vec<Vec<u8>> = mountinfo
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(unescape)
        .filter_map(|mount| {
            let rest = mount.strip_prefix(root)?;
            (rest.len() > 1 && rest[0] == b'/').then(|| rest.to_vec())
        })
        .collect();
    below.sort();
    below.dedup();
    below
}

/// `\040` is a blank in mountinfo; likewise tab, newline, backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) =
            (first, tail)
        {
            out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// What this machine calls the machine's file system root, for callers that ask whether a
/// directory is the one the process itself runs in.
pub fn is_own_root(path: &Path) -> bool {
    let of = |path: &Path| {
        rustix::fs::statat(CWD, path, AtFlags::empty()).map(|stat| (stat.st_dev, stat.st_ino)).ok()
    };
    of(path).is_some() && of(path) == of(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn roots() -> (tempfile::TempDir, [HostRoot; 2]) {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        std::fs::create_dir_all(at("usr/lib")).unwrap();
        std::fs::write(at("usr/lib/a"), b"abc").unwrap();
        std::fs::set_permissions(at("usr/lib/a"), std::fs::Permissions::from_mode(0o4750)).unwrap();
        symlink("/usr/lib", at("lib")).unwrap();
        symlink("/etc", at("out")).unwrap();
        let open = || HostRoot::open(top.path()).unwrap();
        let both = [open(), open().without_openat2()];
        (top, both)
    }

    #[test]
    fn both_ways_say_the_same_of_every_path() {
        let (_top, roots) = roots();
        for root in roots {
            let file = root.entry(b"/usr/lib/a").unwrap();
            assert_eq!((file.kind, file.mode), (FileKind::File { size: 3 }, 0o4750));
            assert!(root.entry(b"/").unwrap().is_directory());
            assert_eq!(root.entry(b"/lib").unwrap().kind, FileKind::Symlink(b"/usr/lib".to_vec()));
            assert_eq!(root.children(b"/"), [&b"lib"[..], b"out", b"usr"]);
            assert_eq!(root.read(b"/usr/lib/a", 2).unwrap(), b"ab");
            for none in [&b"/lib/a"[..], b"/out/passwd", b"/usr/lib/a/b", b"/..", b"/nope"] {
                assert_eq!(root.entry(none), None, "{}", none.escape_ascii());
            }
            assert!(root.read(b"/out/passwd", 9).is_err());
            assert!(root.read(b"/usr", 9).is_err());
            assert!(root.children(b"/lib").is_empty());
        }
    }

    #[test]
    fn a_fifo_is_other_and_is_never_opened() {
        let (top, roots) = roots();
        let fifo = top.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for root in roots {
            assert_eq!(root.entry(b"/fifo").unwrap().kind, FileKind::Other);
            assert!(root.read(b"/fifo", 1).is_err());
        }
    }

    #[test]
    fn the_machines_own_root_leaves_out_its_mounts() {
        for root in [
            HostRoot::open(Path::new("/")).unwrap(),
            HostRoot::open(Path::new("/")).unwrap().without_openat2(),
        ] {
            assert!(root.mounts().iter().any(|mount| mount == b"/proc"), "proc is not mounted");
            assert_eq!(root.entry(b"/proc/self"), None);
            assert_eq!(root.mount_of(b"/proc/self/exe"), Some(&b"/proc"[..]));
            assert!(!root.children(b"/").iter().any(|name| name == b"proc"));
        }
    }

    #[test]
    fn mountinfo_is_read_with_its_escapes() {
        let text = b"1 2 0:3 / /a/b\\040c rw - ext4 x rw\n1 2 0:3 / /a rw - ext4 x rw\n1 2 0:3 / /ab rw - e x r\n";
        assert_eq!(mounts_below(text, b"/a"), [b"/b c".to_vec()]);
        assert_eq!(mounts_below(text, b"/"), [b"/a".to_vec(), b"/a/b c".to_vec(), b"/ab".to_vec()]);
    }
}
