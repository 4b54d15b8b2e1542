//! All that a rebuild reads and writes: a directory of its own that borrows what is compiled.
//!
//! Nothing that cargo, rustc or a build script writes in place is borrowed: such files are copied.
//! What is left (libraries, metadata, proc-macros, what dependencies' build scripts wrote) is
//! reached through symbolic links. A hard link in a Docker layer above the one of the build would
//! copy the whole file up; a symbolic link costs nothing there, and works across file systems.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::error::RebuildError;
use super::names;

/// How every directory of a rebuild is called, before the number of the process.
pub const PREFIX: &str = ".binlint-rebuild-";
/// More entries than a directory of a build has.
const MAX_ENTRIES: usize = 1_000_000;
/// Nothing that is copied, and not linked, is larger, in bytes.
const MAX_COPIED: u64 = 256 << 20;
/// How long a directory is tried to be removed while killed compilers still write into it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The names of the regular files of a directory, links followed; sorted.
pub fn file_names(directory: &Path) -> Vec<String> {
    sorted(directory, |entry| fs::metadata(entry.path()).is_ok_and(|it| it.is_file()))
}

/// The names of the directories in a directory, links not followed; sorted.
pub fn subdirectories(directory: &Path) -> Vec<String> {
    sorted(directory, |entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
}

fn sorted(directory: &Path, is_wanted: impl Fn(&DirEntry) -> bool) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let names = entries.filter(is_wanted).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A regular file of at most `limit` bytes, or nothing.
pub fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    // Opening a pipe would wait for ever.
    fs::metadata(path).ok().filter(|it| it.is_file() && it.len() <= limit)?;
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Device, inode and size of a file; `None` where there is none.
pub fn identity(path: &Path) -> Option<(u64, u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino(), metadata.size()))
}

/// Whether there is such a directory.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// Whether next to nothing can be written any more: what failed took its own away again.
pub fn is_full(directory: &Path) -> bool {
    const NEXT_TO_NOTHING: u64 = 16 << 20;
    rustix::fs::statvfs(directory)
        .is_ok_and(|it| it.f_bavail.saturating_mul(it.f_frsize) < NEXT_TO_NOTHING)
}

/// The directory that a path leads to, all links followed.
pub fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// SHA-256 over these files, in this order; what is no file counts as missing.
pub fn digest_of(paths: &BTreeSet<PathBuf>, limit: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    for path in paths {
        match read(path, limit) {
            Some(bytes) => hash.update(Sha256::digest(&bytes)),
            None => hash.update(b"missing"),
        }
    }
    hash.finalize().into()
}

/// Every file below a directory, relative to it, links not followed; `None` for too many.
pub fn files_below(top: &Path) -> Option<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        for entry in fs::read_dir(top.join(&below)).into_iter().flatten().flatten() {
            let path = below.join(entry.file_name());
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => pending.push(path),
                false => files.push(path),
            }
            if files.len() + pending.len() > MAX_ENTRIES {
                return None;
            }
        }
    }
    files.sort();
    Some(files)
}

/// All that build scripts wrote in the profile directories of a build, one after another: their
/// output and the files of their `OUT_DIR`, of both of cargo's layouts; no more than `limit` bytes.
pub fn written_by_scripts(tops: &[PathBuf], limit: u64) -> Vec<u8> {
    let mut written = Vec::new();
    for build in tops.iter().map(|top| top.join("build")) {
        for path in files_below(&build).unwrap_or_default() {
            let parts: Vec<&str> = path.iter().filter_map(|it| it.to_str()).collect();
            let is_written = match parts.as_slice() {
                [_, "output"] | [_, _, "run", "stdout"] => true,
                [_, "out", ..] | [_, _, "run", "out", ..] => true,
                [_, _, "out", file] => !file.ends_with(".d") && !file.starts_with("build"),
                _ => false,
            };
            let left = limit.saturating_sub(written.len() as u64);
            if let Some(bytes) = is_written.then(|| read(&build.join(&path), left)).flatten() {
                written.extend(bytes);
                written.push(0);
            }
        }
    }
    written
}

