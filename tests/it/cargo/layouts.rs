//! Where cargo puts its binaries, in every layout: found where cargo itself says that they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::cargo::{build, cargo, query, write};
use crate::support::slow;
use binlint::internals::cargo::build::Build;
use binlint::internals::cargo::error::WorkspaceError;
use binlint::internals::cargo::target_dir::outputs::find_outputs;
use binlint::internals::cargo::workspace::{Query, workspace};

const HOST: &str = "host-tuple";

/// A workspace of a root package `my-app` with a second binary, and a member `tool`.
fn project() -> (tempfile::TempDir, Query) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("work");
    write(
        &root.join("Cargo.toml"),
        "[package]\nname = \"my-app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [[bin]]\nname = \"second\"\npath = \"src/second.rs\"\n\
         [workspace]\nmembers = [\"tool\", \"library\"]\n\
         [profile.dist]\ninherits = \"release\"\n",
    );
    write(&root.join("src/main.rs"), "fn main() {}\n");
    write(&root.join("src/second.rs"), "fn main() {}\n");
    for (member, file) in [("tool", "main.rs"), ("library", "lib.rs")] {
        write(
            &root.join(member).join("Cargo.toml"),
            &format!("[package]\nname = \"{member}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        );
        write(&root.join(member).join("src").join(file), "#[allow(dead_code)]\nfn main() {}\n");
    }
    let query = query(&root, &directory.path().join("home"));
    (directory, query)
}

fn found(query: &Query) -> Vec<PathBuf> {
    let workspace = workspace(query).unwrap();
    let outputs = find_outputs(&workspace, query).unwrap();
    let mut paths: Vec<PathBuf> = outputs.built.into_iter().map(|it| it.path).collect();
    paths.sort();
    paths
}

/// Builds with the words and expects to find, under the query, what cargo says it made.
fn agree(query: &Query, words: &[&str]) {
    let mut made = build(query, words);
    made.sort();
    assert!(!made.is_empty());
    assert_eq!(found(query), made, "{words:?}");
}

fn with_env(query: &Query, name: &str, value: &str) -> Query {
    let mut query = query.clone();
    query.env.insert(name.to_owned(), value.to_owned());
    query
}

#[test]
fn profiles_have_directories() {
    let (_directory, query) = project();
    for profile in ["dev", "release", "dist", "test", "bench"] {
        let query = Query { profile: Some(profile.to_owned()), ..query.clone() };
        agree(&query, &["--profile", profile]);
    }
    // Nothing is named: cargo built `release` again last, under the name `bench`.
    let dist = query.cwd.join("target/dist/my-app");
    let later = SystemTime::now() + Duration::from_secs(60);
    File::options().append(true).open(&dist).unwrap().set_modified(later).unwrap();
    let workspace = workspace(&query).unwrap();
    let outputs = find_outputs(&workspace, &query).unwrap();
    assert_eq!(outputs.profile, "dist");
    assert_eq!(outputs.why, "the most recently built; also built: release, dev");
}

#[test]
fn the_target_directory_is_where_cargo_says() {
    let (_directory, query) = project();
    let release = Query { profile: Some("release".to_owned()), ..query.clone() };
    agree(&with_env(&release, "CARGO_TARGET_DIR", "one"), &["--release"]);
    agree(&with_env(&release, "CARGO_BUILD_TARGET_DIR", "two"), &["--release"]);
    agree(&with_env(&release, "CARGO_BUILD_BUILD_DIR", "three"), &["--release"]);
    let typed = Query { target_dir: Some("four".into()), ..release.clone() };
    agree(&typed, &["--release", "--target-dir", "four"]);
    let both = with_env(&typed, "CARGO_TARGET_DIR", "five");
    agree(&both, &["--release", "--target-dir", "four"]);

    write(
        &query.cwd.join(".cargo/config.toml"),
        "[build]\ntarget-dir = \"six\"\nbuild-dir = \"{workspace-root}/seven\"\n",
    );
    agree(&release, &["--release"]);
    let facts = {
        let workspace = workspace(&release).unwrap();
        let outputs = find_outputs(&workspace, &release).unwrap();
        Build::new(&workspace, &outputs, &outputs.built[0])
    };
    assert_eq!(facts.target_dir, query.cwd.join("six"));
    assert_eq!(facts.build_dir, query.cwd.join("seven"));
    assert_eq!(facts.profile_dir, query.cwd.join("six/release"));
}

#[test]
fn a_target_has_a_directory() {
    let (_directory, query) = project();
    let host = workspace(&query).unwrap().rustc.host.unwrap();
    let typed = Query { targets: vec![host.clone()], ..query.clone() };
    agree(&typed, &["--target", &host]);
    let named = Query { targets: vec![HOST.to_owned()], ..query.clone() };
    assert_eq!(found(&named), found(&typed));
    // Another tool's target directory inside cargo's is no build of ours.
    write(&query.cwd.join("target/llvm-cov-target/debug/my-app"), "");
    // Not asked for, but the only build that there is.
    assert_eq!(found(&query), found(&typed));
    let outputs = find_outputs(&workspace(&query).unwrap(), &query).unwrap();
    assert_eq!(outputs.target.as_deref(), Some(host.as_str()));

    agree(&with_env(&query, "CARGO_BUILD_TARGET", &host), &["--release"]);
    let config = format!("[build]\ntarget = [\"{host}\"]\n");
    write(&query.cwd.join(".cargo/config.toml"), &config);
    let dist = Query { profile: Some("dist".to_owned()), ..query.clone() };
    agree(&dist, &["--profile", "dist"]);
}

#[test]
fn packages_and_binaries_are_selected_as_cargo_does() {
    let (_directory, query) = project();
    build(&query, &["--workspace"]);
    let debug = query.cwd.join("target/debug");
    let paths =
        |names: &[&str]| -> Vec<PathBuf> { names.iter().map(|it| debug.join(it)).collect() };
    assert_eq!(found(&query), paths(&["my-app", "second"]));
    let package = |name: &str| Query { packages: vec![name.to_owned()], ..query.clone() };
    assert_eq!(found(&package("tool")), paths(&["tool"]));
    assert_eq!(found(&package("tool@0.1.0")), paths(&["tool"]));
    let bin = |name: &str| Query { bins: vec![name.to_owned()], ..query.clone() };
    assert_eq!(found(&bin("second")), paths(&["second"]));
    assert_eq!(found(&bin("tool")), paths(&["tool"]));
    // From below, and from elsewhere.
    assert_eq!(found(&Query { cwd: query.cwd.join("tool"), ..query.clone() }), paths(&["tool"]));
    let manifest = Some(query.cwd.join("tool/Cargo.toml"));
    let elsewhere = Query {
        cwd: query.cwd.parent().unwrap().to_owned(),
        manifest_path: manifest,
        ..query.clone()
    };
    assert_eq!(found(&elsewhere), paths(&["tool"]));

    let error =
        |query: &Query| find_outputs(&workspace(query).unwrap(), query).unwrap_err().to_string();
    assert_eq!(
        error(&bin("secnd")),
        "no binary `secnd` in `library`, `my-app`, `tool`; did you mean `second`?"
    );
    assert_eq!(error(&package("tol")), "the workspace has no package `tol`; did you mean `tool`?");
    assert_eq!(
        error(&package("library")),
        "`library` has no binary target, so there is nothing to lint; if another package has one, \
         name it with `-p`"
    );
    let profile = Query { profile: Some("dits".to_owned()), ..query.clone() };
    assert_eq!(
        error(&profile),
        "no profile `dits` in the manifest or in cargo's configuration; did you mean `dist`?"
    );
    let release = Query { profile: Some("release".to_owned()), ..package("tool") };
    let message = error(&release);
    assert!(message.starts_with("`tool` is not built: nothing in "), "{message}");
    assert!(message.ends_with("run `cargo build --release -p tool` first"), "{message}");
}

#[test]
fn the_layout_that_is_to_come() {
    let (_directory, query) = project();
    // Stable cargo knows it too, when told to behave as nightly does.
    let nightly = with_env(&query, "RUSTC_BOOTSTRAP", "1");
    let is_known =
        cargo(&nightly, &["-Zbuild-dir-new-layout", "metadata", "--no-deps", "--offline"])
            .output()
            .is_ok_and(|output| output.status.success());
    if !is_known {
        return slow::lacks("a cargo with -Zbuild-dir-new-layout");
    }
    agree(&nightly, &["-Zbuild-dir-new-layout"]);
    let split = with_env(&nightly, "CARGO_BUILD_BUILD_DIR", "build");
    agree(&split, &["-Zbuild-dir-new-layout", "--release"]);
    // It is the new layout indeed: the old one has this directory.
    assert!(!query.cwd.join("target/debug/deps").exists());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let (directory, query) = project();
    let error = |query: &Query| {
        let error = workspace(query).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        error
    };
    let nowhere = Query { cwd: directory.path().to_owned(), ..query.clone() };
    assert!(matches!(error(&nowhere), WorkspaceError::NoManifest { .. }));

    write(&query.cwd.join(".cargo/config.toml"), "[build]\n\ntarget = = 1\n");
    let broken = error(&query).to_string();
    assert!(broken.contains("/.cargo/config.toml:3: "), "{broken}");
    std::fs::remove_file(query.cwd.join(".cargo/config.toml")).unwrap();

    write(&query.cwd.join("tool/Cargo.toml"), "[package]\nname = \n");
    let broken = error(&query).to_string();
    assert!(broken.contains("tool/Cargo.toml") && broken.contains("2:"), "{broken}");
}

/// Every file with its bytes and its time.
fn snapshot(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let modified = path.metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            files.insert(path.clone(), (Vec::new(), modified));
            files.extend(snapshot(&path));
        } else {
            files.insert(path.clone(), (std::fs::read(&path).unwrap(), modified));
        }
    }
    files
}

#[test]
fn nothing_is_written() {
    let (_directory, query) = project();
    build(&query, &[]);
    let look = || {
        let workspace = workspace(&query).unwrap();
        let outputs = find_outputs(&workspace, &query).unwrap();
        Build::new(&workspace, &outputs, &outputs.built[0])
    };
    let unchanged = |expect_graph: bool| {
        let before = snapshot(&query.cwd);
        let build = look();
        let after = snapshot(&query.cwd);
        let touched: Vec<&PathBuf> = after
            .iter()
            .filter(|(path, state)| before.get(*path) != Some(state))
            .map(|it| it.0)
            .collect();
        assert!(before == after, "written: {touched:?}");
        assert_eq!(build.dependencies.is_some(), expect_graph, "{:?}", build.notes);
    };
    unchanged(true);
    std::fs::remove_file(query.cwd.join("Cargo.lock")).unwrap();
    unchanged(false);
    // A lockfile that is out of date, and a package that was never downloaded.
    let manifest = query.cwd.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    write(&manifest, &format!("{text}[dependencies]\nserde = \"1\"\n"));
    unchanged(false);
    write(&query.cwd.join("Cargo.lock"), "version = 4\n");
    unchanged(false);
}
