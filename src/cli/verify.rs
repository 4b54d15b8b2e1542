//! `verify`: a program beside the record of its build.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use super::check::{self, Format, Selection};
use super::levels::Levels;
use super::output::{Failure, Output};
use super::recording::{self, Features, Gathered};
use crate::config::Date;
use crate::facts::record::{Dockerfile, Record};
use crate::facts::{Binary, Facts};
use crate::input::cargo::{self, Query, Workspace};
use crate::input::{self, file};
use crate::lint::lint;
use crate::record::{self, compare::compare};
use crate::report::Report;
use crate::rule::{Group, Level};

/// Words after `verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct Verify {
    /// The program
    #[arg(value_name = "BINARY")]
    subject: PathBuf,
    /// Its record [default: the one inside, else the one beside it]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Take only a record that the owner of this key signed: a public key in PEM
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Compare base images with this Dockerfile
    #[arg(long, value_name = "FILE")]
    dockerfile: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    features: Features,
    /// Configuration of the linter [default: binlint.toml at the workspace's root or here]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    levels: Levels,
    /// An open outcome fails too: what could not be decided is not good enough
    #[arg(long, help_heading = "Levels")]
    strict: bool,
    /// How to print the report
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

/// Verifies.
///
/// # Errors
/// No program, no record, one that cannot be read, a workspace that cannot be asked.
pub fn run(words: &Verify, matches: &ArgMatches) -> Result<u8, Failure> {
    let report = judge(words, matches)?;
    check::print(&report, words.format, &words.output)?;
    Ok(if report.is_clean(words.strict) { super::CLEAN } else { super::DENIED })
}

fn judge(words: &Verify, matches: &ArgMatches) -> Result<Report, Failure> {
    let keys = recording::public_keys(&words.key)?;
    let shown = words.subject.display().to_string();
    let program = file::read(&words.subject)?;
    let record = recording::find(&program, Some(&words.subject), words.record.as_deref(), &keys)?;
    let mut record = record.ok_or_else(|| {
        Failure::Words(format!(
            "{shown} has no record: none is inside, and there is no {}; name it with --record",
            recording::beside(&words.subject).display()
        ))
    })?;
    let query = Query { config: words.features.cargo_config.clone(), ..words.selection.query()? };
    // Only a workspace that was named is compared with: the one around may be any.
    let workspace = match &words.selection.manifest_path {
        Some(_) => Some(cargo::workspace(&query)?),
        None => None,
    };
    let mut notes = vec![format!("record: {}", record.origin)];
    if let Some(workspace) = &workspace {
        compare_with(&mut record, workspace, &query, words)?;
        notes.extend(record.not_compared.iter().cloned());
    }
    if let Some(path) = &words.dockerfile {
        let text = input::read_text(path, "Dockerfile", 4 << 20)?;
        let text = text.ok_or_else(|| {
            Failure::Words(format!("--dockerfile {}: there is no such file", path.display()))
        })?;
        record.dockerfile = Some(Dockerfile { path: path.display().to_string(), text: text.text });
    }
    let binary = Binary::full(&shown, &program, true)
        .map_err(|error| Failure::Words(format!("{shown}: {error}")))?;
    let mut config = check::configuration(words.config.as_deref(), &query, workspace.as_ref())?;
    // Other questions than provenance are not asked here.
    for group in Group::ALL.iter().filter(|group| **group != Group::Provenance) {
        config.set("verify", group.name(), Level::Allow)?;
    }
    words.levels.apply(matches, &mut config)?;
    let name = words.subject.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let facts = Facts { binary: Some(binary), record: Some(record), ..Facts::default() };
    let today = Date::from_unix_seconds(input::clock::now());
    let mut report = lint(vec![(name, facts)], &config, today);
    report.notes.splice(0..0, notes);
    Ok(report)
}

/// Writes the record anew from the workspace, and notes every field in which it differs.
fn compare_with(
    record: &mut Record,
    workspace: &Workspace,
    query: &Query,
    words: &Verify,
) -> Result<(), Failure> {
    let outputs = outputs(record, workspace, query, &words.subject)?;
    let name = words.subject.file_name().unwrap_or_default().to_string_lossy();
    let output = outputs
        .built
        .iter()
        .find(|output| output.path.file_name().is_some_and(|file| *file == *name))
        .or(outputs.built.first())
        .ok_or_else(|| Failure::Words(format!("{name} is none of the workspace's binaries")))?;
    let gathered = Gathered::new(query, workspace, &outputs, output, words.features.request())?;
    let now = record::provenance(gathered.made());
    let (differences, open) = compare(&record.provenance, &now);
    record.differences = Some(differences);
    record.not_compared = open.into_iter().map(|field| format!("not compared: {field}")).collect();
    Ok(())
}

/// The build that the program should have come from: the one whose directory it lies in, else the
/// one that was named, else the one that the record names, else the newest.
fn outputs(
    record: &Record,
    workspace: &Workspace,
    query: &Query,
    program: &Path,
) -> Result<cargo::Outputs, Failure> {
    let with = |profile: Option<&str>| {
        let profile = profile.map(str::to_owned);
        cargo::outputs(workspace, &Query { profile, ..query.clone() })
    };
    if query.profile.is_none() {
        for profile in cargo::outputs::profile_names(workspace) {
            let Ok(outputs) = with(Some(&profile)) else { continue };
            if outputs.built.iter().any(|output| file::is_same(&output.path, program)) {
                return Ok(outputs);
            }
        }
        if let Some(recorded) = record.parameter("profile")
            && let Ok(outputs) = with(Some(recorded))
        {
            return Ok(outputs);
        }
    }
    Ok(cargo::outputs(workspace, query)?)
}
