//! The pieces of evidence that sources and a compiled crate give for or against each other.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memmem;

use crate::binary::panic_locations::PanicLocation;
use crate::cargo::compared::{EnvInBinary, MatchCount, ProgramBytes};
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind};
use crate::cargo::freshen_state::FreshenState;
use crate::cargo::fs::SourceFs;
use crate::cargo::source::cfg::Compiled;
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::module_tree::{ModuleTree, normalized};
use crate::cargo::source::tokens::positions::TokenStarts;
use crate::cargo::source::tokens::starts;
use crate::cargo::target_dir::units::{Unit, UnitKind};
use crate::digest::sha256_hex;
use crate::toolchain::dep_info::PathBase;
use crate::toolchain::fingerprint::Local;

pub mod compared_strings;
pub mod digests;
pub mod edited_strings;
pub mod error;
pub mod linked;
pub mod mismatch;
pub mod scripts;
pub mod unchanged_inodes;
pub mod versions;

use crate::cargo::evidence::unchanged_inodes::unchanged_since;

/// How many of one kind are kept to be shown.
pub const SHOWN: usize = 20;

/// More files than a package has.
const MAX_FILES: usize = 20_000;

/// Bytes of a library's metadata; the largest are below 200 MB.
const MAX_METADATA: u64 = 1 << 30;

/// A place in a source, with what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceExcerpt {
    /// Relative to the workspace where it lies in it.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// The text.
    pub text: String,
}

/// The directories that names of sources are relative to.
#[derive(Debug, Clone, Copy)]
pub struct SourceNames<'a> {
    /// The workspace's root.
    pub workspace: &'a Path,
    /// Where it was when the target directory was filled, if elsewhere.
    pub made_at: Option<&'a Path>,
}

impl SourceNames<'_> {
    /// The name that rustc was given for a file: relative to the workspace, absolute elsewhere.
    fn given(&self, path: &Path) -> String {
        shown(path, self.workspace)
    }
}

/// A path as it is shown: relative to the workspace where it lies in it.
pub fn shown(path: &Path, workspace: &Path) -> String {
    path.strip_prefix(workspace).unwrap_or(path).display().to_string()
}

/// Whether the root of a tree is there: a tree without one has no evidence to give.
fn is_readable(tree: &ModuleTree) -> bool {
    tree.root_file().is_some()
}

fn add_mismatch(state: &mut CrateFreshness, path: String, line: Option<u32>, kind: MismatchKind) {
    state.mismatches.push(Mismatch { path, line, kind });
}

/// Whether the unit lists a file that is there under this directory.
pub fn lists_files_of(unit: &Unit, directory: &Path, fs: &dyn SourceFs) -> bool {
    match &unit.dep_info {
        Some(Ok(info)) => info.files.iter().any(|file| {
            file.base == PathBase::Package && fs.is_regular(&directory.join(&file.path))
        }),
        _ => false,
    }
}

/// The files that Cargo would look at, as paths on this machine.
pub fn listed_files(unit: &Unit, directory: &Path, build_dir: &Path) -> Vec<PathBuf> {
    let Some(Ok(info)) = &unit.dep_info else { return Vec::new() };
    info.files
        .iter()
        .map(|file| match file.base {
            PathBase::Package => normalized(&directory.join(&file.path)),
            PathBase::Build => normalized(&build_dir.join(&file.path)),
        })
        .collect()
}

