//! What hostile inputs and a hostile world must not do to a run: read files of this machine for an
//! image, lose a verdict, exhaust the machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::place;

use place::Place;

fn binlint(at: &Path, words: &[&str]) -> Command {
    let mut command = place::clean(Command::new(env!("CARGO_BIN_EXE_cargo-binlint")));
    command.args(words).current_dir(at).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn outcome(output: &Output, rule: &str) -> String {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(output)));
    let mut outcomes = report["subjects"][0]["outcomes"].as_array().unwrap().iter();
    let found = outcomes.find(|it| it["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule}"))["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn a_path_of_an_image_is_no_path_of_this_machine() {
    let place = Place::honest();
    let program = place.path("target/release/my-app");
    let recorded = binlint(place.directory.path(), &["record", "--release"]).output().unwrap();
    assert!(recorded.status.success(), "{}", said(&recorded));
    // The same program at the same path of an image; the record lies on this machine alone.
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    let inside = root.join(program.strip_prefix("/").unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    fs::copy(&program, &inside).unwrap();
    let rule = "missing-record";
    let root = root.display().to_string();
    let words = ["check", "--rootfs", &root, "-D", rule, "--format", "json"];
    let in_image = binlint(home.path(), &words).output().unwrap();
    assert_eq!(outcome(&in_image, rule), "fail", "{}", said(&in_image));
    // Nor can a record be held against it under that path.
    let record = format!("{}.intoto.jsonl", program.display());
    let named = binlint(home.path(), &[&words[..], &["--record", &record]].concat());
    let named = { named }.output().unwrap();
    assert_eq!(named.status.code(), Some(2), "{}", said(&named));
    assert!(said(&named).contains("lies in an image"), "{}", said(&named));
    // Of this machine's own program it is the record.
    let program = program.display().to_string();
    let words = ["check", "--binary", &program, "-D", rule, "--format", "json"];
    assert_eq!(outcome(&binlint(home.path(), &words).output().unwrap(), rule), "pass");
}

/// The exit code when the readers of both outputs are gone before anything is written.
fn code_unheard(at: &Path, words: &[&str]) -> Option<i32> {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    binlint(at, words).stdout(closed()).stderr(closed()).status().unwrap().code()
}

#[test]
fn a_reader_that_is_gone_changes_no_exit_code() {
    // A stub whose sources came later with an older date: denied.
    let stale = Place::with_stub();
    stale.copy_sources();
    let honest = Place::honest();
    for (place, words, code) in [
        (&stale, &["check"][..], 1),
        (&stale, &["check", "--format", "json"], 1),
        (&stale, &["check", "-q"], 1),
        (&stale, &["check", "-v", "--color", "always"], 1),
        (&stale, &["build", "--release", "--no-check"], 2),
        (&stale, &["build", "--release"], 1),
        (&stale, &["record"], 2),
        (&stale, &["check", "--binary", "gone"], 2),
        (&stale, &["check", "--nonsense"], 2),
        (&stale, &["inspect", "Cargo.toml"], 2),
        (&stale, &["inspect", "gone", "--format", "jsonl"], 2),
        (&stale, &["inspect", "target/release/my-app"], 0),
        (&honest, &["check"], 0),
        (&honest, &["verify", "target/release/my-app"], 2),
        (&honest, &["record"], 0),
        (&honest, &["verify", "target/release/my-app"], 0),
        (&honest, &["freshen", "--check"], 0),
        (&honest, &["build", "--release"], 0),
        (&honest, &["rules"], 0),
        (&honest, &["explain", "stale-sources"], 0),
        (&honest, &["explain", "no-such-rule"], 2),
    ] {
        let at = place.directory.path();
        assert_eq!(code_unheard(at, words), Some(code), "{words:?}");
        let heard = binlint(at, words).output().unwrap();
        assert_eq!(heard.status.code(), Some(code), "{words:?}: {}", said(&heard));
    }
}
