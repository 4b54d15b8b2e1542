//! Workspaces built by the real cargo and judged by the program as it is run.

use super::run;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

pub const STUB: &str = "fn main() {}\n";

pub const MAIN: &str = "mod server;

pub fn main() {
    println!(\"listening on port {}\", server::port(std::env::args().count()));
}
";

pub const SERVER: &str = "pub fn port(arguments: usize) -> u16 {
    [8080, 9090][arguments - 1]
}
";

/// A workspace on disk.
pub struct Place {
    pub directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        place.write("Cargo.toml", &manifest("my-app", ""));
        place
    }

    /// What a Dockerfile that caches dependencies does: a stub, built now.
    pub fn with_stub() -> Place {
        let place = Place::new();
        place.write("src/main.rs", STUB);
        place.build(&[]);
        place
    }

    /// Everything written an hour ago and then built.
    pub fn honest() -> Place {
        let place = Place::new();
        place.copy("src/main.rs", MAIN);
        place.copy("src/server.rs", SERVER);
        place.build(&[]);
        place
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// `COPY`: the file comes now and keeps the date that it has on the host.
    pub fn copy(&self, path: &str, text: &str) {
        self.write(path, text);
        self.date(path, SystemTime::now() - Duration::from_secs(3600));
    }

    pub fn copy_sources(&self) {
        self.copy("src/main.rs", MAIN);
        self.copy("src/server.rs", SERVER);
    }

    pub fn date(&self, path: &str, when: SystemTime) {
        fs::File::options().write(true).open(self.path(path)).unwrap().set_modified(when).unwrap();
    }

    pub fn touch(&self, path: &str) {
        self.date(path, SystemTime::now() + Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(40));
    }

    pub fn cargo(&self, arguments: &[&str]) -> Output {
        self.cargo_with(arguments, &[])
    }

    pub fn cargo_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let output = run::offline("cargo")
            .args(arguments)
            .envs(env.iter().copied())
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo {arguments:?}: {said}");
        output
    }

    /// Builds for release; returns the packages that cargo compiled.
    pub fn build(&self, more: &[&str]) -> Vec<String> {
        let arguments = [&["build", "--release"], more].concat();
        compiled(&self.cargo(&arguments))
    }

    pub fn check(&self, more: &[&str]) -> Judged {
        judge(self.directory.path(), more, &[])
    }

    /// The same as a step that has variables of its own.
    pub fn check_with(&self, more: &[&str], env: &[(&str, &str)]) -> Judged {
        judge(self.directory.path(), more, env)
    }
}

/// The packages behind `Compiling`.
pub fn compiled(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Compiling ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

pub fn manifest(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.3.0\"\nedition = \"2021\"\n{more}")
}

/// The outcomes of one subject.
pub struct Judged {
    pub outcomes: BTreeMap<String, serde_json::Value>,
}

/// The group's outcomes, a line each.
impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for rule in FRESHNESS {
            let outcome = &self.outcomes[*rule];
            let (reason, findings) = (&outcome["reason"], &outcome["findings"]);
            writeln!(f, "{rule}: {} {reason} {findings}", self.outcome(rule))?;
        }
        Ok(())
    }
}

pub fn judge(directory: &Path, more: &[&str], env: &[(&str, &str)]) -> Judged {
    let report = report(directory, more, env);
    Judged::new(&report["subjects"][0])
}

fn report(directory: &Path, more: &[&str], env: &[(&str, &str)]) -> serde_json::Value {
    let output = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["check", "--format", "json"])
        .args(more)
        .envs(env.iter().copied())
        .current_dir(directory)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

pub const FRESHNESS: &[&str] = &[
    "placeholder-main",
    "stale-sources",
    "stale-by-mtime",
    "stale-dependency",
    "stale-workspace-member",
    "cargo-chef-stub",
    "foreign-artifact",
    "wrong-artifact-path",
    "stale-toolchain",
    "feature-mismatch",
    "rustflags-ignored",
    "not-reproduced",
];

impl Judged {
    fn new(subject: &serde_json::Value) -> Judged {
        let outcomes = subject["outcomes"].as_array().unwrap().iter();
        let outcomes = outcomes.map(|it| (it["rule"].as_str().unwrap().to_owned(), it.clone()));
        Judged { outcomes: outcomes.collect() }
    }

    /// Every subject of a run by its name.
    pub fn all(directory: &Path, more: &[&str]) -> BTreeMap<String, Judged> {
        let report = report(directory, more, &[]);
        let subjects = report["subjects"].as_array().unwrap().iter();
        subjects.map(|it| (it["name"].as_str().unwrap().to_owned(), Judged::new(it))).collect()
    }

    pub fn outcome(&self, rule: &str) -> &str {
        self.outcomes[rule]["outcome"].as_str().unwrap()
    }

    pub fn is_denied(&self, rule: &str) -> bool {
        self.outcome(rule) == "fail" && self.outcomes[rule]["level"] == "deny"
    }

    pub fn finding(&self, rule: &str) -> String {
        self.outcomes[rule]["findings"].to_string()
    }

    #[track_caller]
    pub fn denies(&self, rule: &str, words: &[&str]) -> String {
        let finding = self.finding(rule);
        assert!(self.is_denied(rule), "{rule} does not deny: {self:#?}");
        for word in words {
            assert!(finding.contains(word), "{rule} does not say {word:?}: {finding}");
        }
        self.outcomes[rule]["findings"][0]["fix"].as_str().unwrap_or_default().to_owned()
    }

    /// An honest build: nothing in the group fails at all.
    #[track_caller]
    pub fn is_fresh(&self) {
        for rule in FRESHNESS {
            assert_ne!(self.outcome(rule), "fail", "{rule}: {}", self.finding(rule));
        }
    }
}

/// Runs the line that a finding gives, and expects that it heals.
#[track_caller]
pub fn heals(place: &Place, line: &str, check: &[&str]) {
    std::thread::sleep(Duration::from_millis(20));
    let done =
        run::offline("sh").args(["-c", line]).current_dir(place.directory.path()).output().unwrap();
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    assert!(!compiled(&done).is_empty(), "{line} compiled nothing");
    place.check(check).is_fresh();
}

/// Runs `freshen`; its words.
pub fn freshen(place: &Place, more: &[&str]) -> (bool, String) {
    let output = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"))
        .arg("freshen")
        .args(more)
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code < 2), "{failed}");
    (output.status.success(), said)
}

/// The triple of this machine.
pub fn host() -> String {
    let said = run::command("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}
