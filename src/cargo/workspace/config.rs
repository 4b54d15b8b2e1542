//! Cargo's configuration: every file from the working directory up, with `include`, the
//! environment, and `--config`, in cargo's own order.
//!
//! The rules are those of the reference's chapter *Configuration* and were compared with
//! `cargo config get` (`tests/it/cargo/unit_graph.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cargo::error::WorkspaceError;
use crate::cargo::fs::{TextFile, is_regular, is_there, read_text};
use crate::cargo::workspace::toml_tree::{TomlNode, TomlPlace, TomlValue};

/// A configuration file larger than this is none.
const LIMIT: u64 = 4 << 20;

/// Cargo itself sets no limit, but a chain of includes deeper than this is a loop.
const DEPTH: u8 = 16;

/// Everything that configures a cargo command, merged.
#[derive(Debug, Clone)]
pub struct CargoConfig {
    /// All files, the nearest to the working directory winning.
    pub files: TomlNode,
    /// What `--config` said; it wins over the environment.
    pub command_line: TomlNode,
    /// The environment that cargo would see.
    pub env: BTreeMap<String, String>,
}

/// A setting with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigValue {
    /// What it says.
    pub value: TomlValue,
    /// Where it says so.
    pub from: ValueSource,
}

/// What decides a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// A configuration file or `--config`.
    File(TomlPlace),
    /// An environment variable.
    Env(String),
}

impl Default for CargoConfig {
    fn default() -> CargoConfig {
        CargoConfig {
            files: TomlNode::empty(TomlPlace::CommandLine),
            command_line: TomlNode::empty(TomlPlace::CommandLine),
            env: BTreeMap::new(),
        }
    }
}

impl CargoConfig {
    /// Reads every file that cargo would read when started in `cwd` with `env`, and the
    /// `--config` arguments. Errors: a file that is not TOML, or that may not be read.
    pub fn load(
        cwd: &Path,
        env: &BTreeMap<String, String>,
        arguments: &[String],
    ) -> Result<CargoConfig, WorkspaceError> {
        let mut files = TomlNode::empty(TomlPlace::CommandLine);
        // The farthest first, so that each nearer file is laid over it.
        let mut paths = config_files(cwd, env);
        paths.reverse();
        for path in paths {
            files.overlay(load_file(&path, 0)?);
        }
        let mut command_line = TomlNode::empty(TomlPlace::CommandLine);
        for argument in arguments {
            // Cargo takes an argument for a file when there is one of that name.
            let path = cwd.join(argument);
            let node = match is_regular(&path) {
                true => load_file(&path, 0)?,
                false if !argument.contains('=') => {
                    return Err(WorkspaceError::NotASetting { text: argument.clone() });
                }
                false => TomlNode::parse_argument(argument)?,
            };
            command_line.overlay(node);
        }
        Ok(CargoConfig { files, command_line, env: env.clone() })
    }

    /// The setting under a path of keys: `--config`, then the environment, then the files.
    pub fn get(&self, keys: &[&str]) -> Option<ConfigValue> {
        self.get_from(keys, &env_name(keys))
    }

    /// As `get`, where the environment's variable has another name than its keys suggest.
    pub fn get_from(&self, keys: &[&str], variable: &str) -> Option<ConfigValue> {
        let place = |node: &TomlNode| ConfigValue {
            value: node.value.clone(),
            from: ValueSource::File(node.place.clone()),
        };
        if let Some(node) = self.command_line.get(keys.iter().copied()) {
            return Some(place(node));
        }
        if let Some(text) = self.env.get(variable) {
            let from = ValueSource::Env(variable.to_owned());
            return Some(ConfigValue { value: from_env(text), from });
        }
        self.files.get(keys.iter().copied()).map(place)
    }

