//! The commit that a workspace stands on, and whether something was changed since.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::read_text;

/// The state of a work tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// 40 or 64 hex digits.
    pub commit: String,
    /// Whether a tracked file differs from the commit or an untracked one is not ignored;
    /// `None` where there is no `git` to compare with.
    pub dirty: Option<bool>,
    /// The address of `origin`, if it is one that others can use, without user and password.
    pub remote: Option<String>,
}

/// No file of `.git` that is read here is larger, in bytes: a packed list of a million references.
const LIMIT: u64 = 64 << 20;

/// The work tree that holds the directory; `None` outside of one, or in one without a commit.
/// Where there is no `git`, as in most images, `.git` itself is read.
pub fn git(directory: &Path) -> Option<Git> {
    let commit = ask(directory, &["rev-parse", "--verify", "-q", "HEAD"]);
    let Some(commit) = commit.filter(|commit| is_commit(commit)) else {
        return Some(Git { commit: commit_of_files(directory)?, dirty: None, remote: None });
    };
    let status = ask(directory, &["status", "--porcelain", "--untracked-files=normal", "--", "."]);
    let remote = ask(directory, &["config", "--get", "remote.origin.url"]);
    Some(Git {
        commit,
        dirty: status.map(|changes| !changes.is_empty()),
        remote: remote.as_deref().and_then(public_address),
    })
}

/// What git prints, trimmed. It may neither write its index nor start a program that the
/// repository's configuration names.
fn ask(directory: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"])
        .arg(directory)
        .args(words)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| words.trim().to_owned())
}

/// `HEAD`, then the reference that it names, loose or packed.
fn commit_of_files(directory: &Path) -> Option<String> {
    let dot_git = directory.ancestors().map(|parent| parent.join(".git")).find(|it| it.exists())?;
    let read = |path: PathBuf| {
        let file = read_text(&path, "file of git", LIMIT).ok().flatten()?;
        Some(file.text)
    };
    let head = read(dot_git.join("HEAD"))?;
    let head = head.trim();
    let Some(reference) = head.strip_prefix("ref: ") else {
        return is_commit(head).then(|| head.to_owned());
    };
    // A name with `..` in it would lead out of `.git`.
    if !reference.starts_with("refs/") || reference.contains("..") {
        return None;
    }
    let loose = read(dot_git.join(reference)).map(|text| text.trim().to_owned());
    let packed = || {
        let list = read(dot_git.join("packed-refs"))?;
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
