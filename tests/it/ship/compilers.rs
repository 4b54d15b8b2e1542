//! The releases of rustc whose programs are read: what `docs/compilers.md` says, measured on the programs of
//! other compilers, and the compiler watch on those that are installed here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::corpus::Row;
use crate::support::docker::{success, text};
use crate::support::run;
use crate::support::slow::{self, Need};

const LINTER: &str = env!("CARGO_BIN_EXE_cargo-binlint");
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- /measured -->\n";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Right, unknown and wrong answers.
#[derive(Default)]
struct Tally {
    programs: usize,
    right: usize,
    unknown: usize,
    wrong: usize,
}

/// The answers that are right for a word of the manifests.
fn answers(truth: &str) -> &[&str] {
    match truth {
        "empty" => &["empty"],
        "hello-world" => &["hello-world"],
        "placeholder-text" => &["placeholder-text"],
        "real" => &["real"],
        "real-or-empty" => &["real", "empty"],
        "placeholder-or-real" => &["placeholder-text", "real"],
        other => panic!("{other}: not in the manifests"),
    }
}

fn measure(archive: &Path, rows: Vec<Row>, to: &mut BTreeMap<Vec<u32>, (String, Tally)>) {
    let unpacked = tempfile::tempdir().unwrap();
    success(run::command("tar").arg("-xJf").arg(archive).arg("-C").arg(unpacked.path()));
    let mut inspect = run::command(LINTER);
    inspect.args(["inspect", "--format", "jsonl"]).current_dir(unpacked.path());
    inspect.args(rows.iter().map(|row| &row["file"]));
    let said = text(&success(&mut inspect));
    let mut lines = said.lines();
    for row in rows {
        let answer: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(answer["path"], row["file"].as_str());
        let release = row["rustc"].trim_start_matches("nightly ").trim_end_matches("-nightly");
        let number = release.split(['.', '-']).filter_map(|part| part.parse().ok()).collect();
        let name = match row["rustc"].contains("nightly") {
            true => format!("{release} (nightly)"),
            false => release.to_owned(),
        };
        let tally = &mut to.entry(number).or_insert_with(|| (name, Tally::default())).1;
        tally.programs += 1;
        match answer["main"]["verdict"].as_str() {
            None => tally.unknown += 1,
            Some(said) if answers(&row["main"]).contains(&said) => tally.right += 1,
            Some(_) => tally.wrong += 1,
        }
    }
}

/// The rows of a manifest anywhere in `testdata`.
fn rows(path: &Path) -> Vec<Row> {
    let relative = Path::new("..").join(path.strip_prefix(data()).unwrap());
    crate::support::corpus::rows(relative.to_str().unwrap())
}

#[test]
fn the_table_of_releases_is_what_was_measured() {
    if !slow::has("tar") || !slow::has("xz") {
        return;
    }
    let mut measured = BTreeMap::new();
    for (manifest, archive) in [
        ("corpus/placeholders-open.csv", "corpus/placeholders-open.tar.xz"),
        ("corpus/toolchains/programs.csv", "corpus/toolchains/programs.tar.xz"),
    ] {
        measure(&data().join(archive), rows(&data().join(manifest)), &mut measured);
    }
    let mut table = String::from(
        "| rustc | programs | `main` right | unknown | wrong |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for (release, tally) in measured.values() {
        let Tally { programs, right, unknown, wrong } = tally;
        writeln!(table, "| {release} | {programs} | {right} | {unknown} | {wrong} |").unwrap();
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compilers.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (old, after) = rest.split_once(END).unwrap();
    if old != table {
        fs::write(&page, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        panic!("docs/compilers.md is written anew; read the difference and commit it");
    }
}

#[test]
fn the_compiler_watch_passes_on_the_compilers_of_this_machine() {
    if slow::is_left_out(Need::Toolchains) {
        return;
    }
    let mut watch = run::command("ci/compilers");
    watch.arg("--quick").env("BINLINT", LINTER);
    let output = watch.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// A watch that cannot fail watches nothing.
#[test]
fn the_compiler_watch_fails_on_a_wrong_fact() {
    if slow::is_left_out(Need::Toolchains) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let liar = scratch.path().join("liar");
    let script = format!(
        "#!/bin/sh\n'{LINTER}' \"$@\" | sed 's/\"verdict\":\"hello-world\"/\"verdict\":\"real\"/g'\n"
    );
    fs::write(&liar, script).unwrap();
    success(run::command("chmod").arg("+x").arg(&liar));
    let toolchain = text(&success(run::command("rustup").args(["show", "active-toolchain"])));
    let toolchain = toolchain.split_whitespace().next().unwrap();
    let mut watch = run::command("ci/compilers");
    watch.args(["--quick", toolchain]).env("BINLINT", &liar);
    let output = watch.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("main is hello-world, and inspect says real"),
        "{}",
        text(&output)
    );
}
