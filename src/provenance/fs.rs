//! Reads records and the sources of a build; writes records beside programs.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::cargo::error::WorkspaceError;
use crate::cargo::file_time::FileTime;
use crate::cargo::fs;
use crate::cargo::fs::disk::files_below;
use crate::cargo::fs::read_text;

/// A record larger than this is none, in bytes.
const RECORD_LIMIT: u64 = 64 << 20;
/// A source file larger than this is hashed no further, in bytes.
const SOURCE_LIMIT: u64 = 1 << 30;
/// More source files than this are no program.
const MAX_SOURCES: usize = 40_000;

/// A source file, by its path relative to the workspace, with forward slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashedFile {
    /// `src/main.rs`, `../shared/src/lib.rs`.
    pub path: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// The sources of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashedSources {
    /// Sorted by path.
    pub files: Vec<HashedFile>,
    /// Those written after the program was.
    pub newer: Vec<String>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Reads a record's bytes.
///
/// # Errors
/// No regular file, one that may not be read, or one that is too large.
pub fn attestation(path: &Path) -> Result<Vec<u8>, WorkspaceError> {
    let fail = |source| WorkspaceError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    fs::open(path)?.take(RECORD_LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > RECORD_LIMIT {
        let limit = RECORD_LIMIT;
        return Err(WorkspaceError::TooLarge { path: path.to_owned(), kind: "record", limit });
    }
    Ok(bytes)
}

/// Whether there is a file of this name.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// When a file was last written; `None` when there is none.
pub fn written(path: &Path) -> Option<FileTime> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some(FileTime::modified(&metadata))
}

/// Gives a file another name; nothing happens where there is none.
///
/// # Errors
/// What the system said.
pub fn rename(from: &Path, to: &Path) -> Result<(), WorkspaceError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(WorkspaceError::Write { path: to.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Takes a file away; nothing happens where there is none, or where something else lies: a device
/// that a record was to be written to is not ours.
///
/// # Errors
/// What the system said.
pub fn remove(path: &Path) -> Result<(), WorkspaceError> {
    if is_special(path) {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(WorkspaceError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Whether what lies at this path is no regular file: a pipe, a device, a directory.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// Whether a path names a file that this process has open: `/dev/stdout` and its like. The file
/// behind it is somebody's log, not a report of before.
fn is_open_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdout")
        || path == Path::new("/dev/stderr")
        || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder))
}

/// Writes a file as a whole: to a name of its own first, then over the old one, with the old
/// one's permissions. A link leads to the file that is written; a pipe or a device is written to.
///
/// # Errors
/// What the system said.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), WorkspaceError> {
    let fail = |source| WorkspaceError::Write { path: path.to_owned(), source };
    if is_special(path) || is_open_descriptor(path) {
        // What stands before it in a log that standard output is redirected to stays.
        let mut open = std::fs::OpenOptions::new();
        let written = open.append(true).open(path).and_then(|mut file| file.write_all(contents));
        return written.map_err(fail);
    }
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(contents)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // Whether the leftover can be removed changes nothing of what went wrong.
        let _ = std::fs::remove_file(&temporary);
        fail(error)
    })
}

/// What the sources of a program are looked for by.
#[derive(Debug, Clone, Copy)]
pub struct SourceQuery<'a> {
    /// The workspace's root; paths are relative to it.
    pub root: &'a Path,
    /// The program that cargo made; its dep-info lies beside it.
    pub executable: &'a Path,
    /// Cargo's own directories: what lies there was generated by the build.
    pub generated: [&'a Path; 2],
    /// The manifest of each package that lies in a directory.
    pub manifests: &'a [PathBuf],
    /// Files and directories that are known to be sources without that dep-info.
    pub known: &'a [PathBuf],
    /// Sources of a record that is compared with, by their paths from the root; those that are
    /// there are sources here too.
    pub recorded: &'a [String],
}

/// Digests every file of the path crates that the program was compiled from: what the dep-info
/// beside it lists and what is known otherwise, the manifests of those crates, and the files of
/// the workspace's root that steer cargo.
pub fn sources(place: SourceQuery<'_>) -> HashedSources {
    let mut sources = HashedSources::default();
    let mut paths = dep_info(place, &mut sources.notes);
    paths.extend(place.known.iter().cloned());
    paths = paths
        .into_iter()
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path, MAX_SOURCES),
            false => vec![path],
        })
        .collect();
    let recorded = place.recorded.iter().filter(|path| Path::new(path).is_relative());
    paths.extend(recorded.map(|path| normal(&place.root.join(path))));
    // The lockfile has an entry of its own in every record, whoever else reads it.
    let lockfile = place.root.join("Cargo.lock");
    paths.retain(|path| path.is_file() && *path != lockfile);
    paths.retain(|path| !place.generated.iter().any(|generated| path.starts_with(generated)));
    let manifests = place.manifests.iter().filter(|manifest| {
        let home = manifest.parent();
        home.is_some_and(|home| paths.iter().any(|path| path.starts_with(home)))
    });
    let steering = [
        "Cargo.toml",
        ".cargo/config.toml",
        ".cargo/config",
        "rust-toolchain.toml",
        "rust-toolchain",
    ];
    let mut all: Vec<PathBuf> = manifests.cloned().collect();
    all.extend(steering.iter().map(|name| place.root.join(name)).filter(|path| path.is_file()));
    all.append(&mut paths);
    all.sort();
    all.dedup();
    let built = std::fs::metadata(place.executable).and_then(|metadata| metadata.modified()).ok();
    for path in all.iter().take(MAX_SOURCES) {
        let name = relative(place.root, path);
        match digest(path) {
            Ok(sha256) => sources.files.push(HashedFile { path: name.clone(), sha256 }),
            Err(error) => sources.notes.push(format!("cannot read {name}: {error}")),
        }
        let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        if modified > built && path.extension().is_some_and(|extension| extension == "rs") {
            sources.newer.push(name);
        }
    }
    if all.len() > MAX_SOURCES {
        sources.notes.push(format!("more than {MAX_SOURCES} source files: the rest is left out"));
    }
    sources.files.sort();
    sources
}

