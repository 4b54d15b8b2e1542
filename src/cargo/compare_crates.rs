//! The crates that a program is made of, each held against its sources by every piece of evidence.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cargo_metadata::{Metadata, Package as MetadataPackage, PackageId, Target, TargetKind};

use crate::binary::address_space::AddressSpace;
use crate::binary::{main_fn, panic_locations};
use crate::cargo::build::Build;
use crate::cargo::build::reach::Crates;
use crate::cargo::compared::{EnvInBinary, MainReach, MatchCount, MissingCommit};
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence;
use crate::cargo::evidence::SourceNames;
use crate::cargo::evidence::compared_strings::StringComparison;
use crate::cargo::evidence::error::ComparisonError;
use crate::cargo::evidence::linked::LinkedLibraries;
use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind};
use crate::cargo::freshen_state;
use crate::cargo::freshen_state::FreshenState;
use crate::cargo::fs::SourceFs;
use crate::cargo::fs::disk::Disk;
use crate::cargo::source::cfg::Cfg;
use crate::cargo::source::files;
use crate::cargo::source::files::SourceReader;
use crate::cargo::source::module_tree;
use crate::cargo::target_dir::units::{Unit, UnitKind, made_of};
use crate::cargo::workspace::features::Declared;

/// Larger programs are not compared: no compiler has made one yet.
pub const MAX_PROGRAM: u64 = 4 << 30;

/// Where the crates of one build are.
#[derive(Debug, Clone)]
pub struct BuildLocation<'a> {
    /// The workspace's packages.
    pub metadata: &'a Metadata,
    /// Cargo's build directory.
    pub build_dir: PathBuf,
    /// The triple of this machine.
    pub host: Option<String>,
    /// The triple that the program is for.
    pub triple: Option<String>,
    /// Where the workspace was when the build directory was filled, if elsewhere.
    pub made_at: Option<PathBuf>,
}

impl BuildLocation<'_> {
    /// Whether what was looked at in the one holds in the other, of one workspace.
    pub fn is_same(&self, other: &BuildLocation<'_>) -> bool {
        let of = |place: &BuildLocation<'_>| {
            let BuildLocation { build_dir, host, triple, made_at, .. } = place.clone();
            (build_dir, host, triple, made_at)
        };
        of(self) == of(other)
    }

    fn names(&self) -> SourceNames<'_> {
        let workspace = self.metadata.workspace_root.as_std_path();
        SourceNames { workspace, made_at: self.made_at.as_deref() }
    }
}

/// Compares; what several programs share is looked at once.
#[derive(Debug)]
pub struct CrateComparison<'a> {
    /// Where.
    pub place: Arc<BuildLocation<'a>>,
    packages: Vec<&'a MetadataPackage>,
    state_file: Option<FreshenState>,
    known: HashMap<(String, CrateRole), Option<CrateFreshness>>,
    /// The sources, each read once.
    pub reader: SourceReader,
}

/// What a program says of its crates.
#[derive(Debug, Default)]
pub struct ProgramComparison {
    /// Its panic locations against the tokens.
    pub locations: MatchCount,
    /// Its texts against theirs.
    pub string_literals: StringComparison,
    /// Values of the environment of its build, and which of them are inside.
    pub env_in_binary: Vec<EnvInBinary>,
    /// The directories of packages that are inside.
    pub manifest_dirs: Vec<String>,
    /// What could not be compared.
    pub notes: Vec<String>,
}

