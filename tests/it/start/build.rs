//! Small programs and libraries that the tests build, each for one habit of a loader.

use std::path::{Path, PathBuf};

use super::roots::{cache, run};
use crate::support::run;

/// A directory for what this run builds.
pub fn directory() -> PathBuf {
    let built = cache().join(format!("copies-{}", std::process::id())).join("built");
    std::fs::create_dir_all(&built).expect("a directory");
    built
}

/// Compiles C with these arguments.
pub fn c(compiler: &str, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let at = directory().join(name);
    std::fs::create_dir_all(at.parent().expect("a file has a directory")).expect("a directory");
    let file = at.with_extension("c");
    std::fs::write(&file, source).expect("a source can be written");
    let directory = directory();
    run(run::command(compiler)
        .arg("-o")
        .arg(&at)
        .arg(&file)
        .arg(format!("-L{}", directory.display()))
        .args(arguments)
        .current_dir(&directory));
    at
}

/// A shared library with a soname.
pub fn library(file: &str, source: &str, soname: &str, arguments: &[&str]) -> PathBuf {
    let soname = format!("-Wl,-soname,{soname}");
    let mut all = vec!["-shared", "-fPIC", soname.as_str()];
    all.extend(arguments);
    c("cc", file, source, &all)
}

/// Compiles a Rust program with these arguments.
pub fn rust(name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let at = directory().join(name);
    let file = at.with_extension("rs");
    std::fs::write(&file, source).expect("a source can be written");
    run(run::command("rustc")
        .args(["--edition=2021", "-O"])
        .args(arguments)
        .arg("-o")
        .arg(&at)
        .arg(&file));
    at
}

/// A changed copy of a file.
pub fn patched(file: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let at = directory().join(name);
    std::fs::copy(file, &at).expect("a copy");
    run(run::command("patchelf").args(arguments).arg(&at));
    at
}
