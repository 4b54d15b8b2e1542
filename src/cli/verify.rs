//! `verify`: a program beside the record of its build.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use crate::binary::Binary;
use crate::cargo::fs;
use crate::cli::check;
use crate::cli::check::Selection;
use crate::cli::comparing;
use crate::cli::judging::Judging;
use crate::cli::output::Failure;
use crate::cli::rebuilding::Rebuilding;
use crate::cli::recording;
use crate::cli::recording::{Features, Program};
use crate::cli::reproduced;
use crate::cli::subject::{Origin, Subject as Linted};
use crate::config::date::Date;
use crate::lint::lint;
use crate::provenance::image_build;
use crate::provenance::keys::PublicKey;
use crate::provenance::record::{Dockerfile, Record};
use crate::report::Report;
use crate::rootfs::extract_file;
use crate::rule::{Group, Level};
use crate::start::image;
use crate::start::image::Image;
use crate::subject::Facts;

/// Words after `verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct Verify {
    /// The program, or the image that carries it
    #[arg(value_name = "BINARY|IMAGE")]
    subject: PathBuf,
    /// Its record [default: the one inside, else the one beside it]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Its record by a path of the image
    #[arg(long, value_name = "PATH", conflicts_with = "record")]
    image_record: Option<String>,
    /// Where in the image the program lies [default: what the image would start]
    #[arg(long, value_name = "PATH")]
    at: Option<String>,
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
    #[command(flatten)]
    rebuilding: Rebuilding,
    #[command(flatten)]
    judging: Judging,
}

/// Verifies.
///
/// # Errors
/// No program, no record, one that cannot be read, a workspace that cannot be asked.
pub fn run(words: &Verify, matches: &ArgMatches) -> Result<u8, Failure> {
    let report = judge(words, matches)?;
    words.judging.answer(&report)
}

/// What is verified: the bytes, how they are named, and what they were found in.
struct Subject {
    shown: String,
    origin: Origin,
    program: Vec<u8>,
    record: Option<Record>,
    image: Option<Image>,
}

fn judge(words: &Verify, matches: &ArgMatches) -> Result<Report, Failure> {
    let keys = recording::public_keys(&words.key)?;
    let Subject { shown, origin, program, record, image } =
        match extract_file::is_image(words.subject.as_os_str()) {
            true => in_image(words, &keys)?,
            false => on_this_machine(words, &keys)?,
        };
    let mut record = record.ok_or_else(|| {
        Failure::Words(format!(
            "{shown} has no record: none is inside, and there is no {} beside it; \
             name it with --record",
            recording::beside(Path::new(&shown)).display()
        ))
    })?;
    let binary = Binary::full(&shown, &program, true)
        .map_err(|error| Failure::Words(format!("{shown}: {error}")))?;
    let expected = comparing::expected(&words.selection, &words.features, &record)?;
    // Only a workspace that was named is compared with: the one around may be any.
    let workspace = match &words.selection.manifest_path {
        Some(_) => Some(comparing::workspace(&expected.query, &record, &origin)?),
        None => None,
    };
    if words.rebuilding.rebuild && workspace.is_none() {
        return Err(Failure::Words(
            "--rebuild wants the workspace: name it with --manifest-path".to_owned(),
        ));
    }
    let mut notes =
        vec![format!("record: {}", record.origin), format!("built from: {}", record.summary())];
    if let Some(path) = origin.on_this_machine() {
        notes.extend(reproduced::read(path, &program, &keys)?);
    }
    if let Some(path) = &words.dockerfile {
        let text = crate::cargo::fs::read_text(path, "Dockerfile", 4 << 20)?;
        let text = text.ok_or_else(|| {
            Failure::Words(format!("--dockerfile {}: there is no such file", path.display()))
        })?;
        record.dockerfile = Some(Dockerfile { path: path.display().to_string(), text: text.text });
    }
    if let Some(image) = &image {
        record.image_build = image_build::of_statements(&image.statements, image.digest.as_deref());
        if let (Some(build), Some(dockerfile)) = (&mut record.image_build, &record.dockerfile) {
            image_build::take_roles_from(build, dockerfile);
        }
        notes.extend(record.image_build.iter().flat_map(image_build::told));
    }
    let mut build = None;
    if let Some(workspace) = &workspace {
        let subject = Program { path: None, bytes: &program, binary: &binary };
        let of = (&origin, subject);
        build = Some(comparing::compare_with(&mut record, workspace, &expected, of)?);
        notes.extend(record.not_compared.iter().cloned());
    }
    let mut config =
        check::configuration(words.judging.config.as_deref(), &expected.query, workspace.as_ref())?;
    // Other questions than provenance are not asked here.
    for group in Group::ALL.iter().filter(|group| **group != Group::Provenance) {
        config.set("verify", group.name(), Level::Allow)?;
    }
    if words.rebuilding.rebuild {
        config.set("--rebuild", "not-reproduced", Level::Deny)?;
    }
    words.judging.levels.apply(matches, &mut config)?;
    let name = Path::new(&shown).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let build = build.filter(|_| words.rebuilding.rebuild);
    let facts =
        Facts { binary: Some(binary), build, record: Some(record), image, ..Facts::default() };
    let mut subjects = [Linted { name, origin, facts }];
    if let (Some(workspace), true) = (&workspace, words.rebuilding.rebuild) {
        let reference = words.subject.as_os_str();
        let image = extract_file::is_image(reference).then_some(reference);
        words.rebuilding.run(&mut subjects, workspace, &config, image)?;
    }
    let today = Date::from_unix_seconds(crate::session::clock::now());
    let subjects = subjects.into_iter().map(|it| (it.name, it.facts)).collect();
    let mut report = lint(subjects, &config, today);
    report.notes.splice(0..0, notes);
    Ok(report)
}

