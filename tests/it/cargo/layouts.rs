//! Where cargo puts its binaries, in every layout: found where cargo itself says that they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::cargo::{Project, build, cargo, project, write};
use crate::support::place;
use crate::support::slow;
use serde_json::Value;

const HOST: &str = "host-tuple";

/// A workspace of a root package `my-app` with a second binary, and a member `tool`.
fn workspace() -> (tempfile::TempDir, Project) {
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
    let project = project(&root, &directory.path().join("home"));
    (directory, project)
}

/// The report on the project, or the one line that says why there is none.
fn check(project: &Project) -> Result<Value, String> {
    let output = project.check().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0 | 1) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        _ => {
            let why = said.strip_prefix("error: ").unwrap_or_else(|| panic!("{said}"));
            let why = why.trim_end().to_owned();
            assert!(!why.contains('\n'), "{why}");
            Err(why)
        }
    }
}

fn found(project: &Project) -> Vec<PathBuf> {
    let report = check(project).unwrap();
    let subjects = report["subjects"].as_array().unwrap().iter();
    let path = |subject: &Value| project.cwd.join(subject["binary"]["path"].as_str().unwrap());
    let mut paths: Vec<PathBuf> =
        subjects.map(|subject| path(subject).canonicalize().unwrap()).collect();
    paths.sort();
    paths
}

/// What the report says of the build that was chosen.
fn chosen(project: &Project) -> String {
    let notes = check(project).unwrap()["notes"].take();
    let mut notes = notes.as_array().unwrap().iter().filter_map(Value::as_str);
    notes.find_map(|note| note.strip_prefix("checked: ")).unwrap_or_default().to_owned()
}

/// Builds with the arguments and expects to find, in the project, what cargo says it made.
fn agree(project: &Project, arguments: &[&str]) {
    let mut made = build(project, arguments);
    made.iter_mut().for_each(|path| *path = path.canonicalize().unwrap());
    made.sort();
    assert!(!made.is_empty());
    assert_eq!(found(project), made, "{arguments:?}");
}

fn with_env(project: &Project, name: &str, value: &str) -> Project {
    let mut project = project.clone();
    project.env.insert(name.to_owned(), value.to_owned());
    project
}

#[test]
fn profiles_have_directories() {
    let (_directory, project) = workspace();
    for profile in ["dev", "release", "dist", "test", "bench"] {
        let project = Project { profile: Some(profile.to_owned()), ..project.clone() };
        agree(&project, &["--profile", profile]);
    }
    // Nothing is named: cargo built `release` again last, under the name `bench`.
    let dist = project.cwd.join("target/dist/my-app");
    let later = SystemTime::now() + Duration::from_secs(60);
    File::options().append(true).open(&dist).unwrap().set_modified(later).unwrap();
    assert_eq!(
        chosen(&project),
        "dist profile (the most recently built; also built: release, dev)"
    );
}

#[test]
fn the_target_directory_is_where_cargo_says() {
    let (_directory, project) = workspace();
    let release = Project { profile: Some("release".to_owned()), ..project.clone() };
    agree(&with_env(&release, "CARGO_TARGET_DIR", "one"), &["--release"]);
    agree(&with_env(&release, "CARGO_BUILD_TARGET_DIR", "two"), &["--release"]);
    agree(&with_env(&release, "CARGO_BUILD_BUILD_DIR", "three"), &["--release"]);
    let typed = Project { target_dir: Some("four".into()), ..release.clone() };
    agree(&typed, &["--release", "--target-dir", "four"]);
    let both = with_env(&typed, "CARGO_TARGET_DIR", "five");
    agree(&both, &["--release", "--target-dir", "four"]);

    write(
        &project.cwd.join(".cargo/config.toml"),
        "[build]\ntarget-dir = \"six\"\nbuild-dir = \"{workspace-root}/seven\"\n",
    );
    agree(&release, &["--release"]);
    // What cargo keeps of the build lies in the other directory, and is read there.
    let report = check(&release).unwrap();
    let outcomes = report["subjects"][0]["outcomes"].as_array().unwrap();
    let flags = outcomes.iter().find(|outcome| outcome["rule"] == "rustflags-ignored").unwrap();
    assert_eq!(flags["outcome"], "pass", "{flags}");
    assert!(project.cwd.join("six/release/my-app").exists());
    assert!(project.cwd.join("seven/release/.fingerprint").exists());
}

