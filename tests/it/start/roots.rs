//! Root file systems: made from Debian's packages once and kept, then changed in hard-linked copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::cache::directory;
use crate::support::debian;
use crate::support::run;

/// Where roots are kept between runs.
pub fn cache() -> PathBuf {
    directory("start-roots")
}

/// Packages unpacked, none configured: as distroless images are, without a loader's cache and
/// merged or not as the release ships it.
pub fn debian(name: &str, suite: &str, architecture: &str, packages: &[&str]) -> PathBuf {
    let root = cache().join(name);
    if root.is_dir() {
        return root;
    }
    let unfinished = cache().join(format!("{name}.unfinished"));
    let _ = fs::remove_dir_all(&unfinished);
    let architecture = format!("--architectures={architecture}");
    let mut command = debian::mmdebstrap("extract", suite, packages, &unfinished, &[&architecture]);
    run(&mut command);
    for directory in ["proc", "srv", "etc", "tmp"] {
        fs::create_dir_all(unfinished.join(directory)).expect("a directory of the root");
    }
    fs::rename(&unfinished, &root).expect("a finished root takes its name");
    root
}

/// A root with nothing in it.
pub fn scratch() -> PathBuf {
    let root = cache().join("scratch");
    for directory in ["proc", "srv", "etc", "tmp"] {
        fs::create_dir_all(root.join(directory)).expect("a directory of the root");
    }
    root
}

/// A copy that may be changed: files are hard links, so they are replaced and never written to.
pub fn copy_of(base: &Path, name: &str) -> Root {
    let top = cache().join(format!("copies-{}", std::process::id())).join(name);
    let _ = fs::remove_dir_all(&top);
    fs::create_dir_all(top.parent().expect("a copy has a parent")).expect("a directory");
    run(run::command("cp").args(["-al"]).arg(base).arg(&top));
    Root { top }
}

/// Removes this run's copies.
pub fn remove_copies() {
    let _ = fs::remove_dir_all(cache().join(format!("copies-{}", std::process::id())));
}

/// A root that belongs to one case.
pub struct Root {
    pub top: PathBuf,
}

impl Root {
    pub fn on_host(&self, path: &str) -> PathBuf {
        self.top.join(path.trim_start_matches('/'))
    }

    /// Puts a file of this machine at a path of the root.
    pub fn put(self, path: &str, file: &Path) -> Root {
        let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.write(path, &bytes)
    }

    pub fn write(self, path: &str, bytes: &[u8]) -> Root {
        let to = self.on_host(path);
        fs::create_dir_all(to.parent().expect("a file has a directory")).expect("a directory");
        let _ = fs::remove_file(&to);
        fs::write(&to, bytes).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
        self.mode(path, 0o755)
    }

    pub fn mode(self, path: &str, mode: u32) -> Root {
        use std::os::unix::fs::PermissionsExt;
        let to = self.on_host(path);
        fs::set_permissions(to, fs::Permissions::from_mode(mode)).expect("a mode can be set");
        self
    }

    pub fn link(self, path: &str, target: &str) -> Root {
        let to = self.on_host(path);
        fs::create_dir_all(to.parent().expect("a link has a directory")).expect("a directory");
        let _ = fs::remove_file(&to);
        std::os::unix::fs::symlink(target, &to).expect("a link can be made");
        self
    }

    pub fn remove(self, path: &str) -> Root {
        let gone = self.on_host(path);
        fs::remove_file(&gone).unwrap_or_else(|error| panic!("{}: {error}", gone.display()));
        self
    }

    pub fn rename(self, from: &str, to: &str) -> Root {
        let target = self.on_host(to);
        fs::create_dir_all(target.parent().expect("a file has a directory")).expect("a directory");
        fs::rename(self.on_host(from), target).expect("both are in one root");
        self
    }

    pub fn directory(self, path: &str) -> Root {
        fs::create_dir_all(self.on_host(path)).expect("a directory");
        self
    }

    /// Writes `/etc/ld.so.cache` as the root's own distribution would.
    pub fn ldconfig(self) -> Root {
        self.ldconfig_as("new")
    }

    /// Writes it in one of the three formats that loaders read.
    pub fn ldconfig_as(self, format: &str) -> Root {
        run(run::command("ldconfig").args(["-c", format, "-r"]).arg(&self.top));
        self
    }
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
