//! `verify`: a program beside the record of its build.

use std::path::{Path, PathBuf};

use crate::binary::Binary;
use crate::cargo::error;
use crate::cargo::fs;
use crate::lint::lint;
use crate::provenance::image_build;
use crate::provenance::keys::PublicKey;
use crate::provenance::record::{ComparedDockerfile, RecordFacts};
use crate::report::Report;
use crate::rootfs::extract_file;
use crate::rule::{Group, Level};
use crate::session::Error;
use crate::session::baseline;
use crate::session::clock;
use crate::session::compare_workspace;
use crate::session::configuration::{Configuration, configuration};
use crate::session::rebuild;
use crate::session::records;
use crate::session::records::ProgramFile;
use crate::session::reproduced;
use crate::session::select::Selection;
use crate::start::image;
use crate::start::image::Image;
use crate::subject::{Facts, Origin};

/// What is verified, and by what.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The program, or the image that carries it.
    pub subject: PathBuf,
    /// Its record; otherwise the one inside, else the one beside it.
    pub record: Option<PathBuf>,
    /// Its record by a path of the image.
    pub image_record: Option<String>,
    /// Where in the image the program lies; otherwise what the image would start.
    pub at: Option<String>,
    /// Public keys in PEM: only a record that the owner of one of them signed is taken.
    pub keys: Vec<PathBuf>,
    /// A Dockerfile to compare base images with.
    pub dockerfile: Option<PathBuf>,
    /// The workspace to compare with; only one that is named by its manifest is.
    pub selection: Selection,
    /// Whether the program is compiled again in that workspace.
    pub rebuild: rebuild::RebuildOptions,
    /// Levels, expectations and waivers.
    pub configuration: Configuration,
}

/// What is verified: the bytes, how they are named, and what they were found in.
struct VerifiedProgram {
    shown: String,
    origin: Origin,
    program: Vec<u8>,
    record: Option<RecordFacts>,
    image: Option<Image>,
}

/// Lints a program, and nothing but its provenance, by the record of its build.
///
/// # Errors
/// No program, no record, one that cannot be read, a workspace that cannot be asked.
pub fn verify(options: &VerifyOptions) -> Result<Report, Error> {
    let keys = records::public_keys(&options.keys)?;
    let VerifiedProgram { shown, origin, program, record, image } =
        match extract_file::is_image(options.subject.as_os_str()) {
            true => in_image(options, &keys)?,
            false => on_this_machine(options, &keys)?,
        };
    let mut record = record.ok_or_else(|| {
        Error::Usage(format!(
            "{shown} has no provenance record: none is embedded, and there is no {} beside it; \
             pass it with `--record FILE`",
            records::beside(Path::new(&shown)).display()
        ))
    })?;
    let binary = Binary::full(&shown, &program, true)
        .map_err(|error| Error::Usage(format!("{shown}: {error}")))?;
    let expected = compare_workspace::expected(&options.selection, &record)?;
    // Only a workspace that was named is compared with: the one around may be any.
    let workspace = match &options.selection.manifest_path {
        Some(_) => Some(compare_workspace::workspace(&expected.query, &record, &origin)?),
        None => None,
    };
    if options.rebuild.rebuild && workspace.is_none() {
        return Err(Error::Usage("a rebuild needs the workspace: name its manifest".to_owned()));
    }
    let mut notes =
        vec![format!("record: {}", record.origin), format!("built from: {}", record.summary())];
    if let Some(path) = origin.on_this_machine() {
        notes.extend(reproduced::read(path, &program, &keys)?);
    }
    if let Some(path) = &options.dockerfile {
        let text = fs::read_text(path, "Dockerfile", 4 << 20)?;
        let text = text.ok_or_else(|| {
            Error::Usage(format!("--dockerfile {}: there is no such file", path.display()))
        })?;
        record.dockerfile =
            Some(ComparedDockerfile { path: path.display().to_string(), text: text.text });
    }
    if let Some(image) = &image {
        record.image_build =
            image_build::find_image_build(&image.statements, image.digest.as_deref());
        if let (Some(build), Some(dockerfile)) = (&mut record.image_build, &record.dockerfile) {
            image_build::take_roles_from(build, dockerfile);
        }
        notes.extend(record.image_build.iter().flat_map(image_build::describe));
    }
    let mut build = None;
    if let Some(workspace) = &workspace {
        let subject = ProgramFile { path: None, bytes: &program, binary: &binary };
        let of = (&origin, subject);
        build = Some(compare_workspace::compare_with(&mut record, workspace, &expected, of)?);
        notes.extend(record.not_compared.iter().cloned());
    }
    let file = options.configuration.file.as_deref();
    let mut config = configuration(file, &expected.query, workspace.as_ref())?;
    // Other questions than provenance are not asked here.
    for group in Group::ALL.iter().filter(|group| **group != Group::Provenance) {
        config.set("verify", group.name(), Level::Allow)?;
    }
    if options.rebuild.rebuild {
        config.set("--rebuild", "not-reproduced", Level::Deny)?;
    }
    options.configuration.apply(&mut config)?;
    let name = Path::new(&shown).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let build = build.filter(|_| options.rebuild.rebuild);
    let facts =
        Facts { binary: Some(binary), build, record: Some(record), image, ..Facts::default() };
    let mut subjects = [crate::subject::Subject { name, origin, facts }];
    if let (Some(workspace), true) = (&workspace, options.rebuild.rebuild) {
        let reference = options.subject.as_os_str();
        let image = extract_file::is_image(reference).then_some(reference);
        options.rebuild.run(&mut subjects, workspace, image)?;
    }
    let today = clock::today();
    let subjects = subjects.into_iter().map(|it| (it.name, it.facts)).collect();
    let mut report = lint(subjects, &config, today);
    report.notes.splice(0..0, notes);
    let root = workspace.as_ref().map(|it| it.metadata.workspace_root.as_std_path());
    report.base = baseline::base(&expected.query.cwd, root);
    options.configuration.accept(&mut report)?;
    Ok(report)
}

