//! Compares one program with the sources and the target directory of its workspace: which of
//! Cargo's outputs it is, and what its crates say.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cargo_metadata::Metadata;

use crate::binary::elf::record_section;
use crate::cargo::build::Build;
use crate::cargo::compare_crates;
use crate::cargo::compare_crates::{BuildLocation, CrateComparison, MAX_PROGRAM, is_library};
use crate::cargo::compared::ProgramBytes;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence;
use crate::cargo::freshness::{FileLocation, Freshness, NewerOutput, ProgramOrigin};
use crate::cargo::fs::SourceFs;
use crate::cargo::fs::disk::Disk;
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::module_tree;
use crate::cargo::target_dir;
use crate::cargo::target_dir::units::{Unit, UnitKind};
use crate::cargo::target_dir::{OutputFile, TargetDir};
use crate::cargo::workspace::Workspace;

/// A workspace's sources and target directory: each is looked at once for all programs of it.
#[derive(Debug)]
pub struct ProgramComparisons<'a> {
    metadata: &'a Metadata,
    inner: Mutex<Inner<'a>>,
}

#[derive(Debug)]
struct Inner<'a> {
    /// Where the files lie.
    fs: Arc<dyn SourceFs>,
    /// By where the programs are handed out and where the rest is kept.
    directories: Vec<((PathBuf, PathBuf), Arc<ScannedTargetDir>)>,
    /// One of each place.
    comparisons: Vec<CrateComparison<'a>>,
}

#[derive(Debug)]
struct ScannedTargetDir {
    target: TargetDir,
    units: Vec<Unit>,
}

