//! What cargo and rustc are asked with: a question executes nothing that a checkout names.

use std::path::Path;
use std::process::Command;

use crate::cargo::fs::TextFile;
use crate::cargo::workspace::Query;
use crate::cargo::workspace::config::{CargoConfig, ValueSource, cargo_home};
use crate::cargo::workspace::toml_tree::{TomlPlace, TomlValue};

/// Variables that decide what a program loads or starts, by how their names begin.
const DECIDING: &[&str] =
    &["CARGO", "DYLD_", "GCONV_", "GLIBC_", "HOME", "LD_", "PATH", "RUST", "USERPROFILE"];

/// Flags with which rustc loads or reads more than it is asked about.
const LOADING: &[&str] = &["-Z", "@", "--sysroot"];

/// As [`LOADING`], wherever they stand in a flag.
const LOADING_INSIDE: &[&str] = &["codegen-backend", "llvm-args", "-plugin"];

/// Whether what decides a setting belongs to this machine or its user: the environment, what was
/// typed, and cargo's home. Every other file may have come with the sources.
fn is_own(query: &Query, from: &ValueSource) -> bool {
    let ValueSource::File(TomlPlace::File { path, .. }) = from else { return true };
    cargo_home(&query.cwd, &query.env).is_some_and(|home| Path::new(&**path).starts_with(home))
}

/// The compiler that cargo would start: `RUSTC`, `build.rustc`, or the first in `PATH`; `None` for
/// one that only a build may start.
pub fn rustc(query: &Query, config: &CargoConfig) -> Option<std::path::PathBuf> {
    let of_env = query.env.get("RUSTC").filter(|name| !name.is_empty());
    let setting = config.get(&["build", "rustc"]).filter(|_| of_env.is_none());
    if setting.as_ref().is_some_and(|it| !query.is_trusted && !is_own(query, &it.from)) {
        return None;
    }
    let named = of_env.cloned().or_else(|| match setting?.value {
        TomlValue::String(text) => Some(text),
        _ => None,
    });
    Some(named.filter(|name| !name.is_empty()).map_or("rustc".into(), Into::into))
}

/// Sets what a question to cargo is asked with, over what a checkout configures.
pub fn ask_with(command: &mut Command, query: &Query, config: &CargoConfig) {
    if query.is_trusted {
        return;
    }
    if rustc(query, config).is_none() {
        command.env("RUSTC", "rustc");
    }
    for (key, variable) in
        [("rustc-wrapper", "RUSTC_WRAPPER"), ("rustc-workspace-wrapper", "RUSTC_WORKSPACE_WRAPPER")]
    {
        let setting = config.get(&["build", key]);
        let is_foreign = setting.is_some_and(|it| !is_own(query, &it.from));
        // An empty one is none, and stands above every file.
        if is_foreign && !query.env.contains_key(variable) {
            command.env(variable, "");
        }
    }
}

/// Why cargo is not asked for the dependency graph, for which it asks rustc with the flags and the
/// variables of its configuration.
pub fn forbids_rustc(query: &Query, config: &CargoConfig) -> Option<String> {
    if query.is_trusted {
        return None;
    }
    let decides = |name: &String| {
        let upper = name.to_ascii_uppercase();
        let is_foreign =
            || config.get_from(&["env", name], "").is_some_and(|it| !is_own(query, &it.from));
        DECIDING.iter().any(|start| upper.starts_with(start)) && is_foreign()
    };
    if let Some(name) = config.names(&["env"]).into_iter().find(decides) {
        return Some(format!(
            "the checkout's configuration sets {name}, with which nothing is started here"
        ));
    }
    let targets = config.names(&["target"]);
    let mut places = vec![vec!["build", "rustflags"]];
    places.extend(targets.iter().map(|name| vec!["target", name.as_str(), "rustflags"]));
    let loads = |flag: &String| {
        LOADING.iter().any(|it| flag.trim_start().starts_with(it))
            || LOADING_INSIDE.iter().any(|it| flag.contains(it))
    };
    let mut flags = places.iter().flat_map(|keys| config.words(keys));
    let (flag, _) = flags.find(|(flag, from)| loads(flag) && !is_own(query, from))?;
    Some(format!(
        "the checkout's configuration has the flag {flag}, with which rustc is not started here"
    ))
}

/// Why nothing can be asked: `rustup` would start the toolchain that the checkout brings along.
pub fn forbids_toolchain(query: &Query, file: Option<&TextFile>) -> Option<String> {
    let is_set = |name: &str| query.env.get(name).is_some_and(|value| !value.is_empty());
    if query.is_trusted || is_set("RUSTUP_TOOLCHAIN") {
        return None;
    }
    let file = file?;
    let table: toml::Table = file.text.parse().ok()?;
    let path = table.get("toolchain")?.get("path")?;
    Some(format!(
        "{} names the toolchain {path}, which is not started here; set RUSTUP_TOOLCHAIN to one of \
         this machine",
        file.path.display()
    ))
}
