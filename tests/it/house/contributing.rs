//! What CONTRIBUTING.md says of adding a rule and a fact, done in a copy of the sources: the files
//! and lines that the page shows, and the tests write the rest.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::run;
use crate::support::slow::{self, Need};

#[test]
fn a_rule_is_added_by_creating_one_file() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let (path, rule) = &rust_blocks()[0];
    let home = copy_of_the_sources();
    let copy = home.path();
    fs::create_dir_all(copy.join(path).parent().unwrap()).unwrap();
    fs::write(copy.join(path), rule).unwrap();

    let first = tidy(copy);
    assert!(first.contains("src/rules.rs"), "the list is not rewritten:\n{first}");
    let second = tidy(copy);
    assert!(second.contains("docs/rules/huge-program.md"), "the page is not written:\n{second}");
    let third = tidy(copy);
    assert!(third.contains("test result: ok"), "not green after the third run:\n{third}");
    assert!(fs::read_to_string(copy.join("src/rules.rs")).unwrap().contains("huge_program"));

    let tested = cargo(copy, &["test", "--offline", "--lib", "huge_program"]);
    assert!(tested.contains("1 passed"), "the rule's own test did not run:\n{tested}");
    let formatted = cargo(copy, &["fmt", "--check"]);
    assert!(formatted.is_empty(), "the page's code is not formatted:\n{formatted}");
}

#[test]
fn a_fact_is_added_in_three_files() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let home = copy_of_the_sources();
    let copy = home.path();
    let mut touched = Vec::new();
    let (path, detector) = &rust_blocks()[1];
    assert!(path.starts_with("src/binary/detect"), "{}", path.display());
    fs::write(copy.join(path), detector).unwrap();
    touched.push(path.clone());
    for (path, lines) in blocks("diff") {
        insert(&copy.join(&path), &lines);
        touched.push(path);
    }
    assert_eq!(touched.len(), 3, "{touched:?}");

    let schemas = ["test", "--offline", "--lib", "report"];
    let first = cargo(copy, &schemas);
    assert!(first.contains("docs/schema/"), "no schema is rewritten:\n{first}");
    let second = cargo(copy, &schemas);
    assert!(second.contains("test result: ok"), "not green after the second run:\n{second}");
    let schema = fs::read_to_string(copy.join("docs/schema/inspect.json")).unwrap();
    assert!(schema.contains("\"readiness\""), "the schema does not have the fact");
    let tested = cargo(copy, &["test", "--offline", "--lib", "readiness"]);
    assert!(tested.contains("1 passed"), "the detector's own test did not run:\n{tested}");
    let formatted = cargo(copy, &["fmt", "--check"]);
    assert!(formatted.is_empty(), "the page's code is not formatted:\n{formatted}");

    // The program, which holds the text that it looks for, says so of itself.
    let run = ["run", "--offline", "--quiet", "--", "inspect"];
    let program = copy.join("target/debug/cargo-binlint").display().to_string();
    let table = cargo(copy, &[&run[..], &[&program]].concat());
    assert!(table.contains("readiness"), "the table does not have the fact:\n{table}");
    let json = cargo(copy, &[&run[..], &["--format", "json", &program]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).expect(&json);
    let binary = &json["binaries"][0];
    assert_eq!(binary["readiness"], true);
    assert_eq!(binary["evidence"]["readiness"]["confidence"], "high");
}

/// Puts each line that begins with `+` behind the line before it, which the file has once.
fn insert(path: &Path, lines: &[String]) {
    let mut text = fs::read_to_string(path).unwrap();
    let mut after = String::new();
    for line in lines {
        let (mark, line) = line.split_at(1);
        if mark == "+" {
            let added = format!("{after}{line}\n");
            text = text.replacen(&after, &added, 1);
            after = added;
        } else {
            after = format!("{line}\n");
            let count = text.matches(&format!("\n{after}")).count();
            assert_eq!(count, 1, "{line:?} stands {count} times in {}", path.display());
        }
    }
    fs::write(path, text).unwrap();
}

/// The sources without the tests that need more than them.
fn copy_of_the_sources() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let copy = home.path();
    let parts = [
        "Cargo.toml",
        "Cargo.lock",
        "rustfmt.toml",
        "src",
        "tests/it/house",
        "docs",
        "benches",
        // Unit tests include these samples.
        "testdata/provenance",
    ];
    for part in parts {
        copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &copy.join(part));
    }
    fs::write(copy.join("tests/it/main.rs"), "mod house {\n    mod tidy;\n}\n").unwrap();
    lend_dependencies(copy);
    home
}

/// The whole files of the page: each Rust block, and the path that the text before it names last.
fn rust_blocks() -> Vec<(PathBuf, String)> {
    let text = |lines: Vec<String>| lines.iter().map(|line| format!("{line}\n")).collect();
    blocks("rust").into_iter().map(|(path, lines)| (path, text(lines))).collect()
}

/// The page's blocks of a language, without their indentation.
fn blocks(language: &str) -> Vec<(PathBuf, Vec<String>)> {
    let page = fs::read_to_string("CONTRIBUTING.md").unwrap();
    let opening = format!("   ```{language}\n");
    let mut blocks = Vec::new();
    let mut read = 0;
    while let Some(at) = page[read..].find(&opening) {
        let start = read + at + opening.len();
        let end = start + page[start..].find("   ```\n").unwrap();
        let path = page[..start].split('`').rfind(|part| part.starts_with("src/")).unwrap();
        let lines = page[start..end].lines().map(|line| line.strip_prefix("   ").unwrap_or(line));
        blocks.push((PathBuf::from(path), lines.map(str::to_owned).collect()));
        read = end;
    }
    blocks
}

fn tidy(copy: &Path) -> String {
    cargo(copy, &["test", "--offline", "--test", "it"])
}

/// What cargo prints, on either stream.
fn cargo(copy: &Path, words: &[&str]) -> String {
    let output = run::command(env!("CARGO"))
        .current_dir(copy)
        .args(words)
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The dependencies as this test's own build has compiled them, times and all, so that they are
/// not compiled again. Where `cp` cannot do that they are, which takes minutes and changes nothing.
fn lend_dependencies(copy: &Path) {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let to = copy.join("target").join(profile.file_name().unwrap());
    fs::create_dir_all(to.join("deps")).unwrap();
    let libraries = fs::read_dir(profile.join("deps")).unwrap().map(|entry| entry.unwrap().path());
    let libraries =
        libraries.filter(|path| path.extension().is_some_and(|it| it != "d" && it != "exe"));
    let _ = run::command("cp").arg("-a").args(libraries).arg(to.join("deps")).status();
    for part in [".fingerprint", "build"] {
        let _ = run::command("cp").arg("-a").args([profile.join(part), to.join(part)]).status();
    }
}

fn copy_tree(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.exists() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