/// The files in `<program>.d`, which cargo writes beside the program: every source of every path
/// crate, and what build scripts asked to be watched.
fn dep_info(place: SourceQuery<'_>, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let path = place.executable.with_extension("d");
    match read_text(&path, "dep-info file", RECORD_LIMIT) {
        Ok(Some(file)) => {
            dep_info_paths(&file.text).map(|listed| normal(&place.root.join(listed))).collect()
        }
        Ok(None) if place.known.is_empty() => {
            notes.push(format!("cargo's list of sources, {}, is gone", path.display()));
            Vec::new()
        }
        Ok(None) => Vec::new(),
        Err(error) => {
            notes.push(error.to_string());
            Vec::new()
        }
    }
}

/// The prerequisites of a makefile rule, a backslash before a space belonging to the name.
fn dep_info_paths(text: &str) -> impl Iterator<Item = String> {
    let first = text.lines().next().unwrap_or_default();
    let list = first.split_once(": ").map_or("", |(_, list)| list);
    let marked = list.replace("\\ ", "\0");
    let paths: Vec<String> = marked
        .split(' ')
        .filter(|path| !path.is_empty())
        .map(|path| path.replace('\0', " "))
        .collect();
    paths.into_iter()
}

fn digest(path: &Path) -> std::io::Result<String> {
    use sha2::Digest;
    let mut file = std::fs::File::open(path)?.take(SOURCE_LIMIT);
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(crate::digest::hex(&hasher.finalize()))
}

/// Without `.` and `..`, as far as words alone can tell.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// The path as seen from the root, with forward slashes, `../` where it lies outside.
fn relative(root: &Path, path: &Path) -> String {
    let common = root.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = root.components().skip(common).map(|_| "..".to_owned());
    let down = path.components().skip(common);
    let down = down.map(|component| readable(component.as_os_str()));
    let name = up.chain(down).collect::<Vec<_>>().join("/");
    // A record calls other things by these names.
    if ["git", "sources"].contains(&name.as_str()) { format!("./{name}") } else { name }
}

/// A name as text; bytes that are none stand as `\xFF`, so that two names stay two.
fn readable(name: &std::ffi::OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_root() {
        let relative = |path: &str| super::relative(Path::new("/w/a"), Path::new(path));
        assert_eq!(relative("/w/a/src/main.rs"), "src/main.rs");
        assert_eq!(relative("/w/b/src/lib.rs"), "../b/src/lib.rs");
        assert_eq!(relative("/w/a/git"), "./git");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let of = |name: &[u8]| readable(std::ffi::OsStr::from_bytes(name));
        assert_eq!((of(b"\xc3\xa4.txt").as_str(), of(b"a\xff").as_str()), ("ä.txt", "a\\xFF"));
        assert_ne!(of(b"a\xff"), of(b"a\xfe"));
    }

    #[test]
    fn a_space_in_a_name_belongs_to_it() {
        let paths: Vec<String> = dep_info_paths("/t/app: /w/a\\ b/main.rs /w/c.rs\n").collect();
        assert_eq!(paths, ["/w/a b/main.rs", "/w/c.rs"]);
    }

    #[test]
    fn sources_are_those_of_the_dep_info_and_their_manifests() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for path in [
            "Cargo.toml",
            "Cargo.lock",
            "a/Cargo.toml",
            "a/src/main.rs",
            "b/Cargo.toml",
            "b/notes.txt",
            "data/a.sql",
            "target/gen/b.rs",
            "target/out.rs",
        ] {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), path).unwrap();
        }
        std::fs::write(at("target/app"), "").unwrap();
        let list = format!(
            "{}: {} {}\n",
            at("target/app").display(),
            at("a/src/main.rs").display(),
            at("target/out.rs").display()
        );
        std::fs::write(at("target/app.d"), list).unwrap();
        let sources = sources(SourceQuery {
            root: root.path(),
            executable: &at("target/app"),
            generated: [&at("target"), &at("target")],
            manifests: &[at("a/Cargo.toml"), at("b/Cargo.toml")],
            known: &[at("a/src/main.rs"), at("data"), at("target/gen"), at("Cargo.lock")],
            recorded: &["b/notes.txt".into(), "gone.rs".into(), "/etc/passwd".into()],
        });
        let paths: Vec<&str> = sources.files.iter().map(|file| file.path.as_str()).collect();
        let known = ["b/Cargo.toml", "b/notes.txt", "data/a.sql"];
        assert_eq!(paths, [&["Cargo.toml", "a/Cargo.toml", "a/src/main.rs"][..], &known].concat());
        assert_eq!(sources.notes, [""; 0]);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(attestation(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(attestation(directory.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_a_device_too() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        write(&at("file"), b"one").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
        write(&at("link"), b"two").unwrap();
        assert_eq!(std::fs::read(at("file")).unwrap(), b"two");
        write(&at("null"), b"gone").unwrap();
        remove(&at("null")).unwrap();
        for name in ["link", "null"] {
            assert!(std::fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
        }
        assert!(write(directory.path(), b"x").is_err());
    }
}
