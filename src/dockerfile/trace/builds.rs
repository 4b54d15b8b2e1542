//! What cargo would compile, and what it would call fresh: the rules by which cargo decides, applied to
//! the files that a stage holds then.
//!
//! Cargo calls a unit fresh if its flags, features, profile, root path and package are the same, no file
//! that it was compiled from is younger than it, and nothing that it depends on was compiled again. Files
//! of the context keep the times of the checkout: they are older than everything that the build makes.

use std::collections::{BTreeMap, BTreeSet};

use super::{CargoRun, CompiledCrate, FileOrigin, RanCommand, Tracer, UnitKey, below, join};
use crate::dockerfile::cargo_command::{CargoCommand, Verb, read};
use crate::dockerfile::stages::{CompiledUnit, StageFile};

/// Where a cargo command finds its workspace.
struct CargoDirectory {
    /// The directory of the root manifest.
    root: String,
    /// The package that its directory is of; `None`: the root.
    package: Option<usize>,
}

impl Tracer<'_> {
    pub(super) fn cargo(&mut self, command: &RanCommand) {
        let words: Vec<Option<String>> = command.rest().iter().map(|it| it.value.clone()).collect();
        let cargo = read(&words);
        match cargo.verb {
            Verb::Clean => self.cargo_clean(command, &cargo),
            Verb::New => self.make_package(command, &cargo),
            Verb::ChefPrepare | Verb::Other => {}
            Verb::ChefCook => self.cook(command, cargo),
            Verb::Check | Verb::Test => {}
            Verb::Unknown => self.opaque(&command.span, &format!("cargo {}", cargo.subcommand)),
            Verb::Build | Verb::Run | Verb::Install => {
                if cargo.builds() {
                    self.build(command, cargo);
                } else if cargo.verb == Verb::Install {
                    // A crate of the registry: its program has a name of its own.
                    self.state.unknown_installs = true;
                }
            }
        }
    }

    /// `cargo new` and `cargo init`: a manifest and a stub.
    fn make_package(&mut self, command: &RanCommand, cargo: &CargoCommand) {
        let Some(directory) = &command.directory else { return };
        let Some(Some(name)) = &cargo.place else {
            // The name is a variable: everything that matters may be a stub now.
            return self.opaque(&command.span, "cargo new with a name that is not known");
        };
        let at = join(directory, name);
        let library = command.rest().iter().any(|it| it.value.as_deref() == Some("--lib"));
        self.written(&join(&at, "Cargo.toml"), FileOrigin::Written, self.time);
        let root = if library { "src/lib.rs" } else { "src/main.rs" };
        self.written(&join(&at, root), FileOrigin::Written, self.time);
    }

    /// The workspace that a directory is of, as cargo searches it: upwards.
    fn locate(&self, from: &str) -> Option<CargoDirectory> {
        let workspace = self.workspace;
        let root_manifest = workspace.manifest();
        let mut directory = Some(from.to_owned());
        while let Some(at) = directory {
            if let Some(file) = self.state.files.get(&self.placed(&join(&at, "Cargo.toml")).0) {
                let member =
                    |path: &str| workspace.packages.iter().position(|it| it.manifest() == path);
                let of_member = |index: usize| {
                    let package = workspace.packages.get(index)?;
                    let rest = below(&package.directory, &workspace.root)?;
                    let root = at.strip_suffix(rest).filter(|_| !rest.is_empty())?;
                    let root = join("/", root);
                    let held = self.state.files.get(&join(&root, "Cargo.toml"))?;
                    let is_root = match &held.origin {
                        FileOrigin::Context(path) => *path == root_manifest,
                        _ => true,
                    };
                    is_root.then_some(CargoDirectory { root, package: Some(index) })
                };
                return match &file.origin {
                    FileOrigin::Context(path) if *path == root_manifest => {
                        Some(CargoDirectory { root: at, package: None })
                    }
                    FileOrigin::Context(path) => {
                        let index = member(path)?;
                        // A member without its workspace stands alone: its own root.
                        of_member(index)
                    }
                    _ => {
                        let above = (0..workspace.packages.len()).find_map(|index| {
                            let package = workspace.packages.get(index)?;
                            let rest = below(&package.directory, &workspace.root)?;
                            (!rest.is_empty() && at.ends_with(&format!("/{rest}")))
                                .then(|| of_member(index))
                                .flatten()
                        });
                        Some(above.unwrap_or(CargoDirectory { root: at, package: None }))
                    }
                };
            }
            directory = at
                .rsplit_once('/')
                .map(|(above, _)| if above.is_empty() { "/".to_owned() } else { above.to_owned() });
            if at == "/" {
                break;
            }
        }
        None
    }

    fn variable(&self, command: &RanCommand, name: &str) -> Option<Option<String>> {
        match command.variables.get(name) {
            Some(Some(value)) if value.is_empty() => None,
            Some(value) => Some(value.clone()),
            None => None,
        }
    }

    fn rustflags(&self, command: &RanCommand) -> Option<String> {
        let mut all = String::new();
        for (name, value) in command.variables.iter() {
            let counts = matches!(
                name.as_str(),
                "RUSTFLAGS"
                    | "CARGO_ENCODED_RUSTFLAGS"
                    | "CARGO_BUILD_RUSTFLAGS"
                    | "RUSTUP_TOOLCHAIN"
            ) || name.starts_with("CARGO_PROFILE_")
                || name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
            if counts {
                let value = value.as_deref()?;
                if !value.is_empty() {
                    all.push_str(&format!("{name}={value};"));
                }
            }
        }
        Some(all)
    }

    fn begin(
        &self,
        command: &RanCommand,
        cargo: &CargoCommand,
        cook: bool,
    ) -> (CargoRun, Option<CargoDirectory>) {
        let from = match &cargo.manifest_path {
            None => match &cargo.path {
                Some(Some(path)) => command.directory.as_deref().map(|it| join(it, path)),
                Some(None) => None,
                None => command.directory.clone(),
            },
            Some(Some(path)) => command.directory.as_deref().map(|it| {
                let manifest = join(it, path);
                manifest.rsplit_once('/').map(|(above, _)| above.to_owned()).unwrap_or_default()
            }),
            Some(None) => None,
        };
        let place = from.as_deref().and_then(|from| self.locate(from));
        let root = match (&place, cook) {
            (Some(place), false) => Some(place.root.clone()),
            // A recipe makes its workspace where it is cooked.
            (_, true) => command.directory.clone(),
            // Without a manifest in sight the command would fail, or the files are not known.
            (None, false) => from.clone(),
        };
        let directory = |value: Option<String>| {
            value.and_then(|it| command.directory.as_deref().map(|from| join(from, &it)))
        };
        let in_config =
            self.workspace.config_target_dir.as_ref().filter(|_| place.is_some() || cook);
        let target_dir = match (&cargo.target_dir, self.variable(command, "CARGO_TARGET_DIR")) {
            (Some(typed), _) => directory(typed.clone()),
            (None, Some(value)) => directory(value),
            (None, None) => match in_config {
                Some(value) => root.as_deref().map(|it| join(it, value)),
                None => root.as_deref().map(|it| join(it, "target")),
            },
        };
        let triples = match (cargo.targets.as_slice(), self.variable(command, "CARGO_BUILD_TARGET"))
        {
            ([], Some(value)) => vec![value],
            ([], None) => self.workspace.config_target.clone().map(Some).into_iter().collect(),
            (typed, _) => typed.to_vec(),
        };
        // zigbuild takes a glibc version behind the triple, and builds without it.
        let zig = cargo.subcommand == "zigbuild";
        let triples: Vec<Option<String>> = triples
            .into_iter()
            .map(|it| {
                it.map(
                    |it| if zig { it.split('.').next().unwrap_or_default().to_owned() } else { it },
                )
            })
            .collect();
        let profile = cargo.profile.directory().map(str::to_owned);
        let outputs = match triples.as_slice() {
            [] => vec![profile.clone()],
            triples => triples
                .iter()
                .map(|triple| {
                    Some(format!(
                        "{}/{}",
                        triple.as_deref()?.trim_end_matches(".json"),
                        profile.as_deref()?
                    ))
                })
                .collect(),
        };
        let target_path = target_dir.clone();
        let (target_dir, mount) = match target_dir.map(|it| self.placed(&it)) {
            Some((placed, mount)) => (Some(placed), mount),
            None => (None, None),
        };
        let build = CargoRun {
            stage: self.stage,
            instruction: self.instruction,
            ran: command.clone(),
            cargo: cargo.clone(),
            cook,
            workspace: root,
            target_dir,
            target_path,
            mount,
            outputs,
            triples,
            rustflags: self.rustflags(command),
            made: Vec::new(),
            missing_manifests: Vec::new(),
            unknown_names: Vec::new(),
            opaque: self.state.opaque.as_ref().map(|(_, why)| why.clone()),
        };
        (build, place)
    }

    fn cook(&mut self, command: &RanCommand, cargo: CargoCommand) {
        let (mut build, _) = self.begin(command, &cargo, true);
        let Some(root) = build.workspace.clone() else { return };
        let inputs = self.inputs.clone();
        for input in inputs {
            let Some(rest) = below(&input, &self.workspace.root) else { continue };
            let path = join(&root, rest);
            let over_context = matches!(
                self.state.files.get(&path),
                Some(StageFile { origin: FileOrigin::Context(_), .. })
            );
            self.written(&path, FileOrigin::Skeleton { over_context }, self.time);
        }
        if !cargo.compiles_nothing && !cargo.check_only {
            self.compile(&mut build, &root, None);
            // cargo-chef takes away the libraries that it compiled of its stubs, not the programs.
            let number = self.trace.builds.len();
            for (key, unit) in &mut self.state.units {
                if unit.build == number && key.target == "lib" {
                    unit.removed = true;
                }
            }
        }
        self.finish(build);
    }

    fn build(&mut self, command: &RanCommand, cargo: CargoCommand) {
        let (mut build, place) = self.begin(command, &cargo, false);
        if let Some(place) = place {
            let root = place.root;
            self.compile(&mut build, &root, place.package);
        }
        self.finish(build);
    }

    fn finish(&mut self, build: CargoRun) {
        let number = self.trace.builds.len();
        let compiles = !build.cargo.compiles_nothing && !build.cargo.check_only;
        if let Some(target_dir) = build.target_dir.as_ref().filter(|_| compiles) {
            for output in build.outputs.iter().flatten() {
                self.state.outputs.push((join(target_dir, output), number));
            }
            if build.outputs.iter().any(Option::is_none) {
                self.state.trees.push(super::CopiedTree { at: target_dir.clone(), source: None });
            }
        } else if compiles {
            self.unknown_tree("/");
        }
        if build.cargo.verb == Verb::Install {
            let cargo_home = build.ran.variables.get("CARGO_HOME").cloned().flatten();
            let typed = build.cargo.place.clone().flatten();
            let from = build.ran.directory.as_deref().unwrap_or("/");
            match typed.map(|it| join(from, &it)).or(cargo_home) {
                Some(root) => self.state.outputs.push((join(&root, "bin"), number)),
                None => {
                    self.state.unknown_installs = true;
                    self.unknown_tree("/");
                }
            }
        }
        self.trace.builds.push(build);
    }

    fn compile(&mut self, build: &mut CargoRun, root: &str, package: Option<usize>) {
        let workspace = self.workspace;
        let names: Vec<&str> = build.cargo.packages.iter().flatten().map(String::as_str).collect();
        for name in &names {
            let plain = name.split(['@', ':', '#']).next().unwrap_or_default();
            let known = workspace.package(plain).is_some() || workspace.locked.contains(plain);
            if !known && !name.contains(['/', '*', '?']) {
                build.unknown_names.push(("-p", (*name).to_owned()));
            }
        }
        let all_bins = || workspace.packages.iter().flat_map(|it| it.binaries.iter());
        for name in build.cargo.bins.iter().flatten() {
            if !name.contains(['*', '?']) && !all_bins().any(|(bin, _)| bin == name) {
                build.unknown_names.push(("--bin", name.clone()));
            }
        }
        let selected = self.selected(build, package, &names);
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for index in &selected {
            self.dependencies_first(*index, &mut seen, &mut order);
        }
        // Cargo reads the manifest of every member, whatever it builds.
        let root_manifest = self.state.files.get(&self.placed(&join(root, "Cargo.toml")).0);
        let real =
            root_manifest.is_some_and(|it| it.origin == FileOrigin::Context(workspace.manifest()));
        for other in workspace.packages.iter().filter(|_| real) {
            let Some(rest) = below(&other.directory, &workspace.root) else { continue };
            let manifest = join(root, &join(rest, "Cargo.toml"));
            if other.required && !self.state.files.contains_key(&self.placed(&manifest).0) {
                build.missing_manifests.push(other.manifest());
            }
        }
        let outputs: Vec<String> = build.outputs.iter().flatten().cloned().collect();
        let Some(target_dir) = build.target_dir.clone() else { return };
        for output in outputs {
            let mut libraries = BTreeMap::new();
            for index in &order {
                let bins = selected.contains(index);
                self.compile_package(
                    build,
                    root,
                    &target_dir,
                    &output,
                    *index,
                    bins,
                    &mut libraries,
                );
            }
        }
    }

    fn selected(&self, build: &CargoRun, package: Option<usize>, names: &[&str]) -> Vec<usize> {
        let packages = &self.workspace.packages;
        let all = 0..packages.len();
        if build.cargo.packages.iter().any(Option::is_none) {
            return all.collect();
        }
        if !names.is_empty() {
            let named = |index: &usize| {
                packages.get(*index).is_some_and(|it| {
                    names
                        .iter()
                        .any(|name| name.split(['@', ':', '#']).next() == Some(it.name.as_str()))
                })
            };
            return all.filter(named).collect();
        }
        if build.cargo.workspace {
            return all.collect();
        }
        match package {
            Some(index) => vec![index],
            None => all.filter(|index| packages[*index].default_member).collect(),
        }
    }

    fn dependencies_first(&self, index: usize, seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
        // Iterative: a workspace may be a chain of thousands.
        let packages = &self.workspace.packages;
        let mut stack = vec![(index, false)];
        while let Some((index, done)) = stack.pop() {
            if done {
                order.push(index);
                continue;
            }
            if !seen.insert(index) {
                continue;
            }
            stack.push((index, true));
            for name in packages.get(index).map(|it| it.dependencies.as_slice()).unwrap_or_default()
            {
                if let Some(below) = packages.iter().position(|it| it.name == *name) {
                    stack.push((below, false));
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one crate needs all of what its build is")]
    fn compile_package(
        &mut self,
        build: &mut CargoRun,
        root: &str,
        target_dir: &str,
        output: &str,
        index: usize,
        with_binaries: bool,
        libraries: &mut BTreeMap<String, bool>,
    ) {
        let workspace = self.workspace;
        let Some(package) = workspace.packages.get(index) else { return };
        let Some(rest) = below(&package.directory, &workspace.root) else { return };
        let directory = join(root, rest);
        let at = |tracer: &Self, path: &str| -> Option<(String, StageFile)> {
            let path = join(&directory, path);
            let file = tracer.state.files.get(&tracer.placed(&path).0)?;
            Some((path, file.clone()))
        };
        let Some((_, manifest)) = at(self, "Cargo.toml") else { return };
        let library = at(self, package.library.as_deref().unwrap_or("src/lib.rs"));
        let script = at(self, package.build_script.as_deref().unwrap_or("build.rs"));
        let parts = (library.is_some(), script.as_ref().map(|(_, file)| file.origin.clone()));
        let flags = format!(
            "{}|{}|{root}|{}",
            build.rustflags.as_deref().unwrap_or("?"),
            build.cargo.features.join(","),
            build.cargo.further.join(" ")
        );
        let below_rebuilt =
            package.dependencies.iter().any(|name| libraries.get(name).copied().unwrap_or(false));
        let mut targets: Vec<(String, (String, StageFile))> = Vec::new();
        targets.extend(library.map(|file| ("lib".to_owned(), file)));
        if with_binaries {
            for (name, path) in &package.binaries {
                let asked = build.cargo.bins.is_empty()
                    || build.cargo.bins.iter().any(|it| it.as_deref().is_none_or(|it| it == name));
                let only_library = build.cargo.selectors.iter().any(|it| it == "--lib");
                if asked
                    && !only_library
                    && let Some(file) = at(self, path)
                {
                    targets.push((format!("bin {name}"), file));
                }
            }
        }
        let mut library_rebuilt = false;
        for (target, (path, file)) in targets {
            let key = UnitKey {
                target_dir: target_dir.to_owned(),
                output: output.to_owned(),
                flags: flags.clone(),
                package: package.name.clone(),
                target: target.clone(),
            };
            let before = self.state.units.get(&key);
            // A build script that does not say when it wants to run again runs after any change.
            let again = before.is_some();
            let script_reruns = parts.1.is_some() && !package.build_script_reruns_on_change;
            let edits = self.state.edits;
            let rebuilt = before.is_none_or(|unit| {
                unit.removed
                    || file.time > unit.time
                    || unit.path != path
                    || unit.manifest != manifest.origin
                    || unit.edits != edits
                    || unit.parts != parts
                    || below_rebuilt
                    || target != "lib" && library_rebuilt
                    || script_reruns && unit.root != file.origin
            });
            if rebuilt {
                let unit = CompiledUnit {
                    time: self.time,
                    root: file.origin.clone(),
                    manifest: manifest.origin.clone(),
                    edits,
                    path: path.clone(),
                    parts: parts.clone(),
                    removed: false,
                    build: self.trace.builds.len(),
                };
                self.state.units.insert(key.clone(), unit);
            }
            library_rebuilt |= rebuilt && target == "lib";
            let unit = self.state.units.get(&key);
            build.made.push(CompiledCrate {
                compiled_from: unit.map_or(FileOrigin::Unknown, |unit| unit.root.clone()),
                manifest: unit.map_or(FileOrigin::Unknown, |unit| unit.manifest.clone()),
                compiled_by: unit.map_or(0, |unit| unit.build),
                again: again && rebuilt,
                root: file.origin,
                path,
                rebuilt,
                key,
            });
        }
        libraries.insert(package.name.clone(), library_rebuilt);
    }
}