fn on_this_machine(options: &VerifyOptions, keys: &[PublicKey]) -> Result<VerifiedProgram, Error> {
    if options.image_record.is_some() || options.at.is_some() {
        return Err(Error::Usage(format!(
            "--image-record and --at need an image; {} is a binary",
            options.subject.display()
        )));
    }
    let program = fs::read(&options.subject).map_err(|error| match error {
        error::WorkspaceError::Read { source, path }
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Error::Usage(format!(
                "cannot read {}: there is no such file; name a binary, or an image as \
                 `docker-archive:FILE` or `oci:DIR`",
                path.display()
            ))
        }
        other => other.into(),
    })?;
    let named = options.record.as_deref().map(records::file_of_this_machine).transpose()?;
    let beside = || {
        let path = records::beside(&options.subject);
        let there = crate::provenance::fs::is_file(&path);
        there.then(|| records::file_of_this_machine(&path)).transpose()
    };
    let record = records::find(&program, named, beside, keys)?;
    let (shown, origin) =
        (options.subject.display().to_string(), Origin::Host(options.subject.clone()));
    Ok(VerifiedProgram { shown, origin, program, record, image: None })
}

fn in_image(options: &VerifyOptions, keys: &[PublicKey]) -> Result<VerifiedProgram, Error> {
    let reference = options.subject.as_os_str();
    let named_here = options.record.as_deref().map(records::file_of_this_machine).transpose()?;
    let asked = image::ImageQuery { at: options.at.clone(), ..image::ImageQuery::default() };
    let image = Image::read(reference, &asked, &|_, _| {})?;
    let program = options.at.as_deref().or_else(|| image.start()?.program()).ok_or_else(|| {
        let image = reference.display();
        Error::Usage(format!("{image} names no program that it would start; name it with --at"))
    })?;
    let lies_at = |path: &str| match image.resolve(path) {
        Ok(found) => String::from_utf8_lossy(&found.path).into_owned(),
        Err(_) => path.to_owned(),
    };
    let program = lies_at(program);
    let record = match &options.image_record {
        Some(path) => lies_at(path),
        None => lies_at(&records::beside(Path::new(&program)).to_string_lossy()),
    };
    let mut found = extract_file::read(reference, None, &[&program, &record])?.into_iter();
    let (bytes, beside) = (found.next().flatten(), found.next().flatten());
    let bytes = bytes
        .ok_or_else(|| Error::Usage(format!("{} has no file {program}", reference.display())))?;
    let beside = beside.map(|bytes| (record.clone(), bytes));
    let named = match (&options.image_record, named_here) {
        (None, here) => here,
        (Some(path), _) if beside.is_none() => {
            return Err(Error::Usage(format!("{} has no file {path}", reference.display())));
        }
        (Some(_), _) => beside.clone(),
    };
    let record = records::find(&bytes, named, || Ok(beside), keys)?;
    let origin = Origin::Image;
    Ok(VerifiedProgram { shown: program, origin, program: bytes, record, image: Some(image) })
}
