//! Whether the subject is what the sources would be compiled to: every piece of evidence, apart.
//!
//! `docs/freshness.md` says what each piece can and cannot see, with the measurements.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cargo_metadata::Metadata;

use crate::binary::elf::record_section;
use crate::cargo::build::Build;
use crate::cargo::compare_crates;
use crate::cargo::compare_crates::{Comparison, LARGEST_PROGRAM, Place, is_library};
use crate::cargo::crate_freshness::{CrateState, Role};
use crate::cargo::evidence;
use crate::cargo::evidence::texts::Texts;
use crate::cargo::file_time::Moment;
use crate::cargo::source::files::Reader;
use crate::cargo::source::module_tree;
use crate::cargo::target_dir;
use crate::cargo::target_dir::units::{Unit, UnitKind};
use crate::cargo::target_dir::{Output, TargetDir};
use crate::cargo::workspace::Workspace;

/// What the target directory and the sources say of the subject.
#[derive(Debug, Clone, Default)]
pub struct Freshness {
    /// Whether sources and target directory were looked at.
    pub read: bool,
    /// The subject among what Cargo made.
    pub origin: Origin,
    /// The crates that the subject is made of and that lie in directories; its own come first.
    pub crates: Vec<CrateState>,
    /// Other crates that the command which builds the subject would leave as they are, though they
    /// are stale: without them it may not even compile. Looked for where the subject is stale.
    pub also_stale: Vec<CrateState>,
    /// Where the subject lies on this machine, when Cargo does not hand it out there.
    pub elsewhere: Option<PathBuf>,
    /// The workspace root that the target directory was filled from, when it is not this one.
    pub made_at: Option<PathBuf>,
    /// Panic locations of the subject that could be compared with a source.
    pub locations: Compared,
    /// The texts of the crates, as far as they are in the subject.
    pub texts: Texts,
    /// Values of `env!` and `option_env!` that Cargo did not set itself.
    pub baked: Vec<Baked>,
    /// The directories of packages that are in the subject by `env!("CARGO_MANIFEST_DIR")`.
    pub manifest_dirs: Vec<String>,
    /// What should name a commit and names none.
    pub no_commits: Vec<NoCommit>,
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
        /// Whether one of them has the same build-id; `None`: one of the two has none.
        same_build_id: Option<bool>,
        /// That one, else the one that Cargo handed out last.
        output: PathBuf,
        /// Where the subject lies instead.
        lies: Lies,
    },
    /// The target directory has no output of that name that could be read, and why.
    #[default]
    NotLookedAt,
    /// The target directory has no unit of that name, or of a layout that is not known.
    NoUnit(String),
}

/// Where a subject lies that is no output of the target directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lies {
    /// Below the target directory.
    InTargetDir,
    /// Anywhere else on this machine.
    OnThisMachine,
    /// In an image, whose stages had target directories of their own.
    InAnImage,
}

impl Origin {
    /// Whether another build made the subject, so that no unit here says anything of it. A file out
    /// of an image without a build-id may be anybody's.
    fn is_anothers(&self) -> bool {
        match self {
            Origin::Differs { same_build_id: Some(same), .. } => !same,
            Origin::Differs { same_build_id: None, lies, .. } => *lies == Lies::InAnImage,
            Origin::Output | Origin::NotLookedAt | Origin::NoUnit(_) => false,
        }
    }
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

/// A variable or constant that should name a commit and names none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoCommit {
    /// Its name.
    pub name: String,
    /// What it was in the place of a commit; `None`: not set.
    pub value: Option<String>,
    /// Where that stands.
    pub place: String,
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

/// A workspace's sources and target directory: each is looked at once for all programs of it.
#[derive(Debug)]
pub struct Comparisons<'a> {
    metadata: &'a Metadata,
    inner: Mutex<Inner<'a>>,
}

#[derive(Debug, Default)]
struct Inner<'a> {
    /// By where the programs are handed out and where the rest is kept.
    directories: Vec<((PathBuf, PathBuf), Arc<Directory>)>,
    /// One of each place.
    comparisons: Vec<Comparison<'a>>,
}

#[derive(Debug)]
struct Directory {
    target: TargetDir,
    units: Vec<Unit>,
}

impl<'a> Comparisons<'a> {
    /// Nothing is looked at yet.
    pub fn new(workspace: &'a Workspace) -> Comparisons<'a> {
        Comparisons { metadata: &workspace.metadata, inner: Mutex::default() }
    }

    /// Compares one subject with the workspace's sources and target directory.
    ///
    /// A record inside the subject is none of its own: Cargo made what is around it.
    pub fn of(&self, build: &Build, subject: Subject<'_>) -> Freshness {
        let original = record_section::without(subject.bytes);
        let subject = Subject { bytes: original.as_deref().unwrap_or(subject.bytes), ..subject };
        let read = || {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let freshness = read(self.metadata, &mut inner, build, subject);
            module_tree::forget_spans();
            freshness
        };
        compare_crates::on_a_deep_stack(read)
            .unwrap_or_else(|why| Freshness { notes: vec![why], ..Freshness::default() })
    }
}

impl<'a> Inner<'a> {
    fn directory(&mut self, metadata: &Metadata, build: &Build) -> Arc<Directory> {
        let key = (build.target_dir.clone(), build.build_dir.clone());
        if let Some((_, known)) = self.directories.iter().find(|(known, _)| *known == key) {
            return Arc::clone(known);
        }
        let packages = metadata.packages.iter().filter(|package| package.source.is_none());
        let names: Vec<&str> = packages.map(|package| package.name.as_str()).collect();
        let limits = target_dir::Limits::default();
        let target = target_dir::read(&key.0, &key.1, &names, limits);
        let units = target.units.iter().cloned().map(Unit::new).collect();
        let directory = Arc::new(Directory { target, units });
        self.directories.push((key, Arc::clone(&directory)));
        directory
    }

