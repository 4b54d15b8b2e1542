//! A package that is compiled again, and whether the build in question is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::place::{Place, manifest};
use super::run;

pub const MAIN: &str = "mod text;

pub fn port(arguments: usize) -> u32 {
    if arguments > 3 { 9090 } else { 8080 + arguments as u32 }
}

pub fn main() {
    println!(\"{} {}\", text::greeting(), port(std::env::args().count()));
}
";

pub const TEXT: &str = "pub fn greeting() -> &'static str {
    \"listening on port\"
}
";

/// A package of one program, as `COPY` brings it.
pub fn package(more: &str) -> Place {
    let place = Place::new();
    place.copy("Cargo.toml", &manifest("my-app", more));
    place.copy("src/main.rs", MAIN);
    place.copy("src/text.rs", TEXT);
    place
}

/// Changes a file and keeps its date: cargo sees nothing.
pub fn edit(place: &Place, path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(place.path(path)).unwrap();
    assert!(text.contains(from), "{path} has no {from}");
    place.copy(path, &text.replacen(from, to, 1));
}

pub fn linter(place: &Place, more: &[&str]) -> Command {
    let mut command = run::offline(env!("CARGO_BIN_EXE_cargo-binlint"));
    // Only what freshness says counts for the exit code.
    let groups = ["profile", "leak", "hardening", "linkage", "provenance", "target"];
    let groups = groups.iter().flat_map(|group| ["-A", group]);
    command.args(["check", "--rebuild", "--format", "json"]).args(groups).args(more);
    command.current_dir(place.directory.path());
    command
}

/// What a rebuild came to: the exit code, and each program's answer.
pub struct Answer {
    pub code: i32,
    pub rebuilds: BTreeMap<String, Value>,
    pub denied: Vec<String>,
}

pub fn rebuild(place: &Place, more: &[&str]) -> Answer {
    rebuild_with(place, more, &[])
}

pub fn rebuild_with(place: &Place, more: &[&str], env: &[(&str, &str)]) -> Answer {
    let before = snapshot(&place.path("target"));
    let output = linter(place, more).envs(env.iter().copied()).output().unwrap();
    assert_eq!(changed(&before, &place.path("target")), [""; 0], "the judged build was touched");
    answer(&output)
}

pub fn answer(output: &Output) -> Answer {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut answer =
        Answer { code: output.status.code().unwrap(), rebuilds: BTreeMap::new(), denied: vec![] };
    for subject in report["subjects"].as_array().unwrap() {
        let name = subject["name"].as_str().unwrap().to_owned();
        answer.rebuilds.insert(name, subject["rebuild"].clone());
        for outcome in subject["outcomes"].as_array().unwrap() {
            if outcome["outcome"] == "fail" && outcome["level"] == "deny" {
                answer.denied.push(outcome["rule"].as_str().unwrap().to_owned());
            }
        }
    }
    answer
}

impl Answer {
    #[track_caller]
    pub fn only(&self) -> &Value {
        assert_eq!(self.rebuilds.len(), 1, "{:?}", self.rebuilds);
        self.rebuilds.values().next().unwrap()
    }

    #[track_caller]
    pub fn is(&self, outcome: &str, reason: &str) {
        for rebuild in self.rebuilds.values() {
            assert_eq!(rebuild["outcome"], outcome, "{rebuild}");
            let said = rebuild["reason"].as_str().unwrap_or_default();
            assert!(said.contains(reason), "{rebuild}");
        }
    }

    #[track_caller]
    pub fn is_proven(&self) {
        self.is("equal", "");
        assert_eq!((self.code, self.denied.as_slice()), (0, &[][..]), "{:?}", self.rebuilds);
    }

    #[track_caller]
    pub fn is_denied(&self) {
        self.is("different", "");
        assert_eq!(self.code, 1);
        assert!(self.denied.contains(&"not-reproduced".to_owned()), "{:?}", self.denied);
    }
}

pub type Snapshot = BTreeMap<PathBuf, (u64, i64, i64, u64, Vec<u8>)>;

/// Inode, time, size and digest of every file and directory.
pub fn snapshot(top: &Path) -> Snapshot {
    use std::os::unix::fs::MetadataExt;
    let mut all = Snapshot::new();
    let mut pending = vec![top.to_path_buf()];
    while let Some(path) = pending.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let digest = match metadata.is_file() {
            true => Sha256::digest(fs::read(&path).unwrap()).to_vec(),
            false => Vec::new(),
        };
        if metadata.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
        }
        let times = (metadata.mtime(), metadata.mtime_nsec());
        all.insert(path, (metadata.ino(), times.0, times.1, metadata.size(), digest));
    }
    all
}

pub fn changed(before: &Snapshot, top: &Path) -> Vec<String> {
    let after = snapshot(top);
    let paths = before.keys().chain(after.keys());
    let mut changed: Vec<String> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| path.display().to_string())
        .collect();
    changed.sort();
    changed.dedup();
    changed
}

#[track_caller]
pub fn wait_until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}
