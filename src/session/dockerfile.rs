//! `dockerfile`: reads Dockerfiles beside their contexts and workspaces, lints them, and corrects what
//! has one right correction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, DockerfileConfig, find_rule};
use crate::dockerfile::files::git_ignored;
use crate::dockerfile::{Dockerfile, DockerfileOptions, context, patch};
use crate::lint::lint;
use crate::report::{Report, SubjectReport};
use crate::rule::Group;
use crate::session::Error;
use crate::session::baseline;
use crate::session::clock;
use crate::session::configuration::{Configuration, configuration};
use crate::session::fs;
use crate::session::select::Selection;
use crate::subject::Facts;

/// What is linted, and how.
#[derive(Debug, Clone, Default)]
pub struct DockerfileLintOptions {
    /// Dockerfiles; otherwise the one that is configured, and every one below the working directory that
    /// has to do with Rust and that no configuration sets aside.
    pub files: Vec<PathBuf>,
    /// The build context; otherwise the folder around the Dockerfile that has what it copies.
    pub context: Option<PathBuf>,
    /// The stage that is built; otherwise the last.
    pub stage: Option<String>,
    /// Build arguments by name.
    pub build_arguments: BTreeMap<String, String>,
    /// Levels and waivers.
    pub configuration: Configuration,
}

/// What is said of the Dockerfiles.
#[derive(Debug)]
pub struct Linted {
    /// Of those that could be read.
    pub report: Report,
    /// Of the others, one line each.
    pub errors: Vec<String>,
}

/// Lints Dockerfiles. What one of them has wrong keeps no other from being linted.
///
/// # Errors
/// There is no Dockerfile, or a broken configuration.
pub fn lint_dockerfiles(options: &DockerfileLintOptions) -> Result<Linted, Error> {
    let query = Selection::default().query()?;
    let mut config = configuration(options.configuration.file.as_deref(), &query, None)?;
    options.configuration.apply(&mut config)?;
    let understanding = DockerfileOptions {
        stage: options.stage.clone(),
        build_arguments: options.build_arguments.clone(),
    };
    let chosen = match options.files.as_slice() {
        [] => Chosen::below(&config.dockerfile)?,
        files => Chosen { files: files.to_vec(), ..Chosen::default() },
    };
    let mut subjects: Vec<(String, Facts)> = Vec::new();
    let mut errors = Vec::new();
    for file in &chosen.files {
        let name = file.strip_prefix("./").unwrap_or(file).display().to_string();
        match context::load(file, &name, options.context.as_deref(), &understanding) {
            Ok(dockerfile) if !chosen.is_asked_for(options, file) && !dockerfile.is_of_rust() => {}
            Ok(dockerfile) => {
                let facts = Facts { dockerfile: Some(dockerfile), ..Facts::default() };
                subjects.push((name, facts));
            }
            Err(error) => errors.push(format!("{}: {error}", name.escape_debug())),
        }
    }
    let dockerfiles = subjects.iter().filter_map(|(_, facts)| facts.dockerfile.as_ref());
    let notes: Vec<String> = dockerfiles.flat_map(Dockerfile::notes_with_path).collect();
    let mut report = lint(subjects, &config, clock::today());
    report.notes.extend(notes);
    let unheard = unheard_comments(&report);
    report.notes.extend(chosen.note(&config.dockerfile));
    report.notes.extend(unheard);
    report.base = baseline::base(&query.cwd, None);
    options.configuration.accept(&mut report)?;
    Ok(Linted { report, errors })
}

/// Which Dockerfiles are linted where none was named.
#[derive(Debug, Default)]
struct Chosen {
    files: Vec<PathBuf>,
    /// The one that the configuration names.
    own: Option<PathBuf>,
    /// How many the configuration sets aside.
    set_aside: usize,
}

