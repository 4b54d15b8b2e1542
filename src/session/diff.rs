//! `diff`: what changed between two programs or images, and what makes their bytes differ.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use serde_json::Value;

use crate::binary::Binary;
use crate::binary::diff::{self, DifferenceCause, Written};
use crate::cargo::fs;
use crate::cargo::rebuild::files;
use crate::config::Config;
use crate::lint::lint;
use crate::report::diff::{Diff, Pair, changed, changes};
use crate::rootfs::extract_file;
use crate::session::Error;
use crate::session::clock;
use crate::start::image::{Image, ImageQuery};
use crate::subject::Facts;

/// No more is read of what build scripts wrote, in bytes.
const MAX_WRITTEN: u64 = 256 << 20;

/// What is compared, and what does not count.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions {
    /// The program or image of before.
    pub old: OsString,
    /// The program or image of now.
    pub new: OsString,
    /// Causes of [`DifferenceCause::IGNORABLE`] that do not count.
    pub ignored: BTreeSet<DifferenceCause>,
}

/// Compares.
///
/// # Errors
/// One of the two cannot be read, or a program is to be compared with an image.
pub fn compare(options: &DiffOptions) -> Result<Diff, Error> {
    match (extract_file::is_image(&options.old), extract_file::is_image(&options.new)) {
        (false, false) => of_programs(options),
        (true, true) => of_images(options),
        _ => Err(Error::Usage(
            "a program and an image cannot be compared; take the program out of the image"
                .to_owned(),
        )),
    }
}

fn empty(options: &DiffOptions) -> Diff {
    Diff {
        old: options.old.to_string_lossy().into_owned(),
        new: options.new.to_string_lossy().into_owned(),
        ignored: options.ignored.clone(),
        ..Diff::default()
    }
}

fn of_programs(options: &DiffOptions) -> Result<Diff, Error> {
    let read = |path: &OsStr| -> Result<(Vec<u8>, Binary), Error> {
        let read = fs::read(Path::new(path)).map_err(Error::from);
        let bytes = read.map_err(|it| it.expecting("", "a binary, or an image such as oci:DIR"))?;
        let binary = binary(&path.to_string_lossy(), &bytes)?;
        Ok((bytes, binary))
    };
    let (old, new) = (read(&options.old)?, read(&options.new)?);
    let name = Path::new(&options.new).file_name().unwrap_or_default();
    let written = Written { old: written_beside(&options.old), new: written_beside(&options.new) };
    let pair = pair(&name.to_string_lossy(), (&old.0, &old.1), (&new.0, &new.1), &written);
    Ok(Diff { programs: vec![pair], ..empty(options) })
}

/// What the build scripts wrote, where a program lies in a target directory: beside it, or with the
/// programs in `deps` one above.
fn written_beside(program: &OsStr) -> Vec<u8> {
    let directories = Path::new(program).ancestors().skip(1).take(2);
    files::written_by_scripts(&directories.map(Path::to_owned).collect::<Vec<_>>(), MAX_WRITTEN)
}

fn binary(path: &str, bytes: &[u8]) -> Result<Binary, Error> {
    Binary::full(path, bytes, true).map_err(|error| Error::Usage(format!("{path}: {error}")))
}

fn pair(name: &str, old: (&[u8], &Binary), new: (&[u8], &Binary), written: &Written) -> Pair {
    let mut facts = changes(old.1, new.1);
    if old.0 != new.0 {
        facts.extend(changed(outcomes(old.1), outcomes(new.1)));
    }
    Pair {
        name: name.to_owned(),
        digests: (old.1.sha256.clone(), new.1.sha256.clone()),
        facts,
        comparison: Some(diff::compare_builds(old.0, new.0, written)),
    }
}

/// What the rules that ask for nothing but the program say of it.
fn outcomes(binary: &Binary) -> BTreeMap<String, Value> {
    let facts = Facts { binary: Some(binary.clone()), ..Facts::default() };
    let today = clock::today();
    let report = lint(vec![(String::new(), facts)], &Config::default(), today);
    let results = report.subjects.into_iter().flat_map(|it| it.results);
    let named =
        results.map(|it| (format!("outcomes.{}", it.rule.id), Value::from(it.outcome.name())));
    named.collect()
}

fn of_images(options: &DiffOptions) -> Result<Diff, Error> {
    let read = |reference: &OsStr| Image::read(reference, &ImageQuery::default(), &|_, _| {});
    let (old, new) = (read(&options.old)?, read(&options.new)?);
    let mut answer = Diff { facts: changed(settings(&old), settings(&new)), ..empty(options) };
    let programs = |image: &Image| -> BTreeMap<String, std::sync::Arc<Binary>> {
        image.programs.iter().map(|it| (it.path.clone(), it.clone())).collect()
    };
    let (olds, news) = (programs(&old), programs(&new));
    let differs = |path: &&String| match (olds.get(*path), news.get(*path)) {
        (Some(old), Some(new)) => old.sha256 != new.sha256,
        _ => false,
    };
    let paths: Vec<&str> = olds.keys().filter(differs).map(String::as_str).collect();
    let mut bytes = BTreeMap::new();
    if !paths.is_empty() {
        let (old, new) = (
            extract_file::read(&options.old, None, &paths)?,
            extract_file::read(&options.new, None, &paths)?,
        );
        bytes.extend(paths.into_iter().zip(old.into_iter().zip(new)));
    }
    let names: BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
    for name in names {
        let digest = |binary: Option<&std::sync::Arc<Binary>>| binary?.sha256.clone();
        let digests = (digest(olds.get(name)), digest(news.get(name)));
        answer.programs.push(match bytes.get(name.as_str()) {
            Some((Some(old), Some(new))) => pair(
                name,
                (old, &binary(name, old)?),
                (new, &binary(name, new)?),
                &Written::default(),
            ),
            _ => Pair { name: name.clone(), digests, ..Pair::default() },
        });
    }
    Ok(answer)
}

/// What an image is configured to be and to run, by the keys of the JSON report.
fn settings(image: &Image) -> BTreeMap<String, Value> {
    let config = image.config.as_ref();
    let mut settings = BTreeMap::new();
    let mut add = |key: &str, value: Value| settings.insert(key.to_owned(), value);
    add("distribution", image.release.as_ref().map(|it| it.pretty.clone()).into());
    add("platform", config.map(|it| it.platform.to_string()).into());
    add("entrypoint", config.map(|it| it.entrypoint.clone()).into());
    add("cmd", config.map(|it| it.cmd.clone()).into());
    settings
}