    fn comparison(&mut self, place: Place<'a>) -> &mut Comparison<'a> {
        let known = self.comparisons.iter().position(|it| it.place.is_same(&place));
        let index = known.unwrap_or(self.comparisons.len());
        if known.is_none() {
            self.comparisons.push(Comparison::new(place));
        }
        &mut self.comparisons[index]
    }
}

impl Freshness {
    /// Whether the subject is an output of the target directory, or one that was stripped, and the
    /// directory was filled here.
    pub fn is_made_here(&self) -> bool {
        self.read && !self.is_of_another_build() && self.made_at.is_none()
    }

    /// Whether another build made the subject: one with variables and arguments of its own, which
    /// nothing here knows.
    pub fn is_of_another_build(&self) -> bool {
        let is_output = matches!(
            self.origin,
            Origin::Output | Origin::Differs { same_build_id: Some(true), .. }
        );
        self.read && !is_output
    }

    /// The program's own crate.
    pub fn program(&self) -> Option<&CrateState> {
        self.crates.first().filter(|state| state.role == Role::Program)
    }
}

fn read<'a>(
    metadata: &'a Metadata,
    inner: &mut Inner<'a>,
    build: &Build,
    subject: Subject<'_>,
) -> Freshness {
    let mut freshness = Freshness { read: true, ..Freshness::default() };
    let directory = inner.directory(metadata, build);
    let Directory { target, units } = &*directory;
    freshness.notes.extend(target.notes.iter().cloned());
    freshness.newer_twin = newer_twin(target, build, subject);
    freshness.nameless = nameless(metadata, build, subject);
    let elsewhere = subject.path.filter(|it| !target_dir::is_same_place(it, &build.executable));
    freshness.elsewhere = elsewhere.map(Path::to_path_buf);
    let (first, origin) = choose(units, build, subject);
    let first = first.filter(|_| !origin.is_anothers());
    freshness.origin = origin;
    freshness.made_at = first.and_then(|first| {
        let root = &build.workspace_root;
        compare_crates::made_at(&units[first], root, &build.build_dir)
    });

    let comparison = inner.comparison(Place {
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
    (freshness.locations, freshness.texts) = (against.locations, against.texts);
    (freshness.baked, freshness.manifest_dirs) = (against.baked, against.manifest_dirs);
    freshness.notes.extend(against.notes);
    freshness.no_commits = comparison.no_commits(&states);
    freshness.chef_stubs = states
        .first()
        .filter(|state| state.role == Role::Program)
        .is_some_and(|state| is_chef_stub(state, &mut comparison.reader));
    if let (Some(first), true) = (first, states.iter().any(CrateState::is_stale)) {
        freshness.also_stale = comparison.also_stale(units, first, build, &states);
    }
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
        units[*index].program().is_some_and(|output| {
            output.size == size && target_dir::has_contents(&output.path, subject.bytes)
        })
    };
    if let Some(index) = candidates.iter().copied().find(is_equal) {
        return (Some(index), Origin::Output);
    }
    // Not an output: what Cargo handed out last is what it should have been. Who writes to the very
    // file that was handed out, as `strip` does, cuts its link to the unit; its build-id tells then,
    // and where there is none the directory that it lies in.
    let handed_out = target_dir::output(&build.executable);
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
        evidence::same_build_id(&output.path, subject, LARGEST_PROGRAM)
    };
    let is_same = |index: &usize| same_build_id(index) == Some(true);
    let index = candidates.iter().copied().find(is_same).or(candidates.first().copied());
    let output = index.and_then(|index| units[index].program());
    let origin = match output {
        Some(output) => Origin::Differs {
            same_build_id: index.as_ref().and_then(same_build_id),
            output: output.path.clone(),
            lies: match subject.path {
                Some(path) if target_dir::is_inside(path, &build.target_dir) => Lies::InTargetDir,
                Some(_) => Lies::OnThisMachine,
                None => Lies::InAnImage,
            },
        },
        None => Origin::NoUnit(format!("the output of `{}` is gone", build.bin)),
    };
    (index, origin)
}

/// The subject's name when it lies where Cargo hands programs out and no target has this name.
fn nameless(metadata: &Metadata, build: &Build, subject: Subject<'_>) -> Option<String> {
    let path = subject.path?;
    let name = path.file_name()?.to_str()?;
    let handed_out = path
        .parent()
        .is_some_and(|directory| target_dir::is_same_place(directory, &build.profile_dir));
    let stem = name.strip_suffix(".exe").unwrap_or(name);
    let packages = metadata.packages.iter().filter(|package| package.source.is_none());
    let is_known = packages.flat_map(|package| &package.targets).any(|target| {
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