/// The list of files that the crate was compiled from, against the module tree.
pub fn lists(state: &mut CrateFreshness, names: SourceNames<'_>, fs: &dyn SourceFs) {
    let (Some(unit), Some(tree)) = (&state.unit, &state.tree) else { return };
    let Some(Ok(info)) = &unit.dep_info else { return };
    if info.files.is_empty() || !is_readable(tree) {
        return;
    }
    let listed: HashSet<PathBuf> = info
        .files
        .iter()
        .filter(|file| file.base == PathBase::Package)
        .map(|file| normalized(&state.directory.join(&file.path)))
        // An absolute path below the old workspace is the same file below this one.
        .chain(info.files.iter().filter_map(|file| {
            let made_at = names.made_at.unwrap_or(names.workspace);
            let inside = file.path.strip_prefix(made_at).ok()?;
            Some(normalized(&names.workspace.join(inside)))
        }))
        .collect();
    // A file of another package's directory may be listed as it was found then.
    let here = |path: &Path| path.starts_with(names.workspace) || names.made_at.is_none();
    let mut absent: Vec<&Path> = tree
        .files
        .iter()
        .filter(|file| file.compiled == Compiled::Yes && here(&file.path))
        .map(|file| file.path.as_path())
        .filter(|path| !listed.contains(*path) && !info.files.iter().any(|it| it.path == **path))
        .collect();
    if !absent.is_empty() {
        // Cargo lists where links lead, rustc and the tree how they are called.
        let absolute = info.files.iter().map(|it| &it.path).filter(|path| path.is_absolute());
        let all = listed.iter().chain(absolute);
        let led_to: HashSet<PathBuf> = all.filter_map(|path| fs.real_path(path)).collect();
        absent.retain(|path| fs.real_path(path).is_none_or(|real| !led_to.contains(&real)));
    }
    let absent: Vec<String> = absent.into_iter().map(|path| names.given(path)).collect();
    let gone: Vec<String> = info
        .files
        .iter()
        .filter(|file| file.base == PathBase::Package)
        .map(|file| normalized(&state.directory.join(&file.path)))
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter(|path| matches!(fs.snapshot(path, u64::MAX), Ok(None)))
        .map(|path| names.given(&path))
        .collect();
    state.matches += usize::from(absent.is_empty() && gone.is_empty());
    for path in absent {
        add_mismatch(state, path, None, MismatchKind::NotCompiled);
    }
    for path in gone {
        add_mismatch(state, path, None, MismatchKind::Gone);
    }
}

/// What Cargo would compare: modification times against the anchor.
pub fn times(
    state: &mut CrateFreshness,
    names: SourceNames<'_>,
    build_dir: &Path,
    reader: &mut SourceReader,
) {
    let Some(unit) = &state.unit else { return };
    let Some(anchor) = unit.anchor else { return };
    let fs = Arc::clone(&reader.fs);
    let rerun = unit.fingerprint.iter().flat_map(|it| &it.local).filter_map(|local| match local {
        Local::RerunIfChanged { paths } => Some(paths),
        _ => None,
    });
    let watched: Vec<PathBuf> = rerun.flatten().map(|path| state.directory.join(path)).collect();
    // A run that named no file may have read any of its package.
    if unit.kind == UnitKind::BuildScriptRun && unit.is_compared_by_all_files() {
        let files = fs.files_below(&state.directory, MAX_FILES);
        let late = files.iter().filter(|path| !path.starts_with(build_dir)).find(|path| {
            let times = fs.newest(path);
            times.is_some_and(|(modified, changed)| {
                modified <= anchor && changed.is_some_and(|changed| changed > anchor)
            })
        });
        state.ctime_after.extend(late.map(|path| names.given(path)));
    }
    let mut seen = Vec::new();
    let listed = listed_files(unit, &state.directory, build_dir);
    let mut since = listed
        .iter()
        .map(|path| unchanged_since(&*fs, path, &state.directory, names.workspace, build_dir));
    state.unchanged_inodes = unit.anchor_is_cargos
        && !listed.is_empty()
        && since.all(|since| since.is_some_and(|since| since < anchor));
    for path in listed {
        if let Ok(Some(file)) = reader.read(&path) {
            seen.push((path, file.modified, file.changed));
        }
    }
    for path in watched {
        if let Some((modified, changed)) = fs.newest(&path) {
            seen.push((path, modified, changed));
        }
    }
    for (path, modified, changed) in seen {
        let name = names.given(&path);
        if modified > anchor && !modified.same_but_for_truncation(anchor) {
            state.mtime_after.push((name, modified));
        } else if modified.same_but_for_truncation(anchor) {
            state.mtime_equal.push(name);
        } else if changed.is_some_and(|changed| changed > anchor) {
            state.ctime_after.push(name);
        }
    }
}

