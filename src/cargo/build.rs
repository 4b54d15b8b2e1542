//! What Cargo says of the build that should have made the subject.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use cargo_metadata::{DependencyKind, NodeDep, Package as MetadataPackage, PackageId, TargetKind};

use crate::cargo::page_size::jemalloc_page_bits;
use crate::cargo::rebuild::Rebuild;
use crate::cargo::target_dir::outputs::stem;
use crate::cargo::target_dir::outputs::{BuiltBinary, Outputs};
use crate::cargo::workspace::toml_tree::{TomlNode, TomlPlace};
use crate::cargo::workspace::{Query, RequestedFeatures, RustcVersion, Workspace};

mod cpu_feature;
pub mod empty_main;
pub mod reach;

use crate::cargo::freshness::Freshness;
use crate::cargo::workspace::lockfile::Locked;
use crate::cargo::workspace::profile::Profile;
use crate::cargo::workspace::rustflags::{RustFlag, WithoutEffect};

use crate::cargo::crate_freshness::CrateRole;
use crate::cargo::workspace::package_spec::OverriddenPackage;
use crate::cargo::workspace::resolve_profile::ProfileSources;

/// The build of one subject.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// The package that the binary belongs to.
    pub package: PackageLocation,
    /// The name of the binary target.
    pub bin: String,
    /// The directory of the workspace's root manifest.
    pub workspace_root: PathBuf,
    /// The profile as cargo resolves it.
    pub profile: Profile,
    /// The profile as rustc gets it: the same, after the flags of `rustflags`.
    pub effective_profile: Profile,
    /// Settings that an override of some package changes: `opt-level`, `overflow-checks`, ….
    pub overridden: Vec<String>,
    /// Why this profile and target were taken, as a sentence without a full stop.
    pub selection_reason: String,
    /// The target asked for; `None` builds for the host into cargo's directory of the host.
    pub target: Option<String>,
    /// The targets that the command or the configuration asks for, as cargo's directories call them.
    pub requested_targets: Vec<String>,
    /// The compiler that cargo would use now.
    pub rustc: RustcVersion,
    /// The program that cargo made.
    pub executable: PathBuf,
    /// Where the finished programs lie: `target/release`.
    pub profile_dir: PathBuf,
    /// Cargo's target directory.
    pub target_dir: PathBuf,
    /// Cargo's build directory; the target directory unless configured otherwise.
    pub build_dir: PathBuf,
    /// The flags that cargo hands to rustc.
    pub rustflags: Vec<RustFlag>,
    /// Flags that stand where they have no effect.
    pub without_effect: Vec<WithoutEffect>,
    /// The features that were asked for.
    pub requested_features: RequestedFeatures,
    /// Where it was asked, and what was typed there, for a line that can be typed there too.
    pub invocation: InvocationContext,
    /// Every package that is linked into the binary, with its features; `None` without a
    /// dependency graph.
    pub dependencies: Option<Vec<LinkedPackage>>,
    /// The packages of `Cargo.lock`; `None` where there is no lockfile.
    pub locked: Option<Vec<Locked>>,
    /// The toolchain that the workspace pins.
    pub toolchain: Option<PinnedToolchain>,
    /// The packages that lie in directories: members, and path dependencies where they are known.
    pub path_packages: Vec<PackageLocation>,
    /// What sources and target directory say of the subject; empty until they are compared.
    pub freshness: Freshness,
    /// What compiling it again said, where that was asked for.
    pub rebuild: Option<Rebuild>,
    /// The page sizes, as powers of two, that jemalloc was configured for in this build.
    pub jemalloc_page_bits: Vec<u32>,
    /// What could not be read or was passed over.
    pub notes: Vec<String>,
}

/// A package that lies in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageLocation {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// As `cargo pkgid` names it.
    pub id: String,
    /// Its manifest.
    pub manifest: PathBuf,
    /// The manifest's directory.
    pub root: PathBuf,
}

/// What a line has to repeat that is typed in the same place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvocationContext {
    /// The working directory.
    pub cwd: PathBuf,
    /// `--manifest-path`, `--target-dir`, `--config`, with their values.
    pub places: Vec<String>,
    /// Without `-p` cargo would build other packages from there.
    pub names_package: bool,
}

/// A package that is linked into the binary.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkedPackage {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// The features that are on when cargo's defaults are built.
    pub features: Vec<String>,
    /// Whether no feature and no target decides that it is linked.
    pub always: bool,
}