/// The first file in which two directories differ, the second one's path read as the first's; the
/// outer `None` where that cannot be told.
pub fn first_difference(
    judged: (&Path, &str),
    rebuilt: (&Path, &str),
    limit: u64,
) -> Option<Option<PathBuf>> {
    let (ours, theirs) = (files_below(judged.0)?, files_below(rebuilt.0)?);
    if let Some(only) = ours.iter().find(|path| !theirs.contains(path)) {
        return Some(Some(only.clone()));
    }
    if let Some(only) = theirs.iter().find(|path| !ours.contains(path)) {
        return Some(Some(only.clone()));
    }
    for path in ours {
        let (ours, theirs) =
            (read(&judged.0.join(&path), limit)?, read(&rebuilt.0.join(&path), limit)?);
        if ours != theirs && ours != replaced(&theirs, rebuilt.1, judged.1) {
            return Some(Some(path));
        }
    }
    Some(None)
}

/// Every occurrence of one text replaced by another.
pub fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = 0;
    for at in memchr::memmem::find_iter(bytes, from.as_bytes()) {
        replaced.extend_from_slice(&bytes[rest..at]);
        replaced.extend_from_slice(to.as_bytes());
        rest = at + from.len();
    }
    replaced.extend_from_slice(&bytes[rest..]);
    replaced
}

/// Locks, until this is dropped.
#[derive(Debug)]
pub struct Locks {
    _held: Vec<File>,
}

/// The locks of the judged build, shared: no cargo replaces what is borrowed meanwhile.
///
/// # Errors
/// Another cargo holds one of them.
pub fn lock_judged(build_dir: &Path, tops: &[PathBuf]) -> Result<Locks, RebuildError> {
    let mut held = Vec::new();
    for top in tops {
        for name in [".cargo-lock", ".cargo-build-lock", ".cargo-artifact-lock"] {
            let Ok(file) = File::open(build_dir.join(top).join(name)) else { continue };
            match file.try_lock_shared() {
                Ok(()) => held.push(file),
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(RebuildError::Locked { path: build_dir.to_owned() });
                }
                // A file system without locks: cargo does without them there, too.
                Err(fs::TryLockError::Error(_)) => {}
            }
        }
    }
    Ok(Locks { _held: held })
}

/// A directory for rebuilds, gone when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    /// Where it is.
    pub path: PathBuf,
    /// The directory that it was made in, with the times that it had.
    pub parent: (PathBuf, Times),
    /// Stays after this is dropped.
    pub keep: bool,
    _lock: File,
}

/// When a directory was last written, to be set again.
pub type Times = Option<SystemTime>;

impl Scratch {
    /// Makes one inside the build directory, or where that cannot be written, in the directory for
    /// temporary files.
    ///
    /// # Errors
    /// Neither can be written.
    pub fn new(
        build_dir: &Path,
        temporary: &Path,
        number: u32,
        keep: bool,
    ) -> Result<Scratch, RebuildError> {
        remove_abandoned(build_dir);
        let mut last = None;
        for parent in [build_dir, temporary] {
            let times = times_before_rebuilds(parent);
            let path = real_path(parent).join(format!("{PREFIX}{number}"));
            let mut is_made = false;
            let made = fs::create_dir(&path).and_then(|()| {
                is_made = true;
                let mut lock = File::create(path.join("lock"))?;
                let _ = lock.try_lock();
                let since = times.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
                if let Some(since) = since {
                    write!(lock, "{} {}", since.as_secs(), since.subsec_nanos())?;
                }
                Ok(lock)
            });
            match made {
                Ok(lock) => {
                    if keep {
                        fs::write(path.join("kept"), b"")
                            .map_err(|error| RebuildError::write(&path, &error))?;
                    }
                    return Ok(Scratch {
                        path,
                        parent: (parent.to_owned(), times),
                        keep,
                        _lock: lock,
                    });
                }
                Err(error) => last = Some(RebuildError::write(&path, &error)),
            }
            // The disk may be full just now.
            if is_made {
                remove(&path);
                set_times(parent, times);
            }
        }
        Err(last.unwrap_or(RebuildError::NothingBuilt { path: build_dir.to_owned() }))
    }