/// What `freshen` saw when it last knew the unit to match its files, against the files.
pub fn remembered(
    state: &mut CrateFreshness,
    names: SourceNames<'_>,
    state_file: &FreshenState,
    reader: &mut SourceReader,
) {
    let Some(entry) = state.unit.as_ref().and_then(|unit| state_file.entry(unit)) else { return };
    let mut is_same = |name: &String, digest: &String| {
        let file = reader.read(&names.workspace.join(name)).ok().flatten();
        file.is_some_and(|file| sha256_hex(&file.bytes) == *digest)
    };
    let other: Vec<String> = entry
        .files
        .iter()
        .filter(|(name, sha256)| !is_same(name, sha256))
        .map(|it| it.0.clone())
        .collect();
    state.matches += entry.files.len() - other.len();
    state.proven |= other.is_empty() && !entry.files.is_empty();
    let by_all_files = state.unit.iter().any(Unit::is_compared_by_all_files);
    for name in other {
        match by_all_files {
            // A run that names no file is compared with all of the package, which may mean nothing.
            true => state.open.push(format!("{name} changed since the build script ran")),
            false => add_mismatch(state, name, None, MismatchKind::Changed),
        }
    }
}

/// The panic locations of a program, against the tokens of the sources.
pub fn positions(
    states: &mut [CrateFreshness],
    locations: &[PanicLocation],
    names: SourceNames<'_>,
    reader: &mut SourceReader,
) -> MatchCount {
    let mut by_path: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
    for location in locations {
        if let Some(path) = own_path(&location.path, names) {
            by_path.entry(path).or_default().push((location.line, location.column));
        }
    }
    let mut compared = MatchCount::default();
    for (path, places) in by_path {
        let Some((file, owner)) = find(&path, &places, states, names, reader) else {
            if let Some(owner) = owner_of_missing(&path, states, names, &*reader.fs) {
                compared.checked += places.len();
                add_mismatch(&mut states[owner], path, Some(places[0].0), MismatchKind::NoFile);
            }
            continue;
        };
        let Some(starts) = file else { continue };
        for (line, column) in places {
            let Some(fits) = starts.contains(line, column) else { continue };
            compared.checked += 1;
            if fits {
                compared.fitting += 1;
                states[owner].matches += 1;
            } else {
                let kind = MismatchKind::NoToken { column, lines: starts.lines };
                add_mismatch(&mut states[owner], path.clone(), Some(line), kind);
            }
        }
    }
    compared
}

/// The path relative to the workspace when a location may be in a crate that lies in a directory.
fn own_path(path: &str, names: SourceNames<'_>) -> Option<String> {
    let path = path.replace('\\', "/");
    let strip = |root: &Path| {
        Path::new(&path).strip_prefix(root).ok().map(|inside| inside.display().to_string())
    };
    // What Cargo or a build script put into the target directory is no source.
    let is_generated = path.contains("/out/") && path.contains("build/");
    let is_foreign = |inside: &str| {
        inside.starts_with('/')
            || inside.starts_with("library/")
            || inside.contains("git/checkouts/")
            || inside.contains("/rustlib/")
            || inside.starts_with("<")
            || inside.split('/').any(is_versioned)
    };
    let inside =
        strip(names.workspace).or_else(|| strip(names.made_at?)).unwrap_or_else(|| path.clone());
    (!is_generated && !is_foreign(&inside) && inside.ends_with(".rs")).then_some(inside)
}

