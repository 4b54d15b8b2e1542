//! The Dockerfiles of `docs/dockerfile.md`, built by a real engine.
//!
//! There is no registry here, so the images they begin with are made on the spot: one small root
//! stands for both distributions, and a `cargo` that hands out a program built beforehand for the
//! toolchain. What is under test is the linter's line in each recipe.

use std::path::Path;
use std::process::{Command, Output};

#[path = "support/skip.rs"]
mod skip;

/// The engine that the tests use; another client of the same name may come first in `PATH`.
const DOCKER: &str = "/usr/bin/docker";

/// `cargo build` puts the program where cargo would; `cargo binlint …` is the linter, which finds
/// no workspace and is therefore told the program.
const CARGO: &str = r#"#!/bin/sh
set -e
case "$1" in
build) mkdir -p target/release && cp /opt/backend target/release/backend ;;
binlint) shift; [ "$1" = --release ] && shift; exec /usr/local/cargo/bin/cargo-binlint check --binary target/release/backend "$@" ;;
esac
"#;

fn docker(directory: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(DOCKER);
    command.args(words).env("DOCKER_BUILDKIT", "1").current_dir(directory).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .collect()
}

/// The fenced Dockerfiles of the page, in order.
fn recipes() -> Vec<String> {
    let page = include_str!("../docs/dockerfile.md");
    page.split("```dockerfile\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// A root with the libraries that the linter and the program need, and a shell.
fn root(directory: &Path, program: &Path) -> std::path::PathBuf {
    let root = directory.join("root");
    let copy = |from: &Path, to: &str| {
        let to = root.join(to.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    };
    let linked = Command::new("ldd").arg(program).output().unwrap();
    for word in String::from_utf8_lossy(&linked.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        copy(Path::new(word), word);
    }
    copy(Path::new("/bin/busybox"), "/bin/busybox");
    for name in ["sh", "cp", "mkdir"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    copy(Path::new("/etc/os-release"), "/etc/os-release");
    root
}

#[test]
fn every_recipe_is_built_and_a_broken_program_stops_it() {
    let answers =
        Command::new(DOCKER).arg("info").output().is_ok_and(|output| output.status.success());
    if !answers || !Path::new("/bin/busybox").exists() {
        let why = "no container engine answers, or there is no static busybox";
        assert!(std::env::var_os("BINLINT_CI").is_none(), "under the gate: {why}");
        skip::skipped(why);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let linter = Path::new(env!("CARGO_BIN_EXE_cargo-binlint"));
    let source = "fn main() { for (name, value) in std::env::vars() { println!(\"{name} {}\", value.len()) } }";
    let compile = |source: &str, name: &str| {
        std::fs::write(at("main.rs"), source).unwrap();
        let status = Command::new("rustc")
            .args(["-O", "-Cstrip=symbols", "--edition=2024", "-o"])
            .arg(at(name))
            .arg(at("main.rs"))
            .status();
        assert!(status.unwrap().success());
    };
    compile(source, "good");
    let root = root(directory.path(), &at("good"));
    let name = |what: &str| format!("binlint-recipe-{}-{what}", std::process::id());
    let import = |root: &Path, name: &str| {
        let tar = Command::new("tar")
            .arg("-C")
            .arg(root)
            .arg("-cf")
            .arg(at("root.tar"))
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        let made = docker(directory.path(), &["import", "root.tar", name]);
        assert!(made.status.success(), "{}", text(&made));
    };
    import(&root, &name("debian"));
    std::fs::create_dir_all(root.join("usr/local/cargo/bin")).unwrap();
    std::fs::create_dir_all(root.join("opt")).unwrap();
    std::fs::copy(linter, root.join("usr/local/cargo/bin/cargo-binlint")).unwrap();
    std::fs::write(root.join("bin/cargo"), CARGO).unwrap();
    let status = Command::new("chmod").arg("755").arg(root.join("bin/cargo")).status();
    assert!(status.unwrap().success());
    std::fs::create_dir_all(at("context")).unwrap();
    std::fs::write(at("context/Cargo.lock"), "").unwrap();

    let build = |recipe: &str, program: &str, tag: &str| -> Output {
        std::fs::copy(at(program), root.join("opt/backend")).unwrap();
        import(&root, &name("rust"));
        let stage = format!("FROM {} AS build\nWORKDIR /app\nRUN cargo build\n", name("rust"));
        let mut recipe = recipe
            .replace("# syntax=docker/dockerfile:1\n", "")
            .replace("rust:1-bookworm", &name("rust"))
            .replace("debian:bookworm-slim", &name("debian"));
        if !recipe.contains("AS build") {
            recipe = stage + &recipe;
        }
        std::fs::write(at("context/Dockerfile"), recipe).unwrap();
        docker(directory.path(), &["build", "--network=none", "--no-cache", "-t", tag, "context"])
    };
    let recipes = recipes();
    assert_eq!(recipes.len(), 2, "the page has another recipe");
    let tag = name("app");
    for recipe in &recipes {
        let built = build(recipe, "good", &tag);
        assert!(built.status.success(), "{recipe}\n{}", text(&built));
        let ran = docker(directory.path(), &["run", "--rm", "--network=none", &tag]);
        assert!(ran.status.success() && text(&ran).contains("PATH"), "{}", text(&ran));

        // The finished image, as in CI.
        let saved = docker(directory.path(), &["save", "-o", "saved.tar", &tag]);
        assert!(saved.status.success(), "{}", text(&saved));
        let mut check = Command::new(linter);
        check.arg("check").arg("--image").arg(at("saved.tar")).current_dir(directory.path());
        let judged = check.output().unwrap();
        assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));
    }

    // A program that needs a library which the base does not have.
    let library = Command::new("rustc")
        .args(["--crate-type=cdylib", "--edition=2024", "--crate-name=absent", "-o"])
        .arg(at("libabsent.so"))
        .arg("-")
        .stdin(std::process::Stdio::null())
        .status();
    assert!(library.unwrap().success());
    std::fs::write(at("main.rs"), source).unwrap();
    let linked = Command::new("rustc")
        .args([
            "-O",
            "-Cstrip=symbols",
            "--edition=2024",
            "-Clink-arg=-Wl,--no-as-needed",
            "-Clink-arg=-labsent",
            "-L",
        ])
        .arg(directory.path())
        .arg("-o")
        .arg(at("bad"))
        .arg(at("main.rs"))
        .status();
    assert!(linked.unwrap().success());
    for recipe in &recipes {
        let built = build(recipe, "bad", &tag);
        let said = text(&built);
        assert!(!built.status.success() && said.contains("missing-library"), "{recipe}\n{said}");
        assert!(said.contains("libabsent.so"), "{said}");
    }
    for image in ["app", "rust", "debian"] {
        docker(directory.path(), &["rmi", "-f", &name(image)]);
    }
}