impl<'a> CrateComparison<'a> {
    /// Nothing is compared yet.
    pub fn new(place: BuildLocation<'a>, fs: Arc<dyn SourceFs>) -> CrateComparison<'a> {
        let packages = place.metadata.packages.iter().filter(|it| it.source.is_none()).collect();
        let state_file = fs
            .snapshot(&freshen_state::path(&place.build_dir), freshen_state::MAX_BYTES)
            .ok()
            .flatten();
        CrateComparison {
            place: Arc::new(place),
            packages,
            state_file: state_file.and_then(|file| FreshenState::parse(&file.bytes)),
            known: HashMap::new(),
            reader: SourceReader::over(fs, files::ReadLimits::default()),
        }
    }

    /// The crates in directories that this unit was made of, itself first among its package's own.
    pub fn crates(&mut self, units: &[Unit], first: usize) -> Vec<CrateFreshness> {
        let own = self.package_of(&units[first]).map(|package| package.id.clone());
        let mut states: Vec<CrateFreshness> = made_of(units, first)
            .into_iter()
            .filter_map(|index| self.of_unit(&units[index], own.as_ref()))
            .collect();
        states.sort_by_key(|state| state.role);
        follow_main(&mut states);
        states
    }

    /// Without a target directory: every crate of the sources that the program may be made of.
    pub fn without_units(&mut self, own: &str, bin: &str) -> Vec<CrateFreshness> {
        let mut states = Vec::new();
        for package in self.packages.clone() {
            let is_own = package.id.repr == own;
            for target in &package.targets {
                let role = match is_own {
                    true if target.is_kind(TargetKind::Bin) && target.name == bin => {
                        CrateRole::Program
                    }
                    true if is_library(target) => CrateRole::OwnLibrary,
                    false if is_library(target) => CrateRole::Member,
                    _ if target.is_kind(TargetKind::CustomBuild) => CrateRole::BuildScript,
                    _ => continue,
                };
                let mut state = self.state(role, package, target, None);
                self.add_evidence(&mut state);
                states.push(state);
            }
        }
        states.sort_by_key(|state| state.role);
        follow_main(&mut states);
        states
    }

    /// The crates beside these that the command for this program compiles too, are stale, and that
    /// Cargo would leave as they are: of its package, or of all where it builds all.
    pub fn also_stale(
        &mut self,
        units: &[Unit],
        first: usize,
        build: &Build,
        known: &[CrateFreshness],
    ) -> Vec<CrateFreshness> {
        let profile = &units[first].profile;
        // Build scripts and procedural macros lie in the host's directory of the profile.
        let is_compiled = |unit: &Unit| {
            unit.profile == *profile || Some(unit.profile.as_os_str()) == profile.file_name()
        };
        let of_command: HashSet<usize> = (0..units.len())
            .filter(|index| matches!(units[*index].kind, UnitKind::Bin(_)))
            .filter(|index| {
                !build.invocation.names_package || units[*index].package == build.package.name
            })
            .flat_map(|index| made_of(units, index))
            .collect();
        let mut stale: Vec<CrateFreshness> = Vec::new();
        for index in (0..units.len()).filter(|index| of_command.contains(index)) {
            if index == first || !is_compiled(&units[index]) {
                continue;
            }
            let states = match units[index].kind {
                UnitKind::Bin(_) => self.of_program(units, index).into_iter().take(1).collect(),
                _ => self.of_unit(&units[index], None).into_iter().collect::<Vec<_>>(),
            };
            let is_known =
                |it: &CrateFreshness| known.iter().chain(&stale).any(|known| known.root == it.root);
            let others: Vec<CrateFreshness> = states
                .into_iter()
                .filter(|it| it.is_stale() && it.cargo_calls_it_fresh() && !is_known(it))
                .collect();
            stale.extend(others);
        }
        stale
    }

    /// What the program's bytes say of its crates; contradictions become theirs.
    pub fn against(
        &mut self,
        states: &mut [CrateFreshness],
        program: &[u8],
        packed: bool,
    ) -> ProgramComparison {
        let place = Arc::clone(&self.place);
        let names = place.names();
        let memory = AddressSpace::read(program);
        let limits = panic_locations::PanicLocationLimits::default();
        let places = memory.as_ref().map(|memory| panic_locations::of(memory, limits));
        let places = places.unwrap_or_default();
        let mapped = memory.as_ref().map_or(program, AddressSpace::mapped);
        let mut against = ProgramComparison {
            locations: evidence::positions(states, &places, names, &mut self.reader),
            ..ProgramComparison::default()
        };
        (against.env_in_binary, against.manifest_dirs) = evidence::environment(states, mapped);
        if !packed {
            let profile =
                states.first().and_then(|state| Some(state.unit.as_ref()?.profile.clone()));
            let fs = Arc::clone(&self.reader.fs);
            let libraries = profile.as_deref().map(|profile| self.libraries(&*fs, &place, profile));
            match evidence::compared_strings::compare_strings(
                states,
                mapped,
                names,
                libraries.as_ref(),
                &mut self.reader,
            ) {
                Ok(string_literals) => against.string_literals = string_literals,
                Err(why) => against.notes.push(why.to_string()),
            }
        }
        against
    }

    /// The libraries that programs of this profile are linked with.
    fn libraries<'p>(
        &self,
        fs: &'p dyn SourceFs,
        place: &'p BuildLocation<'_>,
        profile: &'p Path,
    ) -> LinkedLibraries<'p> {
        let targets = self.packages.iter().flat_map(|package| &package.targets);
        LinkedLibraries {
            fs,
            build_dir: &place.build_dir,
            profile,
            triples: place.triple.iter().chain(&place.host).map(String::as_str).collect(),
            own: targets.map(|target| target.name.replace('-', "_")).collect(),
        }
    }

    /// What should name a commit in these crates and names none.
    pub fn missing_commits(&mut self, states: &[CrateFreshness]) -> Vec<MissingCommit> {
        let place = Arc::clone(&self.place);
        evidence::versions::missing_commits(
            states,
            place.names(),
            &place.build_dir,
            &mut self.reader,
        )
    }

    /// The crates of a program that Cargo made here, against its bytes.
    fn of_program(&mut self, units: &[Unit], index: usize) -> Vec<CrateFreshness> {
        let program = units[index].program();
        let program =
            program.and_then(|it| self.reader.fs.snapshot(&it.path, MAX_PROGRAM).ok().flatten());
        let mut states = self.crates(units, index);
        let (Some(program), Some(_)) = (program, states.first()) else { return states };
        self.against(&mut states, &program.bytes, false);
        let state = &mut states[0];
        let path = state.root.clone();
        if let Some(why) = state.other_main(&main_fn::read(&program.bytes).main) {
            let kind = MismatchKind::OtherMain(why);
            state.mismatches.push(Mismatch { path, line: None, kind });
        }
        states
    }

    /// One unit by itself, by all that needs no program: lists, digests, dates, the ledger.
    fn of_unit(&mut self, unit: &Unit, own: Option<&PackageId>) -> Option<CrateFreshness> {
        let package = self.package_of(unit)?;
        let role = match &unit.kind {
            UnitKind::Bin(_) => CrateRole::Program,
            UnitKind::Lib if own == Some(&package.id) => CrateRole::OwnLibrary,
            UnitKind::Lib => CrateRole::Member,
            UnitKind::BuildScript => CrateRole::BuildScript,
            UnitKind::BuildScriptRun | UnitKind::Other => CrateRole::BuildScriptRun,
        };
        let key = (freshen_state::key(unit), role);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // A downloaded package of the same name lists no file, and has no place here.
        let lists_nothing = matches!(&unit.dep_info, Some(Ok(info)) if info.files.is_empty());
        let state = self.target_of(package, &unit.kind).map(|target| {
            let mut state = self.state(role, package, target, Some(unit.clone()));
            self.add_evidence(&mut state);
            state
        });
        let state = state.filter(|_| !lists_nothing || role == CrateRole::BuildScriptRun);
        self.known.insert(key, state.clone());
        state
    }

    /// The package that a unit was compiled from.
    fn package_of(&self, unit: &Unit) -> Option<&'a MetadataPackage> {
        let mut named = self.packages.iter().copied().filter(|it| it.name.as_str() == unit.package);
        let first = named.next()?;
        // Two packages of one name: the one whose root rustc names, or whose files the unit lists.
        let several: Vec<&MetadataPackage> = std::iter::once(first).chain(named).collect();
        let is_root = |package: &&MetadataPackage| self.is_root_of(unit, package);
        let lists = |package: &&MetadataPackage| {
            evidence::lists_files_of(unit, directory(package), &*self.reader.fs)
        };
        let found = several.iter().copied().find(is_root);
        Some(found.or_else(|| several.iter().copied().find(lists)).unwrap_or(first))
    }

    /// Whether rustc's makefile names the root file of one of the package's targets, relative to
    /// the workspace or absolute.
    fn is_root_of(&self, unit: &Unit, package: &MetadataPackage) -> bool {
        let workspace = self.place.metadata.workspace_root.as_std_path();
        let sources = unit.makefile.iter().flat_map(|makefile| &makefile.sources);
        let sources: Vec<PathBuf> =
            sources.map(|it| module_tree::normalized(&workspace.join(it))).collect();
        let mut roots = package.targets.iter().map(|target| target.src_path.as_std_path());
        roots.any(|root| sources.contains(&module_tree::normalized(root)))
    }

    fn target_of(&self, package: &'a MetadataPackage, kind: &UnitKind) -> Option<&'a Target> {
        package.targets.iter().find(|target| match kind {
            UnitKind::Bin(name) => target.is_kind(TargetKind::Bin) && target.name == *name,
            UnitKind::Lib => is_library(target),
            UnitKind::BuildScript | UnitKind::BuildScriptRun => {
                target.is_kind(TargetKind::CustomBuild)
            }
            UnitKind::Other => false,
        })
    }

    fn add_evidence(&mut self, state: &mut CrateFreshness) {
        let place = Arc::clone(&self.place);
        let (names, build_dir) = (place.names(), place.build_dir.as_path());
        evidence::lists(state, names, &*self.reader.fs);
        evidence::digests::of_cargo(state, names, &mut self.reader);
        evidence::digests::of_rustc(state, names, &mut self.reader);
        if place.made_at.is_none() {
            evidence::times(state, names, build_dir, &mut self.reader);
        }
        if state.role == CrateRole::BuildScript {
            follow_main(std::slice::from_mut(state));
        }
        evidence::scripts::build_script(state, names, &mut self.reader);
        if let Some(state_file) = &self.state_file {
            evidence::remembered(state, names, state_file, &mut self.reader);
        }
    }

    fn declared(&self, package: &MetadataPackage) -> Declared {
        let is_needed_by = |other: &MetadataPackage| {
            let needs = |it: &cargo_metadata::Dependency| it.name == package.name.as_str();
            other.id != package.id && other.dependencies.iter().any(needs)
        };
        let shared = self.packages.iter().any(|other| is_needed_by(other));
        Declared { features: package.features.clone(), shared }
    }

    fn state(
        &mut self,
        role: CrateRole,
        package: &MetadataPackage,
        target: &Target,
        unit: Option<Unit>,
    ) -> CrateFreshness {
        let for_host =
            matches!(role, CrateRole::BuildScript) || target.is_kind(TargetKind::ProcMacro);
        let triple = if for_host { &self.place.host } else { &self.place.triple };
        let features = unit.as_ref().and_then(Unit::features).map(<[String]>::to_vec);
        let cfg = Cfg { features, triple: triple.clone() };
        let root = target.src_path.as_std_path();
        let tree = (role != CrateRole::BuildScriptRun).then(|| {
            let read = &mut |path: &Path| self.reader.read(path);
            Arc::new(module_tree::walk(root, directory(package), &cfg, read))
        });
        let workspace = self.place.metadata.workspace_root.as_std_path();
        let mut open: Vec<String> = Vec::new();
        if let Some(tree) = &tree {
            let shown = |path: &Path| evidence::shown(path, workspace);
            open.extend(tree.missing.iter().map(|what| format!("{what} is missing")));
            open.extend(tree.unreadable().map(|(path, why)| format!("{}: {why}", shown(path))));
            open.extend(tree.open_ends.iter().cloned());
        }
        if let Some(unit) = &unit {
            open.extend(unit.fingerprint.as_ref().err().map(ToString::to_string));
            open.extend(
                unit.dep_info
                    .as_ref()
                    .and_then(|info| info.as_ref().err().map(ToString::to_string)),
            );
        }
        CrateFreshness {
            role,
            package: package.name.to_string(),
            crate_name: target.name.replace('-', "_"),
            version: package.version.to_string(),
            declared: self.declared(package),
            directory: directory(package).to_path_buf(),
            root: evidence::shown(root, workspace),
            unit,
            tree,
            mismatches: Vec::new(),
            matches: 0,
            proven: false,
            unchanged_inodes: false,
            mtime_after: Vec::new(),
            mtime_equal: Vec::new(),
            ctime_after: Vec::new(),
            reach: MainReach::default(),
            open,
        }
    }
}

