//! `dockerfile`: reads Dockerfiles beside their contexts and workspaces, judges them, and corrects what
//! has one right correction.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use crate::cargo::workspace::Query;
use crate::cli::check::configuration;
use crate::cli::judging::Judging;
use crate::cli::output::Failure;
use crate::config::date::Date;
use crate::config::find_rule;
use crate::dockerfile::{Dockerfile, Options, context, patch};
use crate::lint::lint;
use crate::report::Report;
use crate::rule::Group;
use crate::subject::Facts;

/// Words after `dockerfile`.
#[derive(Debug, Clone, Default, Args)]
pub struct Words {
    /// Dockerfiles [default: every one below this directory]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The stage that is built [default: the last]
    #[arg(long, value_name = "NAME", help_heading = "Dockerfile")]
    stage: Option<String>,
    /// The build context [default: the folder around the Dockerfile that has what it copies]
    #[arg(long, value_name = "DIR", help_heading = "Dockerfile")]
    context: Option<PathBuf>,
    /// A build argument, as `docker build` gets it
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Dockerfile")]
    build_arg: Vec<String>,
    /// Correct what has exactly one right correction
    #[arg(long, help_heading = "Dockerfile")]
    fix: bool,
    /// Print the corrections as a patch instead
    #[arg(long, requires = "fix", help_heading = "Dockerfile")]
    dry_run: bool,
    #[command(flatten)]
    judging: Judging,
}

/// Runs the command.
///
/// # Errors
/// There is no Dockerfile, or the report cannot be written. What one file has wrong is said, and the
/// others are judged: the code is 2 then.
pub fn run(words: &Words, matches: &ArgMatches) -> Result<u8, Failure> {
    let query = Query::here()?;
    let mut config = configuration(words.judging.config.as_deref(), &query, None)?;
    words.judging.levels.apply(matches, &mut config)?;
    let mut build_arguments = BTreeMap::new();
    for argument in &words.build_arg {
        let (name, value) = argument.split_once('=').ok_or_else(|| {
            Failure::Words(format!("--build-arg {}: not NAME=VALUE", argument.escape_debug()))
        })?;
        build_arguments.insert(name.to_owned(), value.to_owned());
    }
    let options = Options { stage: words.stage.clone(), build_arguments };
    let files = match words.files.as_slice() {
        [] => context::find_dockerfiles(Path::new(".")),
        files => files.to_vec(),
    };
    if files.is_empty() {
        return Err(Failure::Words("there is no Dockerfile below this directory".to_owned()));
    }
    let mut subjects = Vec::new();
    let mut errors = Vec::new();
    for file in &files {
        let name = file.strip_prefix("./").unwrap_or(file).display().to_string();
        match load(file, &name, words, &options) {
            Ok(dockerfile) if words.files.is_empty() && !dockerfile.is_of_rust() => {}
            Ok(dockerfile) => {
                let facts = Facts { dockerfile: Some(dockerfile), ..Facts::default() };
                subjects.push((name, facts));
            }
            Err(error) => errors.push(format!("{}: {error}", name.escape_debug())),
        }
    }
    let today = Date::from_unix_seconds(crate::session::clock::now());
    let mut report = lint(subjects, &config, today);
    if words.fix {
        correct(&report, words, &mut errors)?;
    }
    for error in &errors {
        // Nothing is left to do when not even this can be said.
        let _ = writeln!(crate::cli::output::stderr(), "error: {error}");
    }
    report.notes.extend(unheard(&report));
    if words.dry_run || report.subjects.is_empty() {
        return Ok(if errors.is_empty() { crate::cli::CLEAN } else { crate::cli::FAILED });
    }
    let code = words.judging.answer(&report)?;
    Ok(if errors.is_empty() { code } else { crate::cli::FAILED })
}

/// Comments that ignore nothing: a rule that there is not, or no reason.
fn unheard(report: &Report) -> Vec<String> {
    let dockerfiles = report.subjects.iter().filter_map(|it| it.facts.dockerfile.as_ref());
    let mut notes = Vec::new();
    for dockerfile in dockerfiles {
        for ignore in &dockerfile.ignores {
            let place = format!("{}:{}", dockerfile.path, ignore.line);
            let group = Group::ALL.iter().any(|it| it.name() == ignore.rule);
            match find_rule(&ignore.rule) {
                Err(why) if !group => notes.push(format!("{place}: {why}")),
                _ if ignore.reason.is_empty() => notes.push(format!(
                    "{place}: `binlint: ignore={}` has no reason behind it, and counts for nothing",
                    ignore.rule
                )),
                _ => {}
            }
        }
    }
    notes
}

fn load(
    file: &Path,
    name: &str,
    words: &Words,
    options: &Options,
) -> Result<Dockerfile, crate::dockerfile::Error> {
    context::load(file, name, words.context.as_deref(), options)
}

/// Applies the corrections of findings that nobody waived.
fn correct(report: &Report, words: &Words, errors: &mut Vec<String>) -> Result<(), Failure> {
    for judged in &report.subjects {
        let Some(dockerfile) = &judged.facts.dockerfile else { continue };
        let failures = judged.failures();
        let edits = failures
            .iter()
            .flat_map(|it| it.outcome.findings())
            .filter_map(|it| it.edit.as_ref().map(|it| (it.span.clone(), it.text.as_str())));
        let old = dockerfile.source.text();
        let new = patch::apply(old, edits);
        if new == old {
            continue;
        }
        if words.dry_run {
            let text = patch::unified(&dockerfile.path, old, &new);
            words.judging.print(&text)?;
        } else if let Err(error) = context::write(Path::new(&dockerfile.path), &new) {
            errors.push(format!("{}: {error}", dockerfile.path.escape_debug()));
        }
    }
    Ok(())
}
