//! `check`: finds the subjects, gathers the facts, judges, reports.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use crate::binary::Binary;
use crate::binary::detect::secrets;
use crate::cargo::build::Build;
use crate::cargo::compare_program::Comparisons;
use crate::cargo::compared;
use crate::cargo::{error, workspace};
use crate::cli::image;
use crate::cli::image::{Runtime, Seen};
use crate::cli::judging::Judging;
use crate::cli::output::Failure;
use crate::cli::recording;
use crate::cli::recording::Features;
use crate::cli::subject::{Origin, Subject as Linted};
use crate::config;
use crate::config::Config;
use crate::config::date::Date;
use crate::lint::lint;
use crate::provenance::image_build;
use crate::report::Report;
use crate::start::image::Image;
use crate::subject::Facts;

/// No configuration is longer, in bytes.
const LONGEST_TEXT: u64 = 4 << 20;

/// Words after `check`, or after nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct Check {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    features: Features,
    #[command(flatten)]
    pub(super) subject: Subject,
    #[command(flatten)]
    pub(super) runtime: Runtime,
    /// The record of the program's build [default: the one inside or beside it]
    #[arg(long, value_name = "FILE", help_heading = "Subject")]
    record: Option<PathBuf>,
    #[command(flatten)]
    judging: Judging,
}

/// Which build is meant: cargo's own words.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cargo")]
pub struct Selection {
    /// The workspace or package
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Only binaries of this package
    #[arg(short, long, value_name = "NAME")]
    pub package: Vec<String>,
    /// Only this binary
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,
    /// The release profile
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,
    /// This profile [default: the one that was built last]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The target that was built for
    #[arg(long, value_name = "TRIPLE")]
    pub target: Vec<String>,
    /// Where cargo put the build
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
}

/// What is judged, when it is not what cargo built here.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Subject")]
pub struct Subject {
    /// Judge this file instead of the workspace's own binaries
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<PathBuf>,
}

impl Selection {
    /// The same words for `input::cargo`.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn query(&self) -> Result<workspace::Query, error::Error> {
        Ok(workspace::Query {
            manifest_path: self.manifest_path.clone(),
            packages: self.package.clone(),
            bins: self.bin.clone(),
            profile: if self.release { Some("release".to_owned()) } else { self.profile.clone() },
            targets: self.target.clone(),
            target_dir: self.target_dir.clone(),
            ..workspace::Query::here()?
        })
    }
}

/// Runs the command.
///
/// # Errors
/// Nothing to judge, unreadable input, a broken configuration.
pub fn run(words: &Check, matches: &ArgMatches) -> Result<u8, Failure> {
    let report = judge(words, matches)?;
    words.judging.answer(&report)
}

