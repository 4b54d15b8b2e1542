//! Where cargo puts the binaries, and which build is the newest.

use std::path::PathBuf;
use std::time::SystemTime;

use cargo_metadata::{Package, TargetKind};

use crate::cargo::error::WorkspaceError;
use crate::cargo::fs::{entries, is_directory, modified};
use crate::cargo::workspace::toml_tree::TomlNode;
use crate::cargo::workspace::{Query, Workspace};

/// The binaries of one build: one profile, one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The profile's name: `dev`, `release`, or its own.
    pub profile: String,
    /// The target whose directory the binaries lie in; `None` for cargo's directory of the host.
    pub target: Option<String>,
    /// Where they lie.
    pub directory: PathBuf,
    /// Why this build was chosen, as a sentence without a full stop.
    pub why: String,
    /// The selected binaries that are there, in cargo's order.
    pub built: Vec<BuiltBinary>,
    /// The selected binaries that are not there.
    pub missing: Vec<String>,
}

/// One binary that cargo made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltBinary {
    /// Its package, as cargo identifies it.
    pub package: cargo_metadata::PackageId,
    /// The name of the binary target.
    pub bin: String,
    /// The file.
    pub path: PathBuf,
    /// When it was last written.
    pub modified: SystemTime,
}

/// Finds the binaries that the query selects, in the profile and target it names or else in the
/// most recently built.
///
/// # Errors
/// A package, binary or profile that does not exist, or nothing built.
pub fn find_outputs(workspace: &Workspace, query: &Query) -> Result<Outputs, WorkspaceError> {
    let bins = selected_bins(workspace, query)?;
    let known = profile_names(workspace);
    let profiles: Vec<String> = match &query.profile {
        Some(name) if known.contains(name) || is_configured(workspace, name) => vec![name.clone()],
        Some(name) => return Err(WorkspaceError::NoSuchProfile { name: name.clone(), known }),
        None => known.clone(),
    };

    let target_dir = workspace.metadata.target_directory.as_std_path();
    let mut builds: Vec<Outputs> = Vec::new();
    for target in targets(workspace, query, &known) {
        let base =
            target.as_ref().map_or(target_dir.to_owned(), |name| target_dir.join(stem(name)));
        for profile in &profiles {
            let directory = base.join(directory_name(profile));
            if !builds.iter().any(|build| build.directory == directory) {
                builds.extend(find(workspace, &bins, profile, target.as_ref(), directory));
            }
        }
    }
    // The newest executable decides; of equals the first in the order of profiles.
    let newest = |build: &Outputs| build.built.iter().map(|output| output.modified).max();
    let mut chosen: Option<usize> = None;
    for (index, build) in builds.iter().enumerate() {
        if chosen.is_none_or(|best| newest(build) > newest(&builds[best])) {
            chosen = Some(index);
        }
    }
    let Some(chosen) = chosen else { return Err(not_built(workspace, query, &bins)) };
    let others: Vec<String> = builds
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != chosen)
        .map(|(_, build)| describe(build))
        .collect();
    let mut build = builds.swap_remove(chosen);
    build.why = match (&query.profile, others.is_empty()) {
        (Some(_), true) => "selected by name".to_owned(),
        (None, true) => "the only one built".to_owned(),
        (_, false) => format!("the most recently built; also built: {}", others.join(", ")),
    };
    Ok(build)
}

/// The directory of a profile below the target directory.
pub fn directory_name(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "release" | "bench" => "release",
        other => other,
    }
}

/// The directory of a target: its triple, or the name of its specification without `.json`.
pub fn stem(target: &str) -> &str {
    match target.strip_suffix(".json") {
        Some(path) => path.rsplit(['/', '\\']).next().unwrap_or(path),
        None => target,
    }
}

/// Every profile that can be named: the built-in ones, then the manifest's and the
/// configuration's own.
pub fn profile_names(workspace: &Workspace) -> Vec<String> {
    let mut names: Vec<String> =
        ["release", "dev", "bench", "test"].iter().map(|name| (*name).to_owned()).collect();
    // Cargo has parsed the manifest before.
    let manifest = TomlNode::parse(&workspace.manifest.path, &workspace.manifest.text).ok();
    let own = manifest.as_ref().and_then(|node| node.get(["profile"])?.table());
    let mut more: Vec<String> = own.into_iter().flat_map(|table| table.keys().cloned()).collect();
    more.extend(workspace.config.names(&["profile"]));
    more.sort();
    more.dedup();
    more.retain(|name| !names.contains(name));
    names.extend(more);
    names
}

/// The targets to look at: those asked for, else the host's directory and every other directory
/// of a target that is there.
fn targets(workspace: &Workspace, query: &Query, profiles: &[String]) -> Vec<Option<String>> {
    if !workspace.targets.is_empty() {
        return workspace.targets.iter().cloned().map(Some).collect();
    }
    let mut targets = vec![None];
    let directory = workspace.metadata.target_directory.as_std_path();
    let mut names: Vec<String> = entries(directory, usize::MAX)
        .filter(|entry| is_directory(&entry.path))
        .filter_map(|entry| entry.name.into_string().ok())
        .filter(|name| !profiles.iter().any(|profile| directory_name(profile) == name))
        .filter(|name| {
            let is_profile = |profile: &String| {
                is_directory(&directory.join(name).join(directory_name(profile)))
            };
            profiles.iter().any(is_profile)
        })
        .collect();
    if !names.is_empty() {
        // Other tools keep whole target directories inside cargo's: `llvm-cov-target/debug`.
        let known = crate::cargo::workspace::known_targets(query, &workspace.config);
        names.retain(|name| known.is_empty() || known.contains(name));
    }
    names.sort();
    targets.extend(names.into_iter().map(Some));
    targets
}

