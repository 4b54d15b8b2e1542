//! Whether the subject is what the sources would be compiled to: every piece of evidence, apart.
//!
//! `docs/freshness.md` says what each piece can and cannot see, with the measurements.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, Package as MetadataPackage, TargetKind};

use super::Build;
use super::cfg::Cfg;
use super::crate_state::{CrateState, Role};
use super::evidence::{self, Names, Shown};
use super::features::Declared;
use super::literals::Presence;
use super::module_tree::{self, STACK};
use super::units::{Unit, UnitKind, made_of};
use crate::facts::Fact;
use crate::facts::binary::MainVerdict;
use crate::input::cargo::Workspace;
use crate::input::moment::Moment;
use crate::input::sources::{self, Reader};
use crate::input::target_dir::{self, Output, TargetDir};

/// Larger programs are not compared: no compiler has made one yet.
const LARGEST_PROGRAM: u64 = 4 << 30;

/// What the target directory and the sources say of the subject.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// Whether sources and target directory were looked at.
    pub read: bool,
    /// The subject among what Cargo made.
    pub origin: Origin,
    /// The crates that the subject is made of and that lie in directories; its own come first.
    pub crates: Vec<CrateState>,
    /// The workspace root that the target directory was filled from, when it is not this one.
    pub made_at: Option<PathBuf>,
    /// Panic locations of the subject that could be compared with a source.
    pub locations: Compared,
    /// The texts of the program's own crate that are in the subject.
    pub texts: Presence,
    /// Where the missing ones are, at most [`evidence::SHOWN`].
    pub missing_texts: Vec<Shown>,
    /// Values of `env!` and `option_env!` that Cargo did not set itself.
    pub baked: Vec<Baked>,
    /// The path of a package's directory that is in the subject by `env!("CARGO_MANIFEST_DIR")`.
    pub manifest_dir: Option<String>,
    /// Whether the sources are the stubs that `cargo chef cook` puts in the place of the real ones.
    pub chef_stubs: bool,
    /// The output that the subject is an older twin of: of its profile, in another directory.
    pub newer_twin: Option<Twin>,
    /// The file name of a subject in the target directory that no binary target has any more.
    pub nameless: Option<String>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// How many were compared, and how many fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Compared.
    pub checked: usize,
    /// Fitting.
    pub fitting: usize,
}

/// The subject among what Cargo made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// It is the output of the first crate's unit, byte by byte.
    Output,
    /// It is not, and there are outputs of that name.
    Differs {
        /// Whether the newest of them has the same build-id; `None`: one of the two has none.
        same_build_id: Option<bool>,
        /// The newest of them.
        output: PathBuf,
    },
    /// The target directory has no output of that name that could be read, and why.
    #[default]
    NotLookedAt,
    /// The target directory has no unit of that name, or of a layout that is not known.
    NoUnit(String),
}

/// Two outputs of one name: the older is the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// The newer.
    pub path: PathBuf,
    /// When it was written.
    pub written: Moment,
    /// When the subject was.
    pub subject_written: Moment,
    /// The newer one's target directory, where it has one: a triple.
    pub target: Option<String>,
}

/// One value from the environment of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baked {
    /// The variable.
    pub name: String,
    /// Its value at the time.
    pub value: String,
    /// Whether the value is in the subject.
    pub present: bool,
}

/// The bytes that are judged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Where they lie on this machine, when they do.
    pub path: Option<&'a Path>,
    /// All of them.
    pub bytes: &'a [u8],
    /// Whether they are packed, so that no text of the program can be found in them.
    pub packed: bool,
    /// The program's build-id, lower-case hex.
    pub build_id: Option<&'a str>,
}

impl Freshness {
    /// Compares the subject with the workspace's sources and target directory.
    pub fn read(workspace: &Workspace, build: &Build, subject: Subject<'_>) -> Freshness {
        std::thread::scope(|scope| {
            let read = || {
                let freshness = read(&workspace.metadata, build, subject);
                module_tree::forget_spans();
                freshness
            };
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
            let answer = thread.map_err(|error| error.to_string()).and_then(|thread| {
                thread.join().map_err(|_| "the reader of the sources stopped".to_owned())
            });
            answer.unwrap_or_else(|why| Freshness { notes: vec![why], ..Freshness::default() })
        })
    }