/// The toolchain that a file of the workspace pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinnedToolchain {
    /// `stable`, `1.95.0`, `nightly-2026-05-15`.
    pub channel: Option<String>,
    /// The file that says so.
    pub file: PathBuf,
}

impl Build {
    /// The facts of one output. What cannot be read becomes a note.
    pub fn new(workspace: &Workspace, outputs: &Outputs, output: &BuiltBinary) -> Build {
        let metadata = &workspace.metadata;
        let mut notes: Vec<String> = outputs_notes(workspace);
        let manifest = TomlNode::parse(&workspace.manifest.path, &workspace.manifest.text)
            .unwrap_or_else(|error| {
                notes.push(error.to_string());
                TomlNode::empty(TomlPlace::CommandLine)
            });
        let host = workspace.rustc.host.clone();
        let triple = outputs.target.clone().or(host).unwrap_or_default();
        let sources = ProfileSources {
            manifest: &manifest,
            config: &workspace.config,
            triple: stem(&triple),
            cwd: &workspace.query.cwd,
        };
        let package = metadata.packages.iter().find(|package| package.id == output.package);
        let (unit, dependencies) = match package {
            Some(package) => (unit(workspace, package), dependencies(workspace, package)),
            None => (OverriddenPackage::default(), Vec::new()),
        };
        let profile = crate::cargo::workspace::resolve_profile::resolve(
            sources,
            &outputs.profile,
            &unit,
            &dependencies,
            &mut notes,
        );
        let cfgs = workspace.cfgs.get(&triple).map(Vec::as_slice).unwrap_or_default();
        let rustflags = crate::cargo::workspace::rustflags::rustflags(sources, cfgs);
        let locked = workspace.lock.as_ref().and_then(|file| {
            crate::cargo::workspace::lockfile::parse(&file.path, &file.text)
                .map_err(|problem| notes.push(problem.to_string()))
                .ok()
        });
        let target_dir = metadata.target_directory.as_std_path();
        let build_dir =
            metadata.build_directory.as_ref().map_or(target_dir, |path| path.as_std_path());
        let profile_build_dir =
            outputs.directory.strip_prefix(target_dir).map(|below| build_dir.join(below));
        let jemalloc_page_bits = profile_build_dir
            .ok()
            .and_then(|directory| {
                let bits = jemalloc_page_bits(&directory);
                bits.map_err(|error| notes.push(error.to_string())).ok()
            })
            .unwrap_or_default();
        Build {
            package: package.map(package_facts).unwrap_or_default(),
            bin: output.bin.clone(),
            workspace_root: metadata.workspace_root.clone().into(),
            overridden: crate::cargo::workspace::resolve_profile::overridden(
                sources,
                &outputs.profile,
            ),
            effective_profile: crate::cargo::workspace::rustflags::apply(
                &profile, &rustflags, &triple,
            ),
            profile,
            selection_reason: outputs.why.clone(),
            target: outputs.target.clone(),
            requested_targets: workspace.targets.iter().map(|it| stem(it).to_owned()).collect(),
            rustc: workspace.rustc.clone(),
            executable: output.path.clone(),
            profile_dir: outputs.directory.clone(),
            target_dir: metadata.target_directory.clone().into(),
            build_dir: metadata
                .build_directory
                .clone()
                .unwrap_or_else(|| metadata.target_directory.clone())
                .into(),
            without_effect: crate::cargo::workspace::rustflags::without_effect(sources, cfgs),
            rustflags,
            requested_features: workspace.query.requested_features.clone(),
            invocation: invocation_context(workspace, &output.package),
            dependencies: package.and_then(|package| linked(workspace, &package.id)),
            locked,
            toolchain: toolchain(workspace),
            path_packages: metadata
                .packages
                .iter()
                .filter(|package| package.source.is_none())
                .map(package_facts)
                .collect(),
            freshness: Freshness::default(),
            rebuild: None,
            jemalloc_page_bits,
            notes,
        }
    }

