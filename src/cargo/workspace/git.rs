//! The commit that a workspace stands on, and whether something was changed since.

use std::path::{Path, PathBuf};

use crate::cargo::fs::{is_directory, is_there, read_text};
use crate::cargo::process;

/// The state of a work tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// 40 or 64 hex digits.
    pub commit: String,
    /// Whether a tracked file differs from the commit, an untracked one is not ignored, or one of
    /// the sources is not tracked; `None` where there is no `git` to compare with.
    pub dirty: Option<bool>,
    /// The address of `origin`, if it is one that others can use, without user and password.
    pub remote: Option<String>,
}

/// No file of `.git` that is read here is larger, in bytes: a packed list of a million references.
const LIMIT: u64 = 64 << 20;

/// What of a work tree belongs to a program, by paths relative to the directory that is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkTree<'a> {
    /// Files that the program is made from: one that no commit holds makes the tree dirty, ignored
    /// or not.
    pub sources: &'a [&'a str],
    /// Cargo's own directories: what lies there is no change.
    pub generated: &'a [&'a str],
}

/// The work tree that holds the directory; `None` outside of one, or in one without a commit.
/// Where there is no `git`, as in most images, `.git` itself is read.
pub fn git(directory: &Path, tree: WorkTree<'_>) -> Option<Git> {
    let commit = ask(directory, &["rev-parse", "--verify", "-q", "HEAD"]);
    let Some(commit) = commit.map(trimmed).filter(|commit| is_commit(commit)) else {
        return Some(Git { commit: commit_of_files(directory)?, dirty: None, remote: None });
    };
    let remote = ask(directory, &["config", "--get", "remote.origin.url"]).map(trimmed);
    Some(Git {
        commit,
        dirty: is_dirty(directory, tree),
        remote: remote.as_deref().and_then(public_address),
    })
}

/// The files below a directory that git tracks, by paths relative to it; `None` outside of a work tree
/// or without `git`.
pub fn tracked_files(directory: &Path) -> Option<std::collections::BTreeSet<String>> {
    let names = ask(directory, &["ls-files", "-z"])?;
    Some(names.split('\0').filter(|it| !it.is_empty()).map(str::to_owned).collect())
}

