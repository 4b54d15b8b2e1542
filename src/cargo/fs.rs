//! What cargo's side asks of the disk: regular files alone, opened so that nothing waits, and folders.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;

use crate::cargo::error::WorkspaceError;
use crate::cargo::file_time::FileTime;
use crate::cargo::source::error::SourceError;

pub mod disk;
#[cfg(test)]
pub mod in_memory;
pub mod inode_time;

/// What the comparison of a program with its sources asks of files, so that its answer follows from
/// what it read alone: the real disk is [`disk::Disk`], and tests have files in memory.
pub trait SourceFs: std::fmt::Debug + Send + Sync {
    /// Reads one regular file of at most `limit` bytes; `None` when there is none.
    ///
    /// # Errors
    /// It is no regular file, larger than the limit, or cannot be read; the path is not in the error.
    fn snapshot(&self, path: &Path, limit: u64) -> Result<Option<Snapshot>, SourceError>;

    /// A regular file by its metadata, links followed; `None` where there is none.
    fn stat(&self, path: &Path) -> Option<FileStat>;

    /// Whether a path leads to a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Whether anything is at this path, links followed.
    fn is_there(&self, path: &Path) -> bool;

    /// The first `limit` entries of a directory, in no order; none where it cannot be listed.
    fn entries(&self, directory: &Path, limit: usize) -> Vec<DirectoryEntry>;

    /// Every regular file below a directory, sorted, but for caches (`CACHEDIR.TAG`: target
    /// directories among them) and `.git`; links to directories are not followed. At most `limit`.
    fn files_below(&self, root: &Path, limit: usize) -> Vec<PathBuf>;

    /// The times of a file, or of the newest file below a directory, as Cargo takes them for
    /// `rerun-if-changed`: when it was last written, and when an inode last changed.
    fn newest(&self, path: &Path) -> Option<(FileTime, Option<FileTime>)>;

    /// Where a path leads once every link on its way is followed; `None` when it leads nowhere.
    fn real_path(&self, path: &Path) -> Option<PathBuf>;

    /// As [`inode_time::latest_ctime`].
    fn latest_ctime(&self, path: &Path, root: &Path, beside: &Path) -> Option<FileTime>;

    /// Whether a file has these contents.
    fn has_contents(&self, path: &Path, contents: &[u8]) -> bool;

    /// Whether a regular file is at this path, links followed.
    fn is_regular(&self, path: &Path) -> bool {
        self.stat(path).is_some()
    }

    /// Whether a file lies below a directory, links resolved.
    fn is_inside(&self, path: &Path, directory: &Path) -> bool {
        match (self.real_path(path), self.real_path(directory)) {
            (Some(path), Some(directory)) => path.starts_with(directory),
            _ => false,
        }
    }

    /// Whether two paths lead to one file or directory.
    fn is_same_place(&self, one: &Path, other: &Path) -> bool {
        match (self.real_path(one), self.real_path(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        }
    }
}

/// A file as it was when it was read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The whole of it.
    pub bytes: Vec<u8>,
    /// When the contents were last written, as anyone may set it.
    pub modified: FileTime,
    /// When the inode last changed, which nobody can set.
    pub changed: Option<FileTime>,
    /// The file system it lies on; 0 where there is no such number.
    pub device: u64,
}

/// The largest program that is read whole, in bytes. The largest known to ship is a browser's
/// library with its debug information, about 1 GB.
pub const MAX_BYTES: u64 = 2 << 30;
/// Files of one folder, all levels together: a root filesystem has a tenth of this.
const MAX_FILES: usize = 2_000_000;

/// Opens a regular file. Nothing else is ever opened: a FIFO would wait for its writer, a device
/// may do anything.
///
/// # Errors
/// There is no such file, it may not be read, or it is no regular file.
pub fn open(path: &Path) -> Result<File, WorkspaceError> {
    let fail = |source| WorkspaceError::Read { path: path.to_owned(), source };
    regular(&std::fs::metadata(path).map_err(fail)?).map_err(fail)?;
    // Between the two calls another file may have come here; without the flag, opening could
    // still wait.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
    regular(&file.metadata().map_err(fail)?).map_err(fail)?;
    Ok(file)
}

