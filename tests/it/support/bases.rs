//! The base images that the documentation names, and what stands for each here: Debian's own packages
//! and the real Rust toolchain. Among them is the linter's image, built by its own Dockerfile.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::docker::{self, Engine, Image, success};
use super::run;

/// How the linter's Dockerfile is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Linter {
    /// Without the optimiser, which takes minutes.
    Quick,
    /// As it ships.
    Optimised,
}

/// The names of the documentation, and the images that stand for them.
pub struct Bases<'engine> {
    pub names: Vec<(&'static str, String)>,
    pub linter: Image<'engine>,
}

impl Bases<'_> {
    pub fn new(engine: &Engine, linter: Linter) -> Bases<'_> {
        let rust = engine.rust();
        let debian = engine.debian(docker::SUITE);
        let unpacked = |suite, packages: &[&str]| engine.distroless(suite, packages);
        let names = vec![
            ("rust:1-bookworm", rust.clone()),
            ("lukemathwalker/cargo-chef:latest-rust-1-bookworm", rust),
            ("debian:bookworm-slim", debian),
            ("debian:bullseye-slim", unpacked("bullseye", docker::LIBRARIES)),
            ("gcr.io/distroless/cc-debian12", unpacked(docker::SUITE, docker::LIBRARIES)),
            ("gcr.io/distroless/static-debian12", unpacked(docker::SUITE, &["netbase"])),
            ("alpine:3", unpacked(docker::SUITE, &["musl", "busybox-static"])),
        ];
        let linter = image_of_the_linter(engine, &names, linter);
        Bases { names, linter }
    }

    /// The Dockerfile with the names of the images that are there.
    pub fn named(&self, dockerfile: &str) -> String {
        let own = format!("from={},", self.linter.name);
        renamed(dockerfile, &self.names).replace("from=cargo-binlint,", &own)
    }
}

fn renamed(dockerfile: &str, names: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if let ["FROM", name, ..] = words.as_mut_slice()
            && let Some((_, ours)) = names.iter().find(|(theirs, _)| theirs == name)
        {
            *name = ours;
        }
        words.join(" ") + "\n"
    };
    dockerfile.lines().map(line).collect()
}

/// Built of what git would give to a clone.
fn image_of_the_linter<'engine>(
    engine: &'engine Engine,
    names: &[(&'static str, String)],
    linter: Linter,
) -> Image<'engine> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clone = tempfile::tempdir().unwrap();
    for part in ["Cargo.toml", "Cargo.lock", "src", "benches", "docs", "README.md", ".dockerignore"]
    {
        let from = repository.join(part);
        success(run::command("cp").arg("-a").arg(from).arg(clone.path().join(part)));
    }
    let mut dockerfile = renamed(include_str!("../../../Dockerfile"), names);
    if linter == Linter::Quick {
        let quick = "ENV CARGO_PROFILE_DIST_OPT_LEVEL=0 CARGO_PROFILE_DIST_LTO=off CARGO_PROFILE_DIST_CODEGEN_UNITS=16\n";
        dockerfile = dockerfile.replacen("WORKDIR", &format!("{quick}WORKDIR"), 1);
    }
    fs::write(clone.path().join("Dockerfile"), dockerfile).unwrap();
    engine.build(clone.path(), &[])
}

/// A line of a page, typed into a shell where cargo finds the linter. `docker` is the client that fits
/// the engine; its builds and runs have no network.
pub fn as_typed(engine: &Engine, line: &str, directory: &Path) -> Output {
    let tools = tempfile::tempdir().unwrap();
    let linter = Path::new(env!("CARGO_BIN_EXE_cargo-binlint"));
    std::os::unix::fs::symlink(linter, tools.path().join("cargo-binlint")).unwrap();
    let client = engine.command(&[]).get_program().to_owned();
    let wrapper = format!(
        "#!/bin/sh\nPATH=${{PATH#*:}}\nwhat=$1\nshift\ncase $what in\nbuild | run) exec {client} $what --network=none \"$@\" ;;\n\
         *) exec {client} $what \"$@\" ;;\nesac\n",
        client = client.display()
    );
    let docker = tools.path().join("docker");
    fs::write(&docker, wrapper).unwrap();
    success(run::command("chmod").arg("+x").arg(&docker));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [tools.path().to_path_buf()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(paths.collect::<Vec<_>>()).unwrap();
    let mut shell = run::command("bash");
    shell.args(["-o", "pipefail", "-c", line]).current_dir(directory).env("PATH", path);
    shell.env("DOCKER_BUILDKIT", "1").env("BUILDKIT_PROGRESS", "plain");
    shell.output().unwrap()
}
