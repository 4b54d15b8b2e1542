//! Reads what lies beside a Dockerfile: the files of its context, the ignore files, what git tracks, and
//! what cargo says of the workspace. The only file of this folder that touches the disk.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package as MetadataPackage, TargetKind};

use crate::cargo::workspace::git::tracked_files;

use super::compose;
use super::compose::ComposeBuild;
use super::files::{Context, ignore_patterns};
use super::parse::{InstructionKind, ParsedDockerfile};
use super::source::{DockerfileError, MAX_BYTES, SourceText};
use super::workspace::{DockerWorkspace, WorkspacePackage, join};

/// Files of a context that are listed; beyond, nothing is said to be missing.
pub const MAX_FILES: usize = 200_000;
/// Bytes of one manifest, lockfile or ignore file that is read.
const MAX_TEXT: u64 = 32 << 20;
/// Folders above a Dockerfile in which Compose and bake files are looked for.
const MAX_ABOVE: usize = 6;
/// Builds of one such file that are looked at.
const MAX_BUILDS: usize = 200;
/// Bytes of sources in which processes are looked for.
const MAX_SOURCES: u64 = 32 << 20;

/// A Dockerfile's text.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn read(path: &Path) -> Result<SourceText, DockerfileError> {
    let failed = |error: std::io::Error| {
        DockerfileError::whole(match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; name a Dockerfile, or none for every one below this directory"
                    .to_owned()
            }
            _ => format!("cannot read it: {error}"),
        })
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(DockerfileError::whole("it is not a regular file"));
    }
    if metadata.len() > MAX_BYTES as u64 {
        return Err(DockerfileError::whole(format!(
            "the file has more than {} MiB",
            MAX_BYTES >> 20
        )));
    }
    SourceText::decode(&fs::read(path).map_err(failed)?)
}

/// The Dockerfile beside a workspace, which nobody asked about: it warns at most. `None` where there is
/// none.
pub fn load_beside(file: &Path, name: &str) -> Option<Result<super::Dockerfile, DockerfileError>> {
    if !file.is_file() {
        return None;
    }
    let loaded = load(file, name, None, &super::DockerfileOptions::default());
    Some(loaded.map(|it| super::Dockerfile { advisory: true, ..it }))
}

/// A Dockerfile with its context and workspace.
///
/// # Errors
/// It cannot be read, is no Dockerfile, or has no such stage.
pub fn load(
    file: &Path,
    name: &str,
    given: Option<&Path>,
    options: &super::DockerfileOptions,
) -> Result<super::Dockerfile, DockerfileError> {
    let source = read(file)?;
    let parsed = super::parse::parse(&source)?;
    let composed = composed(file, &parsed, options);
    let (root, certain) = find_context(file, &parsed, given.or(composed.context.as_deref()));
    if !root.is_dir() {
        return Err(DockerfileError::whole("the context is no directory"));
    }
    let context = load_context(&root, file, certain);
    let mut options = options.clone();
    for (name, value) in composed.arguments {
        options.build_arguments.entry(name).or_insert(value);
    }
    let mut notes = composed.notes;
    let workspace = match load_workspace(&root, &context, &source) {
        Ok(workspace) => workspace,
        Err(why) => {
            notes.push(format!("linted without the workspace, so it warns at most: {why}"));
            None
        }
    };
    let mut dockerfile = super::Dockerfile::new(name, source, Some(context), workspace, &options)?;
    // The sources are read only where it matters.
    if dockerfile.asks_for_processes() {
        dockerfile.workspace.spawns_processes =
            spawns_processes(&root, &dockerfile.context, &dockerfile.workspace);
    }
    dockerfile.notes = notes;
    Ok(dockerfile)
}

/// What the Compose and bake files around a Dockerfile say of its build, as far as they agree.
#[derive(Debug, Default)]
struct Composed {
    context: Option<PathBuf>,
    /// Values of arguments that have no default: what a plain `docker build` does is not changed.
    arguments: BTreeMap<String, String>,
    notes: Vec<String>,
}

