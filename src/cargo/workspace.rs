//! A workspace as Cargo describes it: metadata, configuration, lockfile, compiler.
//!
//! Nothing is written: cargo is only asked for metadata, and only with flags under which it may
//! neither touch `Cargo.lock` nor use the network.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::{Metadata, Package, PackageId};

pub mod config;
pub mod features;
pub mod git;
pub mod lockfile;
pub mod package_spec;
pub mod profile;
pub mod query;
pub mod resolve_profile;
pub mod rustflags;
pub mod target;
pub mod toml_tree;
pub mod trust;

use crate::cargo::error::WorkspaceError;
use crate::cargo::fs::{TextFile, is_there, read_text};
use crate::cargo::workspace::config::CargoConfig;
pub use crate::cargo::workspace::query::{Query, RequestedFeatures};
use crate::cargo::workspace::trust::rustc as rustc_program;

/// A manifest or lockfile larger than this is none; the largest known lockfiles are below 2 MiB.
const LIMIT: u64 = 32 << 20;

/// A workspace as cargo sees it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// What was asked, and where.
    pub query: Query,
    /// What `cargo metadata` says: packages, targets, directories and, unless `graph_missing`,
    /// the resolved dependencies.
    pub metadata: Metadata,
    /// Why there is no dependency graph: no lockfile, or packages that were never downloaded.
    pub graph_missing: Option<String>,
    /// The manifest at the workspace's root: profiles are read from no other.
    pub manifest: TextFile,
    /// `Cargo.lock`.
    pub lock: Option<TextFile>,
    /// `rust-toolchain.toml` or `rust-toolchain`, the nearest to the working directory.
    pub toolchain: Option<TextFile>,
    /// Cargo's configuration.
    pub config: CargoConfig,
    /// The compiler that cargo would use.
    pub rustc: RustcVersion,
    /// `rustc --print cfg` for each of `targets` (the host's where there are none), asked only
    /// when the configuration has a `target.'cfg(…)'` table.
    pub cfgs: BTreeMap<String, Vec<cargo_platform::Cfg>>,
    /// The targets asked for, by `--target` or else by `build.target`; empty means the host.
    pub targets: Vec<String>,
}

/// What `rustc -vV` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RustcVersion {
    /// The machine it runs on, and builds for unless told otherwise.
    pub host: Option<String>,
    /// `1.95.0`.
    pub version: Option<String>,
    /// 40 hex digits.
    pub commit: Option<String>,
}

/// Asks cargo for the workspace that the query is about.
///
/// # Errors
/// No cargo, no manifest, or a manifest or configuration that cargo refuses.
pub fn workspace(query: &Query) -> Result<Workspace, WorkspaceError> {
    // Cargo looks the same way up. Asking it and rustc in vain takes longer than reading a small
    // image does.
    let has_manifest = |directory: &Path| is_there(&directory.join("Cargo.toml"));
    if query.manifest_path.is_none() && !query.cwd.ancestors().any(has_manifest) {
        return Err(WorkspaceError::NoManifest { cwd: query.cwd.clone() });
    }
    let config = CargoConfig::load(&query.cwd, &query.env, &query.config)?;
    let toolchain = toolchain(query)?;
    if let Some(message) = trust::forbids_toolchain(query, toolchain.as_ref()) {
        return Err(WorkspaceError::Cargo { message });
    }
    let rustc = rustc(query, &config);
    let targets = targets(query, &config, &rustc);
    let platform = targets.first().or(rustc.host.as_ref());
    let (metadata, graph_missing) = metadata(query, &config, platform)?;

    let root = metadata.workspace_root.as_std_path();
    let manifest = read_text(&root.join("Cargo.toml"), "manifest", LIMIT)?
        .ok_or_else(|| WorkspaceError::NoManifest { cwd: root.to_owned() })?;
    let lock = read_text(&root.join("Cargo.lock"), "lockfile", LIMIT)?;
    let cfgs = cfgs(query, &config, &rustc, &targets);
    Ok(Workspace {
        query: query.clone(),
        metadata,
        graph_missing,
        manifest,
        lock,
        toolchain,
        config,
        rustc,
        cfgs,
        targets,
    })
}

