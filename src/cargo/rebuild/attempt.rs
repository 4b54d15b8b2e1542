//! Which commands can have made the judged build, and one run of each.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::RebuildError;
use super::files::{self, Borrowing, Locks, Scratch};
use super::process::{self, Ended, Janitor, RebuildRun};
use super::units::{self, BuiltUnits, OwnPackage, Places};
use super::wrapper::{MARK, PLAN, Plan};
use super::{RebuildRequest, RebuildTarget};

/// No output of a build script is longer, in bytes.
const MAX_PRINTED: u64 = 64 << 20;

/// Everything that is known of the judged build, and the directory that it is compiled again in.
pub struct Bench<'a> {
    pub request: &'a RebuildRequest,
    pub tops: Vec<PathBuf>,
    pub units: BuiltUnits,
    /// The units that have to be compiled again.
    pub own: BTreeSet<usize>,
    /// What the build directory was called when it was filled.
    pub old_build_dir: PathBuf,
    pub old_workspace: PathBuf,
    scratch: Scratch,
    janitor: RefCell<Janitor>,
    runs: RefCell<usize>,
    compiled: RefCell<Vec<String>>,
    /// No cargo changes the judged build as long as these are held.
    _locks: Locks,
}

/// Why a run made nothing to compare with.
#[derive(Debug, Clone)]
pub enum AttemptFailure {
    /// The build was made with other words; others may be tried.
    OtherFlags(String),
    /// Nothing else can be tried.
    Final(String),
}

impl From<RebuildError> for AttemptFailure {
    fn from(error: RebuildError) -> AttemptFailure {
        AttemptFailure::Final(error.to_string())
    }
}

/// What is compiled again, and what is left as the judged build has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything of the workspace's own.
    Full,
    /// All but the build scripts, whose output is the judged one.
    Pinned,
}

/// One way to say what the judged build was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildArguments {
    /// Behind `cargo build`: packages, features, binaries.
    pub arguments: Vec<String>,
    /// Beside the environment that is recovered.
    pub environment: BTreeMap<String, String>,
    /// Nothing but what was typed now.
    pub typed: bool,
}

/// What one run made.
#[derive(Debug, Clone)]
pub struct RebuiltCopy {
    /// Its build directory.
    pub copy: PathBuf,
    /// The words that made it.
    pub words: BuildArguments,
    /// How long it took.
    pub took: Duration,
}

