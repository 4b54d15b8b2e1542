//! Every unit of a build, with those that have to be compiled again to know.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::RebuildError;
use super::files;
use super::names::{hash_in_name, is_unit_hash, split_hash};
use crate::toolchain::dep_info::{self, Makefile};
use crate::toolchain::fingerprint::parse_hash;

/// More units than a target directory has.
const MAX_UNITS: usize = 100_000;
/// No fingerprint and no dep-info is longer, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// A package that lies in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The directory of its manifest.
    pub root: PathBuf,
}

/// What cargo keeps of one unit.
#[derive(Debug, Clone)]
pub struct BuiltUnit {
    /// `release`, `x86_64-unknown-linux-musl/release`.
    pub top: PathBuf,
    /// The package's name.
    pub package: String,
    /// The 16 hex digits in its files' names: a hash of features, profile, flags and compiler.
    pub hash: String,
    /// `bin-app`, `lib-core`, `build-script-build-script-build`, `run-build-script-…`.
    pub stem: String,
    /// Its fingerprint, as cargo wrote it.
    pub json: Value,
    /// The hash of its fingerprint; `None` while it is being compiled or after a failure.
    pub own_hash: Option<u64>,
    /// What it wrote, relative to the build directory: dep-info files aside.
    pub outputs: Vec<PathBuf>,
    /// rustc's dep-info, where there is one.
    pub makefile: Option<Makefile>,
}

impl BuiltUnit {
    /// A run of a build script.
    pub fn is_run(&self) -> bool {
        self.stem.starts_with("run-build-script")
    }

    /// A build script, or a run of one.
    pub fn is_build_script(&self) -> bool {
        self.is_run() || self.stem.starts_with("build-script")
    }

    /// The binary that it is, by the name of its target.
    pub fn bin(&self) -> Option<&str> {
        self.stem.strip_prefix("bin-")
    }

    /// What a person calls it.
    pub fn name(&self) -> String {
        let package = &self.package;
        match (self.bin(), self.is_run(), self.is_build_script()) {
            (Some(bin), ..) => format!("bin `{bin}`"),
            (_, true, _) => format!("the build script's output of `{package}`"),
            (_, _, true) => format!("the build script of `{package}`"),
            _ => format!("the library of `{package}`"),
        }
    }

    /// The units that it was made of, by the hash of their fingerprints.
    fn dependencies(&self) -> impl Iterator<Item = u64> {
        let all = self.json["deps"].as_array().into_iter().flatten();
        all.filter_map(|entry| entry.get(3)?.as_u64())
    }

    /// The features that it was compiled with; `None` where the fingerprint says it in a form
    /// that is not known.
    pub fn features(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.json["features"].as_str()?).ok()
    }

    /// The flags that it was compiled with.
    pub fn rustflags(&self) -> Option<Vec<String>> {
        let all = self.json["rustflags"].as_array()?.iter();
        all.map(|flag| flag.as_str().map(str::to_owned)).collect()
    }

    /// The variables that its run was told to watch, with their values of that time.
    pub fn watched(&self) -> Vec<(String, Option<String>)> {
        let all = self.json["local"].as_array().into_iter().flatten();
        let watched = all.filter_map(|local| {
            let entry = &local["RerunIfEnvChanged"];
            let value = entry["val"].as_str().map(str::to_owned);
            Some((entry["var"].as_str()?.to_owned(), value))
        });
        watched.collect()
    }
}

/// All units of the directories that one build wrote into.
#[derive(Debug, Default)]
pub struct BuiltUnits {
    /// In no order.
    pub all: Vec<BuiltUnit>,
    /// The positions by the hash of the fingerprint. Equal hashes are equal units.
    by_own_hash: HashMap<u64, Vec<usize>>,
}

/// Where packages lie, to tell a workspace's own units from those of downloaded packages.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The packages that lie in directories.
    pub own: Vec<OwnPackage>,
    /// The directories of all others that are known.
    pub foreign: Vec<PathBuf>,
}

