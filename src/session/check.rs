//! `check`: finds the subjects, gathers the facts, lints.

use std::path::{Path, PathBuf};

use crate::cargo::build::Build;
use crate::cargo::error;
use crate::cargo::workspace;
use crate::config::{Config, DockerfileConfig};
use crate::dockerfile::context;
use crate::lint::lint;
use crate::provenance::image_build;
use crate::report::Report;
use crate::report::base::Base;
use crate::session::Error;
use crate::session::baseline;
use crate::session::clock;
use crate::session::configuration::{Configuration, configuration};
use crate::session::dockerfile;
use crate::session::gather::{
    Here, as_typed, built, built_for, facts, given, look_closer, nameless, selected,
};
use crate::session::image_subjects;
use crate::session::image_subjects::BuildsByName;
use crate::session::rebuild;
use crate::session::record::Recorder;
use crate::session::records;
use crate::session::select::Selection;
use crate::subject::{Facts, Origin, Subject};

/// What is linted, against what, and how.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The build whose binaries are linted, or that the given programs are held against.
    pub selection: Selection,
    /// Files to lint instead of the workspace's own binaries.
    pub binaries: Vec<PathBuf>,
    /// The image that carries the program.
    pub image: image_subjects::ImageOptions,
    /// The record of the program's build; otherwise the one inside or beside it.
    pub record: Option<PathBuf>,
    /// Whether the programs are compiled again.
    pub rebuild: rebuild::RebuildOptions,
    /// Levels, expectations and waivers.
    pub configuration: Configuration,
}

impl CheckOptions {
    /// The first option that says something of a workspace's build, as it is typed.
    fn workspace_option(&self) -> Option<&'static str> {
        let Selection { packages, bins, profile, release, targets, target_dir, .. } =
            &self.selection;
        let Selection { features, all_features, no_default_features, config, .. } = &self.selection;
        [
            (!packages.is_empty(), "--package"),
            (!bins.is_empty(), "--bin"),
            (profile.is_some(), "--profile"),
            (*release, "--release"),
            (!targets.is_empty(), "--target"),
            (target_dir.is_some(), "--target-dir"),
            (!features.is_empty(), "--features"),
            (*all_features, "--all-features"),
            (*no_default_features, "--no-default-features"),
            (!config.is_empty(), "--cargo-config"),
            (self.rebuild.rebuild, "--rebuild"),
        ]
        .into_iter()
        .find_map(|(is_given, option)| is_given.then_some(option))
    }
}

/// Lints.
///
/// # Errors
/// Nothing to lint, unreadable input, a broken configuration.
pub fn check(options: &CheckOptions) -> Result<Report, Error> {
    let query = options.selection.query()?;
    let mut notes = Vec::new();
    let workspace = workspace(options, &query, &mut notes)?;
    if let (None, Some(option)) = (&workspace, options.workspace_option()) {
        let why = notes.first().map(|note| format!(" ({note})")).unwrap_or_default();
        return Err(Error::Usage(format!(
            "`{option}` has an effect only in a workspace, and there is none here{why}; name it with \
             `--manifest-path`"
        )));
    }
    let mut config =
        configuration(options.configuration.file.as_deref(), &query, workspace.as_ref())?;
    options.configuration.apply(&mut config)?;
    let seen = BuildsByName::default();
    let here = workspace.as_ref().map(|workspace| Here::new(workspace, &query));
    let here = here.as_ref();
    let built_here = options.binaries.is_empty() && workspace.is_some();
    let image = options.image.read(built_here, &|binary, bytes| {
        look_closer(binary, bytes, &query, here, &seen);
    })?;
    let mut subjects = match (&image, here) {
        _ if !options.binaries.is_empty() => {
            let named = options.binaries.iter();
            named.map(|path| given(path, &query, here)).collect::<Result<_, _>>()?
        }
        (None, None) => {
            return Err(error::WorkspaceError::NoManifest { cwd: query.cwd.clone() }.into());
        }
        (None, Some(here)) => built(here, &mut notes)?,
        (Some(image), here) => {
            let built = here.filter(|_| options.image.is_directory() || image.programs.is_empty());
            let built = built.map(|here| built_for(here, image, &mut notes));
            match built.transpose()?.flatten() {
                Some(subjects) => subjects,
                // What the image would run is linted though it is nothing of ours, or nothing.
                None if image.programs.is_empty() && image.config.is_some() => {
                    let facts = Facts { image: Some(image.clone()), ..Facts::default() };
                    let name = image.reference.clone();
                    vec![Subject { name, origin: Origin::Image, facts }]
                }
                None if image.programs.is_empty() => {
                    return Err(Error::Usage(format!(
                        "{}: the image contains no Rust binary; pass the one that it will carry with `--binary PATH`",
                        image.reference
                    )));
                }
                None => image_subjects::subjects(image, seen),
            }
        }
    };
    if let Some(image) = &image {
        notes.extend(image.notes.iter().map(|note| format!("{}: {note}", image.reference)));
        notes.extend(
            image_build::find_image_build(&image.statements, image.digest.as_deref())
                .iter()
                .flat_map(image_build::describe),
        );
        for Subject { name, facts, .. } in
            subjects.iter_mut().filter(|subject| subject.facts.image.is_none())
        {
            image_subjects::set_image_of(facts, image, name);
            if let Some(mount) = facts.image.as_ref().and_then(|image| image.subject_mount.as_ref())
            {
                notes.push(format!("`{name}` is on the mount {mount}, not in the image"));
            }
        }
    }
    notes.extend(here.and_then(|here| nameless(here, &subjects)));
    if let Some(workspace) = &workspace {
        let image = options.image.reference.as_deref();
        options.rebuild.run(&mut subjects, workspace, image)?;
        notes.extend(options.rebuild.note(&config));
    }
    notes.extend(workspace.as_ref().and_then(|it| unknown_features(it, &options.selection)));
    // A program or an image that was named is what the user asks about, and nothing beside it.
    let named = !options.binaries.is_empty() || options.image.reference.is_some();
    let dockerfile = workspace.as_ref().filter(|_| !named).map(|workspace| {
        let root = workspace.metadata.workspace_root.as_std_path();
        dockerfile_beside(root, &query.cwd, &config.dockerfile, &mut notes)
    });
    let dockerfile = dockerfile.transpose()?.flatten();
    let mut report = linted(subjects, dockerfile, options.record.as_deref(), notes, &config)?;
    report.base = base(&query.cwd, workspace.as_ref());
    options.configuration.accept(&mut report)?;
    Ok(report)
}

