//! `freshen`: makes cargo compile again exactly what does not match its sources.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use crate::cargo::compare_crates;
use crate::cargo::evidence;
use crate::cargo::file_time::FileTime;
use crate::cargo::freshen_state;
use crate::cargo::freshen_state::{CurrentFile, FreshenState, KnownUnit, UnitVerdict};
use crate::cargo::fs::disk::{Disk, files_below, snapshot};
use crate::cargo::fs::is_directory;
use crate::cargo::source::files;
use crate::cargo::source::files::SourceReader;
use crate::cargo::target_dir;
use crate::cargo::target_dir::TargetDir;
use crate::cargo::target_dir::outputs;
use crate::cargo::target_dir::units::{Unit, UnitKind};
use crate::cargo::workspace;
use crate::digest::sha256_hex;
use crate::session::Error;
use crate::session::fs;
use crate::session::select::Selection;
use crate::toolchain::fingerprint::Local;
use crate::toolchain::rmeta::Algorithm;

/// More files than a package has.
const MAX_FILES: usize = 100_000;

/// What is or would be compiled again.
#[derive(Debug)]
pub struct Freshened {
    /// The units that do not match their sources, or of which nothing proves that they do.
    pub stale: Vec<StaleUnit>,
    /// How many units match.
    pub fresh: usize,
    /// Nothing was changed.
    pub only_checked: bool,
    /// Why nothing was found, where the target directory cannot be read.
    pub unreadable: Option<String>,
}

/// One unit that has to be compiled again.
#[derive(Debug)]
pub struct StaleUnit {
    /// The unit.
    pub unit: Unit,
    /// Why, as the end of a sentence.
    pub why: String,
}

/// Marks crates stale that do not match their sources, so that cargo rebuilds them; `only_check` changes nothing.
///
/// # Errors
/// No workspace, a target directory that cannot be written to or, under `only_check`, read.
pub fn freshen(selection: &Selection, only_check: bool) -> Result<Freshened, Error> {
    let query = &selection.query()?;
    let workspace = workspace::workspace(query)?;
    if !query.bins.is_empty() {
        outputs::selected_bins(&workspace, query)?;
    }
    let place = FreshenPaths::new(&workspace);
    let mut reader = reader();
    let mut stale: Vec<StaleUnit> = Vec::new();
    let mut units: BTreeMap<String, KnownUnit> = BTreeMap::new();
    let mut fresh = 0;
    // What is known of the others is kept: their sources are looked at now, and once only.
    for (unit, files, verdict) in place.verdicts(&workspace, &mut reader) {
        let is_wanted = place.is_wanted(&unit, query, &workspace);
        match verdict {
            UnitVerdict::CargoSees(_) => {}
            UnitVerdict::Changed(why) | UnitVerdict::Unproven(why) if is_wanted => {
                stale.push(StaleUnit { unit, why });
            }
            UnitVerdict::Changed(_) | UnitVerdict::Unproven(_) => {}
            UnitVerdict::Matches(_) => {
                fresh += usize::from(is_wanted);
                units.extend(entry(&unit, &files));
            }
        }
    }
    let found_nothing = stale.is_empty() && fresh == 0;
    let unreadable = found_nothing.then(|| place.target().notes.into_iter().next()).flatten();
    if let (true, Some(why)) = (only_check, &unreadable) {
        return Err(Error::Usage(format!("inconclusive: {why}")));
    }
    if !only_check {
        for StaleUnit { unit, .. } in &stale {
            invalidate(unit)?;
        }
        // A directory that was named and is not there may be a slip: none is made for it.
        if query.target_dir.is_none() || is_directory(&place.target_dir) {
            place.remember(units, &mut reader)?;
        }
    }
    Ok(Freshened { stale, fresh, only_checked: only_check, unreadable })
}

/// What is known of each unit by its name in the ledger, for a record of what was built.
pub fn known(
    query: &workspace::Query,
    workspace: &workspace::Workspace,
) -> BTreeMap<String, UnitVerdict> {
    // Whatever packages were named: a program is made of others, too.
    let query = workspace::Query { packages: Vec::new(), ..query.clone() };
    let place = FreshenPaths::new(workspace);
    let mut verdicts = place.verdicts(workspace, &mut reader());
    verdicts.retain(|(unit, ..)| place.is_wanted(unit, &query, workspace));
    verdicts.into_iter().map(|(unit, _, verdict)| (freshen_state::key(&unit), verdict)).collect()
}

fn reader() -> SourceReader {
    SourceReader::new(files::ReadLimits { file: 1 << 30, total: 16 << 30, files: 1_000_000 })
}