impl Workspace {
    /// The members that the query selects, in cargo's order: those named by `-p`, else what
    /// `cargo build` would build from here.
    ///
    /// # Errors
    /// A name that no member has.
    pub fn selected(&self, query: &Query) -> Result<Vec<&Package>, WorkspaceError> {
        let members: Vec<&Package> = self.metadata.workspace_packages();
        if query.packages.is_empty() {
            let default = &self.metadata.workspace_default_members;
            // Cargo before 1.71 does not name the default members.
            let is_default = |id: &PackageId| !default.is_available() || default.contains(id);
            return Ok(members.into_iter().filter(|package| is_default(&package.id)).collect());
        }
        let mut selected: Vec<&Package> = Vec::new();
        for spec in &query.packages {
            let found = members.iter().find(|package| {
                package.name.as_str() == spec
                    || package.id.repr == *spec
                    || *spec == format!("{}@{}", package.name, package.version)
            });
            let package = found.ok_or_else(|| WorkspaceError::NoSuchPackage {
                name: spec.clone(),
                known: members.iter().map(|package| package.name.to_string()).collect(),
            })?;
            if !selected.iter().any(|other| other.id == package.id) {
                selected.push(package);
            }
        }
        Ok(selected)
    }
}

/// `cargo metadata`, with the dependency graph where the lockfile and the downloaded packages
/// allow it, without it otherwise.
fn metadata(
    query: &Query,
    config: &CargoConfig,
    platform: Option<&String>,
) -> Result<(Metadata, Option<String>), WorkspaceError> {
    // Without the graph cargo neither reads nor writes a lockfile, and asks no rustc.
    let without_graph = |why| {
        let metadata = ask_metadata(query, config, &["--no-deps", "--offline"], None)?;
        Ok((metadata, Some(why)))
    };
    if let Some(why) = trust::forbids_rustc(query, config) {
        return without_graph(why);
    }
    let features = query.requested_features.words();
    let flags = ["--frozen"].into_iter().chain(features.iter().map(String::as_str));
    match ask_metadata(query, config, &flags.collect::<Vec<_>>(), platform) {
        Ok(metadata) => Ok((metadata, None)),
        Err(WorkspaceError::Cargo { message }) => without_graph(message),
        Err(error) => Err(error),
    }
}

fn ask_metadata(
    query: &Query,
    config: &CargoConfig,
    flags: &[&str],
    platform: Option<&String>,
) -> Result<Metadata, WorkspaceError> {
    let cargo = query.cargo();
    let mut command = query.command(&cargo);
    trust::ask_with(&mut command, query, config);
    command.args(["metadata", "--format-version", "1", "--quiet"]).args(flags);
    if let Some(path) = &query.manifest_path {
        command.arg("--manifest-path").arg(path);
    }
    if let Some(platform) = platform {
        command.arg("--filter-platform").arg(platform);
    }
    for argument in &query.config {
        command.arg("--config").arg(argument);
    }
    if let Some(path) = &query.target_dir {
        // `cargo metadata` knows no `--target-dir`; the variable is the next in rank.
        command.env("CARGO_TARGET_DIR", query.cwd.join(path));
    }
    let output = command
        .output()
        .map_err(|source| WorkspaceError::CargoMissing { program: cargo.clone(), source })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        if words.contains("could not find `Cargo.toml`") {
            return Err(WorkspaceError::NoManifest { cwd: query.cwd.clone() });
        }
        return Err(WorkspaceError::Cargo { message: one_line(&words) });
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| WorkspaceError::Cargo { message: format!("unreadable answer: {error}") })
}

/// Cargo's error, its place and its causes on one line.
fn one_line(words: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for line in words.lines().map(str::trim) {
        let drawing = line.starts_with('|')
            || line.split_once('|').is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok());
        let drop =
            line.is_empty() || drawing || line == "Caused by:" || line.starts_with("warning:");
        if !drop {
            parts.push(line.trim_start_matches("error: ").trim_start_matches("--> "));
        }
    }
    match parts.is_empty() {
        true => "failed without a word".to_owned(),
        false => parts.join(": "),
    }
}

