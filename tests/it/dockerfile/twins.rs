//! Dockerfiles that were really built and run, each beside its twin: what is said of them is held
//! against what the engine showed (`testdata/dockerfiles/twins.csv`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const TWINS: &str = "testdata/dockerfiles";

/// The rules that fail, each with whether it is denied.
fn failures(file: &Path) -> Vec<(String, bool)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-binlint"));
    command.args(["dockerfile", "--format", "json"]).arg(file.file_name().unwrap());
    let output = command.current_dir(file.parent().unwrap()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}: {}", file.display(), String::from_utf8_lossy(&output.stderr))
    });
    let [subject] = report["subjects"].as_array().unwrap().as_slice() else {
        panic!("{}: {report}", file.display())
    };
    let outcomes = subject["outcomes"].as_array().unwrap().iter();
    let failed = outcomes.filter(|it| it["outcome"] == "fail" && it["level"] != "allow");
    failed.map(|it| (it["rule"].as_str().unwrap().to_owned(), it["level"] == "deny")).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The cases: folder, Dockerfile, what should be said, what was seen.
fn cases() -> Vec<[String; 4]> {
    let text = fs::read_to_string(Path::new(TWINS).join("twins.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.splitn(4, ',').map(str::to_owned);
        std::array::from_fn(|_| fields.next().unwrap())
    });
    rows.collect()
}

#[test]
fn what_is_said_of_each_twin_is_what_was_seen() {
    let cases = cases();
    assert!(cases.len() >= 45, "{}", cases.len());
    let directory = tempfile::tempdir().unwrap();
    copy(Path::new(TWINS), directory.path());
    let mut wrong = Vec::new();
    for [case, twin, expected, observed] in &cases {
        let file = directory.path().join(case).join(format!("Dockerfile.{twin}"));
        let said = failures(&file);
        let denied = said.iter().any(|(_, denied)| *denied);
        let right = match expected.as_str() {
            "deny" => denied,
            "warn" => !denied && !said.is_empty(),
            "warn-or-deny" => !said.is_empty(),
            "no-deny" => !denied,
            "clean" => said.is_empty(),
            other => panic!("{case}/{twin}: {other}"),
        };
        if !right {
            wrong.push(format!("{case}/{twin}: {said:?}; {expected}, for {observed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every Dockerfile of the folder is a case: none was forgotten.
#[test]
fn every_twin_is_held_against_what_was_seen() {
    let cases = cases();
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in fs::read_dir(TWINS).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_dir())
    {
        files.extend(fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()));
    }
    let named =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("Dockerfile.");
    for file in files.iter().filter(|it| named(it)) {
        let known = cases
            .iter()
            .any(|[case, twin, ..]| file.ends_with(format!("{case}/Dockerfile.{twin}")));
        assert!(known, "{}", file.display());
    }
}