/// The workspace's directories and packages.
struct FreshenPaths {
    workspace: PathBuf,
    target_dir: PathBuf,
    build_dir: PathBuf,
    state_file: PathBuf,
    packages: Vec<(String, PathBuf)>,
}

impl FreshenPaths {
    fn new(workspace: &workspace::Workspace) -> FreshenPaths {
        let metadata = &workspace.metadata;
        let target_dir = PathBuf::from(metadata.target_directory.clone());
        let build_dir = metadata.build_directory.clone().map_or(target_dir.clone(), PathBuf::from);
        let packages = metadata.packages.iter().filter(|package| package.source.is_none());
        let directory = |package: &cargo_metadata::Package| {
            let manifest = package.manifest_path.as_std_path();
            (package.name.to_string(), manifest.parent().unwrap_or(manifest).to_path_buf())
        };
        FreshenPaths {
            workspace: metadata.workspace_root.clone().into(),
            state_file: freshen_state::path(&build_dir),
            packages: packages.map(directory).collect(),
            target_dir,
            build_dir,
        }
    }

    /// What cargo keeps of the packages, in every profile and for every target.
    fn target(&self) -> TargetDir {
        let mut names: Vec<&str> = self.packages.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        let limits = target_dir::ScanLimits::default();
        target_dir::read(&Disk, &self.target_dir, &self.build_dir, &names, limits)
    }

    /// Whether a unit is of the packages, profiles and targets that were named, if any: which of
    /// them the next build uses is not known, and one that it does not use costs nothing.
    fn is_wanted(
        &self,
        unit: &Unit,
        query: &workspace::Query,
        workspace: &workspace::Workspace,
    ) -> bool {
        let profile =
            query.profile.as_deref().map(crate::cargo::target_dir::outputs::directory_name);
        let targets = if query.targets.is_empty() { &[] } else { workspace.targets.as_slice() };
        let of_package = query.packages.is_empty() || query.packages.contains(&unit.package);
        let of_profile = profile.is_none_or(|it| unit.profile.ends_with(it));
        // Build scripts and proc-macros are built for the host, in a directory without triple.
        let of_target = targets.is_empty()
            || unit.profile.components().count() == 1
            || targets
                .iter()
                .any(|it| unit.profile.starts_with(crate::cargo::target_dir::outputs::stem(it)));
        let of_bin = match &unit.kind {
            UnitKind::Bin(name) => query.bins.is_empty() || query.bins.contains(name),
            _ => true,
        };
        of_package && of_profile && of_target && of_bin
    }

    /// What the contents of sources and programs say against units.
    fn mismatched_units(
        &self,
        workspace: &workspace::Workspace,
        units: &[Unit],
    ) -> HashMap<String, String> {
        let place = compare_crates::BuildLocation {
            metadata: &workspace.metadata,
            build_dir: self.build_dir.clone(),
            host: workspace.rustc.host.clone(),
            triple: None,
            made_at: None,
        };
        compare_crates::mismatched_units(&place, units)
    }

    /// Every unit with its files and what proves that it was compiled from them.
    fn verdicts(
        &self,
        workspace: &workspace::Workspace,
        reader: &mut SourceReader,
    ) -> Vec<(Unit, Vec<CurrentFile>, UnitVerdict)> {
        let known = snapshot(&self.state_file, freshen_state::MAX_BYTES).ok().flatten();
        let known = known.and_then(|file| FreshenState::parse(&file.bytes));
        let mut verdicts = Vec::new();
        let units: Vec<Unit> = self.target().units.into_iter().map(Unit::new).collect();
        let mismatched_units = self.mismatched_units(workspace, &units);
        for unit in units {
            let Some(files) = self.files(&unit, reader) else { continue };
            let metadata = unit.metadata_file().filter(|_| unit.kind == UnitKind::Lib);
            let metadata = metadata.and_then(|it| snapshot(&it.path, 1 << 30).ok().flatten());
            let metadata = metadata.as_ref().map(|file| file.bytes.as_slice());
            let verdict = freshen_state::decide(known.as_ref(), &unit, &files, metadata);
            let verdict = match (verdict, mismatched_units.get(&freshen_state::key(&unit))) {
                (UnitVerdict::Matches(_), Some(why)) => UnitVerdict::Changed(why.clone()),
                (verdict, _) => verdict,
            };
            verdicts.push((unit, files, verdict));
        }
        verdicts
    }