/// Everything but the printing.
///
/// # Errors
/// As for [`run`].
pub fn judge(words: &Check, matches: &ArgMatches) -> Result<Report, Failure> {
    let query = words.features.query(&words.selection)?;
    let mut notes = Vec::new();
    let workspace = workspace(words, &query, &mut notes)?;
    let mut config = configuration(words.judging.config.as_deref(), &query, workspace.as_ref())?;
    words.judging.levels.apply(matches, &mut config)?;
    let seen = Seen::default();
    let here = workspace.as_ref().map(|workspace| Here::new(workspace, &query));
    let here = here.as_ref();
    let built_here = words.subject.binary.is_empty() && workspace.is_some();
    let image = words.runtime.read(built_here, &|binary, bytes| {
        look_closer(binary, bytes, &query, here, &seen);
    })?;
    let mut subjects = match (&image, here) {
        _ if !words.subject.binary.is_empty() => {
            let named = words.subject.binary.iter();
            named.map(|path| given(path, &query, here)).collect::<Result<_, _>>()?
        }
        (None, None) => return Err(error::Error::NoManifest { cwd: query.cwd.clone() }.into()),
        (None, Some(here)) => built(here, &mut notes)?,
        (Some(image), here) => {
            let built = here.filter(|_| words.runtime.is_directory() || image.programs.is_empty());
            let built = built.map(|here| built_for(here, image, &mut notes));
            match built.transpose()?.flatten() {
                Some(subjects) => subjects,
                // What the image would run is judged though it is nothing of ours, or nothing.
                None if image.programs.is_empty() && image.config.is_some() => {
                    let facts = Facts { image: Some(image.clone()), ..Facts::default() };
                    let name = image.reference.clone();
                    vec![Linted { name, origin: Origin::Image, facts }]
                }
                None if image.programs.is_empty() => {
                    return Err(Failure::Words(format!(
                        "{}: no Rust program is in the image; name the one that it will carry with --binary",
                        image.reference
                    )));
                }
                None => image::subjects(image, seen),
            }
        }
    };
    if let Some(image) = &image {
        notes.extend(image.notes.iter().map(|note| format!("{}: {note}", image.reference)));
        notes.extend(
            image_build::of_statements(&image.statements, image.digest.as_deref())
                .iter()
                .flat_map(image_build::told),
        );
        for Linted { name, facts, .. } in
            subjects.iter_mut().filter(|subject| subject.facts.image.is_none())
        {
            image::carry(facts, image, name);
            if let Some(mount) = facts.image.as_ref().and_then(|image| image.subject_mount.as_ref())
            {
                notes.push(format!("`{name}` lies on the mount {mount}: it is not in the image"));
            }
        }
    }
    notes.extend(here.and_then(|here| nameless(here, &subjects)));
    judged(subjects, words.record.as_deref(), notes, &config)
}

/// Judges the programs that a build just made, these and no others; returns the exit code.
///
/// # Errors
/// As for [`run`].
pub(super) fn made(
    workspace: &workspace::Workspace,
    made: &[(
        crate::cargo::target_dir::outputs::Outputs,
        crate::cargo::target_dir::outputs::Output,
    )],
) -> Result<u8, Failure> {
    let mut packages: Vec<String> =
        made.iter().map(|(_, output)| output.package.repr.clone()).collect();
    packages.dedup();
    let query = workspace::Query { packages, ..workspace.query.clone() };
    let config = configuration(None, &query, Some(workspace))?;
    let here = Here::new(workspace, &query);
    let mut notes = Vec::new();
    let mut subjects = Vec::new();
    for (outputs, output) in made {
        let note = said(outputs);
        if !notes.contains(&note) {
            notes.push(note);
        }
        let build = Build::new(workspace, outputs, output);
        let mut facts = facts(&output.path, &query, Some((&here, build)))?;
        // Cargo has just named this path: a newer build for another target is another one.
        if let Some(build) = &mut facts.build {
            build.freshness.newer_twin = None;
        }
        let (name, origin) = (output.bin.clone(), Origin::Host(output.path.clone()));
        subjects.push(Linted { name, origin, facts });
    }
    Judging::default().answer(&judged(subjects, None, notes, &config)?)
}

/// The subjects with the records that they have, under every rule.
fn judged(
    mut subjects: Vec<Linted>,
    record: Option<&Path>,
    notes: Vec<String>,
    config: &Config,
) -> Result<Report, Failure> {
    recording::attach(&mut subjects, record)?;
    let subjects = subjects.into_iter().map(|it| (it.name, it.facts)).collect();
    let mut report = lint(subjects, config, Date::from_unix_seconds(crate::session::clock::now()));
    report.notes.splice(0..0, notes);
    Ok(report)
}

/// The workspace that programs are held against, and the words under which.
struct Here<'a> {
    workspace: &'a workspace::Workspace,
    query: &'a workspace::Query,
    comparisons: Comparisons<'a>,
}