fn base(cwd: &Path, workspace: Option<&workspace::Workspace>) -> Base {
    baseline::base(cwd, workspace.map(|it| it.metadata.workspace_root.as_std_path()))
}

/// The Dockerfile that the configuration names, or the workspace's own `Dockerfile` where it has to do with
/// Rust.
fn dockerfile_beside(
    root: &Path,
    cwd: &Path,
    config: &DockerfileConfig,
    notes: &mut Vec<String>,
) -> Result<Option<(String, Facts)>, Error> {
    let configured = dockerfile::configured(config, root)?;
    let is_configured = configured.is_some();
    let path = configured.unwrap_or_else(|| root.join("Dockerfile"));
    let name = as_typed(&path, cwd);
    if !is_configured && dockerfile::is_set_aside(config, Path::new("Dockerfile")) {
        return Ok(None);
    }
    Ok(match context::load_beside(&path, &name) {
        Some(Ok(dockerfile)) if is_configured || dockerfile.is_of_rust() => {
            notes.extend(dockerfile.notes_with_path());
            Some((name, Facts { dockerfile: Some(dockerfile), ..Facts::default() }))
        }
        Some(Ok(_)) => None,
        Some(Err(error)) => {
            notes.push(format!("{name}: {error}"));
            None
        }
        None => None,
    })
}

/// Lints the programs that a build just made, these and no others.
///
/// # Errors
/// As for [`check`].
pub fn check_recorded(
    recorder: &Recorder,
    rebuild: rebuild::RebuildOptions,
) -> Result<Report, Error> {
    let workspace = recorder.workspace();
    let mut packages: Vec<String> =
        recorder.programs().iter().map(|program| program.output.package.repr.clone()).collect();
    packages.dedup();
    let query = workspace::Query { packages, ..workspace.query.clone() };
    let config = configuration(None, &query, Some(workspace))?;
    let here = Here::new(workspace, &query);
    let mut notes = Vec::new();
    let mut subjects = Vec::new();
    for program in recorder.programs() {
        let (outputs, output) = (&program.outputs, &program.output);
        if let Some(note) = selected(&query, outputs).filter(|note| !notes.contains(note)) {
            notes.push(note);
        }
        let build = Build::new(workspace, outputs, output);
        let mut facts = facts(&output.path, &query, Some((&here, build)))?;
        // Cargo has just named this path: a newer build for another target is another one.
        if let Some(build) = &mut facts.build {
            build.freshness.newer_output = None;
        }
        let (name, origin) = (output.bin.clone(), Origin::Host(output.path.clone()));
        subjects.push(Subject { name, origin, facts });
    }
    rebuild.run(&mut subjects, workspace, None)?;
    notes.extend(rebuild.note(&config));
    let mut report = linted(subjects, None, None, notes, &config)?;
    report.base = base(&query.cwd, Some(workspace));
    Ok(report)
}

/// The subjects with the records that they have, under every rule.
fn linted(
    mut subjects: Vec<Subject>,
    dockerfile: Option<(String, Facts)>,
    record: Option<&Path>,
    notes: Vec<String>,
    config: &Config,
) -> Result<Report, Error> {
    records::load_records(&mut subjects, record)?;
    let programs = subjects.into_iter().map(|it| (it.name, it.facts));
    let subjects = programs.chain(dockerfile).collect();
    let mut report = lint(subjects, config, clock::today());
    report.notes.splice(0..0, notes);
    Ok(report)
}

/// That no package has a feature that was named; cargo would refuse to build with it.
fn unknown_features(workspace: &workspace::Workspace, selection: &Selection) -> Option<String> {
    let is_known = |name: &str| {
        let packages = &workspace.metadata.packages;
        name.contains('/') || packages.iter().any(|package| package.features.contains_key(name))
    };
    let asked = selection.requested_features().features;
    let unknown: Vec<String> =
        asked.iter().filter(|name| !is_known(name)).map(|name| format!("`{name}`")).collect();
    (!unknown.is_empty())
        .then(|| format!("--features: no package has the feature {}", unknown.join(", ")))
}

/// The workspace, where there is one or one was named; a subject that was given does without.
fn workspace(
    options: &CheckOptions,
    query: &workspace::Query,
    notes: &mut Vec<String>,
) -> Result<Option<workspace::Workspace>, Error> {
    let needed = options.binaries.is_empty() && options.image.reference.is_none();
    match workspace::workspace(query) {
        Ok(workspace) => Ok(Some(workspace)),
        Err(error) if needed || query.manifest_path.is_some() => Err(error.into()),
        Err(
            error::WorkspaceError::NoManifest { .. } | error::WorkspaceError::CargoMissing { .. },
        ) => Ok(None),
        Err(error) => {
            notes.push(format!("linted without the workspace: {error}"));
            Ok(None)
        }
    }
}