    /// The files that a unit was compiled from, as they are now; `None` for a unit that is not
    /// compiled from files here: a downloaded package of the same name, or a build script's run
    /// that watches none.
    fn files(&self, unit: &Unit, reader: &mut SourceReader) -> Option<Vec<CurrentFile>> {
        let named = || self.packages.iter().filter(|(name, _)| *name == unit.package);
        let listing =
            named().find(|(_, directory)| evidence::lists_files_of(unit, directory, &Disk));
        let (_, directory) = listing.or_else(|| named().next())?;
        let mut paths = evidence::listed_files(unit, directory, &self.build_dir);
        for local in unit.fingerprint.iter().flat_map(|it| &it.local) {
            match local {
                Local::RerunIfChanged { paths: watched } => {
                    for path in watched.iter().map(|path| directory.join(path)) {
                        let below = files_below(&path, MAX_FILES);
                        paths.extend(if below.is_empty() { vec![path] } else { below });
                    }
                }
                Local::Precalculated(_) => paths.extend(files_below(directory, MAX_FILES)),
                Local::DepInfo { .. } | Local::RerunIfEnvChanged { .. } | Local::Unknown => {}
            }
        }
        // What a build script wrote is as new as its run, which is judged by itself.
        paths.retain(|path| !path.starts_with(&self.build_dir) && !is_directory(path));
        paths.sort();
        paths.dedup();
        let files: Vec<CurrentFile> =
            paths.iter().map(|path| self.now(path, directory, reader)).collect();
        (!files.is_empty()).then_some(files)
    }

    fn now(&self, path: &Path, package: &Path, reader: &mut SourceReader) -> CurrentFile {
        let file = reader.read(path).ok().flatten();
        CurrentFile {
            name: evidence::shown(path, &self.workspace),
            sha256: file.as_ref().map(|file| sha256_hex(&file.bytes)),
            digests: file.as_ref().map(|file| Algorithm::digests(&file.bytes)).unwrap_or_default(),
            modified: file.as_ref().map_or(FileTime(0), |file| file.modified),
            unchanged_since: evidence::unchanged_inodes::unchanged_since(
                &Disk,
                path,
                package,
                &self.workspace,
                &self.build_dir,
            ),
        }
    }

    /// Writes the ledger: the units that match, and every source as it is now.
    fn remember(
        &self,
        units: BTreeMap<String, KnownUnit>,
        reader: &mut SourceReader,
    ) -> Result<(), Error> {
        let fresh = self.state_file.with_file_name("freshen.json.new");
        let mut sources = BTreeMap::new();
        for (_, directory) in &self.packages {
            for path in files_below(directory, MAX_FILES) {
                if path.starts_with(&self.build_dir) || path.starts_with(&self.target_dir) {
                    continue;
                }
                if let Ok(Some(file)) = reader.read(&path) {
                    let digest = sha256_hex(&file.bytes);
                    sources.insert(evidence::shown(&path, &self.workspace), digest);
                }
            }
        }
        // The clock that the anchors are taken from is the file system's own; and nothing that
        // was read above may have changed later than it says.
        let failure = |source| self.failure(source);
        let mut state_file = FreshenState::new(fs::write(&fresh, b"").map_err(failure)?);
        (state_file.units, state_file.sources) = (units, sources);
        let text = serde_json::to_vec(&state_file).map_err(|error| failure(error.into()))?;
        fs::write(&fresh, &text).and_then(|_| fs::rename(&fresh, &self.state_file)).map_err(failure)
    }

    fn failure(&self, source: io::Error) -> Error {
        Error::Io { action: "write", path: self.state_file.clone(), source }
    }
}

fn entry(unit: &Unit, files: &[CurrentFile]) -> Option<(String, KnownUnit)> {
    let digests = files.iter().filter_map(|it| Some((it.name.clone(), it.sha256.clone()?)));
    let entry =
        KnownUnit { fingerprint: unit.own_hash?, anchor: unit.anchor?, files: digests.collect() };
    Some((freshen_state::key(unit), entry))
}

/// Takes away the file whose date cargo compares with: the unit's dep-info, or what a build
/// script printed. Cargo then calls the unit stale, and with it all that depends on it. (Emptying
/// the fingerprint's hash, as cargo does before it compiles, would reach the unit alone.) What is
/// cut short in between is compiled again.
fn invalidate(unit: &Unit) -> Result<(), Error> {
    let path = match unit.kind {
        UnitKind::BuildScriptRun => unit.printed().map(|output| output.path.clone()),
        _ => Some(unit.directory.join(format!("dep-{}", unit.stem))),
    };
    let Some(path) = path else { return Ok(()) };
    fs::remove(&path).map_err(|source| Error::Io { action: "remove", path, source })
}