fn composed(
    file: &Path,
    parsed: &ParsedDockerfile,
    options: &super::DockerfileOptions,
) -> Composed {
    let found = compose_builds(file);
    let mut composed = Composed::default();
    let contexts: BTreeSet<&PathBuf> = found.iter().map(|it| &it.context).collect();
    match contexts.len() {
        0 => return composed,
        1 => composed.context = contexts.first().map(|it| (*it).clone()),
        count => composed.notes.push(format!(
            "{} and others name {count} contexts for it; `--context` chooses",
            found[0].place
        )),
    }
    let stated = found.iter().flat_map(|it| &it.build.arguments);
    let is_agreed = |name: &str, value: &str| {
        found.iter().all(|it| it.build.arguments.get(name).is_some_and(|it| it == value))
    };
    composed.arguments = stated
        .filter(|(name, value)| is_agreed(name, value) && is_without_default(parsed, name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let last = parsed.instructions.iter().rev().find_map(|it| match &it.kind {
        InstructionKind::From { alias, .. } => Some(alias.as_ref().map(|it| it.value.as_str())),
        _ => None,
    });
    for ComposedBuild { place, build, .. } in found.iter().filter(|_| options.stage.is_none()) {
        if let Some(target) = build.target.as_deref().filter(|it| last.flatten() != Some(it)) {
            let target = target.escape_debug();
            composed.notes.push(format!("{place} builds the stage `{target}`; `--stage` lints it"));
        }
    }
    composed
}

fn is_without_default(parsed: &ParsedDockerfile, name: &str) -> bool {
    let pairs = parsed.instructions.iter().filter_map(|it| match &it.kind {
        InstructionKind::Arg(pairs) => Some(pairs),
        _ => None,
    });
    pairs.flatten().filter(|(it, _)| it == name).all(|(_, default)| default.is_none())
}

/// A build of a Compose or bake file, with the context on this machine.
struct ComposedBuild {
    /// `compose.yaml:4`.
    place: String,
    context: PathBuf,
    build: ComposeBuild,
}

/// Builds that name this Dockerfile, in the folders above it up to the top of the checkout.
fn compose_builds(file: &Path) -> Vec<ComposedBuild> {
    let Ok(file) = fs::canonicalize(file) else { return Vec::new() };
    let top = file.ancestors().skip(1).find(|it| it.join(".git").exists());
    let mut found = Vec::new();
    for directory in file.ancestors().skip(1).take(MAX_ABOVE) {
        for name in compose::NAMES {
            let Some(text) = text(&directory.join(name)) else { continue };
            for build in compose::builds(&text).into_iter().take(MAX_BUILDS) {
                let Ok(context) = fs::canonicalize(directory.join(&build.context)) else {
                    continue;
                };
                // Whoever writes a checkout's Compose file has no say in what is read outside of it.
                if !context.starts_with(top.unwrap_or(directory)) {
                    continue;
                }
                let named = fs::canonicalize(context.join(&build.dockerfile));
                if named.is_ok_and(|it| it == file) {
                    found.push(ComposedBuild {
                        place: format!("{name}:{}", build.line),
                        context,
                        build,
                    });
                }
            }
        }
        if top == Some(directory) {
            break;
        }
    }
    found
}

/// Writes a corrected Dockerfile: beside it first, so that the old one stays whole.
///
/// # Errors
/// The disk refuses it.
pub fn write(path: &Path, text: &str) -> Result<(), DockerfileError> {
    use std::io::Write;
    let failed =
        |error: std::io::Error| DockerfileError::whole(format!("cannot write it: {error}"));
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    beside.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    beside.as_file().set_permissions(permissions).map_err(failed)?;
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The Dockerfiles of a directory: `Dockerfile*`, `*.dockerfile`, `Containerfile*`, at its root, in
/// `docker/` and in the folders of members.
pub fn find_dockerfiles(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
                if !skipped && depth < 4 {
                    open.push((entry.path(), depth + 1));
                }
            } else if kind.is_file() && is_dockerfile(&name) && found.len() < 1_000 {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let begins = ["dockerfile", "containerfile"].iter().any(|it| {
        lower
            .strip_prefix(it)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
    });
    let other = [".dockerignore", ".md", ".rs", ".sh", ".j2", ".tmpl", ".template"];
    let ends = lower.ends_with(".dockerfile") || lower.ends_with(".containerfile");
    (begins || ends) && !other.iter().any(|it| lower.ends_with(it))
}

/// The context of a Dockerfile: its own folder if its sources are there, else the first folder above
/// that has them, and none beyond the top of the checkout.
pub fn find_context(
    dockerfile: &Path,
    parsed: &ParsedDockerfile,
    given: Option<&Path>,
) -> (PathBuf, bool) {
    if let Some(given) = given {
        return (given.to_owned(), true);
    }
    let own = dockerfile
        .parent()
        .map_or(Path::new("."), |it| if it.as_os_str().is_empty() { Path::new(".") } else { it });
    let mut sources = Vec::new();
    for instruction in &parsed.instructions {
        if let InstructionKind::Copy { flags, sources: paths, .. } = &instruction.kind
            && !flags.iter().any(|it| it.name == "from")
        {
            let plain = paths
                .iter()
                .map(|it| it.value.as_str())
                .filter(|it| !it.contains(['$', '*', '?', '[', ':']));
            sources.extend(plain.map(|it| join("", it)).filter(|it| !it.is_empty()));
        }
    }
    let absolute = fs::canonicalize(own).unwrap_or_else(|_| own.to_owned());
    if sources.is_empty()
        && let Some(above) = workspace_above(&absolute)
    {
        return (above, false);
    }
    let mut best: Option<(usize, PathBuf)> = None;
    let mut tried = 0;
    let mut directory = Some(absolute.as_path());
    while let Some(at) = directory.filter(|_| tried < 12) {
        tried += 1;
        let there = sources.iter().filter(|it| at.join(it).exists()).count();
        let whole = there == sources.len();
        if whole && (!sources.is_empty() || at.join("Cargo.toml").exists()) {
            return (at.to_owned(), !sources.is_empty());
        }
        if best.as_ref().is_none_or(|(count, _)| there > *count) {
            best = Some((there, at.to_owned()));
        }
        if at.join(".git").exists() {
            break;
        }
        directory = at.parent();
    }
    match best {
        // Most of the sources are there: the others are missing, whoever builds it.
        Some((count, at)) if count > 0 && count * 2 >= sources.len() => {
            (at, count + 1 >= sources.len() || count >= 3)
        }
        _ => (absolute, false),
    }
}

/// A member's folder is hardly a context: cargo needs the workspace around it.
fn workspace_above(own: &Path) -> Option<PathBuf> {
    let has_workspace = |at: &Path| {
        text(&at.join("Cargo.toml"))
            .is_some_and(|it| it.lines().any(|line| line.trim() == "[workspace]"))
    };
    if !own.join("Cargo.toml").is_file() || has_workspace(own) || own.join(".git").exists() {
        return None;
    }
    for at in own.ancestors().skip(1).take(6) {
        if has_workspace(at) {
            return Some(at.to_owned());
        }
        if at.join(".git").exists() {
            break;
        }
    }
    None
}

/// Lists a context.
pub fn load_context(root: &Path, dockerfile: &Path, certain: bool) -> Context {
    let mut context = Context { certain, ..Context::default() };
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((directory, name)) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            context.incomplete = true;
            continue;
        };
        for entry in entries.flatten() {
            let Ok(file) = entry.file_name().into_string() else {
                context.incomplete = true;
                continue;
            };
            let path = join(&name, &file);
            let Ok(kind) = entry.file_type() else { continue };
            let is_directory = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
            if is_directory {
                context.directories.insert(path.clone());
                // What lies there matters to nobody, and may be large.
                let skipped = file == ".git"
                    || file == "target"
                    || file == "node_modules"
                    || kind.is_symlink();
                if !skipped {
                    open.push((entry.path(), path));
                }
            } else {
                context.files.insert(path);
            }
            if context.files.len() + context.directories.len() > MAX_FILES {
                context.incomplete = true;
                open.clear();
                break;
            }
        }
    }
    let own = format!("{}.dockerignore", dockerfile.display());
    let ignore = text(Path::new(&own)).or_else(|| text(&root.join(".dockerignore")));
    context.ignore = ignore.map(|it| ignore_patterns(&it));
    context.git_ignore =
        text(&root.join(".gitignore")).map(|it| git_patterns(&it)).unwrap_or_default();
    context.tracked = tracked(root);
    context
}

fn git_patterns(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn tracked(root: &Path) -> Option<BTreeSet<String>> {
    let inside = root.ancestors().any(|it| it.join(".git").exists());
    inside.then(|| tracked_files(root)).flatten()
}

fn text(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_TEXT {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// Why the workspace of a context is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerWorkspaceError {
    /// There is no cargo, or it refuses the workspace.
    #[error("{message}")]
    Cargo {
        /// Cargo's own words, on one line.
        message: String,
    },
    /// The manifest belongs to a workspace that the engine does not see.
    #[error("the workspace's root lies outside of the context")]
    OutsideOfContext,
}

/// What cargo says of the workspace in a context; `None` where there is none. The Dockerfile's text
/// decides between several.
///
/// # Errors
/// Cargo refuses the workspace, or its root lies outside of the context.
pub fn load_workspace(
    root: &Path,
    context: &Context,
    source: &SourceText,
) -> Result<Option<DockerWorkspace>, DockerWorkspaceError> {
    let Some(manifest) = choose_manifest(context, source) else { return Ok(None) };
    let path = root.join(&manifest);
    // Started at the root of the disk, cargo reads no configuration of the checkout and rustup follows no
    // toolchain file of it.
    let mut command = MetadataCommand::new();
    command.manifest_path(&path).current_dir("/").no_deps();
    command.other_options(["--offline".to_owned()]);
    command.env("RUSTUP_AUTO_INSTALL", "0").env("CARGO_CACHE_RUSTC_INFO", "0");
    let metadata = command
        .exec()
        .map_err(|error| DockerWorkspaceError::Cargo { message: first_line(&error.to_string()) })?;
    match workspace(root, &metadata) {
        Some(workspace) => Ok(Some(workspace)),
        None => Err(DockerWorkspaceError::OutsideOfContext),
    }
}

fn first_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    lines.into_iter().take(2).collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

/// The context's manifest: the one at its root, else the shallowest that is alone there or named.
fn choose_manifest(context: &Context, source: &SourceText) -> Option<String> {
    if context.files.contains("Cargo.toml") {
        return Some("Cargo.toml".to_owned());
    }
    let manifests: Vec<&String> =
        context.files.iter().filter(|it| it.ends_with("/Cargo.toml")).collect();
    let depth = |path: &str| path.matches('/').count();
    let least = manifests.iter().map(|it| depth(it)).min()?;
    let mut shallow = manifests.iter().filter(|it| depth(it) == least);
    let first = shallow.next()?;
    if shallow.next().is_none() {
        return Some((**first).clone());
    }
    let named = manifests.iter().filter(|it| depth(it) == least).find(|it| {
        let directory = it.trim_end_matches("/Cargo.toml");
        source.text().contains(&format!("{directory}/"))
            || source.text().contains(&format!("{directory} "))
    });
    named.map(|it| (**it).clone())
}

fn workspace(root: &Path, metadata: &Metadata) -> Option<DockerWorkspace> {
    let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let relative = |path: &Path| -> Option<String> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Some(path.strip_prefix(&root).ok()?.to_string_lossy().into_owned())
    };
    let root_directory = metadata.workspace_root.as_std_path();
    let at = relative(root_directory)?;
    let manifest =
        text(&root_directory.join("Cargo.toml")).and_then(|it| it.parse::<toml::Table>().ok());
    let manifest = manifest.unwrap_or_default();
    let listed: Vec<String> = manifest
        .get("workspace")
        .and_then(|it| it.get("members")?.as_array())
        .map(|it| it.iter().filter_map(|it| Some(join("", it.as_str()?))).collect())
        .unwrap_or_default();
    let defaults: BTreeSet<&str> =
        metadata.workspace_default_members.iter().map(|it| it.repr.as_str()).collect();
    let members: Vec<&MetadataPackage> = metadata.workspace_packages();
    let mut packages: Vec<WorkspacePackage> = members
        .iter()
        .filter_map(|it| {
            package(it, &relative, &at, &listed, defaults.contains(it.id.repr.as_str()))
        })
        .collect();
    // A path dependency of what must be there must be there.
    let mut open: Vec<String> =
        packages.iter().filter(|it| it.required).flat_map(|it| it.dependencies.clone()).collect();
    while let Some(name) = open.pop() {
        if let Some(found) = packages.iter_mut().find(|it| it.name == name && !it.required) {
            found.required = true;
            open.extend(found.dependencies.clone());
        }
    }
    let profiles = manifest.get("profile").and_then(|it| it.as_table());
    let dev = profiles.and_then(|it| it.get("dev")?.get("opt-level"));
    let dev_is_optimised = dev.is_some_and(|it| it.as_integer() != Some(0));
    let lock = text(&root_directory.join("Cargo.lock")).unwrap_or_default();
    let locked = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let config = [".cargo/config.toml", ".cargo/config"]
        .iter()
        .find_map(|it| text(&root_directory.join(it)));
    let config = config.and_then(|it| it.parse::<toml::Table>().ok()).unwrap_or_default();
    let build =
        |key: &str| config.get("build").and_then(|it| it.get(key)?.as_str()).map(str::to_owned);
    let toolchain = ["rust-toolchain.toml", "rust-toolchain"]
        .iter()
        .find_map(|it| text(&root_directory.join(it)));
    let targets = toolchain.as_ref().and_then(|it| it.parse::<toml::Table>().ok()).and_then(|it| {
        let targets = it.get("toolchain")?.get("targets")?.as_array()?.clone();
        Some(targets.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect())
    });
    Some(DockerWorkspace {
        root: at,
        packages,
        profiles: profiles.map(|it| it.keys().cloned().collect()).unwrap_or_default(),
        dev_is_optimised,
        locked: locked.map(str::to_owned).collect(),
        config_target_dir: build("target-dir"),
        config_target: build("target"),
        toolchain_targets: targets.unwrap_or_default(),
        has_toolchain_file: toolchain.is_some(),
        spawns_processes: false,
        guessed: false,
    })
}

fn package(
    package: &MetadataPackage,
    relative: &impl Fn(&Path) -> Option<String>,
    root: &str,
    listed: &[String],
    default_member: bool,
) -> Option<WorkspacePackage> {
    let directory = package.manifest_path.parent()?;
    let at = relative(directory.as_std_path())?;
    let below = |path: &Path| -> Option<String> {
        Some(path.strip_prefix(directory.as_std_path()).ok()?.to_string_lossy().into_owned())
    };
    let mut own = WorkspacePackage {
        name: package.name.to_string(),
        version: package.version.to_string(),
        required: at == root || listed.iter().any(|it| join(root, it) == at),
        directory: at,
        default_member,
        build_script_reruns_on_change: true,
        ..WorkspacePackage::default()
    };
    for target in &package.targets {
        let Some(path) = below(target.src_path.as_std_path()) else { continue };
        let is = |kinds: &[TargetKind]| target.kind.iter().any(|it| kinds.contains(it));
        if is(&[TargetKind::Bin]) {
            own.binaries.push((target.name.clone(), path));
        } else if is(&[TargetKind::CustomBuild]) {
            let script = text(target.src_path.as_std_path()).unwrap_or_default();
            own.build_script_reruns_on_change = script.contains("rerun-if");
            own.build_script = Some(path);
        } else if !is(&[TargetKind::Example, TargetKind::Test, TargetKind::Bench]) {
            own.library = Some(path);
        }
    }
    let paths = package.dependencies.iter().filter(|it| it.path.is_some());
    own.dependencies = paths.map(|it| it.name.clone()).collect();
    own.features = package.features.keys().cloned().collect();
    Some(own)
}

/// Whether a source of the workspace starts processes.
pub fn spawns_processes(root: &Path, context: &Context, workspace: &DockerWorkspace) -> bool {
    let inside = |path: &&String| {
        path.ends_with(".rs")
            && workspace.packages.iter().any(|it| path.starts_with(&it.path("src")))
    };
    let mut left = MAX_SOURCES;
    for path in context.files.iter().filter(inside) {
        let Some(text) = text(&root.join(path)) else { continue };
        left = left.saturating_sub(text.len() as u64);
        if left == 0 {
            return false;
        }
        if text.contains("process::Command") || text.contains("Command::new(") {
            return true;
        }
    }
    false
}