impl BuiltUnits {
    /// Reads the units of these directories below the build directory.
    ///
    /// # Errors
    /// There are more units than there can be.
    pub fn read(build_dir: &Path, tops: &[PathBuf]) -> Result<BuiltUnits, RebuildError> {
        let mut units = BuiltUnits::default();
        for top in tops {
            let outputs = outputs_by_hash(build_dir, top);
            for name in files::subdirectories(&build_dir.join(top).join(".fingerprint")) {
                let Some((package, hash)) = split_hash(&name) else { continue };
                let mut outputs = outputs.get(hash).cloned().unwrap_or_default();
                let home = top.join("build").join(&name);
                outputs.extend(files_in(build_dir, &home));
                let directory = top.join(".fingerprint").join(&name);
                units.add(build_dir, top, (package, hash), &directory, &outputs);
            }
            // `-Zbuild-dir-new-layout`
            for package in files::subdirectories(&build_dir.join(top).join("build")) {
                let home = top.join("build").join(&package);
                for hash in files::subdirectories(&build_dir.join(&home)) {
                    if !is_unit_hash(&hash) {
                        continue;
                    }
                    let home = home.join(&hash);
                    let parts = ["out", "run"].map(|part| files_in(build_dir, &home.join(part)));
                    let directory = home.join("fingerprint");
                    units.add(build_dir, top, (&package, &hash), &directory, &parts.concat());
                }
            }
            if units.all.len() > MAX_UNITS {
                return Err(RebuildError::TooManyUnits { limit: MAX_UNITS });
            }
        }
        for (index, unit) in units.all.iter().enumerate() {
            if let Some(hash) = unit.own_hash {
                units.by_own_hash.entry(hash).or_default().push(index);
            }
        }
        Ok(units)
    }

    fn add(
        &mut self,
        build_dir: &Path,
        top: &Path,
        (package, hash): (&str, &str),
        directory: &Path,
        outputs: &[PathBuf],
    ) {
        let is_list = |path: &&PathBuf| path.extension().is_some_and(|it| it == "d");
        let makefile = outputs.iter().find(is_list);
        let makefile = makefile.and_then(|path| files::read(&build_dir.join(path), MAX_FILE));
        let makefile = makefile.as_deref().map(dep_info::parse_makefile);
        for name in files::file_names(&build_dir.join(directory)) {
            let Some(stem) = name.strip_suffix(".json") else { continue };
            let read = |name: &str| files::read(&build_dir.join(directory).join(name), MAX_FILE);
            let json = read(&name).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            self.all.push(BuiltUnit {
                top: top.to_path_buf(),
                package: package.to_owned(),
                hash: hash.to_owned(),
                stem: stem.to_owned(),
                json: json.unwrap_or_default(),
                own_hash: read(stem).as_deref().and_then(parse_hash),
                outputs: outputs.iter().filter(|path| !is_list(path)).cloned().collect(),
                makefile: makefile.clone(),
            });
        }
    }

    /// What a unit was made of, itself first, each unit once.
    pub fn graph(&self, first: usize) -> Vec<usize> {
        let mut found = vec![first];
        let mut known: HashSet<usize> = found.iter().copied().collect();
        let mut next = 0;
        while let Some(&index) = found.get(next) {
            next += 1;
            for hash in self.all[index].dependencies() {
                for &unit in self.by_own_hash.get(&hash).into_iter().flatten() {
                    if known.insert(unit) {
                        found.push(unit);
                    }
                }
            }
        }
        found
    }

    /// The units that were compiled from the workspace's own directories, and those of other
    /// packages that were compiled against them (`[patch]`): all that has to be compiled again.
    pub fn own(&self, places: &Places, roots: [&Path; 2]) -> BTreeSet<usize> {
        let mut own: BTreeSet<usize> =
            (0..self.all.len()).filter(|index| places.is_own(&self.all[*index], roots)).collect();
        loop {
            let hashes: HashSet<u64> =
                own.iter().filter_map(|index| self.all[*index].own_hash).collect();
            let depends = |index: &usize| {
                !own.contains(index)
                    && self.all[*index].dependencies().any(|hash| hashes.contains(&hash))
            };
            let more: Vec<usize> = (0..self.all.len()).filter(depends).collect();
            if more.is_empty() {
                return own;
            }
            own.extend(more);
        }
    }

    /// The positions by directory and hash: what the wrapper is asked for by name.
    pub fn names(&self, of: impl Iterator<Item = usize>) -> BTreeSet<String> {
        of.map(|index| self.all[index].hash.clone()).collect()
    }

    /// The same unit in another build of the same flags.
    pub fn twin(&self, unit: &BuiltUnit) -> Option<&BuiltUnit> {
        self.all
            .iter()
            .find(|it| it.hash == unit.hash && it.stem == unit.stem && it.package == unit.package)
    }
}

impl Places {
    /// Whether a unit was compiled from a directory of the workspace's own. A downloaded package
    /// of the same name is told by the places of its sources: cargo hands them to rustc as
    /// absolute paths, and those of the workspace as paths relative to it.
    fn is_own(&self, unit: &BuiltUnit, roots: [&Path; 2]) -> bool {
        let named: Vec<&OwnPackage> =
            self.own.iter().filter(|it| it.name == unit.package).collect();
        // A run has no sources; it follows the build script.
        if named.is_empty() || unit.is_run() {
            return false;
        }
        let Some(source) = unit.makefile.as_ref().and_then(|it| it.sources.first()) else {
            // Half compiled: cargo will say.
            return true;
        };
        let source = Path::new(source);
        let is_relative = source.is_relative() || roots.iter().any(|root| source.starts_with(root));
        let is_named = named.iter().any(|it| source.starts_with(&it.root));
        let is_foreign = self.foreign.iter().any(|root| source.starts_with(root));
        let text = source.to_string_lossy();
        let is_cached = text.contains("/registry/src/") || text.contains("/git/checkouts/");
        is_named || (!is_foreign && !is_cached && is_relative)
    }
}

