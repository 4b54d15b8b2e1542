//! Tools from PyPI, installed once into a directory of the cache.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::cache;
use super::docker::success;
use super::run;
use super::slow::{self, Need};

/// Versions are named, so that a new one cannot fail an old commit.
const PACKAGES: &[&str] = &["check-jsonschema==0.39.0", "pre-commit==4.7.0"];

/// The folder that holds `python`, `check-jsonschema` and `pre-commit`, unless it is left out.
pub fn python() -> Option<PathBuf> {
    if slow::is_left_out(Need::Network) {
        return None;
    }
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = cache::directory("python-tools");
    let tools = directory.join("bin");
    let done = directory.join(PACKAGES.join(","));
    if !done.exists() {
        success(run::command("python3").args(["-m", "venv", "--clear"]).arg(&directory));
        let mut install = run::command(tools.join("pip"));
        success(install.args(["install", "--quiet"]).args(PACKAGES));
        std::fs::write(done, "").expect("the mark is written");
    }
    Some(tools)
}
