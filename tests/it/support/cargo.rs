//! Small workspaces, written and built in directories of their own.

use super::run;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every program gets, with a home that holds no configuration of the machine's owner.
pub fn environment(cargo_home: &Path) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| run::is_allowed(name.as_ref())).collect();
    env.insert("CARGO_HOME".to_owned(), cargo_home.to_str().unwrap().to_owned());
    env
}

/// What is typed in a workspace, where, and with which environment; `cargo` and the linter get it.
#[derive(Debug, Default, Clone)]
pub struct Project {
    pub cwd: PathBuf,
    pub env: BTreeMap<String, String>,
    pub manifest_path: Option<PathBuf>,
    pub packages: Vec<String>,
    pub bins: Vec<String>,
    pub profile: Option<String>,
    pub targets: Vec<String>,
    pub target_dir: Option<PathBuf>,
}

impl Project {
    /// The linter, checking this project; the report is JSON.
    pub fn check(&self) -> Command {
        let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
        command.current_dir(&self.cwd).env_clear().envs(&self.env);
        command.args(["check", "--format", "json"]);
        let mut option = |name: &str, value: &OsStr| _ = command.arg(name).arg(value);
        for (name, values) in
            [("-p", &self.packages), ("--bin", &self.bins), ("--target", &self.targets)]
        {
            values.iter().for_each(|value| option(name, value.as_ref()));
        }
        self.profile.iter().for_each(|it| option("--profile", it.as_ref()));
        self.manifest_path.iter().for_each(|it| option("--manifest-path", it.as_ref()));
        self.target_dir.iter().for_each(|it| option("--target-dir", it.as_ref()));
        command
    }
}

/// A project in a directory, with that environment.
pub fn project(cwd: &Path, cargo_home: &Path) -> Project {
    Project { cwd: cwd.to_owned(), env: environment(cargo_home), ..Project::default() }
}

/// Writes a file and the directories above it.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A command of the cargo that runs the tests, or of the first in `PATH`, in the project.
pub fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut command = run::command("cargo");
    command.current_dir(&project.cwd).env_clear().envs(&project.env).args(arguments);
    command
}

/// Builds, and returns the executables that cargo says it made.
pub fn build(project: &Project, arguments: &[&str]) -> Vec<PathBuf> {
    let mut all = vec!["build", "--offline", "--message-format=json"];
    all.extend(arguments);
    let output = cargo(project, &all).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}
