//! Reads what Cargo keeps in its target and build directories about each unit it compiled.

pub mod outputs;
pub mod units;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::cargo::file_time::FileTime;
use crate::cargo::fs::{FileStat, SourceFs};

/// How much is read at most.
#[derive(Debug, Clone, Copy)]
pub struct ScanLimits {
    /// Bytes of one fingerprint or dep-info file.
    pub file: u64,
    /// Fingerprint directories of the packages asked for.
    pub units: usize,
    /// Entries of one directory.
    pub entries: usize,
}

impl Default for ScanLimits {
    fn default() -> ScanLimits {
        ScanLimits { file: 16 << 20, units: 20_000, entries: 200_000 }
    }
}

/// The parts of the target directory that tell of the packages asked for.
#[derive(Debug, Clone, Default)]
pub struct TargetDir {
    /// `build.build-dir`: where fingerprints and intermediate outputs lie.
    pub build_dir: PathBuf,
    /// Each `<profile>` and `<triple>/<profile>` directory.
    pub profiles: Vec<ProfileDir>,
    /// The units of the packages asked for.
    pub units: Vec<RawUnit>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// One `<profile>` or `<triple>/<profile>` directory.
#[derive(Debug, Clone, Default)]
pub struct ProfileDir {
    /// Relative to the target directory: `release`, `x86_64-unknown-linux-musl/release`.
    pub name: PathBuf,
    /// The regular files directly in the target directory's part: what `cargo build` hands out.
    pub uplifted: Vec<OutputFile>,
    /// The makefile dep-info files beside them, by path.
    pub dep_info: Vec<(PathBuf, Vec<u8>)>,
}

/// How a target directory is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetDirLayout {
    /// `.fingerprint/<package>-<hash>` and `deps/`.
    Shared,
    /// `build/<package>/<hash>/{fingerprint,out}` (`-Zbuild-dir-new-layout`).
    PerUnit,
}

/// The files that Cargo keeps about one unit, unparsed.
#[derive(Debug, Clone)]
pub struct RawUnit {
    /// The package's name as in the directory's name.
    pub package: String,
    /// The unit's 16 hex digits.
    pub hash: String,
    /// The name of the fingerprint files: `bin-app`, `lib-core`, `run-build-script-…`.
    pub stem: String,
    /// As [`ProfileDir::name`].
    pub profile: PathBuf,
    /// Where these files were found.
    pub layout: TargetDirLayout,
    /// The directory with the fingerprint files.
    pub directory: PathBuf,
    /// `<stem>.json`.
    pub json: Vec<u8>,
    /// `<stem>`: 16 hex digits, empty while the unit is being compiled.
    pub digest: Option<Vec<u8>>,
    /// `dep-<stem>`.
    pub dep_info: Option<Vec<u8>>,
    /// The modification time of `dep-<stem>`: what Cargo compares sources with.
    pub anchor: Option<FileTime>,
    /// The modification time of `invoked.timestamp`: when the unit's compilation started.
    pub invoked: Option<FileTime>,
    /// rustc's makefile dep-info.
    pub rustc_dep_info: Option<Vec<u8>>,
    /// What the compiler wrote, or for a build script's run what it printed.
    pub outputs: Vec<OutputFile>,
}

/// A file that a unit wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Where it is.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// Device and inode, where there are such numbers.
    pub inode: Option<(u64, u64)>,
    /// When it was written.
    pub modified: FileTime,
}

/// Reads the units of these packages.
///
/// `target_dir` is where `cargo build` hands its outputs out, `build_dir` where it keeps the rest;
/// most of the time they are one. Nothing that is missing or unreadable stops the reading: it is
/// a note.
pub fn read(
    fs: &dyn SourceFs,
    target_dir: &Path,
    build_dir: &Path,
    packages: &[&str],
    limits: ScanLimits,
) -> TargetDir {
    let mut target = TargetDir { build_dir: build_dir.to_path_buf(), ..TargetDir::default() };
    for name in profile_names(fs, target_dir, build_dir, limits) {
        let place = build_dir.join(&name);
        let mut units = shared_units(fs, &place, &name, packages, limits);
        units.extend(per_unit_units(fs, &place, &name, packages, limits));
        target.profiles.push(profile(fs, target_dir, name, limits));
        target.units.extend(units);
        if target.units.len() > limits.units {
            target.notes.push(format!("more than {} units: the rest was not read", limits.units));
            target.units.truncate(limits.units);
            break;
        }
    }
    let is_filled =
        || subdirectories(fs, build_dir, limits).iter().any(|name| !name.starts_with('.'));
    if target.profiles.is_empty() && is_filled() {
        target.notes.push(format!(
            "{} holds no profile directory of a layout that is known",
            build_dir.display()
        ));
    }
    target
}