    /// A list of words under a path of keys. Unlike everything else, lists of all sources are
    /// joined: files, then the environment, then `--config`.
    pub fn words(&self, keys: &[&str]) -> Vec<(String, ValueSource)> {
        let from_node = |node: Option<&TomlNode>| -> Vec<(String, ValueSource)> {
            let Some(node) = node else { return Vec::new() };
            match &node.value {
                TomlValue::Array(nodes) => nodes
                    .iter()
                    .filter_map(|node| {
                        Some((node.string()?.to_owned(), ValueSource::File(node.place.clone())))
                    })
                    .collect(),
                _ => node
                    .words()
                    .into_iter()
                    .map(|word| (word, ValueSource::File(node.place.clone())))
                    .collect(),
            }
        };
        let name = env_name(keys);
        let mut words = from_node(self.files.get(keys.iter().copied()));
        words.extend(self.env.get(&name).into_iter().flat_map(|text| {
            text.split_whitespace().map(|word| (word.to_owned(), ValueSource::Env(name.clone())))
        }));
        words.extend(from_node(self.command_line.get(keys.iter().copied())));
        words
    }

    /// The first setting that may change what is compiled, as a person finds it. RUSTFLAGS and the
    /// target are left out: they are compared by themselves.
    pub fn first_setting(&self) -> Option<String> {
        let from_node = |node: &TomlNode| {
            let (key, place) = compiling(node)?;
            Some(match place {
                TomlPlace::File { path, .. } => format!("`{key}` of {path}"),
                TomlPlace::CommandLine => format!("`{key}` of --config"),
            })
        };
        let is_other = |(name, value): &(&String, &String)| {
            let apart =
                ["RUSTFLAGS", "TARGET", "TARGET_DIR", "BUILD_DIR", "JOBS", "DEP_INFO_BASEDIR"];
            let is_apart = |rest: &str| apart.contains(&rest);
            match name.as_str() {
                // As a build for release is without it.
                "CARGO_INCREMENTAL" => *value != "0",
                name if name.starts_with("CARGO_PROFILE_") => true,
                name if name.starts_with("CARGO_UNSTABLE_") => true,
                name => {
                    match (name.strip_prefix("CARGO_BUILD_"), name.strip_prefix("CARGO_TARGET_")) {
                        (Some(rest), _) => !is_apart(rest),
                        (_, Some(rest)) => !matches!(rest, "DIR" | "TMPDIR"),
                        _ => name.starts_with("RUSTC"),
                    }
                }
            }
        };
        from_node(&self.command_line)
            .or_else(|| self.env.iter().find(is_other).map(|(name, _)| name.clone()))
            .or_else(|| from_node(&self.files))
    }