/// What contents say against units that dates and digests let pass, a clause each by the unit's
/// name in the ledger: the same evidence that `check` denies by.
pub fn mismatched_units(place: &BuildLocation<'_>, units: &[Unit]) -> HashMap<String, String> {
    let read = || {
        let mut found = HashMap::new();
        let mut comparisons: HashMap<PathBuf, CrateComparison<'_>> = HashMap::new();
        for (index, unit) in units.iter().enumerate() {
            let comparison = comparisons.entry(unit.profile.clone()).or_insert_with(|| {
                let triple = unit.profile.parent().and_then(Path::to_str);
                let triple = triple.filter(|it| !it.is_empty()).map(str::to_owned);
                let triple = triple.or_else(|| place.host.clone());
                CrateComparison::new(BuildLocation { triple, ..place.clone() }, Arc::new(Disk))
            });
            let states = match unit.kind {
                UnitKind::Bin(_) => comparison.of_program(units, index),
                _ => comparison.of_unit(unit, None).into_iter().collect(),
            };
            for state in states {
                let why = state.mismatches.first().map(Mismatch::describe);
                if let (Some(unit), Some(why)) = (&state.unit, why) {
                    found.entry(freshen_state::key(unit)).or_insert(why);
                }
            }
        }
        drop(comparisons);
        module_tree::forget_spans();
        found
    };
    on_a_deep_stack(read).unwrap_or_default()
}