impl<'a> Here<'a> {
    fn new(workspace: &'a workspace::Workspace, query: &'a workspace::Query) -> Here<'a> {
        Here { workspace, query, comparisons: Comparisons::new(workspace) }
    }

    /// The build, with its sources and its target directory held against the program's bytes.
    fn compared(
        &self,
        mut build: Build,
        binary: &Binary,
        path: Option<&Path>,
        bytes: &[u8],
    ) -> Build {
        let packed = binary.packer.is_some();
        let build_id = binary.build_id.as_deref();
        let subject = compared::Subject { path, bytes, packed, build_id };
        build.freshness = self.comparisons.of(&build, subject);
        build
    }

    /// The workspace's build of a program by its file's name, or by the one binary that was asked
    /// for: what is shipped may bear another name.
    fn named(&self, name: &str) -> Option<Build> {
        let (workspace, query) = (self.workspace, self.query);
        let mut bins = bins(workspace, query);
        let everything = || crate::cli::check::bins(workspace, &workspace::Query::default());
        let asked = !query.packages.is_empty() || query.manifest_path.is_some();
        let is_meant =
            || !query.bins.is_empty() || (asked && !everything().iter().any(|it| it == name));
        match bins.iter().position(|bin| bin == name) {
            Some(same) => bins = vec![bins.swap_remove(same)],
            None if bins.len() == 1 && is_meant() => {}
            None => return None,
        }
        let query = workspace::Query { bins, ..query.clone() };
        let outputs = crate::cargo::target_dir::outputs::find_outputs(workspace, &query)
            .ok()
            .filter(|outputs| !outputs.built.is_empty())
            .or_else(|| never_built(workspace, &query))?;
        let output = outputs.built.first()?;
        Some(Build::new(workspace, &outputs, output))
    }

    /// The build of a file on this machine.
    fn of_file(&self, path: &Path) -> Option<Build> {
        let target = self.workspace.metadata.target_directory.as_std_path();
        let directory = path.parent()?;
        let directory_name = directory.file_name().and_then(|name| name.to_str());
        if !crate::cargo::fs::is_inside(path, target) {
            return self.named(&image::file_name(path));
        }
        // Cargo's directories say which profile it is, whichever was built last. What it does not
        // hand out, such as examples and tests, may have a binary's name and is none.
        let mut profiles =
            crate::cargo::target_dir::outputs::profile_names(self.workspace).into_iter();
        let profile = profiles.find(|profile| {
            directory_name == Some(crate::cargo::target_dir::outputs::directory_name(profile))
        })?;
        let profile = self.query.profile.clone().or(Some(profile));
        let query = workspace::Query { profile, ..self.query.clone() };
        let here = Here::new(self.workspace, &query);
        // What is left of an earlier build is this workspace's, even if no target has its name.
        here.named(&image::file_name(path)).or_else(|| {
            let outputs =
                crate::cargo::target_dir::outputs::find_outputs(self.workspace, &query).ok()?;
            Some(Build::new(self.workspace, &outputs, outputs.built.first()?))
        })
    }
}

/// The workspace, where there is one or one was named; a subject that was given does without.
fn workspace(
    words: &Check,
    query: &workspace::Query,
    notes: &mut Vec<String>,
) -> Result<Option<workspace::Workspace>, Failure> {
    let needed = words.subject.binary.is_empty() && words.runtime.reference().is_none();
    match workspace::workspace(query) {
        Ok(workspace) => Ok(Some(workspace)),
        Err(error) if needed || query.manifest_path.is_some() => Err(error.into()),
        Err(error::Error::NoManifest { .. } | error::Error::CargoMissing { .. }) => Ok(None),
        Err(error) => {
            notes.push(format!("judged without the workspace: {error}"));
            Ok(None)
        }
    }
}