    /// Where `main` of the program and `main` of the sources cannot be one, as a clause.
    pub fn other_main(&self, found: &Fact<MainVerdict>) -> Option<String> {
        let program = self.program()?;
        let main = program.main()?;
        let place = format!("{}:{}", program.root, main.line);
        let names = |wanted: &[&str]| main.macros.iter().any(|it| wanted.contains(&it.as_str()));
        match found.value? {
            MainVerdict::Empty if main.must_leave_code() => {
                Some(format!("its `main` does nothing, unlike the one at {place}"))
            }
            MainVerdict::HelloWorld
                if main.tokens > 0
                    && !main.texts.iter().any(|it| it.starts_with("Hello, world!")) =>
            {
                Some(format!("its `main` prints `Hello, world!`, unlike the one at {place}"))
            }
            MainVerdict::PlaceholderText
                if main.tokens > 0
                    && !names(&["todo", "unimplemented"])
                    && !main
                        .texts
                        .iter()
                        .any(|it| !it.is_empty() && found.evidence.contains(it.trim())) =>
            {
                Some(format!("its `main` is a placeholder, unlike the one at {place}"))
            }
            _ => None,
        }
    }

    /// The program's own crate.
    pub fn program(&self) -> Option<&CrateState> {
        self.crates.first().filter(|state| state.role == Role::Program)
    }
}

fn read(metadata: &Metadata, build: &Build, subject: Subject<'_>) -> Freshness {
    let mut freshness = Freshness { read: true, ..Freshness::default() };
    let packages: Vec<&MetadataPackage> =
        metadata.packages.iter().filter(|package| package.source.is_none()).collect();
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let target = target_dir::read(
        &build.target_dir,
        &build.build_dir,
        &names,
        target_dir::Limits::default(),
    );
    freshness.notes.extend(target.notes.iter().cloned());
    freshness.newer_twin = newer_twin(&target, build, subject);
    freshness.nameless = nameless(&packages, build, subject);
    let units: Vec<Unit> = target.units.iter().cloned().map(Unit::new).collect();
    let (first, origin) = choose(&units, build, subject);
    freshness.origin = origin;
    freshness.made_at = first.and_then(|first| made_at(&units[first], build));

    let mut reader = Reader::new(sources::Limits::default());
    let context = Context { metadata, build, packages: &packages };
    let mut states = match first {
        Some(first) => made_of(&units, first)
            .into_iter()
            .filter_map(|index| context.of_unit(&units[index], &mut reader))
            .collect(),
        None => context.without_units(&mut reader),
    };
    states.sort_by_key(|state| state.role);
    let names = Names {
        workspace: metadata.workspace_root.as_std_path(),
        made_at: freshness.made_at.as_deref(),
    };
    for state in &mut states {
        evidence::lists(state, names);
        evidence::digests(state, names);
        if freshness.made_at.is_none() {
            evidence::times(state, names, &build.build_dir, &mut reader);
        }
        evidence::build_script(state, names);
    }
    freshness.locations = evidence::positions(&mut states, subject.bytes, names, &mut reader);
    if !subject.packed {
        match evidence::texts(&mut states, subject.bytes, names) {
            Ok((presence, missing)) => {
                (freshness.texts, freshness.missing_texts) = (presence, missing);
            }
            Err(why) => freshness.notes.push(why),
        }
    }
    (freshness.baked, freshness.manifest_dir) = evidence::environment(&states, subject.bytes);
    freshness.chef_stubs = states
        .first()
        .filter(|state| state.role == Role::Program)
        .is_some_and(|state| is_chef_stub(state, &mut reader));
    freshness.crates = states;
    freshness
}

