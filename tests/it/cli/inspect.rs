//! `inspect` as run: its formats, its schema, its order and its exit code.

use std::path::Path;
use std::process::Output;

use crate::support::run;
use crate::support::{corpus, program, schema};
use serde_json::Value;

fn inspect(words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_cargo-binlint");
    run::command(program).arg("inspect").args(words).output().expect("it runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("standard output is one JSON document")
}

fn own() -> String {
    program::small().display().to_string()
}

fn the_schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/inspect.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("committed")).expect("JSON")
}

#[test]
fn documents_keep_to_the_schema() {
    let schema = the_schema();
    let mut files =
        vec![own(), env!("CARGO_BIN_EXE_cargo-binlint").to_string(), "Cargo.toml".to_string()];
    if let Some(programs) = corpus::programs(corpus::Extent::Core) {
        let entries = std::fs::read_dir(programs).expect("the corpus is there");
        files.extend(entries.flatten().map(|entry| entry.path().display().to_string()).take(60));
    }
    for options in [&["--no-digest"][..], &["--quick"]] {
        let words: Vec<&str> = ["--format", "json"]
            .iter()
            .chain(options)
            .copied()
            .chain(files.iter().map(String::as_str))
            .collect();
        let output = inspect(&words);
        assert_eq!(output.status.code(), Some(2), "Cargo.toml is no program");
        let document = json(&output);
        assert_eq!(document["binaries"].as_array().map(Vec::len), Some(files.len()));
        assert_eq!(schema::violations(&schema, &document), [""; 0]);
    }
    let mut wrong = json(&inspect(&["--format", "json", "--quick", &own()]));
    wrong["binaries"][0]["kind"] = "applet".into();
    wrong["binaries"][0]["extra"] = 1.into();
    assert_eq!(schema::violations(&schema, &wrong).len(), 2, "the validator can fail");
}

#[test]
fn every_key_of_the_schema_is_printed() {
    let document = json(&inspect(&["--format", "json", &own()]));
    let printed = document["binaries"][0].as_object().expect("a binary");
    let schema = the_schema();
    let promised = schema["$defs"]["BinaryEntry"]["properties"].as_object().expect("properties");
    let absent: Vec<&String> = promised.keys().filter(|key| !printed.contains_key(*key)).collect();
    assert_eq!(absent, ["slices"], "slices are a universal file's alone");
}

#[test]
fn answers_come_in_order_and_one_bad_file_spares_the_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("empty"), "").expect("written");
    std::fs::write(at("text"), "hello\n").expect("written");
    let (own, none) = (own(), at("none"));
    let words = ["--format", "jsonl", &own, &at("empty"), &none, &own, &at("text"), "/dev/zero"];
    let output = inspect(&words);
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is a document"))
        .collect();
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, words[2..]);
    let failed: Vec<bool> = lines.iter().map(|line| line["error"].is_string()).collect();
    assert_eq!(failed, [false, true, true, false, true, true]);
}

#[test]
fn folders_are_answered_for_their_programs_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("b")).expect("made");
    for name in ["b/program", "a-program"] {
        std::fs::copy(own(), folder.path().join(name)).expect("copied");
    }
    std::fs::write(folder.path().join("notes.txt"), "hello\n").expect("written");
    let output = inspect(&["--format", "json", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(0));
    let document = json(&output);
    let paths: Vec<&str> = document["binaries"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["path"].as_str())
        .collect();
    assert!(paths[0].ends_with("/a-program") && paths[1].ends_with("/b/program"), "{paths:?}");
    assert_eq!(paths.len(), 2);
}

#[test]
fn a_quick_look_reads_no_contents_and_no_digest() {
    let document = json(&inspect(&["--format", "json", "--quick", &own()]));
    let quick = &document["binaries"][0];
    for unread in ["sha256", "crates", "may_read", "allocator", "panic", "tls"] {
        assert!(quick[unread].is_null(), "{unread}");
    }
    let full = &json(&inspect(&["--format", "json", &own()]))["binaries"][0];
    for read in [
        "format",
        "kind",
        "triple",
        "libc",
        "needed",
        "hardening",
        "symbols",
        "debug_info",
        "build_id",
        "static_pie",
    ] {
        assert_eq!(quick[read], full[read], "{read}");
    }
    assert_eq!(full["rust"], true);
    assert_eq!(full["panic"], "unwind");
}

#[test]
fn the_digest_is_sha256s() {
    let document = json(&inspect(&["--format", "json", &own()]));
    let peer = run::command("sha256sum").arg(own()).output().expect("coreutils are there");
    let peer = String::from_utf8_lossy(&peer.stdout).into_owned();
    assert_eq!(document["binaries"][0]["sha256"].as_str(), peer.split_whitespace().next());
    let without = json(&inspect(&["--format", "json", "--no-digest", &own()]));
    assert!(without["binaries"][0]["sha256"].is_null());
}

#[test]
fn the_table_names_what_matters() {
    let output = inspect(&[&own()]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["is ", "needed", "libc", "rustc", "panic", "hardening", "sha256"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}