/// `serde-1.0.200`: the directory of a downloaded package.
fn is_versioned(part: &str) -> bool {
    part.match_indices('-').any(|(at, _)| {
        let mut numbers = part[at + 1..].split('.');
        let mut number = || {
            numbers.next().is_some_and(|it| it.bytes().next().is_some_and(|it| it.is_ascii_digit()))
        };
        number() && number() && number()
    })
}

/// The tokens of the source at this path and the crate that it belongs to; no tokens when it
/// cannot be read.
fn find(
    path: &str,
    places: &[(u32, u32)],
    states: &[CrateFreshness],
    names: SourceNames<'_>,
    reader: &mut SourceReader,
) -> Option<(Option<TokenStarts>, usize)> {
    // What rustc was told is relative to the workspace. A package outside of one is compiled from
    // its own directory, and of several such the one that fits best is meant.
    let inside = normalized(&names.workspace.join(path));
    let fit = |tokens: &Option<TokenStarts>| {
        let fits = |tokens: &TokenStarts| {
            let fits = |(line, column): &&(u32, u32)| tokens.contains(*line, *column) == Some(true);
            places.iter().filter(fits).count()
        };
        tokens.as_ref().map_or(0, fits)
    };
    let mut elsewhere: Vec<PathBuf> =
        states.iter().map(|state| normalized(&state.directory.join(path))).collect();
    elsewhere.retain(|path| *path != inside);
    let (candidate, tokens) = match tokens_of(&inside, states, reader) {
        Some(tokens) => (inside, tokens),
        None => elsewhere
            .into_iter()
            .filter_map(|path| tokens_of(&path, states, reader).map(|tokens| (path, tokens)))
            .max_by_key(|(_, tokens)| fit(tokens))?,
    };
    let in_tree = states
        .iter()
        .position(|it| it.tree.as_ref().is_some_and(|tree| tree.file(&candidate).is_some()));
    Some((tokens, in_tree.or_else(|| owner_of(&candidate, states))?))
}

/// `None` when there is no such file, `Some(None)` when it cannot be read as Rust.
fn tokens_of(
    path: &Path,
    states: &[CrateFreshness],
    reader: &mut SourceReader,
) -> Option<Option<TokenStarts>> {
    let known = states.iter().find_map(|it| it.tree.as_ref()?.file(path)?.scan.as_ref());
    if let Some(scan) = known {
        return Some(scan.as_ref().ok().map(|scan| scan.tokens.clone()));
    }
    let file = reader.read(path).ok().flatten()?;
    Some(std::str::from_utf8(&file.bytes).ok().and_then(|text| starts(text).ok()))
}

/// The crate whose package has the longest directory that the file lies in.
fn owner_of(path: &Path, states: &[CrateFreshness]) -> Option<usize> {
    let inside = |index: &usize| path.starts_with(&states[*index].directory);
    (0..states.len())
        .filter(inside)
        .max_by_key(|index| (states[*index].directory.as_os_str().len(), std::cmp::Reverse(*index)))
}

/// The crate that a file would belong to that is nowhere, when its absence can be trusted: the
/// sources are here, and it would lie among them.
fn owner_of_missing(
    path: &str,
    states: &[CrateFreshness],
    names: SourceNames<'_>,
    fs: &dyn SourceFs,
) -> Option<usize> {
    let path = normalized(&names.workspace.join(path));
    let owner = owner_of(&path, states)?;
    let state = &states[owner];
    // A path that was mapped to another by the build lies in no directory of the package.
    let first = path.strip_prefix(&state.directory).ok()?.components().next()?;
    let among_sources =
        fs.is_directory(&state.directory.join(first)) || path == state.directory.join(first);
    let is_there = state.tree.as_ref().is_some_and(|tree| is_readable(tree));
    (is_there && among_sources && !fs.is_there(&path)).then_some(owner)
}

