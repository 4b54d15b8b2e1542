//! CONTRIBUTING.md's five minutes, done: a rule is added to a copy of the sources by creating the
//! one file that the page shows, and the tests write the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::slow::{self, Need};

#[test]
fn a_rule_is_added_by_creating_one_file() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let (path, rule) = rule_of_the_page();
    let home = tempfile::tempdir().unwrap();
    let copy = home.path();
    let parts =
        ["Cargo.toml", "Cargo.lock", "rustfmt.toml", "src", "tests/it/house", "docs", "benches"];
    for part in parts {
        copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join(part), &copy.join(part));
    }
    fs::write(copy.join("tests/it/main.rs"), "mod house {\n    mod tidy;\n}\n").unwrap();
    fs::create_dir_all(copy.join(&path).parent().unwrap()).unwrap();
    fs::write(copy.join(&path), &rule).unwrap();

    lend_dependencies(copy);

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

/// The first Rust block of the page, and the path that the sentence before it names.
fn rule_of_the_page() -> (PathBuf, String) {
    let page = fs::read_to_string("CONTRIBUTING.md").unwrap();
    let (before, rest) = page.split_once("```rust\n").unwrap();
    let path = before.split('`').rfind(|part| part.starts_with("src/rules/")).unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let lines = block.trim_end().lines().map(|line| line.strip_prefix("   ").unwrap_or(line));
    let code = lines.map(|line| format!("{line}\n")).collect();
    (PathBuf::from(path), code)
}

fn tidy(copy: &Path) -> String {
    cargo(copy, &["test", "--offline", "--test", "it"])
}

/// What cargo prints, on either stream.
fn cargo(copy: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
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
    let _ = Command::new("cp").arg("-a").args(libraries).arg(to.join("deps")).status();
    for part in [".fingerprint", "build"] {
        let _ = Command::new("cp").arg("-a").args([profile.join(part), to.join(part)]).status();
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
