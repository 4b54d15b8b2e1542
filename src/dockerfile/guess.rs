//! The workspace that a Dockerfile speaks of, where nobody can ask cargo: enough to follow its steps,
//! not enough to deny anything.

use std::collections::BTreeSet;

use super::files::Context;
use super::workspace::{DockerWorkspace, WorkspacePackage};

/// Makes up a workspace: a package at the root and one for each root file that is written out.
pub fn workspace(text: &str) -> DockerWorkspace {
    let mut directories: BTreeSet<String> = BTreeSet::from([String::new()]);
    let mut libraries = BTreeSet::new();
    let split = |c: char| c.is_whitespace() || ";&|<>()\"'`={},".contains(c);
    for word in text.split(split) {
        for (end, library) in [("src/main.rs", false), ("src/lib.rs", true)] {
            let Some(directory) = word.strip_suffix(end) else { continue };
            let directory = directory.trim_start_matches("./").trim_matches('/');
            if directory.contains(['$', '*', '?']) || directory.contains("..") {
                continue;
            }
            directories.insert(directory.to_owned());
            if library {
                libraries.insert(directory.to_owned());
            }
        }
    }
    // `/app/src/main.rs` and `src/main.rs` are of one package.
    let absolute: Vec<String> =
        directories.iter().filter(|it| text.contains(&format!("/{it}/src/"))).cloned().collect();
    let packages = directories.into_iter().map(|directory| {
        let name = directory.rsplit('/').next().unwrap_or_default();
        let name = if name.is_empty() { "app".to_owned() } else { name.to_owned() };
        WorkspacePackage {
            library: libraries.contains(&directory).then(|| "src/lib.rs".to_owned()),
            binaries: vec![(name.clone(), "src/main.rs".to_owned())],
            name,
            directory,
            default_member: true,
            build_script_reruns_on_change: true,
            ..WorkspacePackage::default()
        }
    });
    let packages = packages.filter(|it| {
        !absolute.contains(&it.directory)
            || it.directory.is_empty()
            || !text.contains(&format!(" /{}/src", it.directory))
    });
    DockerWorkspace { packages: packages.collect(), guessed: true, ..DockerWorkspace::default() }
}

/// The context of such a workspace: its inputs, and nobody knows what else.
pub fn context(workspace: &DockerWorkspace) -> Context {
    let files: BTreeSet<String> = workspace.inputs().into_iter().collect();
    let mut directories = BTreeSet::new();
    for file in &files {
        let above = file.match_indices('/').map(|(at, _)| file[..at].to_owned());
        directories.extend(above);
    }
    Context { files, directories, incomplete: true, ..Context::default() }
}