#[test]
fn a_target_has_a_directory() {
    let (_directory, project) = workspace();
    let host = place::host();
    let typed = Project { targets: vec![host.clone()], ..project.clone() };
    agree(&typed, &["--target", &host]);
    let named = Project { targets: vec![HOST.to_owned()], ..project.clone() };
    assert_eq!(found(&named), found(&typed));
    // Another tool's target directory inside cargo's is no build of ours.
    write(&project.cwd.join("target/llvm-cov-target/debug/my-app"), "");
    // Not asked for, but the only build that there is.
    assert_eq!(found(&project), found(&typed));
    assert!(chosen(&project).starts_with(&format!("dev profile for {host} (")));

    agree(&with_env(&project, "CARGO_BUILD_TARGET", &host), &["--release"]);
    let config = format!("[build]\ntarget = [\"{host}\"]\n");
    write(&project.cwd.join(".cargo/config.toml"), &config);
    let dist = Project { profile: Some("dist".to_owned()), ..project.clone() };
    agree(&dist, &["--profile", "dist"]);
}

#[test]
fn packages_and_binaries_are_selected_as_cargo_does() {
    let (_directory, project) = workspace();
    build(&project, &["--workspace"]);
    let debug = project.cwd.join("target/debug").canonicalize().unwrap();
    let paths =
        |names: &[&str]| -> Vec<PathBuf> { names.iter().map(|it| debug.join(it)).collect() };
    assert_eq!(found(&project), paths(&["my-app", "second"]));
    let package = |name: &str| Project { packages: vec![name.to_owned()], ..project.clone() };
    assert_eq!(found(&package("tool")), paths(&["tool"]));
    assert_eq!(found(&package("tool@0.1.0")), paths(&["tool"]));
    let bin = |name: &str| Project { bins: vec![name.to_owned()], ..project.clone() };
    assert_eq!(found(&bin("second")), paths(&["second"]));
    assert_eq!(found(&bin("tool")), paths(&["tool"]));
    // From below, and from elsewhere.
    assert_eq!(
        found(&Project { cwd: project.cwd.join("tool"), ..project.clone() }),
        paths(&["tool"])
    );
    let manifest = Some(project.cwd.join("tool/Cargo.toml"));
    let elsewhere = Project {
        cwd: project.cwd.parent().unwrap().to_owned(),
        manifest_path: manifest,
        ..project.clone()
    };
    assert_eq!(found(&elsewhere), paths(&["tool"]));

    let error = |project: &Project| check(project).unwrap_err();
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
    let profile = Project { profile: Some("dits".to_owned()), ..project.clone() };
    assert_eq!(
        error(&profile),
        "no profile `dits` in the manifest or in cargo's configuration; did you mean `dist`?"
    );
    let release = Project { profile: Some("release".to_owned()), ..package("tool") };
    let message = error(&release);
    assert!(message.starts_with("`tool` is not built: nothing in "), "{message}");
    assert!(message.ends_with("run `cargo build --release -p tool` first"), "{message}");
}

#[test]
fn the_layout_that_is_to_come() {
    let (_directory, project) = workspace();
    // Stable cargo knows it too, when told to behave as nightly does.
    let nightly = with_env(&project, "RUSTC_BOOTSTRAP", "1");
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
    assert!(!project.cwd.join("target/debug/deps").exists());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let (directory, project) = workspace();
    let error = |project: &Project| check(project).unwrap_err();
    let nowhere = Project { cwd: directory.path().to_owned(), ..project.clone() };
    let none = error(&nowhere);
    assert!(none.starts_with("no Cargo.toml in ") && none.ends_with("`--manifest-path`"), "{none}");

    write(&project.cwd.join(".cargo/config.toml"), "[build]\n\ntarget = = 1\n");
    let broken = error(&project);
    assert!(broken.contains("/.cargo/config.toml:3: "), "{broken}");
    std::fs::remove_file(project.cwd.join(".cargo/config.toml")).unwrap();

    write(&project.cwd.join("tool/Cargo.toml"), "[package]\nname = \n");
    let broken = error(&project);
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
    let (_directory, project) = workspace();
    build(&project, &[]);
    let unchanged = || {
        let before = snapshot(&project.cwd);
        assert!(!found(&project).is_empty());
        let after = snapshot(&project.cwd);
        let touched: Vec<&PathBuf> = after
            .iter()
            .filter(|(path, state)| before.get(*path) != Some(state))
            .map(|it| it.0)
            .collect();
        assert!(before == after, "written: {touched:?}");
    };
    unchanged();
    std::fs::remove_file(project.cwd.join("Cargo.lock")).unwrap();
    unchanged();
    // A lockfile that is out of date, and a package that was never downloaded.
    let manifest = project.cwd.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    write(&manifest, &format!("{text}[dependencies]\nserde = \"1\"\n"));
    unchanged();
    write(&project.cwd.join("Cargo.lock"), "version = 4\n");
    unchanged();
}