/// The workspace's manifest, then those of the selected packages, then our own file.
pub(super) fn configuration(
    named: Option<&Path>,
    query: &workspace::Query,
    workspace: Option<&workspace::Workspace>,
) -> Result<Config, Failure> {
    let mut files: Vec<(crate::cargo::fs::TextFile, &[&str])> = Vec::new();
    let mut root = query.cwd.clone();
    if let Some(workspace) = workspace {
        root = workspace.metadata.workspace_root.clone().into();
        files.push((workspace.manifest.clone(), &["workspace", "metadata", "binlint"]));
        for package in workspace.selected(query)? {
            let manifest = crate::cargo::fs::read_text(
                package.manifest_path.as_std_path(),
                "manifest",
                LONGEST_TEXT,
            )?;
            files.extend(
                manifest.map(|file| (file, &["package", "metadata", "binlint"] as &[&str])),
            );
        }
    }
    let own = named.map_or_else(|| root.join("binlint.toml"), Path::to_owned);
    match crate::cargo::fs::read_text(&own, "configuration", LONGEST_TEXT)? {
        Some(file) => files.push((file, &[])),
        None if named.is_some() => {
            return Err(Failure::Words(format!(
                "--config {}: there is no such file",
                own.display()
            )));
        }
        None => {}
    }
    let shown: Vec<String> =
        files.iter().map(|(file, _)| as_typed(&file.path, &query.cwd)).collect();
    let sources: Vec<config::Source<'_>> = files
        .iter()
        .zip(&shown)
        .map(|((file, table), path)| config::Source { path, text: &file.text, table })
        .collect();
    Ok(Config::read(&sources)?)
}

/// What cargo built here, one subject a binary.
fn built(here: &Here<'_>, notes: &mut Vec<String>) -> Result<Vec<Linted>, Failure> {
    let outputs = crate::cargo::target_dir::outputs::find_outputs(here.workspace, here.query)?;
    notes.push(said(&outputs));
    for bin in &outputs.missing {
        notes.push(format!("`{bin}` is not built in this profile"));
    }
    let mut subjects = Vec::new();
    for output in &outputs.built {
        let build = Build::new(here.workspace, &outputs, output);
        let facts = facts(&output.path, here.query, Some((here, build)))?;
        let (name, origin) = (output.bin.clone(), Origin::Host(output.path.clone()));
        subjects.push(Linted { name, origin, facts });
    }
    Ok(subjects)
}

/// Which build it is, and why this one.
fn said(outputs: &crate::cargo::target_dir::outputs::Outputs) -> String {
    let target =
        outputs.target.as_ref().map_or_else(String::new, |target| format!(" for {target}"));
    format!("profile `{}`{target}: {}", outputs.profile, outputs.why)
}