fn on_this_machine(words: &Verify, keys: &[PublicKey]) -> Result<Subject, Failure> {
    if words.image_record.is_some() || words.at.is_some() {
        return Err(Failure::Words(format!(
            "--image-record and --at want an image, and {} is none",
            words.subject.display()
        )));
    }
    let program = fs::read(&words.subject)?;
    let named = words.record.as_deref().map(recording::file_of_this_machine).transpose()?;
    let beside = || {
        let path = recording::beside(&words.subject);
        let there = crate::provenance::fs::is_file(&path);
        there.then(|| recording::file_of_this_machine(&path)).transpose()
    };
    let record = recording::find(&program, named, beside, keys)?;
    let (shown, origin) =
        (words.subject.display().to_string(), Origin::Host(words.subject.clone()));
    Ok(Subject { shown, origin, program, record, image: None })
}

fn in_image(words: &Verify, keys: &[PublicKey]) -> Result<Subject, Failure> {
    let reference = words.subject.as_os_str();
    let named_here = words.record.as_deref().map(recording::file_of_this_machine).transpose()?;
    let asked = image::Query { at: words.at.clone(), ..image::Query::default() };
    let image = Image::read(reference, &asked, &|_, _| {})?;
    let program = words.at.as_deref().or_else(|| image.start()?.program()).ok_or_else(|| {
        let image = reference.display();
        Failure::Words(format!("{image} names no program that it would start; name it with --at"))
    })?;
    let lies_at = |path: &str| match image.resolve(path) {
        Ok(found) => String::from_utf8_lossy(&found.path).into_owned(),
        Err(_) => path.to_owned(),
    };
    let program = lies_at(program);
    let record = match &words.image_record {
        Some(path) => lies_at(path),
        None => lies_at(&recording::beside(Path::new(&program)).to_string_lossy()),
    };
    let mut found = extract_file::read(reference, None, &[&program, &record])?.into_iter();
    let (bytes, beside) = (found.next().flatten(), found.next().flatten());
    let bytes = bytes
        .ok_or_else(|| Failure::Words(format!("{} has no file {program}", reference.display())))?;
    let beside = beside.map(|bytes| (record.clone(), bytes));
    let named = match (&words.image_record, named_here) {
        (None, here) => here,
        (Some(path), _) if beside.is_none() => {
            return Err(Failure::Words(format!("{} has no file {path}", reference.display())));
        }
        (Some(_), _) => beside.clone(),
    };
    let record = recording::find(&bytes, named, || Ok(beside), keys)?;
    let origin = Origin::Image;
    Ok(Subject { shown: program, origin, program: bytes, record, image: Some(image) })
}