/// What the environment of the build left in the mapped part of the program: each variable, and the
/// directory of the manifest where it is inside. The names of directories that a debugger reads are
/// no texts of the code.
pub fn environment(states: &[CrateFreshness], program: &[u8]) -> (Vec<EnvInBinary>, Vec<String>) {
    let mut env_in_binary: Vec<EnvInBinary> = Vec::new();
    let mut manifest_dirs: Vec<String> = Vec::new();
    let linked = [CrateRole::Program, CrateRole::OwnLibrary, CrateRole::Member];
    for unit in
        states.iter().filter(|it| linked.contains(&it.role)).filter_map(|it| it.unit.as_ref())
    {
        let present = |value: &str| memmem::find(program, value.as_bytes()).is_some();
        let of_makefile = unit.makefile.iter().flat_map(|it| &it.environment);
        let directory = of_makefile.filter(|(name, _)| name == "CARGO_MANIFEST_DIR");
        let directory = directory.filter_map(|(_, value)| value.as_deref());
        for directory in directory {
            if !manifest_dirs.iter().any(|known| known == directory) && present(directory) {
                manifest_dirs.push(directory.to_owned());
            }
        }
        // Cargo's list has no variable that a build script set: those were meant. Of its own it
        // has those that follow the manifest, to see when that changes.
        let Some(Ok(info)) = &unit.dep_info else { continue };
        for (name, value) in info.environment.iter().filter(|(name, _)| !is_cargos_own(name)) {
            let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
            if !env_in_binary.iter().any(|it| it.name == *name) {
                let present = present(value);
                env_in_binary.push(EnvInBinary {
                    name: name.clone(),
                    value: value.to_owned(),
                    present,
                });
            }
        }
    }
    (env_in_binary, manifest_dirs)
}

/// Whether Cargo sets the variable for every crate, by the manifest or by where it is itself.
fn is_cargos_own(variable: &str) -> bool {
    variable == "CARGO" || variable.starts_with("CARGO_PKG_")
}

/// Whether a file of this machine has the subject's build-id.
pub fn same_build_id(
    fs: &dyn SourceFs,
    output: &Path,
    subject: ProgramBytes<'_>,
    limit: u64,
) -> Option<bool> {
    let wanted = subject.build_id?;
    let file = fs.snapshot(output, limit).ok().flatten()?;
    let bytes = std::io::Cursor::new(&file.bytes);
    let other = crate::binary::Binary::quick("", bytes).ok()?.build_id?;
    Some(other == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_in_crates_that_lie_in_directories_are_compared() {
        let made_at = Some(Path::new("/build/app"));
        let names = SourceNames { workspace: Path::new("/home/me/app"), made_at };
        for (path, own) in [
            ("src/main.rs", Some("src/main.rs")),
            ("/home/me/app/member/src/lib.rs", Some("member/src/lib.rs")),
            ("/build/app/src/main.rs", Some("src/main.rs")),
            ("src\\main.rs", Some("src/main.rs")),
            ("/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs", None),
            ("library/std/src/rt.rs", None),
            ("/root/.cargo/registry/src/index-0/serde-1.0.200/src/lib.rs", None),
            ("registry/regex-automata-0.4.18/src/meta.rs", None),
            ("git/checkouts/dep-0123456789abcdef/0123456/src/lib.rs", None),
            ("/home/me/app/target/release/build/app-0/out/gen.rs", None),
            ("/elsewhere/src/lib.rs", None),
            ("<anon>", None),
        ] {
            assert_eq!(own_path(path, names).as_deref(), own, "{path}");
        }
    }

    #[test]
    fn a_version_is_three_numbers() {
        for (part, versioned) in [
            ("serde-1.0.200", true),
            ("zstd-sys-2.0.8+zstd.1.5.5", true),
            ("x25519-dalek-2.0.0-rc.3", true),
            ("my-app", false),
            ("v1-2", false),
            ("sha-1.5", false),
        ] {
            assert_eq!(is_versioned(part), versioned, "{part}");
        }
    }
}