/// The unit whose output the subject is, or else the one that Cargo handed out last.
fn choose(units: &[Unit], build: &Build, subject: Subject<'_>) -> (Option<usize>, Origin) {
    let named = |index: &usize| {
        let unit = &units[*index];
        unit.kind == UnitKind::Bin(build.bin.clone()) && unit.package == build.package.name
    };
    let candidates: Vec<usize> = (0..units.len()).filter(named).collect();
    if candidates.is_empty() {
        let why =
            format!("{} holds no unit of `{}` that is known", build.build_dir.display(), build.bin);
        return (None, Origin::NoUnit(why));
    }
    let inode = subject.path.and_then(target_dir::output).and_then(|output| output.inode);
    let is_linked = |index: &usize| {
        inode.is_some() && units[*index].program().is_some_and(|it| it.inode == inode)
    };
    if let Some(index) = candidates.iter().copied().find(is_linked) {
        return (Some(index), Origin::Output);
    }
    let size = subject.bytes.len() as u64;
    let is_equal = |index: &usize| {
        use sha2::Digest;
        units[*index].program().is_some_and(|output| {
            output.size == size
                && target_dir::digest(&output.path)
                    == Some(sha2::Sha256::digest(subject.bytes).into())
        })
    };
    if let Some(index) = candidates.iter().copied().find(is_equal) {
        return (Some(index), Origin::Output);
    }
    // Not an output: what Cargo handed out last is what it should have been.
    let handed_out = target_dir::output(&build.executable);
    let is_handed_out = |index: &usize| {
        let inode = handed_out.as_ref().and_then(|output| output.inode);
        inode.is_some() && units[*index].program().is_some_and(|it| it.inode == inode)
    };
    let written = |index: &usize| units[*index].program().map(|output| output.modified);
    let index = candidates
        .iter()
        .copied()
        .find(is_handed_out)
        .or_else(|| candidates.iter().copied().max_by_key(written));
    let output = index.and_then(|index| units[index].program());
    let origin = match output {
        Some(output) => Origin::Differs {
            same_build_id: evidence::same_build_id(&output.path, subject, LARGEST_PROGRAM),
            output: output.path.clone(),
        },
        None => Origin::NoUnit(format!("the output of `{}` is gone", build.bin)),
    };
    (index, origin)
}

/// The subject's name when it lies where Cargo hands programs out and no target has this name.
fn nameless(packages: &[&MetadataPackage], build: &Build, subject: Subject<'_>) -> Option<String> {
    let path = subject.path?;
    let name = path.file_name()?.to_str()?;
    let handed_out = path
        .parent()
        .is_some_and(|directory| target_dir::is_same_place(directory, &build.profile_dir));
    let stem = name.strip_suffix(".exe").unwrap_or(name);
    let targets = packages.iter().flat_map(|package| &package.targets);
    let is_known = targets.into_iter().any(|target| {
        target.name == stem || (is_library(target) && stem.contains(&target.name.replace('-', "_")))
    });
    (handed_out && !is_known).then(|| name.to_owned())
}