/// Whether a path leads to a directory.
pub fn is_directory(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Whether two paths lead to one file.
pub fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::canonicalize(one), std::fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The first bytes of a regular file, at most `limit`.
///
/// # Errors
/// As [`open`].
pub fn head(path: &Path, limit: u64) -> Result<Vec<u8>, WorkspaceError> {
    let mut head = Vec::new();
    let read = open(path)?.take(limit).read_to_end(&mut head);
    read.map_err(|source| WorkspaceError::Read { path: path.to_owned(), source })?;
    Ok(head)
}

/// Reads a regular file whole.
///
/// # Errors
/// As [`open`], and when it is larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Vec<u8>, WorkspaceError> {
    let fail = |source| WorkspaceError::Read { path: path.to_owned(), source };
    let mut file = open(path)?;
    let length = file.metadata().map_err(fail)?.len();
    let too_large =
        || WorkspaceError::TooLarge { path: path.to_owned(), kind: "program", limit: MAX_BYTES };
    if length > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| too_large())?);
    // The file may grow while it is read.
    file.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

fn regular(metadata: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "is a directory",
        () if kind.is_fifo() => "is a FIFO, not a regular file",
        () if kind.is_socket() => "is a socket, not a regular file",
        () => "is a device, not a regular file",
    };
    Err(io::Error::other(what))
}

/// Whether the file starts as a program does. Files of a folder that do not are none of anyone's
/// business; a file that was named is answered for whatever it is.
pub fn looks_like_a_program(path: &Path) -> Result<bool, WorkspaceError> {
    let mut start = Vec::new();
    let read = open(path)?.take(8).read_to_end(&mut start);
    read.map_err(|source| WorkspaceError::Read { path: path.to_owned(), source })?;
    Ok(match start.as_slice() {
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] | [0, b'a', b's', b'm', ..] => true,
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => true,
        // A universal Mach-O has a few slices where a Java class has its version (45 and up).
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, 0, 0, 0, slices] => (1..20).contains(slices),
        _ => false,
    })
}

/// The regular files below a folder, by name, without following links.
///
/// # Errors
/// The folder itself cannot be listed. What cannot be listed below it stands among the answers.
pub fn walk(folder: &Path) -> Result<Vec<Result<PathBuf, WorkspaceError>>, WorkspaceError> {
    let mut found = Vec::new();
    list(folder, &mut found)?;
    Ok(found)
}

fn list(
    folder: &Path,
    found: &mut Vec<Result<PathBuf, WorkspaceError>>,
) -> Result<(), WorkspaceError> {
    let fail = |source| WorkspaceError::Read { path: folder.to_owned(), source };
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).map_err(fail)?.collect::<io::Result<_>>().map_err(fail)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if found.len() >= MAX_FILES {
            return Ok(());
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if let Err(error) = list(&entry.path(), found) {
                found.push(Err(error));
            }
        } else if kind.is_file() {
            found.push(Ok(entry.path()));
        }
    }
    Ok(())
}

impl FileTime {
    /// When the contents last changed, as anyone may set it.
    pub fn modified(metadata: &Metadata) -> FileTime {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            FileTime::new(metadata.mtime(), metadata.mtime_nsec())
        }
        #[cfg(not(unix))]
        {
            let since = metadata.modified().ok().and_then(|time| {
                time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_nanos())
            });
            FileTime(since.and_then(|nanoseconds| i128::try_from(nanoseconds).ok()).unwrap_or(0))
        }
    }

    /// When the inode last changed, which nobody can set; `None` where there is no such thing.
    pub fn changed(metadata: &Metadata) -> Option<FileTime> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(FileTime::new(metadata.ctime(), metadata.ctime_nsec()))
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }
}