    /// What the package holds beside `main`, a sentence each: more files, dependencies, texts of
    /// which none is in the subject.
    pub fn evidence_of_real_program(&self) -> Vec<String> {
        let program = self.freshness.program();
        let files = program.and_then(|it| it.tree.as_ref()).map_or(0, |tree| tree.files.len());
        let linked = self.dependencies.iter().flatten().count();
        let library = self.freshness.crates.iter().find(|it| it.role == CrateRole::OwnLibrary);
        let library = library.and_then(|it| it.tree.as_ref()).map_or(0, |tree| tree.files.len());
        let string_literals = &self.freshness.string_literals;
        let (wanted, none_found) =
            (string_literals.presence.wanted, string_literals.presence.found == 0);
        let signals = [
            (files > 1, format!("the crate has {files} source files")),
            (library > 0, format!("its package has a library of {library} source files")),
            (linked > 0, format!("its package links {linked} others")),
            (wanted > 0 && none_found, format!("none of its {wanted} texts is inside")),
        ];
        signals.into_iter().filter_map(|(holds, signal)| holds.then_some(signal)).collect()
    }

    /// Whether the unit that made the program was found, and with it what rustc was told.
    pub fn is_compiled(&self) -> bool {
        let unit = self.freshness.program().and_then(|program| program.unit.as_ref());
        unit.is_some_and(|unit| unit.fingerprint.is_ok())
    }

    /// Every word that rustc was told beside the profile, with its source: those that the unit's
    /// fingerprint says were in effect, and where there is no such unit, those in effect now.
    pub fn rustc_arguments(&self) -> Vec<(String, String)> {
        let unit = self.freshness.program().and_then(|program| program.unit.as_ref());
        let compiled = unit.and_then(|unit| Some((unit, unit.fingerprint.as_ref().ok()?)));
        if let Some((unit, fingerprint)) = compiled {
            let source = format!("the fingerprint of {}-{}", unit.package, unit.hash);
            return fingerprint.rustflags.iter().map(|it| (it.clone(), source.clone())).collect();
        }
        self.rustflags.iter().map(|flag| (flag.word.clone(), flag.origin.to_string())).collect()
    }

    /// Why a program that differs from its profile in this key is no finding: another build made it,
    /// which may have got the value by a variable or an argument; and how to settle it. `value` is
    /// as TOML has it. A key of the profile that is not known may do the same.
    pub fn may_be_inline(&self, key: &str, value: &str) -> Option<(String, String)> {
        if let Some(unknown) = self.effective_profile.unknown_keys.first() {
            let missing = format!(
                "profile {} sets `{unknown}`, which is not known here and may change `{key}`",
                self.profile.name
            );
            return Some((missing, "look it up in Cargo's documentation of profiles".to_owned()));
        }
        let profile = match self.profile.name.as_str() {
            "" => "release",
            name => name,
        };
        let variable = |text: &str| text.to_uppercase().replace('-', "_");
        self.freshness.is_of_another_build().then(|| {
            let missing = format!(
                "the binary fits {key} = {value}, which profile {profile} here does not set, and \
                 comes from another build, which may have set it with a variable"
            );
            let settle = format!(
                "pass `--cargo-config 'profile.{profile}.{key}={value}'` or set CARGO_PROFILE_{}_{} \
                 if that build did",
                variable(profile),
                variable(key)
            );
            (missing, settle)
        })
    }

    /// The triple that the subject should be for: the target asked for, or the host.
    pub fn triple(&self) -> Option<&str> {
        self.target.as_deref().map(stem).or(self.rustc.host.as_deref())
    }
}

fn invocation_context(workspace: &Workspace, package: &PackageId) -> InvocationContext {
    let query = &workspace.query;
    let path = |word: &str, path: &Option<PathBuf>| {
        let words = path.as_ref().map(|path| [word.to_owned(), path.display().to_string()]);
        words.into_iter().flatten().collect::<Vec<_>>()
    };
    let config = query.config.iter().flat_map(|it| ["--config".to_owned(), it.clone()]);
    let unnamed = Query { packages: Vec::new(), ..query.clone() };
    let by_default = workspace.selected(&unnamed).unwrap_or_default();
    InvocationContext {
        cwd: query.cwd.clone(),
        places: path("--manifest-path", &query.manifest_path)
            .into_iter()
            .chain(path("--target-dir", &query.target_dir))
            .chain(config)
            .collect(),
        names_package: !by_default.iter().any(|it| it.id == *package),
    }
}

fn outputs_notes(workspace: &Workspace) -> Vec<String> {
    let missing = workspace.graph_missing.iter();
    missing.map(|why| format!("`cargo metadata` returned no dependency graph: {why}")).collect()
}

fn package_facts(package: &MetadataPackage) -> PackageLocation {
    let manifest = PathBuf::from(package.manifest_path.clone());
    PackageLocation {
        name: package.name.to_string(),
        version: package.version.to_string(),
        id: package.id.repr.clone(),
        root: manifest.parent().map(PathBuf::from).unwrap_or_default(),
        manifest,
    }
}