    /// A new directory inside for one run.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn run(&self, number: usize) -> Result<PathBuf, RebuildError> {
        let path = self.path.join(number.to_string());
        fs::create_dir(&path).map_err(|error| RebuildError::write(&path, &error))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            remove(&self.path);
        }
        set_times(&self.parent.0, self.parent.1);
    }
}

/// When a directory was last written, the rebuilds aside that are at work in it: each notes the time
/// that it found.
fn times_before_rebuilds(directory: &Path) -> Times {
    let noted = subdirectories(directory).into_iter().filter_map(|name| {
        let path = directory.join(&name);
        if !name.starts_with(PREFIX) || path.join("kept").exists() {
            return None;
        }
        let text = String::from_utf8(read(&path.join("lock"), 64)?).ok()?;
        let (seconds, nanoseconds) = text.split_once(' ')?;
        let since = Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
        UNIX_EPOCH.checked_add(since)
    });
    noted.chain(times(directory)).min()
}

/// Removes what a rebuild left behind that nobody could clean up after: its lock is free.
fn remove_abandoned(build_dir: &Path) {
    let before = times(build_dir);
    let mut removed = false;
    for name in subdirectories(build_dir) {
        let path = build_dir.join(&name);
        if !name.starts_with(PREFIX) || path.join("kept").exists() {
            continue;
        }
        if File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
            remove(&path);
            removed = true;
        }
    }
    if removed {
        set_times(build_dir, before);
    }
}