impl Chosen {
    fn below(config: &DockerfileConfig) -> Result<Chosen, Error> {
        let here = Path::new(".");
        let own = configured(config, here)?;
        let found = context::find_dockerfiles(here);
        if found.is_empty() && own.is_none() {
            return Err(Error::Usage("there is no Dockerfile below this directory".to_owned()));
        }
        let others = found.into_iter().filter(|it| own.as_ref() != Some(it));
        let (aside, mut files): (Vec<PathBuf>, Vec<PathBuf>) =
            others.partition(|it| is_set_aside(config, it.strip_prefix(here).unwrap_or(it)));
        files.extend(own.clone());
        files.sort();
        Ok(Chosen { files, own, set_aside: aside.len() })
    }

    fn is_asked_for(&self, options: &DockerfileLintOptions, file: &Path) -> bool {
        !options.files.is_empty() || self.own.as_deref() == Some(file)
    }

    fn note(&self, config: &DockerfileConfig) -> Option<String> {
        let place = &config.exclude_place;
        match self.set_aside {
            0 => None,
            1 => Some(format!("{place} sets 1 Dockerfile aside")),
            count => Some(format!("{place} sets {count} Dockerfiles aside")),
        }
    }
}

/// Whether `exclude` names a path below the root.
pub(super) fn is_set_aside(config: &DockerfileConfig, path: &Path) -> bool {
    git_ignored(&config.exclude, &path.to_string_lossy())
}

/// The Dockerfile that the configuration names.
///
/// # Errors
/// There is no such file.
pub(super) fn configured(
    config: &DockerfileConfig,
    root: &Path,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(file) = &config.file else { return Ok(None) };
    let path = root.join(file.strip_prefix("./").unwrap_or(file));
    match fs::exists(&path) {
        true => Ok(Some(path)),
        false => Err(ConfigError {
            place: config.file_place.clone(),
            message: format!("there is no Dockerfile `{}`", file.escape_debug()),
        }),
    }
}

/// The text of a Dockerfile with the corrections of findings that nobody waived; `None` where there are
/// none.
fn corrected(subject: &SubjectReport) -> Option<(&Dockerfile, String)> {
    let dockerfile = subject.facts.dockerfile.as_ref()?;
    let failures = subject.failures();
    let edits = failures
        .iter()
        .flat_map(|it| it.outcome.findings())
        .filter_map(|it| it.edit.as_ref().map(|it| (it.span.clone(), it.text.as_str())));
    let old = dockerfile.source.text();
    let new = patch::apply(old, edits);
    (new != old).then_some((dockerfile, new))
}

impl Linted {
    /// The corrections as a patch.
    pub fn patch(&self) -> String {
        let corrected = self.report.subjects.iter().filter_map(corrected);
        corrected.map(|(it, new)| patch::unified(&it.path, it.source.text(), &new)).collect()
    }

    /// Writes the corrections; what cannot be written becomes an error of its file.
    pub fn correct(&mut self) {
        for (dockerfile, new) in self.report.subjects.iter().filter_map(corrected) {
            if let Err(error) = context::write(Path::new(&dockerfile.path), &new) {
                self.errors.push(format!("{}: {error}", dockerfile.path.escape_debug()));
            }
        }
    }
}

/// Comments that ignore nothing: a rule that there is not, or no reason.
fn unheard_comments(report: &Report) -> Vec<String> {
    let dockerfiles = report.subjects.iter().filter_map(|it| it.facts.dockerfile.as_ref());
    let mut notes = Vec::new();
    for dockerfile in dockerfiles {
        for ignore in &dockerfile.ignores {
            let place = format!("{}:{}", dockerfile.path, ignore.line);
            let rule = ignore.rule.escape_debug();
            let group = Group::ALL.iter().any(|it| it.name() == ignore.rule);
            match find_rule(&ignore.rule) {
                Err(_) if !group => notes.push(format!("{place}: there is no rule `{rule}`")),
                _ if ignore.reason.is_empty() => notes.push(format!(
                    "{place}: `binlint: ignore={rule}` has no reason behind it, and counts for nothing"
                )),
                _ => {}
            }
        }
    }
    notes
}
