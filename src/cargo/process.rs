//! Asks other programs, in an environment that is known: cargo, rustc, the linker, git.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cargo::error::WorkspaceError;
use crate::cargo::workspace::query::Query;

impl Query {
    /// The query of a command started here and now, with nothing typed after it.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn here() -> Result<Query, WorkspaceError> {
        let cwd = std::env::current_dir()
            .map_err(|source| WorkspaceError::Read { path: PathBuf::from("."), source })?;
        // What is not UTF-8 cannot be a setting of cargo's either: it refuses such values.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Query { cwd, env, ..Query::default() })
    }

    /// A command that sees exactly this query's environment and directory.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.cwd).env_clear().envs(&self.env);
        // Cargo remembers rustc's answers in the target directory; a question must not write there.
        command.env("CARGO_CACHE_RUSTC_INFO", "0");
        // A question must not install a toolchain.
        if !self.env.contains_key("RUSTUP_AUTO_INSTALL") {
            command.env("RUSTUP_AUTO_INSTALL", "0");
        }
        command
    }

    /// What a program answers that sees exactly this query's environment and directory.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn ask(&self, program: &Path, arguments: &[&str]) -> std::io::Result<Output> {
        self.command(program).args(arguments).output()
    }

    /// The same in no language of the user's, and without installing a toolchain whatever the
    /// environment says: the words of a record must not depend on who reads them.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn ask_untranslated(
        &self,
        program: &Path,
        arguments: &[&str],
    ) -> std::io::Result<Output> {
        let mut command = self.command(program);
        command.env("LC_ALL", "C").env("RUSTUP_AUTO_INSTALL", "0");
        command.args(arguments).output()
    }
}

/// Asks git about the repository around a directory. It may neither write its index nor start a
/// program that the repository's configuration names, and the directory decides which repository
/// it is: a hook that starts a build names its own in the environment.
///
/// # Errors
/// There is no git.
pub(super) fn git(directory: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new("git");
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
    ] {
        command.env_remove(name);
    }
    command
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"])
        .arg(directory)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .output()
}