/// Whether something of the directory, or of the crates beside it in the same repository, is in no
/// commit.
fn is_dirty(directory: &Path, tree: WorkTree<'_>) -> Option<bool> {
    let prefix = ask(directory, &["rev-parse", "--show-prefix"]).map(trimmed)?;
    // From the work tree's root, as git names files; none for what lies outside of it.
    let from_root = |path: &str| -> Option<String> {
        let mut parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    };
    let manifests = tree.sources.iter().filter_map(|path| path.strip_suffix("/Cargo.toml"));
    let beside = manifests.filter(|path| path.starts_with("../") && from_root(path).is_some());
    let mut words: Vec<String> =
        ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignored=matching"]
            .map(str::to_owned)
            .to_vec();
    // A configuration may hide changes of submodules, whose sources are as much part of it.
    words.extend(["--ignore-submodules=none", "--no-renames", "--", "."].map(str::to_owned));
    words.extend(beside.map(|path| format!(":(literal){path}")));
    words.extend(tree.generated.iter().map(|path| format!(":(exclude,literal){path}")));
    let status = ask(directory, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    let sources: Vec<String> = tree.sources.iter().filter_map(|path| from_root(path)).collect();
    let is_source = |ignored: &str| match ignored.strip_suffix('/') {
        Some(_) => sources.iter().any(|source| source.starts_with(ignored)),
        None => sources.iter().any(|source| source == ignored),
    };
    let mut entries = status.split('\0').filter(|entry| !entry.is_empty());
    Some(entries.any(|entry| entry.strip_prefix("!! ").is_none_or(is_source)))
}

/// What git prints where it succeeds.
fn ask(directory: &Path, words: &[&str]) -> Option<String> {
    let output = process::git(directory, words).ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn trimmed(words: String) -> String {
    words.trim().to_owned()
}

/// `HEAD`, then the reference that it names, loose or packed.
fn commit_of_files(directory: &Path) -> Option<String> {
    let dot_git =
        directory.ancestors().map(|parent| parent.join(".git")).find(|it| is_there(it))?;
    let read = |path: PathBuf| {
        let file = read_text(&path, "file of git", LIMIT).ok().flatten()?;
        Some(file.text)
    };
    // Of a submodule or a further work tree `.git` is a file that names the directory, and what
    // all work trees of a repository have in common lies in another.
    let dot_git = match is_directory(&dot_git) {
        true => dot_git,
        false => {
            let named = read(dot_git.clone())?;
            dot_git.parent()?.join(named.trim().strip_prefix("gitdir: ")?)
        }
    };
    let common = read(dot_git.join("commondir"));
    let common = common.map_or(dot_git.clone(), |path| dot_git.join(path.trim()));
    let head = read(dot_git.join("HEAD"))?;
    let head = head.trim();
    let Some(reference) = head.strip_prefix("ref: ") else {
        return is_commit(head).then(|| head.to_owned());
    };
    // A name with `..` in it would lead out of `.git`.
    if !reference.starts_with("refs/") || reference.contains("..") {
        return None;
    }
    let loose = read(common.join(reference)).map(|text| text.trim().to_owned());
    let packed = || {
        let list = read(common.join("packed-refs"))?;
        let line = list.lines().find_map(|line| line.strip_suffix(&format!(" {reference}")))?;
        Some(line.to_owned())
    };
    loose.or_else(packed).filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An address without the part that may hold a password; none for a path of this machine.
fn public_address(remote: &str) -> Option<String> {
    let (scheme, rest) = remote.split_once("://")?;
    if scheme == "file" {
        return None;
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(format!("git+{scheme}://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_files_of_git_are_read_without_git() {
        let directory = tempfile::tempdir().unwrap();
        let dot_git = directory.path().join(".git");
        std::fs::create_dir_all(dot_git.join("refs/heads")).unwrap();
        std::fs::write(dot_git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(commit_of_files(directory.path()), None);
        std::fs::write(dot_git.join("packed-refs"), format!("# pack\n{COMMIT} refs/heads/main\n"))
            .unwrap();
        assert_eq!(commit_of_files(directory.path()).as_deref(), Some(COMMIT));
        std::fs::write(dot_git.join("refs/heads/main"), COMMIT.replace('0', "f")).unwrap();
        assert_eq!(commit_of_files(directory.path()), Some(COMMIT.replace('0', "f")));
        std::fs::write(dot_git.join("HEAD"), "ref: refs/../../secret\n").unwrap();
        assert_eq!(commit_of_files(directory.path()), None);
    }

    #[test]
    fn a_further_work_tree_names_its_directory() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        std::fs::create_dir_all(at("main/.git/worktrees/side")).unwrap();
        std::fs::create_dir_all(at("main/.git/refs/heads")).unwrap();
        std::fs::create_dir_all(at("side/crate")).unwrap();
        for (path, text) in [
            ("side/.git", "gitdir: ../main/.git/worktrees/side\n"),
            ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n"),
            ("main/.git/worktrees/side/commondir", "../..\n"),
            ("main/.git/refs/heads/side", COMMIT),
        ] {
            std::fs::write(at(path), text).unwrap();
        }
        assert_eq!(commit_of_files(&at("side/crate")).as_deref(), Some(COMMIT));
        std::fs::write(at("side/.git"), "gitdir: ../nowhere\n").unwrap();
        assert_eq!(commit_of_files(&at("side")), None);
    }

    /// A repository in `repo`, with the workspace `rust` and beside it the crate `shared`.
    fn repository() -> Option<(tempfile::TempDir, PathBuf)> {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().to_path_buf();
        for path in ["rust/src/main.rs", "rust/src/made.rs", "shared/Cargo.toml", "shared/lib.rs"] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "1").unwrap();
        }
        std::fs::write(root.join(".gitignore"), "made.rs\nnotes\n").unwrap();
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "x"]] {
            ask(&root, &[&identity[..], words].concat())?;
        }
        let rust = root.join("rust");
        Some((home, rust))
    }

    #[test]
    fn dirty_is_what_the_commit_does_not_give_back() {
        // Without git there is nothing to ask; the tests of the whole program say so.
        let Some((_home, rust)) = repository() else { return };
        let sources = ["src/main.rs", "../shared/Cargo.toml", "../shared/lib.rs"];
        let tree = WorkTree { sources: &sources, generated: &["out/target"] };
        let dirty = |tree: WorkTree<'_>| git(&rust, tree).unwrap().dirty.unwrap();
        assert!(!dirty(tree));
        // Nobody's sources are ignored files; cargo's output is no change.
        std::fs::write(rust.join("notes"), "1").unwrap();
        std::fs::create_dir_all(rust.join("out/target/release")).unwrap();
        std::fs::write(rust.join("out/target/release/app"), "1").unwrap();
        assert!(!dirty(tree));
        assert!(dirty(WorkTree { generated: &[], ..tree }));
        // A source that is ignored is in no commit.
        assert!(dirty(WorkTree { sources: &["src/main.rs", "src/made.rs"], ..tree }));
        // A crate beside the workspace is as much part of the program.
        std::fs::write(rust.join("../shared/lib.rs"), "2").unwrap();
        assert!(dirty(tree));
        assert!(!dirty(WorkTree { sources: &["src/main.rs"], ..tree }));
        assert!(!dirty(WorkTree { sources: &["../../elsewhere/Cargo.toml"], ..tree }));
    }

    #[test]
    fn a_password_in_an_address_stays_home() {
        let address = |remote| public_address(remote);
        assert_eq!(
            address("https://me:secret@forge.example/a/b.git").as_deref(),
            Some("git+https://forge.example/a/b.git")
        );
        assert_eq!(address("file:///home/me/b"), None);
        assert_eq!(address("/home/me/b"), None);
    }
}