/// `rustc -vV`, or cargo's own answer where rustc cannot be asked.
fn rustc(query: &Query, config: &CargoConfig) -> RustcVersion {
    let ask = |program: &Path| {
        let output = query.ask(program, &["-vV"]).ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if let Some(words) = rustc_program(query, config).and_then(|program| ask(&program)) {
        return parse_version(&words);
    }
    // Cargo and rustc of one toolchain share the host, not the commit.
    let host = ask(&query.cargo()).and_then(|words| parse_version(&words).host);
    RustcVersion { host, ..RustcVersion::default() }
}

/// Every target that rustc knows by name.
pub(crate) fn known_targets(query: &Query, config: &CargoConfig) -> Vec<String> {
    let Some(program) = rustc_program(query, config) else { return Vec::new() };
    let output = query.ask(&program, &["--print", "target-list"]);
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().map(str::to_owned).collect()
}

fn parse_version(words: &str) -> RustcVersion {
    let field = |name: &str| {
        let value = words.lines().find_map(|line| line.strip_prefix(name))?.trim();
        (value != "unknown").then(|| value.to_owned())
    };
    RustcVersion { host: field("host:"), version: field("release:"), commit: field("commit-hash:") }
}

/// The targets asked for: `--target`, else `build.target`.
fn targets(query: &Query, config: &CargoConfig, rustc: &RustcVersion) -> Vec<String> {
    let mut targets = query.targets.clone();
    if targets.is_empty()
        && let Some(setting) = config.get(&["build", "target"])
    {
        targets = match setting.value {
            toml_tree::TomlValue::String(target) => vec![target],
            toml_tree::TomlValue::Array(nodes) => {
                nodes.iter().filter_map(|node| node.string()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
    }
    for target in &mut targets {
        if target == "host-tuple"
            && let Some(host) = &rustc.host
        {
            target.clone_from(host);
        }
    }
    targets.dedup();
    targets
}

/// `rustc --print cfg` for each target, where the configuration asks for it.
fn cfgs(
    query: &Query,
    config: &CargoConfig,
    rustc: &RustcVersion,
    targets: &[String],
) -> BTreeMap<String, Vec<cargo_platform::Cfg>> {
    if !config.names(&["target"]).iter().any(|name| name.starts_with("cfg(")) {
        return BTreeMap::new();
    }
    let Some(program) = rustc_program(query, config) else { return BTreeMap::new() };
    let wanted = if targets.is_empty() { rustc.host.as_slice() } else { targets };
    let mut cfgs = BTreeMap::new();
    for target in wanted {
        let arguments = ["--print", "cfg", "--target", target];
        let Ok(output) = query.ask(&program, &arguments) else { continue };
        if output.status.success() {
            let words = String::from_utf8_lossy(&output.stdout);
            cfgs.insert(
                target.clone(),
                words.lines().filter_map(|line| line.parse().ok()).collect(),
            );
        }
    }
    cfgs
}

/// The toolchain file that rustup would obey: the nearest from the working directory up, the
/// name without an extension first.
fn toolchain(query: &Query) -> Result<Option<TextFile>, WorkspaceError> {
    for directory in query.cwd.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            if let Some(file) = read_text(&directory.join(name), "toolchain file", LIMIT)? {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_error_becomes_one_line() {
        let words =
            "error: failed to parse manifest at `/w/Cargo.toml`\n\nCaused by:\n  no targets\n";
        assert_eq!(one_line(words), "failed to parse manifest at `/w/Cargo.toml`: no targets");
        let words = "error: string values must be quoted\n --> Cargo.toml:6:9\n  |\n6 | panic = \n  |         ^\n";
        assert_eq!(one_line(words), "string values must be quoted: Cargo.toml:6:9");
        assert_eq!(one_line(""), "failed without a word");
    }

    #[test]
    fn version_fields_that_are_unknown_are_not_known() {
        let words = "rustc 1.95.0\ncommit-hash: unknown\nhost: x86_64-unknown-linux-musl\nrelease: 1.95.0\n";
        assert_eq!(
            parse_version(words),
            RustcVersion {
                host: Some("x86_64-unknown-linux-musl".into()),
                version: Some("1.95.0".into()),
                commit: None
            }
        );
    }

    #[test]
    fn without_cargo_the_error_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        let env = BTreeMap::from([("CARGO".to_owned(), "/nowhere/cargo".to_owned())]);
        let query = Query { cwd: dir.path().to_owned(), env, ..Query::default() };
        let error = workspace(&query).unwrap_err();
        assert!(matches!(error, WorkspaceError::CargoMissing { .. }));
        assert!(error.to_string().contains("--binary"), "{error}");
    }

    #[test]
    fn targets_are_typed_or_configured() {
        let mut config = CargoConfig::default();
        config.env.insert("CARGO_BUILD_TARGET".into(), "aarch64-unknown-linux-gnu".into());
        let rustc = RustcVersion { host: Some("host".into()), ..RustcVersion::default() };
        let mut query = Query::default();
        assert_eq!(targets(&query, &config, &rustc), ["aarch64-unknown-linux-gnu"]);
        query.targets = vec!["host-tuple".into(), "x".into()];
        assert_eq!(targets(&query, &config, &rustc), ["host", "x"]);
    }
}