/// Values of `env!` and `option_env!` that the units read, and variables that build scripts watch:
/// what cargo has to see again. What a build script sets for its own package is left out, so that
/// a script that no longer sets it is not helped.
pub fn environment<'a>(
    units: impl Iterator<Item = &'a BuiltUnit>,
    own: &dyn Fn(&BuiltUnit) -> bool,
    printed: &dyn Fn(&BuiltUnit) -> Vec<u8>,
) -> BTreeMap<String, Option<String>> {
    let units: Vec<&BuiltUnit> = units.collect();
    let mut set_by_scripts: HashSet<(String, String)> = HashSet::new();
    for run in units.iter().filter(|unit| unit.is_run()) {
        let printed = printed(run);
        for line in String::from_utf8_lossy(&printed).lines() {
            let value = line.strip_prefix("cargo::rustc-env=");
            let value = value.or_else(|| line.strip_prefix("cargo:rustc-env="));
            let name = value.and_then(|it| it.split_once('=')).map(|(name, _)| name.to_owned());
            set_by_scripts.extend(name.map(|name| (run.package.clone(), name)));
        }
    }
    let mut environment = BTreeMap::new();
    for unit in units {
        let read = unit.makefile.iter().filter(|_| own(unit)).flat_map(|it| &it.environment);
        let read = read
            .filter(|(name, _)| !set_by_scripts.contains(&(unit.package.clone(), name.clone())));
        for (name, value) in read.cloned().chain(unit.watched()) {
            if !is_cargos(&name) {
                environment.entry(name).or_insert(value);
            }
        }
    }
    environment
}

/// Variables that cargo or rustup set, or that decide which of them is started.
pub fn is_cargos(name: &str) -> bool {
    let by_name = ["OUT_DIR", "PATH", "HOME", "TMPDIR", "TARGET", "HOST", "PROFILE", "OPT_LEVEL"];
    let by_start = ["CARGO", "RUSTC", "RUSTUP", "RUSTFLAGS", "DEP_"];
    by_name.contains(&name)
        || name == "DEBUG"
        || name == "NUM_JOBS"
        || by_start.iter().any(|start| name.starts_with(start))
}

/// Which field of a unit's fingerprint says that it was compiled with other settings. What only
/// follows from sources is no setting: dependencies' hashes, files and their dates, the features
/// that a manifest declares.
pub fn other_setting(judged: &BuiltUnit, rebuilt: &BuiltUnit, moved: bool) -> Option<String> {
    let (Some(judged_fields), Some(fields)) = (judged.json.as_object(), rebuilt.json.as_object())
    else {
        return Some("a fingerprint that cannot be read".to_owned());
    };
    let names: BTreeSet<&String> = judged_fields.keys().chain(fields.keys()).collect();
    for name in names {
        let from_sources = matches!(name.as_str(), "deps" | "local" | "declared_features")
            || (moved && name == "path");
        if !from_sources && judged_fields.get(name) != fields.get(name) {
            return Some(match name.as_str() {
                "config" => "the linker or another setting of cargo's configuration".to_owned(),
                "profile" => "the profile".to_owned(),
                "rustc" => "the compiler".to_owned(),
                "rustflags" => "RUSTFLAGS".to_owned(),
                "features" => "features".to_owned(),
                "target" => "the target's settings in the manifest".to_owned(),
                other => format!("`{other}` of the fingerprint"),
            });
        }
    }
    let now = rebuilt.watched();
    let changed = judged.watched().into_iter().find(|(name, value)| {
        now.iter().any(|(other, other_value)| other == name && other_value != value)
    });
    changed.map(|(name, _)| format!("the variable {name}"))
}

/// The regular files of `deps/` by the unit hash in their names, relative to the build directory.
fn outputs_by_hash(build_dir: &Path, top: &Path) -> HashMap<String, Vec<PathBuf>> {
    let mut outputs: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for path in files_in(build_dir, &top.join("deps")) {
        if let Some(hash) = hash_in_name(&path) {
            outputs.entry(hash.to_owned()).or_default().push(path);
        }
    }
    outputs
}

fn files_in(build_dir: &Path, below: &Path) -> Vec<PathBuf> {
    files::file_names(&build_dir.join(below)).into_iter().map(|name| below.join(name)).collect()
}