/// What cargo built here, for a root that does not hold it yet; `None` where nothing is built, or
/// where the root holds programs of the same names, which are then the ones that are meant.
fn built_for(
    here: &Here<'_>,
    image: &Image,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<Linted>>, Failure> {
    let outputs = match crate::cargo::target_dir::outputs::find_outputs(here.workspace, here.query)
    {
        Ok(outputs) if !outputs.built.is_empty() => outputs,
        Ok(_) | Err(error::Error::NotBuilt { .. } | error::Error::NoBins { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let in_image =
        |bin: &str| image.programs.iter().any(|it| it.path.rsplit('/').next() == Some(bin));
    if image.subject_at.is_none() && outputs.built.iter().any(|output| in_image(&output.bin)) {
        return Ok(None);
    }
    built(here, notes).map(Some)
}

/// What the workspace can say of a program in an image, while its bytes are there.
fn look_closer(
    binary: &Binary,
    bytes: &[u8],
    query: &workspace::Query,
    here: Option<&Here<'_>>,
    seen: &Seen,
) {
    let Some(digest) = binary.sha256.clone() else { return };
    let environment = query.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secrets = secrets::secrets_inside(bytes, environment);
    let name = image::file_name(Path::new(&binary.path));
    let build = here.and_then(|here| Some(here.compared(here.named(&name)?, binary, None, bytes)));
    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(digest, (build, secrets));
}

/// A file that the user named; the workspace's build belongs to it when it bears a bin's name.
fn given(
    path: &Path,
    query: &workspace::Query,
    here: Option<&Here<'_>>,
) -> Result<Linted, Failure> {
    let build = here.and_then(|here| Some((here, here.of_file(path)?)));
    let facts = facts(path, query, build)?;
    Ok(Linted { name: image::file_name(path), origin: Origin::Host(path.to_owned()), facts })
}

/// That nothing was compared with the workspace, since no name says which program it would be.
fn nameless(here: &Here<'_>, subjects: &[Linted]) -> Option<String> {
    let bins = bins(here.workspace, here.query);
    let name = &subjects.iter().find(|it| it.facts.binary.is_some())?.name;
    if bins.is_empty() || subjects.iter().any(|it| it.facts.build.is_some()) {
        return None;
    }
    let bins = bins.join("`, `");
    Some(format!(
        "`{name}` was not compared with the sources here: `--bin` says which it is of `{bins}`"
    ))
}

/// The names of the binaries that the query can mean.
fn bins(workspace: &workspace::Workspace, query: &workspace::Query) -> Vec<String> {
    let members = workspace.metadata.workspace_packages();
    let selected = match query.packages.is_empty() {
        true => members,
        false => workspace.selected(query).unwrap_or_default(),
    };
    let names = selected.iter().flat_map(|package| &package.targets).filter(|it| it.is_bin());
    let names = names.map(|target| target.name.clone());
    names.filter(|name| query.bins.is_empty() || query.bins.contains(name)).collect()
}

/// The binary as it would be built: sources can be compared with a program that was built
/// elsewhere.
pub(super) fn never_built(
    workspace: &workspace::Workspace,
    query: &workspace::Query,
) -> Option<crate::cargo::target_dir::outputs::Outputs> {
    let package = workspace.metadata.packages.iter().find(|package| {
        package.source.is_none()
            && package.targets.iter().any(|it| it.is_bin() && query.bins.contains(&it.name))
    })?;
    let bin = package.targets.iter().find(|it| it.is_bin() && query.bins.contains(&it.name))?;
    let profile = query.profile.clone().unwrap_or_else(|| "release".to_owned());
    let target = workspace.targets.first().cloned();
    let base = workspace.metadata.target_directory.as_std_path();
    let base = target
        .as_deref()
        .map_or(base.to_owned(), |it| base.join(crate::cargo::target_dir::outputs::stem(it)));
    let directory = base.join(crate::cargo::target_dir::outputs::directory_name(&profile));
    let output = crate::cargo::target_dir::outputs::Output {
        package: package.id.clone(),
        bin: bin.name.clone(),
        path: directory.join(&bin.name),
        modified: std::time::SystemTime::UNIX_EPOCH,
    };
    let why = "it is not built here".to_owned();
    Some(crate::cargo::target_dir::outputs::Outputs {
        profile,
        target,
        directory,
        why,
        built: vec![output],
        missing: vec![],
    })
}

/// The facts of one file: its own, and those that the workspace's sources and target directory
/// give about it.
fn facts(
    path: &Path,
    query: &workspace::Query,
    build: Option<(&Here<'_>, Build)>,
) -> Result<Facts, Failure> {
    let shown = as_typed(path, &query.cwd);
    let bytes = crate::cargo::fs::read(path)?;
    let mut binary = Binary::full(&shown, &bytes, true)
        .map_err(|error| Failure::Words(format!("{shown}: {error}")))?;
    if let Some(whole) = binary.cut_off() {
        let size = binary.size;
        return Err(Failure::Words(format!(
            "{shown}: cut off: {size} bytes of at least {whole} are there; copy or build it again"
        )));
    }
    let environment = query.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    binary.environment_secrets = secrets::secrets_inside(&bytes, environment);
    let build = build.map(|(here, build)| here.compared(build, &binary, Some(path), &bytes));
    Ok(Facts { binary: Some(binary), build, ..Facts::default() })
}

/// The path as the user would type it from here.
fn as_typed(path: &Path, cwd: &Path) -> String {
    path.strip_prefix(cwd).unwrap_or(path).display().to_string()
}