/// Removes a directory, tried again while something still writes into it.
pub fn remove(path: &Path) {
    let start = Instant::now();
    while let Err(error) = fs::remove_dir_all(path) {
        if error.kind() == io::ErrorKind::NotFound || start.elapsed() > PATIENCE {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// When a directory was last written.
pub fn times(path: &Path) -> Times {
    fs::metadata(path).ok()?.modified().ok()
}

/// Sets a directory's time again, where that is allowed.
pub fn set_times(path: &Path, times: Times) {
    if let (Ok(directory), Some(modified)) = (File::open(path), times) {
        let _ = directory.set_modified(modified);
    }
}

/// What a copy of a build takes from it.
#[derive(Debug, Clone)]
pub struct Borrowing<'a> {
    /// The judged build directory.
    pub build_dir: &'a Path,
    /// The directories below it that the build wrote into.
    pub tops: &'a [PathBuf],
    /// The hashes of the units that are to be compiled again: nothing of them is borrowed.
    pub without: &'a BTreeSet<String>,
}

/// How a file comes into the copy.
enum Way {
    Skip,
    Copy,
    Link,
    /// A build script that must not run: it would write through the links.
    Disarm,
}

impl Borrowing<'_> {
    /// Fills the directory `copy`.
    ///
    /// # Errors
    /// A file could not be written.
    pub fn fill(&self, copy: &Path) -> Result<(), RebuildError> {
        fs::create_dir_all(copy).map_err(|error| RebuildError::write(copy, &error))?;
        for name in [".rustc_info.json", "CACHEDIR.TAG"] {
            let from = self.build_dir.join(name);
            if from.is_file() {
                copy_with_date(&from, &copy.join(name))?;
            }
        }
        for top in self.tops {
            let mut pending = vec![PathBuf::new()];
            while let Some(below) = pending.pop() {
                let into = copy.join(top).join(&below);
                fs::create_dir_all(&into).map_err(|error| RebuildError::write(&into, &error))?;
                let from = self.build_dir.join(top).join(&below);
                let entries = fs::read_dir(&from).into_iter().flatten().flatten();
                for entry in entries.take(MAX_ENTRIES) {
                    let path = below.join(entry.file_name());
                    let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                    if is_directory {
                        if self.is_borrowed_directory(&path) {
                            pending.push(path);
                        }
                        continue;
                    }
                    let (from, to) = (entry.path(), into.join(entry.file_name()));
                    match self.way(&path) {
                        Way::Skip => {}
                        Way::Copy => copy_with_date(&from, &to)?,
                        Way::Link => link(&from, &to)?,
                        Way::Disarm => disarm(&from, &to)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether anything below a directory is borrowed; the path is relative to the profile's.
    fn is_borrowed_directory(&self, path: &Path) -> bool {
        let parts: Vec<&str> = path.iter().filter_map(|it| it.to_str()).collect();
        match parts.as_slice() {
            ["deps" | ".fingerprint" | "build"] => true,
            // Examples, incremental sessions, and what other tools keep here.
            [_] => false,
            [".fingerprint" | "build", name] => match names::split_hash(name) {
                Some((_, hash)) => !self.without.contains(hash),
                None => true,
            },
            // `-Zbuild-dir-new-layout`
            ["build", _, name] if names::is_unit_hash(name) => !self.without.contains(*name),
            _ => true,
        }
    }

    fn way(&self, path: &Path) -> Way {
        let parts: Vec<&str> = path.iter().filter_map(|it| it.to_str()).collect();
        let is = |extension: &str| path.extension().is_some_and(|it| it == extension);
        match parts.as_slice() {
            // What cargo hands out; the lock is made anew.
            [_] => Way::Skip,
            [".fingerprint", ..] => Way::Copy,
            ["deps", _] => match names::hash_in_name(path) {
                // Only the workspace's own dynamic libraries have no hash.
                None => Way::Skip,
                Some(hash) if self.without.contains(hash) => Way::Skip,
                Some(_) if is("d") => Way::Copy,
                Some(_) => Way::Link,
            },
            ["build", _, name] if !is("d") && is_build_script(name) => Way::Disarm,
            ["build", _, hash, "out", name]
                if names::is_unit_hash(hash) && !is("d") && is_build_script(name) =>
            {
                Way::Disarm
            }
            ["build", _, "out", ..] => Way::Link,
            ["build", _, hash, "out", ..] if names::is_unit_hash(hash) && !is("d") => Way::Link,
            // Printed by build scripts; the fingerprints of the new layout; dep-info.
            ["build", ..] => Way::Copy,
            _ => Way::Skip,
        }
    }
}

/// `build-script-build`, `build_script_build-<hash>`.
fn is_build_script(name: &str) -> bool {
    name.starts_with("build-script-") || name.starts_with("build_script_")
}

fn copy_with_date(from: &Path, to: &Path) -> Result<(), RebuildError> {
    // Behind a link there may be a pipe, or a device without an end.
    if !fs::metadata(from).is_ok_and(|it| it.is_file() && it.len() <= MAX_COPIED) {
        return Ok(());
    }
    let copy = || {
        fs::copy(from, to)?;
        let modified = fs::metadata(from)?.modified()?;
        File::options().write(true).open(to)?.set_modified(modified)
    };
    copy().map_err(|error| RebuildError::write(to, &error))
}

fn link(from: &Path, to: &Path) -> Result<(), RebuildError> {
    match std::os::unix::fs::symlink(from, to) {
        Ok(()) => Ok(()),
        // A file system without links.
        Err(error) if error.kind() != io::ErrorKind::StorageFull => copy_with_date(from, to),
        Err(error) => Err(RebuildError::write(to, &error)),
    }
}

/// An empty file with the date of the program: nothing can run it.
fn disarm(from: &Path, to: &Path) -> Result<(), RebuildError> {
    let write = || {
        let modified = fs::metadata(from)?.modified()?;
        let file = File::create(to)?;
        file.set_permissions(fs::metadata(from)?.permissions())?;
        file.set_modified(modified)
    };
    write().map_err(|error| RebuildError::write(to, &error))
}

/// Writes a small file of the scratch directory.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), RebuildError> {
    fs::write(path, bytes).map_err(|error| RebuildError::write(path, &error))
}

/// Appends a line in one piece; a log that cannot be written is no reason to stop.
pub fn append(path: &Path, line: &str) {
    if let Ok(mut file) = File::options().append(true).create(true).open(path) {
        let _ = file.write_all(line.as_bytes());
    }
}
