//! The Cargo workspace beside a Dockerfile, as far as a Dockerfile depends on it: plain data, paths
//! relative to the build context.

use std::collections::BTreeSet;

/// What is known of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerWorkspace {
    /// Its root, relative to the context; empty where they are the same.
    pub root: String,
    /// The root manifest lists members, or is a package with members beside it.
    pub packages: Vec<WorkspacePackage>,
    /// Names of profiles that manifests declare, beside Cargo's own.
    pub profiles: BTreeSet<String>,
    /// `[profile.dev]` sets an `opt-level` above 0.
    pub dev_is_optimised: bool,
    /// Crates of `Cargo.lock`, by name.
    pub locked: BTreeSet<String>,
    /// `build.target-dir` and `build.target` of `.cargo/config.toml` in the workspace.
    pub config_target_dir: Option<String>,
    /// `build.target`.
    pub config_target: Option<String>,
    /// `targets` of `rust-toolchain.toml`.
    pub toolchain_targets: Vec<String>,
    /// There is a `rust-toolchain` or `rust-toolchain.toml`.
    pub has_toolchain_file: bool,
    /// A source or a locked crate starts processes: `std::process::Command`.
    pub spawns_processes: bool,
    /// Made up from the Dockerfile alone: nothing rests on it but warnings.
    pub guessed: bool,
}

/// A package of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkspacePackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its directory relative to the context; empty for the context itself.
    pub directory: String,
    /// A manifest names it as a member or as a path dependency, so that cargo fails without it;
    /// `false` where only a pattern such as `crates/*` finds it.
    pub required: bool,
    /// Built when nothing is selected at the workspace's root.
    pub default_member: bool,
    /// The library's file, relative to the package.
    pub library: Option<String>,
    /// Binaries with their files, relative to the package.
    pub binaries: Vec<(String, String)>,
    /// `build.rs` or what the manifest names, where it is there.
    pub build_script: Option<String>,
    /// The build script says when it wants to be run again; without it any change does.
    pub build_script_reruns_on_change: bool,
    /// Path dependencies that are packages of this workspace, by name.
    pub dependencies: Vec<String>,
    /// The features that it declares.
    pub features: BTreeSet<String>,
}

impl WorkspacePackage {
    /// A path of the package, relative to the context.
    pub fn path(&self, below: &str) -> String {
        join(&self.directory, below)
    }

    /// Its manifest, relative to the context.
    pub fn manifest(&self) -> String {
        self.path("Cargo.toml")
    }

    /// The name of its crates' files: `my_app`.
    pub fn crate_name(name: &str) -> String {
        name.replace('-', "_")
    }
}

impl DockerWorkspace {
    /// The package of this name.
    pub fn package(&self, name: &str) -> Option<&WorkspacePackage> {
        self.packages.iter().find(|it| it.name == name)
    }

    /// The root manifest, relative to the context.
    pub fn manifest(&self) -> String {
        join(&self.root, "Cargo.toml")
    }

    /// Every file whose state decides what cargo builds, relative to the context.
    pub fn inputs(&self) -> Vec<String> {
        let mut all = vec![self.manifest(), join(&self.root, "Cargo.lock")];
        for package in &self.packages {
            all.push(package.manifest());
            all.extend(package.library.iter().map(|it| package.path(it)));
            all.extend(package.binaries.iter().map(|(_, it)| package.path(it)));
            all.extend(package.build_script.iter().map(|it| package.path(it)));
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Joins two relative paths, or anything and an absolute one; without `.` and `..`.
pub fn join(base: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let absolute = if path.starts_with('/') { true } else { base.starts_with('/') };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}

/// The rest of a path below a directory; `Some("")` for the directory itself.
pub fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() || directory == "/" {
        return Some(path.trim_start_matches('/'));
    }
    let rest = path.strip_prefix(directory)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cut() {
        for (base, path, expected) in [
            ("/app", "src/x", "/app/src/x"),
            ("/app", "/x/./y/..", "/x"),
            ("", "./a//b", "a/b"),
            ("a", "..", ""),
            ("/", "a", "/a"),
            ("/app", "../../..", "/"),
        ] {
            assert_eq!(join(base, path), expected, "{base} {path}");
        }
        assert_eq!(below("/app/src", "/app"), Some("src"));
        assert_eq!(below("/app", "/app"), Some(""));
        assert_eq!(below("/application", "/app"), None);
        assert_eq!(below("a/b", ""), Some("a/b"));
    }
}