    /// The names under a path of keys, of every file and of `--config`.
    pub fn names(&self, keys: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = [&self.files, &self.command_line]
            .into_iter()
            .filter_map(|node| node.get(keys.iter().copied())?.table())
            .flat_map(|table| table.keys().cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The first key of a configuration that may change what is compiled, and where it stands.
pub fn compiling(node: &TomlNode) -> Option<(String, &TomlPlace)> {
    const HARMLESS: &[&str] = &[
        "alias",
        "cache",
        "cargo-new",
        "credential-alias",
        "future-incompat-report",
        "http",
        "net",
        "registries",
        "registry",
        "source",
        "term",
    ];
    const OF_BUILD: &[&str] = &["build-dir", "jobs", "rustflags", "target", "target-dir"];
    let mut others = node.table()?.iter().filter(|(key, _)| !HARMLESS.contains(&key.as_str()));
    others.find_map(|(key, node)| match (key.as_str(), node.table()) {
        ("build", Some(build)) => {
            let (inner, node) = build.iter().find(|(it, _)| !OF_BUILD.contains(&it.as_str()))?;
            Some((format!("build.{inner}"), &node.place))
        }
        _ => Some((key.clone(), &node.place)),
    })
}

/// The environment variable of a setting: `CARGO_`, then the keys in capitals, with `_` for `-`
/// and `.`.
pub fn env_name(keys: &[&str]) -> String {
    let mut name = String::from("CARGO");
    for key in keys {
        name.push('_');
        name.extend(key.chars().map(|c| match c {
            '-' | '.' => '_',
            c => c.to_ascii_uppercase(),
        }));
    }
    name
}

/// A value as cargo reads it from the environment.
fn from_env(text: &str) -> TomlValue {
    match text {
        "true" => TomlValue::Boolean(true),
        "false" => TomlValue::Boolean(false),
        _ => text.parse().map_or_else(|_| TomlValue::String(text.to_owned()), TomlValue::Integer),
    }
}

/// Cargo's home: `CARGO_HOME`, or `.cargo` in the user's home.
pub(super) fn cargo_home(cwd: &Path, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    match env.get("CARGO_HOME").filter(|home| !home.is_empty()) {
        Some(home) => Some(cwd.join(home)),
        None => {
            let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
            Some(PathBuf::from(env.get(name)?).join(".cargo"))
        }
    }
}

/// The files that there are, the nearest first, cargo's home last and never twice.
fn config_files(cwd: &Path, env: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let home = cargo_home(cwd, env);
    let mut directories: Vec<PathBuf> = cwd.ancestors().map(|dir| dir.join(".cargo")).collect();
    directories.extend(home.filter(|home| !directories.contains(home)));
    directories
        .iter()
        // The name without an extension is the old one, and wins where both exist.
        .filter_map(|dir| {
            ["config", "config.toml"].iter().map(|name| dir.join(name)).find(|path| is_there(path))
        })
        .collect()
}

/// One file with what it includes; the file itself wins over its includes, and a later include
/// over an earlier one.
fn load_file(path: &Path, depth: u8) -> Result<TomlNode, WorkspaceError> {
    let toml = |line, message: &str| WorkspaceError::Toml {
        path: path.to_owned(),
        line,
        message: message.to_owned(),
    };
    let Some(TextFile { text, .. }) = read_text(path, "configuration of cargo", LIMIT)? else {
        return Err(toml(1, "no such file, although a configuration of cargo includes it"));
    };
    let own = TomlNode::parse(path, &text)?;
    let Some(include) = own.get(["include"]) else { return Ok(own) };
    if depth == DEPTH {
        return Err(toml(1, "the files that this one includes include each other"));
    }
    let one = [include.clone()];
    let entries: &[TomlNode] = match &include.value {
        TomlValue::Array(nodes) => nodes,
        _ => &one,
    };
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut merged = TomlNode::empty(own.place.clone());
    for entry in entries {
        let optional = matches!(
            entry.get(["optional"]).map(|node| &node.value),
            Some(TomlValue::Boolean(true))
        );
        let Some(name) = entry.string().or_else(|| entry.get(["path"])?.string()) else { continue };
        let included = directory.join(name);
        if optional && !is_there(&included) {
            continue;
        }
        merged.overlay(load_file(&included, depth + 1)?);
    }
    merged.overlay(own);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn nearer_files_win_then_the_environment_then_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root.join(".cargo/config.toml"), "[build]\ntarget = \"far\"\nrustflags = \"-f\"\n");
        write(root.join("a/.cargo/config.toml"), "[build]\ntarget = \"near\"\n");
        write(root.join("home/config.toml"), "[build]\ntarget = \"home\"\njobs = 7\n");
        let home = root.join("home").to_str().unwrap().to_owned();
        let load = |pairs: &[(&str, &str)], arguments: &[String]| {
            let mut env = env(pairs);
            env.insert("CARGO_HOME".into(), home.clone());
            CargoConfig::load(&root.join("a"), &env, arguments).unwrap()
        };
        let target =
            |config: &CargoConfig| config.get(&["build", "target"]).map(|setting| setting.value);
        let text = |text: &str| Some(TomlValue::String(text.into()));
        assert_eq!(target(&load(&[], &[])), text("near"));
        assert_eq!(load(&[], &[]).get(&["build", "jobs"]).unwrap().value, TomlValue::Integer(7));
        let environment = [("CARGO_BUILD_TARGET", "env")];
        assert_eq!(target(&load(&environment, &[])), text("env"));
        let argument = ["build.target = \"cli\"".to_owned()];
        assert_eq!(target(&load(&environment, &argument)), text("cli"));
    }

    #[test]
    fn lists_of_the_environment_are_joined_to_those_of_the_files() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join(".cargo/config.toml"), "[build]\nrustflags = [\"-a\"]\n");
        let env = env(&[("CARGO_BUILD_RUSTFLAGS", "-b -c"), ("CARGO_HOME", "/nowhere")]);
        let config = CargoConfig::load(dir.path(), &env, &[]).unwrap();
        let words: Vec<String> =
            config.words(&["build", "rustflags"]).into_iter().map(|(word, _)| word).collect();
        assert_eq!(words, ["-a", "-b", "-c"]);
    }

    #[test]
    fn includes_lie_below_the_file_that_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(
            root.join(".cargo/config.toml"),
            "include = [\"one.toml\", { path = \"none.toml\", optional = true }, \"two.toml\"]\n\
             [build]\njobs = 1\n",
        );
        write(root.join(".cargo/one.toml"), "[build]\njobs = 2\ntarget = \"one\"\n");
        write(root.join(".cargo/two.toml"), "[build]\ntarget = \"two\"\n");
        let env = env(&[("CARGO_HOME", "/nowhere")]);
        let config = CargoConfig::load(root, &env, &[]).unwrap();
        assert_eq!(config.get(&["build", "jobs"]).unwrap().value, TomlValue::Integer(1));
        assert_eq!(
            config.get(&["build", "target"]).unwrap().value,
            TomlValue::String("two".into())
        );
        write(root.join(".cargo/two.toml"), "include = \"config.toml\"\n");
        assert!(matches!(CargoConfig::load(root, &env, &[]), Err(WorkspaceError::Toml { .. })));
    }

    #[test]
    fn the_environment_names_a_setting_in_capitals() {
        assert_eq!(
            env_name(&["profile", "my-release", "split-debuginfo"]),
            "CARGO_PROFILE_MY_RELEASE_SPLIT_DEBUGINFO"
        );
    }

    #[test]
    fn a_setting_that_changes_what_is_compiled_is_told_from_others() {
        let first = |file: &str, pairs: &[(&str, &str)]| {
            let files = TomlNode::parse(Path::new("c.toml"), file).unwrap();
            CargoConfig { files, env: env(pairs), ..CargoConfig::default() }.first_setting()
        };
        for (file, key) in [
            ("[profile.release]\nlto = true\n", "`profile` of c.toml"),
            ("[build]\njobs = 2\nrustc = \"/r\"\n", "`build.rustc` of c.toml"),
            ("[target.x86_64-unknown-linux-gnu]\nlinker = \"l\"\n", "`target` of c.toml"),
            ("[env]\nA = \"1\"\n", "`env` of c.toml"),
            ("include = \"more.toml\"\n", "`include` of c.toml"),
            ("[later-than-this]\n", "`later-than-this` of c.toml"),
        ] {
            assert_eq!(first(file, &[]).as_deref(), Some(key), "{file}");
        }
        let harmless = "[build]\njobs = 2\nrustflags = [\"-g\"]\n[net]\noffline = true\n[alias]\n";
        assert_eq!(first(harmless, &[]), None);
        for name in
            ["CARGO_PROFILE_RELEASE_LTO", "CARGO_TARGET_X_LINKER", "CARGO_BUILD_RUSTC", "RUSTC"]
        {
            assert_eq!(first("", &[(name, "1")]).as_deref(), Some(name));
        }
        for name in
            ["CARGO_HOME", "CARGO_PKG_NAME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS"]
        {
            assert_eq!(first("", &[(name, "1")]), None);
        }
        assert_eq!(first("", &[("CARGO_INCREMENTAL", "0")]), None);
        assert!(first("", &[("CARGO_INCREMENTAL", "1")]).is_some());
    }
}