impl<'a> Bench<'a> {
    /// Reads the judged build and makes the directory beside it.
    ///
    /// # Errors
    /// Something is missing, or cannot be written.
    pub fn new(request: &'a RebuildRequest) -> Result<Bench<'a>, RebuildError> {
        check_paths(request)?;
        let profile = PathBuf::from(&request.profile_directory);
        let mut tops = vec![profile.clone()];
        if let Some((_, directory)) = &request.target {
            tops.insert(0, Path::new(directory).join(profile));
        }
        tops.retain(|top| files::is_directory(&request.build_dir.join(top)));
        if tops.is_empty() {
            return Err(RebuildError::NothingBuilt { path: request.build_dir.clone() });
        }
        let locks = files::lock_judged(&request.build_dir, &tops)?;
        let units = BuiltUnits::read(&request.build_dir, &tops)?;
        let package = |(name, version, root): &(String, String, PathBuf)| OwnPackage {
            name: name.clone(),
            version: version.clone(),
            root: root.clone(),
        };
        let own = request.packages.iter().map(package).collect();
        let places = Places { own, foreign: request.foreign.clone() };
        let old_build_dir = old_build_dir(&units, &tops).unwrap_or(request.build_dir.clone());
        let old_workspace = old_workspace(request, &old_build_dir);
        // `--remap-path-prefix=FROM=TO` is cut at the last `=`.
        if [&old_build_dir, &old_workspace].iter().any(|it| it.to_string_lossy().contains('=')) {
            return Err(RebuildError::PathWithEquals { path: old_build_dir });
        }
        let own = units.own(&places, [&request.workspace_root, &old_workspace]);
        let scratch = Scratch::new(
            &request.build_dir,
            &process::temporary(),
            process::number(),
            request.keep,
        )?;
        let janitor = RefCell::new(Janitor::start(&request.executable, &scratch));
        let (runs, compiled) = (RefCell::default(), RefCell::default());
        Ok(Bench {
            request,
            tops,
            units,
            own,
            old_build_dir,
            old_workspace,
            scratch,
            janitor,
            runs,
            compiled,
            _locks: locks,
        })
    }

    /// Whether the checkout lies elsewhere than when it was built.
    pub fn is_moved(&self) -> bool {
        self.old_build_dir != self.request.build_dir
    }

    /// Where the rebuilds are left, when they are to be kept.
    pub fn kept(&self) -> Option<PathBuf> {
        self.request.keep.then(|| self.scratch.path.clone())
    }

    /// The crates that were compiled so far, once each.
    pub fn compiled(&self) -> Vec<String> {
        self.compiled.borrow().clone()
    }

    /// The units of own packages among those that a program was made of.
    pub fn own_graph(&self, unit: usize) -> Vec<usize> {
        let graph = self.units.graph(unit);
        graph.into_iter().filter(|index| self.own.contains(index)).collect()
    }

    /// The ways in which a build of these programs may have been asked for: as it is typed now,
    /// with the features that the fingerprints tell, and as a build of the whole workspace.
    /// `programs` are positions in the request, with the unit that made each.
    pub fn ways(&self, programs: &[(usize, usize)]) -> Vec<BuildArguments> {
        let request = self.request;
        let bins = || {
            let all = programs.iter().map(|(program, _)| &request.programs[*program].bin);
            all.flat_map(|bin| ["--bin".to_owned(), bin.clone()])
        };
        let mut ways = Vec::new();
        let typed = request.selection.iter().chain(&request.features).cloned();
        ways.push(typed.chain(bins()).collect::<Vec<_>>());
        let mut recovered = vec!["--no-default-features".to_owned()];
        let mut features = Vec::new();
        for (program, unit) in programs {
            let RebuildTarget { spec, package, .. } = &request.programs[*program];
            let flag = ["-p".to_owned(), spec.clone()];
            if !recovered.contains(spec) {
                recovered.extend(flag);
            }
            let of_unit = self.units.all[*unit].features().unwrap_or_default().into_iter();
            features.extend(of_unit.map(|feature| match programs.len() {
                1 => feature,
                _ => format!("{package}/{feature}"),
            }));
        }
        features.sort();
        features.dedup();
        if !features.is_empty() {
            recovered.extend(["--features".to_owned(), features.join(",")]);
        }
        ways.push(recovered.into_iter().chain(bins()).collect());
        let whole = ["--workspace".to_owned()].into_iter().chain(request.features.iter().cloned());
        ways.push(whole.chain(bins()).collect());
        let mut words: Vec<BuildArguments> = Vec::new();
        for arguments in ways {
            if words.iter().all(|way| way.arguments != arguments) {
                let typed = words.is_empty();
                words.push(BuildArguments { arguments, typed, ..BuildArguments::default() });
            }
        }
        words
    }

    /// Whether all that a program's own crates read beside their files is these variables: no build
    /// script, no directory, and no variable with another value.
    pub fn reads_only(&self, unit: usize, variables: &BTreeMap<String, String>) -> bool {
        let root = self.request.workspace_root.to_string_lossy();
        let own = self.own_graph(unit);
        let is_free = |index: &usize| {
            let unit = &self.units.all[*index];
            let mut read = unit.makefile.iter().flat_map(|it| &it.environment);
            !unit.is_build_script()
                && !read.any(|(_, value)| value.as_ref().is_some_and(|it| it.contains(&*root)))
        };
        let all = own.iter().map(|index| &self.units.all[*index]);
        let read = units::environment(all, &|_| true, &|_| Vec::new());
        own.iter().all(is_free) && read.iter().all(|(name, it)| variables.get(name) == it.as_ref())
    }

    /// The environment that the judged build had, as far as anything tells.
    fn environment(&self, programs: &[(usize, usize)]) -> BTreeMap<String, String> {
        let mut environment = self.request.env.clone();
        for (_, unit) in programs {
            let graph = self.units.graph(*unit);
            let printed = |run: &units::BuiltUnit| {
                let output = run.outputs.iter().find(|path| is_printed(path));
                let read =
                    |path: &PathBuf| files::read(&self.request.build_dir.join(path), MAX_PRINTED);
                output.and_then(read).unwrap_or_default()
            };
            let own: BTreeSet<&str> =
                self.own.iter().map(|index| self.units.all[*index].hash.as_str()).collect();
            let is_own = |unit: &units::BuiltUnit| own.contains(unit.hash.as_str());
            let all = graph.into_iter().map(|index| &self.units.all[index]);
            for (name, value) in units::environment(all, &is_own, &printed) {
                match value {
                    Some(value) => environment.insert(name, value),
                    None => environment.remove(&name),
                };
            }
            // In force whatever configuration says, and empty means none.
            if let Some(flags) = self.units.all[*unit].rustflags() {
                environment.insert("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\u{1f}"));
            }
        }
        // Those of a cargo that runs this very program, as a test or by `cargo run`.
        for name in ["CARGO_MAKEFLAGS", "MAKEFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"] {
            environment.remove(name);
        }
        environment
    }

