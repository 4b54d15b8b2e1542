//! Where a run took place: what the paths of a report are relative to.

use std::path::{Component, Path, PathBuf};

/// The directories around a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// The working directory: what a path of a finding is relative to.
    pub cwd: PathBuf,
    /// The directory of the workspace's root manifest, where there is a workspace.
    pub workspace: Option<PathBuf>,
    /// The nearest directory with a `.git`, where there is one: forges name files from there.
    pub repository: Option<PathBuf>,
}

impl Base {
    /// The path relative to the workspace, with forward slashes, where it lies in it; otherwise as
    /// it is.
    pub fn in_workspace(&self, path: &str) -> String {
        let root = self.workspace.as_deref().unwrap_or(&self.cwd);
        self.below(root, path).unwrap_or_else(|| path.to_owned())
    }

    /// The path relative to the repository, or without one to the workspace, with forward slashes;
    /// `None` for what lies elsewhere.
    pub fn in_repository(&self, path: &str) -> Option<String> {
        let root = self.repository.as_deref().or(self.workspace.as_deref()).unwrap_or(&self.cwd);
        self.below(root, path)
    }

    fn below(&self, root: &Path, path: &str) -> Option<String> {
        let path = plain(&self.cwd.join(path))?;
        let below = path.strip_prefix(plain(root)?).ok()?;
        let names: Vec<_> = below.iter().map(|name| name.to_string_lossy()).collect();
        (!names.is_empty()).then(|| names.join("/"))
    }
}

/// The path without `.` and `..`; `None` where it leads out of the root.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => plain.pop().then_some(())?,
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_what_it_lies_in() {
        let base = Base {
            cwd: "/repo/shop/server".into(),
            workspace: Some("/repo/shop".into()),
            repository: Some("/repo".into()),
        };
        for (path, in_workspace, in_repository) in [
            ("src/main.rs", "server/src/main.rs", Some("shop/server/src/main.rs")),
            ("../Cargo.toml", "Cargo.toml", Some("shop/Cargo.toml")),
            ("/repo/shop/./a b", "a b", Some("shop/a b")),
            ("../../Dockerfile", "../../Dockerfile", Some("Dockerfile")),
            ("/tmp/app", "/tmp/app", None),
            ("/repo/shop-2/x", "/repo/shop-2/x", Some("shop-2/x")),
            ("../../../../../x", "../../../../../x", None),
        ] {
            assert_eq!(base.in_workspace(path), in_workspace, "{path}");
            assert_eq!(base.in_repository(path).as_deref(), in_repository, "{path}");
        }
        // Without a workspace the working directory is what there is.
        let base = Base { cwd: "/x".into(), ..Base::default() };
        assert_eq!(base.in_repository("Dockerfile").as_deref(), Some("Dockerfile"));
    }
}