impl<'a> ProgramComparisons<'a> {
    /// Nothing is looked at yet.
    pub fn new(workspace: &'a Workspace) -> ProgramComparisons<'a> {
        ProgramComparisons::over(Arc::new(Disk), &workspace.metadata)
    }

    /// As [`ProgramComparisons::new`], of these files.
    pub fn over(fs: Arc<dyn SourceFs>, metadata: &'a Metadata) -> ProgramComparisons<'a> {
        let inner = Inner { fs, directories: Vec::new(), comparisons: Vec::new() };
        ProgramComparisons { metadata, inner: Mutex::new(inner) }
    }

    /// Compares one subject with the workspace's sources and target directory.
    ///
    /// A record inside the subject is none of its own: Cargo made what is around it.
    pub fn of(&self, build: &Build, subject: ProgramBytes<'_>) -> Freshness {
        let original = record_section::without(subject.bytes);
        let subject =
            ProgramBytes { bytes: original.as_deref().unwrap_or(subject.bytes), ..subject };
        let read = || {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let freshness = read(self.metadata, &mut inner, build, subject);
            module_tree::forget_spans();
            freshness
        };
        compare_crates::on_a_deep_stack(read).unwrap_or_else(|why| Freshness {
            notes: vec![why.to_string()],
            ..Freshness::default()
        })
    }
}

impl<'a> Inner<'a> {
    fn directory(&mut self, metadata: &Metadata, build: &Build) -> Arc<ScannedTargetDir> {
        let key = (build.target_dir.clone(), build.build_dir.clone());
        if let Some((_, known)) = self.directories.iter().find(|(known, _)| *known == key) {
            return Arc::clone(known);
        }
        let packages = metadata.packages.iter().filter(|package| package.source.is_none());
        let names: Vec<&str> = packages.map(|package| package.name.as_str()).collect();
        let limits = target_dir::ScanLimits::default();
        let target = target_dir::read(&*self.fs, &key.0, &key.1, &names, limits);
        let units = target.units.iter().cloned().map(Unit::new).collect();
        let directory = Arc::new(ScannedTargetDir { target, units });
        self.directories.push((key, Arc::clone(&directory)));
        directory
    }

    fn comparison(&mut self, place: BuildLocation<'a>) -> &mut CrateComparison<'a> {
        let known = self.comparisons.iter().position(|it| it.place.is_same(&place));
        let index = known.unwrap_or(self.comparisons.len());
        if known.is_none() {
            self.comparisons.push(CrateComparison::new(place, Arc::clone(&self.fs)));
        }
        &mut self.comparisons[index]
    }
}

fn read<'a>(
    metadata: &'a Metadata,
    inner: &mut Inner<'a>,
    build: &Build,
    subject: ProgramBytes<'_>,
) -> Freshness {
    let mut freshness = Freshness { read: true, ..Freshness::default() };
    let directory = inner.directory(metadata, build);
    let fs = &*Arc::clone(&inner.fs);
    let ScannedTargetDir { target, units } = &*directory;
    freshness.notes.extend(target.notes.iter().cloned());
    freshness.newer_output = newer_output(fs, target, build, subject);
    freshness.nameless = nameless(fs, metadata, build, subject);
    let elsewhere = subject.path.filter(|it| !fs.is_same_place(it, &build.executable));
    freshness.elsewhere = elsewhere.map(Path::to_path_buf);
    let (first, origin) = choose(fs, units, build, subject);
    let first = first.filter(|_| !origin.is_foreign());
    freshness.origin = origin;
    freshness.made_at = first.and_then(|first| {
        let root = &build.workspace_root;
        compare_crates::made_at(fs, &units[first], root, &build.build_dir)
    });

    let comparison = inner.comparison(BuildLocation {
        metadata,
        build_dir: build.build_dir.clone(),
        host: build.rustc.host.clone(),
        triple: build.triple().map(str::to_owned),
        made_at: freshness.made_at.clone(),
    });
    let mut states = match first {
        Some(first) => comparison.crates(units, first),
        None => comparison.without_units(&build.package.id, &build.bin),
    };
    let against = comparison.against(&mut states, subject.bytes, subject.packed);
    (freshness.locations, freshness.string_literals) = (against.locations, against.string_literals);
    (freshness.env_in_binary, freshness.manifest_dirs) =
        (against.env_in_binary, against.manifest_dirs);
    freshness.notes.extend(against.notes);
    freshness.missing_commits = comparison.missing_commits(&states);
    freshness.chef_stubs = states
        .first()
        .filter(|state| state.role == CrateRole::Program)
        .is_some_and(|state| is_chef_stub(state, &mut comparison.reader));
    if let (Some(first), true) = (first, states.iter().any(CrateFreshness::is_stale)) {
        freshness.also_stale = comparison.also_stale(units, first, build, &states);
    }
    freshness.crates = states;
    freshness
}

/// The unit whose output the subject is, or else the one that Cargo handed out last.
fn choose(
    fs: &dyn SourceFs,
    units: &[Unit],
    build: &Build,
    subject: ProgramBytes<'_>,
) -> (Option<usize>, ProgramOrigin) {
    let named = |index: &usize| {
        let unit = &units[*index];
        unit.kind == UnitKind::Bin(build.bin.clone()) && unit.package == build.package.name
    };
    let candidates: Vec<usize> = (0..units.len()).filter(named).collect();
    if candidates.is_empty() {
        let why =
            format!("{} holds no unit of `{}` that is known", build.build_dir.display(), build.bin);
        return (None, ProgramOrigin::NoUnit(why));
    }
    let inode =
        subject.path.and_then(|path| target_dir::output(fs, path)).and_then(|output| output.inode);
    let is_linked = |index: &usize| {
        inode.is_some() && units[*index].program().is_some_and(|it| it.inode == inode)
    };
    if let Some(index) = candidates.iter().copied().find(is_linked) {
        return (Some(index), ProgramOrigin::Output);
    }
    let size = subject.bytes.len() as u64;
    let is_equal = |index: &usize| {
        units[*index].program().is_some_and(|output| {
            output.size == size && fs.has_contents(&output.path, subject.bytes)
        })
    };
    if let Some(index) = candidates.iter().copied().find(is_equal) {
        return (Some(index), ProgramOrigin::Output);
    }
    // Not an output: what Cargo handed out last is what it should have been. Who writes to the very
    // file that was handed out, as `strip` does, cuts its link to the unit; its build-id tells then,
    // and where there is none the directory that it lies in.
    let handed_out = target_dir::output(fs, &build.executable);
    let rank = |index: &usize| {
        let unit = &units[*index];
        let inode = handed_out.as_ref().and_then(|output| output.inode);
        let is_handed_out = inode.is_some() && unit.program().is_some_and(|it| it.inode == inode);
        let is_of_profile = build.target_dir.join(&unit.profile) == build.profile_dir;
        (is_handed_out, is_of_profile, unit.program().map(|output| output.modified))
    };
    let mut candidates = candidates;
    candidates.sort_by_key(|index| std::cmp::Reverse(rank(index)));
    let same_build_id = |index: &usize| {
        let output = units[*index].program()?;
        evidence::same_build_id(fs, &output.path, subject, MAX_PROGRAM)
    };
    let is_same = |index: &usize| same_build_id(index) == Some(true);
    let index = candidates.iter().copied().find(is_same).or(candidates.first().copied());
    let output = index.and_then(|index| units[index].program());
    let origin = match output {
        Some(output) => ProgramOrigin::Differs {
            same_build_id: index.as_ref().and_then(same_build_id),
            output: output.path.clone(),
            location: match subject.path {
                Some(path) if fs.is_inside(path, &build.target_dir) => FileLocation::InTargetDir,
                Some(_) => FileLocation::OnThisMachine,
                None => FileLocation::InAnImage,
            },
        },
        None => ProgramOrigin::NoUnit(format!("the output of `{}` is gone", build.bin)),
    };
    (index, origin)
}

/// The subject's name when it lies where Cargo hands programs out and no target has this name.
fn nameless(
    fs: &dyn SourceFs,
    metadata: &Metadata,
    build: &Build,
    subject: ProgramBytes<'_>,
) -> Option<String> {
    let path = subject.path?;
    let name = path.file_name()?.to_str()?;
    let handed_out =
        path.parent().is_some_and(|directory| fs.is_same_place(directory, &build.profile_dir));
    let stem = name.strip_suffix(".exe").unwrap_or(name);
    let packages = metadata.packages.iter().filter(|package| package.source.is_none());
    let is_known = packages.flat_map(|package| &package.targets).any(|target| {
        target.name == stem || (is_library(target) && stem.contains(&target.name.replace('-', "_")))
    });
    (handed_out && !is_known).then(|| name.to_owned())
}

/// The newest file of the subject's name and profile in another target's directory.
fn newer_output(
    fs: &dyn SourceFs,
    target: &TargetDir,
    build: &Build,
    subject: ProgramBytes<'_>,
) -> Option<NewerOutput> {
    let path = subject.path?;
    let own = target_dir::output(fs, path)?;
    let is_subject = |output: &OutputFile| output.inode.is_some() && output.inode == own.inode;
    let home = target.profiles.iter().find(|it| {
        it.uplifted.iter().any(|output| is_subject(output) && fs.is_same_place(&output.path, path))
    })?;
    let name = build.executable.file_name()?;
    target
        .profiles
        .iter()
        .filter(|profile| {
            profile.name != home.name && profile.name.file_name() == home.name.file_name()
        })
        .flat_map(|profile| profile.uplifted.iter().map(move |output| (profile, output)))
        .filter(|(_, output)| {
            output.path.file_name() == Some(name) && output.modified > own.modified
        })
        .max_by_key(|(_, output)| output.modified)
        .map(|(profile, output)| NewerOutput {
            path: output.path.clone(),
            written: output.modified,
            subject_written: own.modified,
            target: profile
                .name
                .parent()
                .and_then(Path::to_str)
                .map(str::to_owned)
                .filter(|it| !it.is_empty()),
        })
}

/// Whether a manifest and its root file are what `cargo chef cook` writes: every local version
/// masked as 0.0.1, targets spelled out with keys that people leave out, `fn main() {}`.
fn is_chef_stub(state: &CrateFreshness, reader: &mut SourceReader) -> bool {
    let stub = state.version == "0.0.1"
        && state.tree.as_ref().is_some_and(|tree| tree.files.len() == 1)
        && state.main().is_some_and(|main| main.tokens == 0);
    let manifest = state.directory.join("Cargo.toml");
    let Ok(Some(manifest)) = reader.read(&manifest) else { return false };
    let Ok(text) = std::str::from_utf8(&manifest.bytes) else { return false };
    let Ok(manifest) = toml::from_str::<toml::Table>(text) else { return false };
    let bins = manifest.get("bin").and_then(toml::Value::as_array);
    let is_spelled_out = |bin: &toml::Value| {
        ["edition", "harness", "plugin", "required-features"]
            .iter()
            .any(|key| bin.get(key).is_some())
    };
    stub && bins.is_some_and(|bins| bins.iter().all(is_spelled_out))
}

#[cfg(test)]
mod tests;
