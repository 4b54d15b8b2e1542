//! The time until the question is answered: is this the code that was written?
//!
//! `cargo bench --bench freshness [WORKSPACE…]`; without one, on this workspace itself. Each has to
//! be built for release. The goal is a second, whatever the workspace; Cargo's own answer, which
//! every command waits for, is measured beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 11;

fn main() {
    let named = std::env::args().skip(1).filter(|word| !word.starts_with("--")).map(PathBuf::from);
    let mut workspaces: Vec<PathBuf> = named.collect();
    if workspaces.is_empty() {
        workspaces.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    }
    for workspace in workspaces {
        let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap_or_default();
        let packages = lock.lines().filter(|line| *line == "[[package]]").count();
        println!("{}: {packages} packages, best of {RUNS} runs", workspace.display());
        let ours = env!("CARGO_BIN_EXE_cargo-binlint");
        for (program, words) in [
            ("cargo", &["metadata", "--format-version", "1", "--frozen"][..]),
            (ours, &["check", "--release", "--format", "json"]),
            (ours, &["freshen", "--release", "--check"]),
        ] {
            let best = best(program, words, &workspace);
            let program = if program == ours { "cargo-binlint" } else { program };
            println!("{:50} {best:7.0} ms", format!("{program} {}", words.join(" ")));
        }
    }
}

/// In milliseconds.
fn best(program: &str, words: &[&str], workspace: &Path) -> f64 {
    let run = |_| {
        let started = Instant::now();
        let done = Command::new(program)
            .args(words)
            .current_dir(workspace)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        done.expect("it can be started");
        started.elapsed().as_secs_f64() * 1000.0
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}
