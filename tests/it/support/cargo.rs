//! Small workspaces, written and built in directories of their own.

use binlint::internals::cargo::workspace::Query;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo and rustc need of the environment and nothing that configures them, with a home
/// that holds no configuration of the machine's owner.
pub fn environment(cargo_home: &Path) -> BTreeMap<String, String> {
    let needed = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO", "TMPDIR"];
    let mut env: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| needed.contains(&name.as_str())).collect();
    env.insert("CARGO_HOME".to_owned(), cargo_home.to_str().unwrap().to_owned());
    env
}

/// A query in a directory, with that environment.
pub fn query(cwd: &Path, cargo_home: &Path) -> Query {
    Query { cwd: cwd.to_owned(), env: environment(cargo_home), ..Query::default() }
}

/// Writes a file and the directories above it.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A command of cargo's, run as the query would run it.
pub fn cargo(query: &Query, words: &[&str]) -> Command {
    let mut command = Command::new(query.cargo());
    command.current_dir(&query.cwd).env_clear().envs(&query.env).args(words);
    command
}

/// Builds, and returns the executables that cargo says it made.
pub fn build(query: &Query, words: &[&str]) -> Vec<PathBuf> {
    let mut all = vec!["build", "--offline", "--message-format=json"];
    all.extend(words);
    let output = cargo(query, &all).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}