/// The newest file of the subject's name and profile in another target's directory.
fn newer_twin(target: &TargetDir, build: &Build, subject: Subject<'_>) -> Option<Twin> {
    let path = subject.path?;
    let own = target_dir::output(path)?;
    let is_subject = |output: &Output| output.inode.is_some() && output.inode == own.inode;
    let home = target.profiles.iter().find(|it| {
        it.uplifted
            .iter()
            .any(|output| is_subject(output) && target_dir::is_same_place(&output.path, path))
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
        .map(|(profile, output)| Twin {
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
fn is_chef_stub(state: &CrateState, reader: &mut Reader) -> bool {
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

/// The workspace root at the time of the compilation, when it was another directory than this
/// one: rustc's makefile says where it wrote the program to. The makefile beside what Cargo hands
/// out would say so too, but `cargo test` builds programs without writing it anew.
fn made_at(unit: &Unit, build: &Build) -> Option<PathBuf> {
    let written = PathBuf::from(unit.makefile.as_ref()?.target.as_ref()?);
    let here = unit.program()?.path.parent()?.to_path_buf();
    let inside = here.strip_prefix(&build.build_dir).ok()?;
    let above = |path: &Path, below: &Path| -> Option<PathBuf> {
        let above = path.ancestors().nth(below.components().count())?;
        path.ends_with(below).then(|| above.to_path_buf())
    };
    let build_dir = above(written.parent()?, inside)?;
    if target_dir::is_same_place(&build_dir, &build.build_dir) {
        return None;
    }
    // A directory of its own for what is built says nothing of where the sources were.
    above(&build_dir, build.build_dir.strip_prefix(&build.workspace_root).ok()?)
}

struct Context<'a> {
    metadata: &'a Metadata,
    build: &'a Build,
    packages: &'a [&'a MetadataPackage],
}

impl Context<'_> {
    fn of_unit(&self, unit: &Unit, reader: &mut Reader) -> Option<CrateState> {
        let named: Vec<&&MetadataPackage> =
            self.packages.iter().filter(|it| it.name.as_str() == unit.package).collect();
        // Two packages of one name: the one whose files the unit lists.
        let package = match named.as_slice() {
            [] => return None,
            [only] => only,
            several => several
                .iter()
                .find(|package| evidence::lists_files_of(unit, directory(package)))
                .unwrap_or(&several[0]),
        };
        let target = package.targets.iter().find(|target| match &unit.kind {
            UnitKind::Bin(name) => target.is_kind(TargetKind::Bin) && target.name == *name,
            UnitKind::Lib => is_library(target),
            UnitKind::BuildScript | UnitKind::BuildScriptRun => {
                target.is_kind(TargetKind::CustomBuild)
            }
            UnitKind::Other => false,
        })?;
        let role = match &unit.kind {
            UnitKind::Bin(_) => Role::Program,
            UnitKind::Lib if package.id.repr == self.build.package.id => Role::OwnLibrary,
            UnitKind::Lib => Role::Member,
            UnitKind::BuildScript => Role::BuildScript,
            UnitKind::BuildScriptRun | UnitKind::Other => Role::BuildScriptRun,
        };
        // A downloaded package of the same name lists no file, and has no place here.
        let lists_nothing = matches!(&unit.dep_info, Some(Ok(info)) if info.files.is_empty());
        if lists_nothing && role != Role::BuildScriptRun {
            return None;
        }
        Some(self.state(role, package, target, Some(unit.clone()), reader))
    }

    /// Without a target directory: every crate of the sources that the program may be made of.
    fn without_units(&self, reader: &mut Reader) -> Vec<CrateState> {
        let mut states = Vec::new();
        for package in self.packages {
            let own = package.id.repr == self.build.package.id;
            for target in &package.targets {
                let role = match own {
                    true if target.is_kind(TargetKind::Bin) && target.name == self.build.bin => {
                        Role::Program
                    }
                    true if is_library(target) => Role::OwnLibrary,
                    false if is_library(target) => Role::Member,
                    _ => continue,
                };
                states.push(self.state(role, package, target, None, reader));
            }
        }
        states
    }

    fn declared(&self, package: &MetadataPackage) -> Declared {
        let is_needed_by = |other: &&&MetadataPackage| {
            other.id != package.id
                && other.dependencies.iter().any(|it| it.name == package.name.as_str())
        };
        Declared {
            features: package.features.clone(),
            shared: self.packages.iter().any(|other| is_needed_by(&other)),
        }
    }

    fn state(
        &self,
        role: Role,
        package: &MetadataPackage,
        target: &cargo_metadata::Target,
        unit: Option<Unit>,
        reader: &mut Reader,
    ) -> CrateState {
        let for_host = matches!(role, Role::BuildScript) || target.is_kind(TargetKind::ProcMacro);
        let triple = match for_host {
            true => self.build.rustc.host.clone(),
            false => self.build.triple().map(str::to_owned),
        };
        let features = unit.as_ref().and_then(Unit::features).map(<[String]>::to_vec);
        let cfg = Cfg { features, triple };
        let root = target.src_path.as_std_path();
        let tree = (role != Role::BuildScriptRun).then(|| {
            module_tree::walk(root, directory(package), &cfg, &mut |path| reader.read(path))
        });
        let mut open: Vec<String> = Vec::new();
        if let Some(tree) = &tree {
            let shown =
                |path: &Path| evidence::shown(path, self.metadata.workspace_root.as_std_path());
            open.extend(tree.missing.iter().map(|what| format!("{what} is missing")));
            open.extend(tree.unreadable().map(|(path, why)| format!("{}: {why}", shown(path))));
            open.extend(tree.open_ends.iter().cloned());
        }
        if let Some(unit) = &unit {
            open.extend(unit.fingerprint.as_ref().err().cloned());
            open.extend(unit.dep_info.as_ref().and_then(|info| info.as_ref().err().cloned()));
        }
        CrateState {
            role,
            package: package.name.to_string(),
            version: package.version.to_string(),
            declared: self.declared(package),
            directory: directory(package).to_path_buf(),
            root: evidence::shown(root, self.metadata.workspace_root.as_std_path()),
            unit,
            tree,
            contradictions: Vec::new(),
            agreements: 0,
            proven: false,
            newer: Vec::new(),
            level: Vec::new(),
            late: Vec::new(),
            open,
        }
    }
}

fn directory(package: &MetadataPackage) -> &Path {
    package.manifest_path.parent().map_or(Path::new(""), |path| path.as_std_path())
}

fn is_library(target: &cargo_metadata::Target) -> bool {
    use TargetKind::{CDyLib, DyLib, Lib, ProcMacro, RLib, StaticLib};
    [Lib, RLib, DyLib, CDyLib, StaticLib, ProcMacro].into_iter().any(|kind| target.is_kind(kind))
}