    /// The hashes of the units that are compiled again.
    fn without(&self, extent: Extent) -> BTreeSet<String> {
        let is_compiled =
            |index: &usize| extent == Extent::Full || !self.units.all[*index].is_build_script();
        self.units.names(self.own.iter().copied().filter(is_compiled))
    }

    /// Compiles in a new directory.
    ///
    /// # Errors
    /// Nothing that could be compared was made.
    pub fn compile(
        &self,
        programs: &[(usize, usize)],
        words: &BuildArguments,
        extent: Extent,
        progress: &dyn Fn(&str),
    ) -> Result<RebuiltCopy, AttemptFailure> {
        let start = Instant::now();
        let request = self.request;
        let number = self.runs.replace_with(|runs| *runs + 1);
        let run = self.scratch.run(number)?;
        let copy = run.join("target");
        let without = self.without(extent);
        let borrowing =
            Borrowing { build_dir: &request.build_dir, tops: &self.tops, without: &without };
        borrowing.fill(&copy)?;
        let text = |path: &Path| path.to_str().unwrap_or_default().to_owned();
        let (plan, log) = (run.join("plan"), run.join("log"));
        let description = Plan {
            judged: text(&request.build_dir),
            copy: text(&copy),
            old: text(&self.old_build_dir),
            workspace: text(&request.workspace_root),
            old_workspace: text(&self.old_workspace),
            allowed: without.into_iter().collect(),
            own: request.packages.iter().map(|(_, _, root)| text(root)).collect(),
            log: text(&log),
        };
        files::write(&plan, &description.to_bytes())?;
        let mut arguments = vec!["build", "--offline", "--locked", "--profile", &request.profile];
        if let Some((target, _)) = &request.target {
            arguments.extend(["--target", target]);
        }
        let copy_text = text(&copy);
        arguments.extend(["--target-dir", &copy_text]);
        let arguments = arguments.into_iter().map(str::to_owned);
        let mut environment = self.environment(programs);
        environment.extend(words.environment.clone());
        for (name, value) in [
            ("CARGO_BUILD_BUILD_DIR", copy_text.as_str()),
            ("RUSTC_WRAPPER", &text(&request.executable)),
            (PLAN, &text(&plan)),
            ("CARGO_TERM_COLOR", "never"),
            ("CARGO_TERM_PROGRESS_WHEN", "never"),
            ("CARGO_TERM_QUIET", "false"),
            ("CARGO_TERM_VERBOSE", "false"),
            ("CARGO_NET_OFFLINE", "true"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let run = RebuildRun {
            cargo: &request.cargo,
            arguments: arguments
                .chain(request.arguments.iter().cloned())
                .chain(words.arguments.iter().cloned())
                .collect(),
            environment,
            cwd: &request.cwd,
        };
        let ended = run.run(&mut self.janitor.borrow_mut(), progress)?;
        self.note_compiled(&log);
        if !ended.success {
            let full = || AttemptFailure::Final("the disk is full".to_owned());
            return Err(match why(&ended) {
                // Linkers do not say it.
                AttemptFailure::Final(reason)
                    if !reason.contains("error[") && files::is_full(&copy) =>
                {
                    full()
                }
                failure => failure,
            });
        }
        Ok(RebuiltCopy { copy, words: words.clone(), took: start.elapsed() })
    }

    fn note_compiled(&self, log: &Path) {
        let log = files::read(log, MAX_PRINTED).unwrap_or_default();
        let mut compiled = self.compiled.borrow_mut();
        for line in String::from_utf8_lossy(&log).lines() {
            let name = line.split(' ').next().unwrap_or_default();
            if !compiled.iter().any(|known| known == name) {
                compiled.push(name.to_owned());
            }
        }
    }
}

/// Whether a file is what a build script printed.
pub fn is_printed(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "output" || name == "stdout")
}

/// What the build directory was called when it was filled: rustc's dep-info has it.
fn old_build_dir(units: &BuiltUnits, tops: &[PathBuf]) -> Option<PathBuf> {
    let targets = units.all.iter().filter_map(|unit| {
        let target = unit.makefile.as_ref()?.target.as_ref()?;
        tops.iter().find_map(|top| {
            ["deps", "build"].iter().find_map(|part| {
                let marker = format!("/{}/{part}/", top.display());
                target.find(&marker).map(|at| PathBuf::from(&target[..at]))
            })
        })
    });
    let all: BTreeSet<PathBuf> = targets.filter(|path| path.is_absolute()).collect();
    // A directory that was filled in two places says nothing of any one unit.
    (all.len() == 1).then(|| all.into_iter().next()).flatten()
}

/// What the workspace was called then, if it was moved with its build directory inside.
fn old_workspace(request: &RebuildRequest, old_build_dir: &Path) -> PathBuf {
    let inside = request.build_dir.strip_prefix(&request.workspace_root).ok();
    let old = inside.and_then(|inside| {
        let depth = inside.components().count();
        old_build_dir.ends_with(inside).then(|| old_build_dir.ancestors().nth(depth)).flatten()
    });
    old.unwrap_or(&request.workspace_root).to_owned()
}

/// Whether the paths can be written into arguments and plans.
fn check_paths(request: &RebuildRequest) -> Result<(), RebuildError> {
    let roots = request.packages.iter().map(|(_, _, root)| root);
    let paths = [&request.executable, &request.workspace_root, &request.build_dir];
    let is_plain = |path: &Path| path.to_str().is_some_and(|it| !it.contains(char::is_control));
    match paths.into_iter().chain(roots).find(|path| !is_plain(path)) {
        Some(path) => Err(RebuildError::PathNotPlain { path: path.clone() }),
        None => Ok(()),
    }
}

/// Why cargo made nothing, in one line.
fn why(ended: &Ended) -> AttemptFailure {
    let lines = || ended.printed.iter().map(|line| line.trim());
    if let Some(reason) = lines().find_map(|line| line.strip_prefix(MARK)) {
        return match reason.contains("other flags") || reason.contains("would be compiled again") {
            true => AttemptFailure::OtherFlags(reason.to_owned()),
            false => AttemptFailure::Final(reason.to_owned()),
        };
    }
    if lines().any(|line| line.contains("No space left on device")) {
        return AttemptFailure::Final("the disk is full".to_owned());
    }
    let named = lines()
        .find_map(|line| line.strip_prefix("error: failed to run custom build command for "));
    if let Some(package) = named {
        let is_disarmed = lines().any(|line| line.contains("could not execute process"));
        return match is_disarmed {
            true => AttemptFailure::OtherFlags(format!(
                "the build script of the dependency {package} would run again"
            )),
            false => AttemptFailure::Final(format!("the build script of {package} fails")),
        };
    }
    let error = lines().find(|line| line.starts_with("error")).unwrap_or("cargo build failed");
    let is_code = error.starts_with("error[") || lines().any(|it| it.contains("could not compile"));
    let is_selection = error.contains("target named") || error.contains("feature");
    match (is_code, is_selection) {
        (true, _) => AttemptFailure::Final(format!("the sources do not compile: {error}")),
        (false, true) => AttemptFailure::OtherFlags(format!("cargo build: {error}")),
        (false, false) => AttemptFailure::Final(format!("cargo build: {error}")),
    }
}