fn unit(workspace: &Workspace, package: &MetadataPackage) -> OverriddenPackage {
    OverriddenPackage {
        name: package.name.to_string(),
        version: Some(package.version.to_string()),
        id: Some(package.id.repr.clone()),
        member: workspace.metadata.workspace_members.contains(&package.id),
        host: package.targets.iter().any(|target| target.is_kind(TargetKind::ProcMacro)),
    }
}

/// The packages that the binary links directly: by the graph, or else those that the manifest
/// declares for every build.
fn dependencies(workspace: &Workspace, package: &MetadataPackage) -> Vec<OverriddenPackage> {
    let metadata = &workspace.metadata;
    if let Some(resolve) = &metadata.resolve {
        let node = resolve.nodes.iter().find(|node| node.id == package.id);
        let normal = |dep: &&cargo_metadata::NodeDep| {
            dep.dep_kinds.is_empty()
                || dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        return node
            .into_iter()
            .flat_map(|node| node.deps.iter().filter(normal))
            .filter_map(|dep| metadata.packages.iter().find(|package| package.id == dep.pkg))
            .map(|package| unit(workspace, package))
            .collect();
    }
    package
        .dependencies
        .iter()
        .filter(|dep| dep.kind == DependencyKind::Normal && !dep.optional && dep.target.is_none())
        .map(|dep| OverriddenPackage {
            name: dep.name.clone(),
            member: metadata
                .packages
                .iter()
                .any(|package| dep.path.is_some() && package.name.as_str() == dep.name),
            ..OverriddenPackage::default()
        })
        .collect()
}

/// Everything that is linked into a package's binary: normal dependencies, all the way down.
/// Procedural macros and what they need stay outside.
fn linked(workspace: &Workspace, root: &PackageId) -> Option<Vec<LinkedPackage>> {
    let resolve = workspace.metadata.resolve.as_ref()?;
    let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let packages: HashMap<_, _> =
        workspace.metadata.packages.iter().map(|package| (&package.id, package)).collect();
    let is_macro = |package: &&cargo_metadata::Package| {
        package.targets.iter().any(|it| it.is_kind(TargetKind::ProcMacro))
    };
    let reached = |is_followed: &dyn Fn(&cargo_metadata::Package, &NodeDep) -> bool| {
        let mut seen = HashSet::from([root]);
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let (Some(node), Some(from)) = (nodes.get(id), packages.get(id)) else { continue };
            for dep in node.deps.iter().filter(|dep| is_followed(from, dep)) {
                let package = packages.get(&dep.pkg).copied().filter(|it| !is_macro(it));
                if package.is_some() && seen.insert(&dep.pkg) {
                    waiting.push(&dep.pkg);
                }
            }
        }
        seen.remove(root);
        seen
    };
    let is_normal =
        |dep: &NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
    let always = reached(&|from, dep| {
        let name = packages.get(&dep.pkg).map(|package| package.name.as_str());
        from.dependencies.iter().any(|it| {
            Some(it.name.as_str()) == name
                && it.kind == DependencyKind::Normal
                && !it.optional
                && it.target.is_none()
        })
    });
    let dependency = |id: &PackageId| {
        let package = packages.get(id)?;
        let features = nodes.get(id).map(|node| node.features.as_slice());
        Some(LinkedPackage {
            name: package.name.to_string(),
            version: package.version.to_string(),
            features: features.unwrap_or_default().iter().map(|it| it.to_string()).collect(),
            always: always.contains(id),
        })
    };
    let mut linked: Vec<LinkedPackage> =
        reached(&|_, dep| is_normal(dep)).into_iter().filter_map(dependency).collect();
    linked.sort();
    Some(linked)
}

/// The channel of a toolchain file: TOML, or in a file without an extension one bare line.
fn toolchain(workspace: &Workspace) -> Option<PinnedToolchain> {
    let file = workspace.toolchain.as_ref()?;
    let node = TomlNode::parse(&file.path, &file.text).ok();
    let named = node.as_ref().and_then(|node| node.get(["toolchain", "channel"])?.string());
    let bare = file.text.trim();
    let channel = match (named, bare.lines().count()) {
        (Some(channel), _) => Some(channel.to_owned()),
        (None, 1) if !bare.contains(['[', '=']) => Some(bare.to_owned()),
        _ => None,
    };
    Some(PinnedToolchain { channel, file: file.path.clone() })
}