/// What one `stat` says of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// In bytes.
    pub size: u64,
    /// Device and inode, where there are such numbers.
    pub inode: Option<(u64, u64)>,
    /// When it was written.
    pub modified: FileTime,
}

/// A regular file by its metadata, links followed; `None` where there is none.
pub fn stat(path: &Path) -> Option<FileStat> {
    let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    let (size, modified) = (metadata.len(), FileTime::modified(&metadata));
    Some(FileStat { size, inode: inode(&metadata), modified })
}

/// When a regular file was written, by the system's clock; `None` where there is none.
pub fn modified(path: &Path) -> Option<SystemTime> {
    let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH))
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Whether anything is at this path, links followed.
pub fn is_there(path: &Path) -> bool {
    path.exists()
}

/// Whether a regular file is at this path, links followed.
pub fn is_regular(path: &Path) -> bool {
    path.is_file()
}

/// What a directory lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The directory's path and the name.
    pub path: PathBuf,
    /// The name alone.
    pub name: OsString,
    /// Whether it is a directory itself; a link to one is none.
    pub is_directory: bool,
}

/// The first `limit` entries of a directory, as it lists them; none where it cannot be listed.
pub fn entries(directory: &Path, limit: usize) -> impl Iterator<Item = DirectoryEntry> + use<> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().take(limit);
    entries.map(|entry| DirectoryEntry {
        path: entry.path(),
        name: entry.file_name(),
        is_directory: entry.file_type().is_ok_and(|kind| kind.is_dir()),
    })
}

/// Whether a file has these contents, read in pieces.
pub fn has_contents(path: &Path, contents: &[u8]) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut file = file.take(contents.len() as u64 + 1);
    let mut buffer = vec![0; 1 << 16];
    let mut rest = contents;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return rest.is_empty(),
            Ok(length) => match rest.strip_prefix(&buffer[..length]) {
                Some(behind) => rest = behind,
                None => return false,
            },
            Err(_) => return false,
        }
    }
}

/// A text file as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its contents; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Reads a text file of at most `limit` bytes; `None` when there is none. A FIFO or a device is
/// refused before it is opened, because opening one waits.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger than the limit.
pub fn read_text(
    path: &Path,
    kind: &'static str,
    limit: u64,
) -> Result<Option<TextFile>, WorkspaceError> {
    let fail = |source| WorkspaceError::Read { path: path.to_owned(), source };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(fail(error)),
    };
    if !metadata.is_file() {
        return Err(fail(std::io::Error::other("not a regular file")));
    }
    if metadata.len() > limit {
        return Err(WorkspaceError::TooLarge { path: path.to_owned(), kind, limit });
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(TextFile { path: path.to_owned(), text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_a_sane_size_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.toml");
        assert_eq!(read_text(&file, "manifest", 4).unwrap(), None);
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(read_text(&file, "manifest", 4).unwrap().unwrap().text, "abc");
        std::fs::write(&file, "abcde").unwrap();
        assert!(matches!(read_text(&file, "manifest", 4), Err(WorkspaceError::TooLarge { .. })));
        assert!(matches!(
            read_text(directory.path(), "manifest", 4),
            Err(WorkspaceError::Read { .. })
        ));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let says = |path: &Path| open(path).unwrap_err().to_string();
        assert!(says(folder.path()).ends_with("is a directory"));
        assert!(says(&folder.path().join("none")).contains("no such file"));
        assert!(says(Path::new("/dev/null")).ends_with("is a device, not a regular file"));
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(says(&fifo).ends_with("is a FIFO, not a regular file"));
    }

    #[test]
    fn folders_are_walked_by_name_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        for name in ["c", "b/x", "a"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("b/loop")).unwrap();
        let found: Vec<PathBuf> = walk(folder.path()).unwrap().into_iter().flatten().collect();
        assert_eq!(found, [at("a"), at("b/x"), at("c")]);
        assert!(!looks_like_a_program(&at("a")).unwrap());
        assert!(looks_like_a_program(&std::env::current_exe().unwrap()).unwrap());
    }
}