/// Runs what reads sources on a stack that their nesting cannot exhaust.
///
/// # Errors
/// There is no such thread, or it stopped.
pub fn on_a_deep_stack<T: Send>(read: impl FnOnce() -> T + Send) -> Result<T, ComparisonError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(module_tree::STACK);
        let thread = thread
            .spawn_scoped(scope, read)
            .map_err(|error| ComparisonError::NoThread { reason: error.to_string() })?;
        thread.join().map_err(|_| ComparisonError::Stopped)
    })
}

/// The workspace root at the time of the compilation, when it was another directory than this
/// one: rustc's makefile says where it wrote the program to. The makefile beside what Cargo hands
/// out would say so too, but `cargo test` builds programs without writing it anew.
pub fn made_at(
    fs: &dyn SourceFs,
    unit: &Unit,
    workspace: &Path,
    built_in: &Path,
) -> Option<PathBuf> {
    let written = PathBuf::from(unit.makefile.as_ref()?.target.as_ref()?);
    let here = unit.program()?.path.parent()?.to_path_buf();
    let inside = here.strip_prefix(built_in).ok()?;
    let above = |path: &Path, below: &Path| -> Option<PathBuf> {
        let above = path.ancestors().nth(below.components().count())?;
        path.ends_with(below).then(|| above.to_path_buf())
    };
    let build_dir = above(written.parent()?, inside)?;
    if fs.is_same_place(&build_dir, built_in) {
        return None;
    }
    // A directory of its own for what is built says nothing of where the sources were.
    above(&build_dir, built_in.strip_prefix(workspace).ok()?)
}

/// What the first crate's `main` does in any case, followed through all of these.
fn follow_main(states: &mut [CrateFreshness]) {
    let called = |it: &&CrateFreshness| {
        !matches!(it.role, CrateRole::BuildScript | CrateRole::BuildScriptRun)
    };
    let reach = {
        let Some(first) = states.first() else { return };
        let Some(main) = first.main() else { return };
        let others = states[1..].iter().filter(called);
        let crates: Vec<&CrateFreshness> = std::iter::once(first).chain(others).collect();
        Crates::new(&crates).of(main)
    };
    states[0].reach = reach;
}

fn directory(package: &MetadataPackage) -> &Path {
    package.manifest_path.parent().map_or(Path::new(""), |path| path.as_std_path())
}

/// Whether a target is linked into others.
pub fn is_library(target: &Target) -> bool {
    use TargetKind::{CDyLib, DyLib, Lib, ProcMacro, RLib, StaticLib};
    [Lib, RLib, DyLib, CDyLib, StaticLib, ProcMacro].into_iter().any(|kind| target.is_kind(kind))
}