/// Whether a profile is defined where its name cannot be read off: in the environment.
fn is_configured(workspace: &Workspace, profile: &str) -> bool {
    workspace.config.get(&["profile", profile, "inherits"]).is_some()
}

/// The binaries of one build, if any of them is there.
fn find(
    workspace: &Workspace,
    bins: &[(&Package, String)],
    profile: &str,
    target: Option<&String>,
    directory: PathBuf,
) -> Option<Outputs> {
    let triple = target.or(workspace.rustc.host.as_ref()).map_or("", String::as_str);
    let mut built = Vec::new();
    let mut missing = Vec::new();
    for (package, bin) in bins {
        let path = directory.join(format!("{bin}{}", suffix(triple)));
        match modified(&path) {
            Some(modified) => built.push(BuiltBinary {
                package: package.id.clone(),
                bin: bin.clone(),
                path,
                modified,
            }),
            None => missing.push(bin.clone()),
        }
    }
    (!built.is_empty()).then(|| Outputs {
        profile: profile.to_owned(),
        target: target.cloned(),
        directory,
        why: String::new(),
        built,
        missing,
    })
}

/// What cargo appends to a binary's name.
fn suffix(triple: &str) -> &'static str {
    if triple.contains("windows") || triple.contains("cygwin") {
        ".exe"
    } else if triple.contains("uefi") {
        ".efi"
    } else if triple.starts_with("wasm") {
        ".wasm"
    } else {
        ""
    }
}

/// Every selected binary with its package.
///
/// # Errors
/// No package or no binary has a name that was given.
pub fn selected_bins<'a>(
    workspace: &'a Workspace,
    query: &Query,
) -> Result<Vec<(&'a Package, String)>, WorkspaceError> {
    let mut packages = workspace.selected(query)?;
    let bins_of = |packages: &[&'a Package]| -> Vec<(&'a Package, String)> {
        let bin = |package: &'a Package| {
            let targets = package.targets.iter().filter(|target| target.is_kind(TargetKind::Bin));
            targets.map(move |target| (package, target.name.clone()))
        };
        packages.iter().copied().flat_map(bin).collect()
    };
    let names = |packages: &[&Package]| -> Vec<String> {
        packages.iter().map(|package| package.name.to_string()).collect()
    };
    if query.bins.is_empty() {
        let bins = bins_of(&packages);
        return match bins.is_empty() {
            true => Err(WorkspaceError::NoBins { packages: names(&packages) }),
            false => Ok(bins),
        };
    }
    // A binary that is named is looked for in every member, unless a package is named too.
    if query.packages.is_empty() {
        packages = workspace.metadata.workspace_packages();
    }
    let all = bins_of(&packages);
    let mut bins = Vec::new();
    for name in &query.bins {
        let before = bins.len();
        bins.extend(all.iter().filter(|(_, bin)| bin == name).cloned());
        if bins.len() == before {
            return Err(WorkspaceError::NoSuchBin {
                name: name.clone(),
                packages: names(&packages),
                known: all.into_iter().map(|(_, bin)| bin).collect(),
            });
        }
    }
    Ok(bins)
}

fn describe(build: &Outputs) -> String {
    match &build.target {
        Some(target) => format!("{} for {target}", build.profile),
        None => build.profile.clone(),
    }
}

fn not_built(workspace: &Workspace, query: &Query, bins: &[(&Package, String)]) -> WorkspaceError {
    let mut command = String::from("cargo build");
    match query.profile.as_deref() {
        None | Some("release") => command.push_str(" --release"),
        Some("dev") => {}
        Some(profile) => command.push_str(&format!(" --profile {profile}")),
    }
    for target in &query.targets {
        command.push_str(&format!(" --target {target}"));
    }
    for package in &query.packages {
        command.push_str(&format!(" -p {package}"));
    }
    for bin in &query.bins {
        command.push_str(&format!(" --bin {bin}"));
    }
    let mut within = workspace.metadata.target_directory.clone().into_std_path_buf();
    if let [target] = workspace.targets.as_slice() {
        within.push(stem(target));
    }
    if let Some(profile) = &query.profile {
        within.push(directory_name(profile));
    }
    WorkspaceError::NotBuilt {
        bins: bins.iter().map(|(_, bin)| bin.clone()).collect(),
        within,
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_four_profiles_share_two_directories() {
        let names = ["dev", "test", "release", "bench", "dist"].map(directory_name);
        assert_eq!(names, ["debug", "debug", "release", "release", "dist"]);
    }

    #[test]
    fn a_target_specification_lends_its_name() {
        assert_eq!(stem("specs/my-os.json"), "my-os");
        assert_eq!(stem("x86_64-unknown-linux-musl"), "x86_64-unknown-linux-musl");
    }

    #[test]
    fn each_system_has_its_suffix() {
        assert_eq!(suffix("x86_64-pc-windows-gnu"), ".exe");
        assert_eq!(suffix("aarch64-unknown-uefi"), ".efi");
        assert_eq!(suffix("wasm32-wasip2"), ".wasm");
        assert_eq!(suffix("riscv64gc-unknown-linux-gnu"), "");
    }
}
