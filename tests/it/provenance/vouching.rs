//! A record vouches for what was seen: sources that cargo compiled, that contents prove, or that
//! nothing is known of; what the evidence contradicts is not recorded.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::recorded::{Shop, success};
use crate::support::run;

/// Writes a file and dates it before everything.
fn write_old(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
}

fn record(shop: &Shop) -> Value {
    serde_json::from_slice(&fs::read(shop.record()).unwrap()).unwrap()
}

/// How the crates are tied to their sources.
fn compiled(shop: &Shop) -> Value {
    record(shop)["predicate"]["buildDefinition"]["internalParameters"]["compiled"].clone()
}

fn sources(shop: &Shop) -> Vec<String> {
    let record = record(shop);
    let all = record["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    let files = all.iter().filter(|it| it["uri"].is_null());
    files.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

fn cargo(shop: &Shop) {
    success(&mut shop.command(env!("CARGO"), &["build", "--release", "--offline", "--quiet"]));
}

fn said(output: &Output) -> (i32, String) {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), words)
}

const BUILD: &[&str] = &["build", "--release", "--offline", "--no-check"];

#[test]
fn a_placeholder_is_not_recorded_as_the_sources_that_came_later() {
    let Some(shop) = Shop::new() else { return };
    let main = fs::read_to_string(shop.root.join("src/main.rs")).unwrap();
    fs::write(shop.root.join("src/main.rs"), "fn main() {}\n").unwrap();
    shop.build(&["--embed"]);
    write_old(&shop.root.join("src/main.rs"), &main);
    write_old(&shop.root.join("src/shelf.rs"), "pub const LEN: usize = 40;\n");
    for words in [BUILD, &["build", "--release", "--offline", "--embed", "--no-check"]] {
        let (code, words) = said(&shop.binlint(words).output().unwrap());
        assert_eq!(code, 2, "{words}");
        assert!(words.contains("error: no record of ") && !words.contains("Recorded"), "{words}");
        assert!(words.contains("src/shelf.rs is a part of the crate"), "{words}");
        assert!(!shop.record().exists(), "an older record does not stay");
        // Nor does the one inside: what is left is what cargo made.
        assert_eq!(shop.verify(&["target/release/shop"]).code, 2);
    }
    let (code, words) = said(&shop.binlint(&["record", "--release"]).output().unwrap());
    assert_eq!((code, words.lines().count()), (2, 1), "{words}");
    assert!(words.contains("src/shelf.rs"), "{words}");
    let elsewhere = ["record", "--release", "-o", "elsewhere.json"];
    fs::write(shop.root.join("elsewhere.json"), "{}").unwrap();
    assert_eq!(said(&shop.binlint(&elsewhere).output().unwrap()).0, 2);
    assert!(!shop.root.join("elsewhere.json").exists());
    // With the check, its finding is the answer.
    let judged = shop.binlint(&["build", "--release", "--offline"]).output().unwrap();
    assert_eq!(judged.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&judged.stdout).contains("stale-by-mtime"));

    let output = shop.build(&["--ensure-fresh"]);
    assert!(said(&output).1.contains("(built)"));
    assert_eq!(compiled(&shop), json!({ "bin shop": "in-this-build", "lib till": "proven" }));
    assert!(sources(&shop).contains(&"src/shelf.rs".to_owned()));
    assert_eq!(success(&mut run::command(shop.program())).stdout, b"shop 41\n");
}

#[test]
fn a_stale_library_is_named_by_the_digest_of_its_source() {
    let Some(shop) = Shop::new() else { return };
    cargo(&shop);
    write_old(&shop.root.join("till/src/lib.rs"), "pub fn count() -> usize { 7 }\n");
    for words in [BUILD, &["record", "--release"]] {
        let (code, words) = said(&shop.binlint(words).output().unwrap());
        assert!(code == 2 && words.contains("till/src/lib.rs is not what was compiled"), "{words}");
        assert!(!shop.record().exists());
    }
}

#[test]
fn what_no_trace_shows_is_shown_by_the_earlier_record() {
    let Some(shop) = Shop::new() else { return };
    shop.build(&[]);
    let first = fs::read(shop.record()).unwrap();
    // Changed, and dated before the build: cargo calls it fresh, and the program holds no trace.
    let shelf = shop.root.join("src/shelf.rs");
    write_old(&shelf, "pub const LEN: usize = 50;\n");
    for _ in 0..2 {
        let (code, words) = said(&shop.binlint(BUILD).output().unwrap());
        assert!(code == 2 && words.contains("names other contents of src/shelf.rs"), "{words}");
        assert!(!shop.record().exists());
    }
    // The sources that it was built from are back: it is what it was.
    write_old(&shelf, "pub const LEN: usize = 40;\n");
    let output = shop.build(&[]);
    assert!(said(&output).1.contains("fresh, not rebuilt"));
    assert_eq!(fs::read(shop.record()).unwrap(), first);

    write_old(&shelf, "pub const LEN: usize = 50;\n");
    let (_, words) = said(&shop.build(&["--ensure-fresh"]));
    assert!(words.contains("Compiling shop") && words.contains("(built)"), "{words}");
    assert_eq!(success(&mut run::command(shop.program())).stdout, b"shop 51\n");
    let left: Vec<_> = fs::read_dir(shop.root.join("target/release")).unwrap().collect();
    assert!(!left.iter().flatten().any(|it| it.file_name() == "shop.intoto.earlier.jsonl"));
}

