//! The configuration of a run: the manifests' tables, the linter's own file, then single levels.

use std::path::{Path, PathBuf};

use crate::cargo::fs::{TextFile, read_text};
use crate::cargo::workspace;
use crate::config;
use crate::config::Config;
use crate::report::Report;
use crate::rule::Level;
use crate::session::Error;
use crate::session::baseline::accept;
use crate::session::fs;
use crate::session::gather::as_typed;

/// No configuration is longer, in bytes.
const MAX_TEXT: u64 = 4 << 20;

/// What was asked for besides what the workspace's own files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The linter's configuration; otherwise `binlint.toml` at the workspace's root or here.
    pub file: Option<PathBuf>,
    /// Levels over everything in files; the later counts over the earlier.
    pub levels: Vec<LevelSetting>,
    /// A report in JSON: what it already has does not fail.
    pub baseline: Option<PathBuf>,
}

/// One level of a rule or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelSetting {
    /// The level.
    pub level: Level,
    /// The rule's or group's name.
    pub name: String,
    /// How an error calls the place: `-D`.
    pub given_by: String,
}

impl Configuration {
    /// Puts the levels over what the files say.
    ///
    /// # Errors
    /// A name that neither a rule nor a group has.
    pub fn apply(&self, config: &mut Config) -> Result<(), config::ConfigError> {
        self.levels.iter().try_for_each(|it| config.set(&it.given_by, &it.name, it.level))
    }

    /// Takes what the baseline has out of what fails the run.
    ///
    /// # Errors
    /// A baseline that is no report.
    pub fn accept(&self, report: &mut Report) -> Result<(), Error> {
        self.baseline.as_deref().map_or(Ok(()), |baseline| accept(report, baseline))
    }
}

/// The workspace's manifest, then those of the selected packages, then our own file.
///
/// # Errors
/// A file that cannot be read or makes no sense, a package that is not there.
pub fn configuration(
    named: Option<&Path>,
    query: &workspace::Query,
    workspace: Option<&workspace::Workspace>,
) -> Result<Config, Error> {
    let mut files: Vec<(TextFile, &[&str])> = Vec::new();
    let mut root = query.cwd.clone();
    if let Some(workspace) = workspace {
        root = workspace.metadata.workspace_root.clone().into();
        files.push((workspace.manifest.clone(), &["workspace", "metadata", "binlint"]));
        for package in workspace.selected(query)? {
            let manifest = read_text(package.manifest_path.as_std_path(), "manifest", MAX_TEXT)?;
            files.extend(
                manifest.map(|file| (file, &["package", "metadata", "binlint"] as &[&str])),
            );
        }
    }
    let own = match named {
        Some(named) => named.to_owned(),
        None => {
            let (plain, hidden) = (root.join("binlint.toml"), root.join(".config/binlint.toml"));
            match (fs::exists(&plain), fs::exists(&hidden)) {
                (true, true) => {
                    return Err(Error::Usage(format!(
                        "{} and {} are both there; keep one of them",
                        as_typed(&plain, &query.cwd),
                        as_typed(&hidden, &query.cwd)
                    )));
                }
                (false, true) => hidden,
                _ => plain,
            }
        }
    };
    match read_text(&own, "configuration", MAX_TEXT)? {
        Some(file) => files.push((file, &[])),
        None if named.is_some() => {
            return Err(Error::Usage(format!(
                "--config {}: there is no such file; name a binlint.toml",
                own.display()
            )));
        }
        None => {}
    }
    let shown: Vec<String> =
        files.iter().map(|(file, _)| as_typed(&file.path, &query.cwd)).collect();
    let sources: Vec<config::ConfigSource<'_>> = files
        .iter()
        .zip(&shown)
        .map(|((file, table), path)| config::ConfigSource { path, text: &file.text, table })
        .collect();
    Ok(Config::read(&sources)?)
}