/// The profile directories, one or two levels down, recognised by what Cargo puts into them.
fn profile_names(
    fs: &dyn SourceFs,
    target_dir: &Path,
    build_dir: &Path,
    limits: ScanLimits,
) -> Vec<PathBuf> {
    let is_profile = |path: &Path| {
        [".fingerprint", "deps", ".cargo-lock", "build"]
            .iter()
            .any(|name| fs.is_there(&path.join(name)))
    };
    let mut names = Vec::new();
    for root in [build_dir, target_dir] {
        for name in subdirectories(fs, root, limits) {
            if is_profile(&root.join(&name)) {
                names.push(PathBuf::from(&name));
                continue;
            }
            for inner in subdirectories(fs, &root.join(&name), limits) {
                if is_profile(&root.join(&name).join(&inner)) {
                    names.push(Path::new(&name).join(inner));
                }
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn profile(fs: &dyn SourceFs, target_dir: &Path, name: PathBuf, limits: ScanLimits) -> ProfileDir {
    let place = target_dir.join(&name);
    let mut profile = ProfileDir { name, ..ProfileDir::default() };
    for entry in fs.entries(&place, limits.entries) {
        let Some(output) = output(fs, &entry.path) else { continue };
        if output.path.extension().is_some_and(|extension| extension == "d") {
            if let Ok(Some(file)) = fs.snapshot(&output.path, limits.file) {
                profile.dep_info.push((output.path, file.bytes));
            }
        } else if !entry.name.as_encoded_bytes().starts_with(b".") {
            profile.uplifted.push(output);
        }
    }
    profile
}

/// `.fingerprint/<package>-<hash>/…`, outputs in `deps/` and `build/`.
fn shared_units(
    fs: &dyn SourceFs,
    place: &Path,
    profile: &Path,
    packages: &[&str],
    limits: ScanLimits,
) -> Vec<RawUnit> {
    let mut units = Vec::new();
    let mut outputs = outputs_by_hash(fs, &place.join("deps"), limits);
    for name in subdirectories(fs, &place.join(".fingerprint"), limits) {
        let Some((package, hash)) = split_hash(&name) else { continue };
        if !packages.contains(&package) || units.len() > limits.units {
            continue;
        }
        let directory = place.join(".fingerprint").join(&name);
        let mut files = outputs.remove(hash).unwrap_or_default();
        // A build script's program and what its run printed lie in a directory of their own.
        for entry in fs.entries(&place.join("build").join(&name), limits.entries) {
            files.extend(output(fs, &entry.path));
        }
        units.extend(fingerprints(fs, &directory, limits).into_iter().map(|stem| {
            raw_unit(
                fs,
                package,
                hash,
                stem,
                profile,
                TargetDirLayout::Shared,
                &directory,
                &files,
                limits,
            )
        }));
    }
    units
}

/// `build/<package>/<hash>/fingerprint/…`, outputs in `out/` and `run/`.
fn per_unit_units(
    fs: &dyn SourceFs,
    place: &Path,
    profile: &Path,
    packages: &[&str],
    limits: ScanLimits,
) -> Vec<RawUnit> {
    let mut units = Vec::new();
    for package in packages {
        let home = place.join("build").join(package);
        for hash in subdirectories(fs, &home, limits) {
            let directory = home.join(&hash).join("fingerprint");
            let stems = fingerprints(fs, &directory, limits);
            if stems.is_empty() || !is_unit_hash(&hash) || units.len() > limits.units {
                continue;
            }
            let files: Vec<OutputFile> = ["out", "run"]
                .iter()
                .flat_map(|part| fs.entries(&home.join(&hash).join(part), limits.entries))
                .filter_map(|entry| output(fs, &entry.path))
                .collect();
            units.extend(stems.into_iter().map(|stem| {
                let layout = TargetDirLayout::PerUnit;
                raw_unit(fs, package, &hash, stem, profile, layout, &directory, &files, limits)
            }));
        }
    }
    units
}

#[allow(clippy::too_many_arguments, reason = "each is one field of the unit")]
fn raw_unit(
    fs: &dyn SourceFs,
    package: &str,
    hash: &str,
    stem: String,
    profile: &Path,
    layout: TargetDirLayout,
    directory: &Path,
    outputs: &[OutputFile],
    limits: ScanLimits,
) -> RawUnit {
    let read = |name: &str| fs.snapshot(&directory.join(name), limits.file).ok().flatten();
    let dep_info = read(&format!("dep-{stem}"));
    let is =
        |output: &&OutputFile, wanted: &str| output.path.extension().is_some_and(|e| e == wanted);
    let makefile = outputs.iter().find(|output| is(output, "d"));
    RawUnit {
        package: package.to_owned(),
        hash: hash.to_owned(),
        profile: profile.to_path_buf(),
        layout,
        directory: directory.to_path_buf(),
        json: read(&format!("{stem}.json")).map(|file| file.bytes).unwrap_or_default(),
        digest: read(&stem).map(|file| file.bytes),
        anchor: dep_info.as_ref().map(|file| file.modified),
        dep_info: dep_info.map(|file| file.bytes),
        invoked: read("invoked.timestamp").map(|file| file.modified),
        rustc_dep_info: makefile
            .and_then(|output| fs.snapshot(&output.path, limits.file).ok().flatten())
            .map(|file| file.bytes),
        outputs: outputs.iter().filter(|output| !is(output, "d")).cloned().collect(),
        stem,
    }
}

/// The stems of the fingerprints in one directory: every `<stem>.json`.
fn fingerprints(fs: &dyn SourceFs, directory: &Path, limits: ScanLimits) -> Vec<String> {
    let mut stems: Vec<String> = fs
        .entries(directory, limits.entries)
        .into_iter()
        .filter_map(|entry| {
            entry.name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned)
        })
        .collect();
    stems.sort();
    stems
}

/// The regular files of `deps/` by the unit hash in their name.
fn outputs_by_hash(
    fs: &dyn SourceFs,
    deps: &Path,
    limits: ScanLimits,
) -> HashMap<String, Vec<OutputFile>> {
    let mut outputs: HashMap<String, Vec<OutputFile>> = HashMap::new();
    for entry in fs.entries(deps, limits.entries) {
        let Some(name) = entry.name.to_str() else { continue };
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let Some((_, hash)) = split_hash(stem) else { continue };
        if let Some(output) = output(fs, &entry.path) {
            outputs.entry(hash.to_owned()).or_default().push(output);
        }
    }
    for files in outputs.values_mut() {
        files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    outputs
}

/// `<name>-<16 hex digits>`.
fn split_hash(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(_, hash)| is_unit_hash(hash))
}

fn is_unit_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One file by its metadata; `None` when it is not a regular file.
pub fn output(fs: &dyn SourceFs, path: &Path) -> Option<OutputFile> {
    let FileStat { size, inode, modified } = fs.stat(path)?;
    Some(OutputFile { path: path.to_path_buf(), size, inode, modified })
}

fn subdirectories(fs: &dyn SourceFs, directory: &Path, limits: ScanLimits) -> Vec<String> {
    let mut names: Vec<String> = fs
        .entries(directory, limits.entries)
        .into_iter()
        .filter(|entry| entry.is_directory)
        .filter_map(|entry| entry.name.into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::fs::disk::Disk;
    use std::fs;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn reads_both_layouts_and_only_the_packages_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let unit = "release/.fingerprint/my-app-0123456789abcdef";
        write(root, &format!("{unit}/bin-my-app.json"), "{}");
        write(root, &format!("{unit}/bin-my-app"), "0011223344556677");
        write(root, &format!("{unit}/dep-bin-my-app"), "x");
        write(root, "release/deps/my_app-0123456789abcdef", "elf");
        write(root, "release/deps/my_app-0123456789abcdef.d", "a: b");
        write(root, "release/.fingerprint/itoa-0123456789abcde0/lib-itoa.json", "{}");
        let unit = "musl/debug/build/my-app/fedcba9876543210";
        write(root, &format!("{unit}/fingerprint/bin-my-app.json"), "{}");
        write(root, &format!("{unit}/out/my_app"), "elf");
        write(root, "release/my-app", "elf");

        let target = read(&Disk, root, root, &["my-app"], ScanLimits::default());
        let names: Vec<_> = target.profiles.iter().map(|p| p.name.clone()).collect();
        assert_eq!(names, [PathBuf::from("musl/debug"), PathBuf::from("release")]);
        assert_eq!(target.units.len(), 2, "{target:#?}");
        let [per_unit, shared] = target.units.as_slice() else { unreachable!() };
        assert_eq!((per_unit.layout, per_unit.outputs.len()), (TargetDirLayout::PerUnit, 1));
        assert_eq!((shared.layout, shared.outputs.len()), (TargetDirLayout::Shared, 1));
        assert_eq!(shared.rustc_dep_info.as_deref(), Some(b"a: b".as_slice()));
        assert!(shared.anchor.is_some() && shared.invoked.is_none());
        assert!(target.profiles[1].uplifted.iter().any(|file| file.path.ends_with("my-app")));
    }

    #[test]
    fn an_unknown_layout_is_a_note() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "v3/units/app.bin", "");
        let target = read(&Disk, dir.path(), dir.path(), &["app"], ScanLimits::default());
        assert!(target.units.is_empty());
        assert!(target.notes[0].contains("of a layout that is known"), "{:?}", target.notes);
        let empty = tempfile::tempdir().unwrap();
        assert!(
            read(&Disk, empty.path(), empty.path(), &["app"], ScanLimits::default())
                .notes
                .is_empty()
        );
    }
}