#[test]
fn what_cargo_calls_fresh_is_open_until_something_proves_it() {
    let Some(shop) = Shop::new() else { return };
    cargo(&shop);
    // The same contents at the same place, but nothing says since when.
    for path in ["src/main.rs", "src/shelf.rs"] {
        let path = shop.root.join(path);
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        write_old(&path, &text);
    }
    let (code, words) = said(&shop.binlint(BUILD).output().unwrap());
    assert_eq!(code, 0, "{words}");
    assert!(
        words.contains("nothing proves that these sources were compiled to bin shop"),
        "{words}"
    );
    assert_eq!(compiled(&shop), json!({ "bin shop": "open", "lib till": "proven" }));
    let verified = shop.verify(&["target/release/shop"]);
    assert_eq!((verified.code, verified.failed), (0, vec!["unproven-sources".to_owned()]));
    assert!(verified.said.contains("bin shop") && !verified.said.contains("lib till"));
    assert_eq!(shop.verify(&["target/release/shop", "-D", "unproven-sources"]).code, 1);
    // An open record proves nothing to the next build.
    shop.build(&[]);
    assert_eq!(compiled(&shop)["bin shop"], "open");

    shop.build(&["--ensure-fresh"]);
    assert_eq!(compiled(&shop)["bin shop"], "in-this-build");
    // The ledger of `freshen` proves it even when the record is lost.
    success(&mut shop.binlint(&["freshen", "--release"]));
    fs::remove_file(shop.record()).unwrap();
    success(&mut shop.binlint(&["record", "--release"]));
    assert_eq!(compiled(&shop), json!({ "bin shop": "proven", "lib till": "proven" }));
    assert_eq!(shop.verify(&["target/release/shop"]).failed, [""; 0]);
}

#[test]
fn a_program_that_is_not_cargo_s_is_not_recorded_as_such() {
    let Some(shop) = Shop::new() else { return };
    cargo(&shop);
    let own = fs::read(shop.program()).unwrap();
    fs::remove_file(shop.program()).unwrap();
    fs::copy("/bin/true", shop.program()).unwrap();
    let (code, words) = said(&shop.binlint(&["record", "--release"]).output().unwrap());
    assert!(code == 2 && words.contains("not what cargo made"), "{words}");
    // Stripped by hand, it is still cargo's, and less is known of it.
    fs::write(shop.program(), own).unwrap();
    success(&mut shop.command("strip", &["target/release/shop"]));
    success(&mut shop.binlint(&["record", "--release"]));
    assert_eq!(compiled(&shop)["bin shop"], "open");
}

#[test]
fn every_file_that_was_read_is_a_source() {
    let Some(shop) = Shop::new() else { return };
    for (path, text) in [
        ("build.rs", "fn main() { println!(\"cargo:rerun-if-changed=sql\"); }\n"),
        ("sql/one.sql", "select 1\n"),
        ("sql/deep/two.sql", "select 2\n"),
        ("words/hello.txt", "hello\n"),
        (
            "src/odd/place.rs",
            "pub fn two() -> &'static str { include_str!(\"../../words/hello.txt\") }\n",
        ),
        ("src/part.in", "fn three() -> usize { 3 }\n"),
        ("src/unused.rs", "not Rust\n"),
        (
            "src/main.rs",
            "mod shelf;\n#[path = \"odd/place.rs\"]\nmod place;\ninclude!(\"part.in\");\n#[cfg(test)]\nmod unused;\n\
             fn main() { println!(\"{}{}{}\", place::two(), three(), till::count() + shelf::LEN); }\n",
        ),
    ] {
        let path = shop.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    success(&mut shop.git(&["add", "-A", "-f"]));
    success(&mut shop.git(&["commit", "-q", "-m", "more"]));
    shop.build(&[]);
    let expected = [
        "Cargo.lock",
        "sources",
        "Cargo.toml",
        "build.rs",
        "sql/deep/two.sql",
        "sql/one.sql",
        "src/main.rs",
        "src/odd/place.rs",
        "src/part.in",
        "src/shelf.rs",
        "till/Cargo.toml",
        "till/src/lib.rs",
        "words/hello.txt",
    ];
    let sources: Vec<String> = sources(&shop).into_iter().filter(|it| it != "git").collect();
    assert_eq!(sources, expected);
    let crates = ["bin shop", "build-script shop", "build-script-run shop", "lib till"];
    let compiled = compiled(&shop);
    assert_eq!(compiled.as_object().unwrap().keys().collect::<Vec<_>>(), crates);
    // Somebody who has only the sources finds the same files.
    fs::copy(shop.program(), shop.root.join("alone")).unwrap();
    fs::copy(shop.record(), shop.root.join("alone.intoto.jsonl")).unwrap();
    fs::remove_dir_all(shop.root.join("target")).unwrap();
    let verified = shop.verify(&["alone", "--manifest-path", "Cargo.toml"]);
    assert_eq!((verified.code, &verified.failed), (0, &vec![]), "{}", verified.said);
    for changed in ["src/part.in", "words/hello.txt", "sql/deep/two.sql", "till/src/lib.rs"] {
        let path = shop.root.join(changed);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n")).unwrap();
        let verified = shop.verify(&["alone", "--manifest-path", "Cargo.toml"]);
        assert_eq!(verified.failed, ["source-mismatch"], "{changed}");
        assert!(verified.said.contains(changed), "{changed}: {}", verified.said);
        fs::write(&path, text).unwrap();
    }
}
