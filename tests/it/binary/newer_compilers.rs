//! Programs and target directories of compilers newer than this machine's, through the command line:
//! what a release changes has to be known before its users meet it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::corpus;
use crate::support::run;
use crate::support::slow::{self, Need};

fn unpack(archive: &Path, into: &Path) {
    let status = run::command("tar").arg("-xJf").arg(archive).current_dir(into).status();
    assert!(status.is_ok_and(|status| status.success()), "tar unpacks {}", archive.display());
}

fn linter(arguments: &[&str], directory: &Path) -> Output {
    run::command(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the linter starts")
}

/// `main` and the panic strategy of each program are those of its source and its flags.
#[test]
fn facts_of_their_programs() {
    if !slow::has("xz") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    unpack(&corpus::data().join("toolchains/programs.tar.xz"), folder.path());
    let rows = corpus::rows("toolchains/programs.csv");
    let mut arguments = vec!["inspect", "--format", "jsonl"];
    arguments.extend(rows.iter().map(|row| row["file"].as_str()));
    let output = linter(&arguments, folder.path());
    let facts: BTreeMap<String, Value> = String::from_utf8(output.stdout)
        .expect("JSON is text")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is a document"))
        .map(|facts| (facts["path"].as_str().unwrap_or_default().to_owned(), facts))
        .collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let facts = &facts[&row["file"]];
        // A store that LLVM deletes, and a panic that a real program may mean, are both right.
        let is_clear = !row["main"].contains("-or-");
        let main = &facts["main"]["verdict"];
        if is_clear && main != row["main"].as_str() || facts["panic"] != row["panic"].as_str() {
            wrong.push(format!("{}: {main}, {}", row["file"], facts["panic"]));
        }
    }
    assert!(rows.len() >= 60 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `/build/app`, where the target directories were filled; gone again afterwards.
struct Tree(PathBuf);

impl Tree {
    fn unpack(name: &str) -> Tree {
        let parent = Path::new("/build");
        fs::create_dir_all(parent).expect("root makes directories");
        let app = parent.join("app");
        assert!(!app.exists(), "{} is somebody's", app.display());
        unpack(&corpus::data().join(format!("toolchains/trees/{name}.tar.xz")), parent);
        Tree(app)
    }

    /// The rules that are denied.
    fn denied(&self) -> Vec<String> {
        let output = linter(&["check", "--release", "--format", "json"], &self.0);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let subjects = report["subjects"].as_array().expect("a list of subjects");
        let outcomes = subjects.iter().filter_map(|it| it["outcomes"].as_array()).flatten();
        outcomes
            .filter(|it| it["outcome"] == "fail" && it["level"] == "deny")
            .map(|it| it["rule"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An honest build is not denied, whatever its cargo writes; a source that is edited and dated back
/// is.
#[test]
fn target_directories_of_their_cargos() {
    if slow::is_left_out(Need::Root) || slow::is_left_out(Need::Toolchains) || !slow::has("xz") {
        return;
    }
    for name in [
        "stable-default",
        "nightly-default",
        "nightly-content",
        "nightly-sha256",
        "nightly-trim-paths",
    ] {
        let tree = Tree::unpack(name);
        let manifest = tree.0.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("it has a manifest");
        // This machine's cargo refuses the key.
        let known: String = text
            .lines()
            .filter(|line| !line.contains("trim-paths"))
            .fold(String::new(), |all, line| all + line + "\n");
        fs::write(&manifest, known).expect("it can be written");
        assert_eq!(tree.denied(), [""; 0], "{name}, as it was built");
        if name == "nightly-content" {
            let output = linter(&["freshen", "--check", "--release"], &tree.0);
            assert_eq!(output.status.code(), Some(0), "{name}: cargo compares contents itself");
        }
        let source = tree.0.join("corelib/src/lib.rs");
        let text = fs::read_to_string(&source).expect("it has a library");
        fs::write(&source, format!("// another line\n{text}")).expect("it can be written");
        let old = fs::File::options().write(true).open(&source).expect("it can be opened");
        old.set_modified(
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000),
        )
        .expect("it can be dated");
        assert!(tree.denied().iter().any(|rule| rule.starts_with("stale-")), "{name}, edited");
    }
    // A key of a profile that is not known leaves the profile's rules open.
    let tree = Tree::unpack("nightly-profile-rustflags");
    let output = run::command(env!("CARGO_BIN_EXE_cargo-binlint"))
        .args(["check", "--release", "-v"])
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .current_dir(&tree.0)
        .output()
        .expect("the linter starts");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("inconclusive panic-strategy-mismatch"), "{report}");
    assert_eq!(output.status.code(), Some(0), "{report}");
}
