//! The image of `check`: which programs of it are linted, and what it means for those that are not in it yet.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rootfs::document::config::Platform;
use crate::rootfs::reference;
use crate::session::Error;
use crate::start::image::{Image, ImageQuery};
use crate::start::loader::StartPrediction;
use crate::subject::{Facts, Origin, Subject};

/// The runtime image that a check is about; without a reference there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageOptions {
    #[doc = concat!(crate::rootfs::source::image_forms!(), ", a path or a name.")]
    pub reference: Option<OsString>,
    /// Where in the image the program lies or will lie.
    pub at: Option<String>,
    /// `OS/ARCH[/VARIANT]`: the image for this platform, where there are several.
    pub platform: Option<String>,
}

/// What else is known of a program whose bytes have passed, by its digest.
pub type BuildsByName = Mutex<BTreeMap<String, (Option<Build>, Vec<String>)>>;

impl ImageOptions {
    /// Whether the image is a root file system on this machine.
    pub fn is_directory(&self) -> bool {
        let reference = self.reference.as_deref();
        reference
            .and_then(|it| reference::parse(it).ok())
            .is_some_and(|source| source.root_directory().is_some())
    }

    /// Reads the image. `seen` gets the bytes of every Rust program in it.
    ///
    /// # Errors
    /// No such image, or a damaged one.
    pub fn read(
        &self,
        built_here: bool,
        seen: &(dyn Fn(&Binary, &[u8]) + Sync),
    ) -> Result<Option<Image>, Error> {
        let Some(reference) = &self.reference else {
            return match (&self.at, &self.platform) {
                (None, None) => Ok(None),
                _ => Err(Error::Usage(
                    "--at and --platform need an image; name it with --image".to_owned(),
                )),
            };
        };
        if self.platform.is_some() && self.is_directory() {
            return Err(Error::Usage(format!(
                "`--platform` has no effect on {}: a directory has one platform only",
                reference.display()
            )));
        }
        let platform = self.platform.as_deref().map(platform).transpose()?;
        let at = self
            .at
            .as_ref()
            .map(|at| if at.starts_with('/') { at.clone() } else { format!("/{at}") });
        let query = ImageQuery { platform, find_programs: true, at, built_here };
        Ok(Some(Image::read(reference, &query, seen)?))
    }
}

/// The platform of this name.
///
/// # Errors
/// The name is none.
pub fn platform(text: &str) -> Result<Platform, Error> {
    Platform::parse(text).ok_or_else(|| {
        Error::Usage(format!(
            "--platform {text}: write OS/ARCH or OS/ARCH/VARIANT, as in linux/arm/v7"
        ))
    })
}

/// The one file of this machine that the image is, if it is one.
pub fn archive_of(options: &ImageOptions) -> Option<PathBuf> {
    let source = reference::parse(options.reference.as_ref()?).ok()?;
    source.archive_file().map(Path::to_owned)
}

/// The image's own programs as subjects: what its commands run first, then every other one.
pub fn subjects(image: &Image, seen: BuildsByName) -> Vec<Subject> {
    let seen = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let commands: Vec<&str> =
        image.commands.iter().filter_map(|command| command.program()).collect();
    let mut programs: Vec<&Arc<Binary>> = image.programs.iter().collect();
    let rank = |program: &Binary| {
        commands.iter().position(|path| *path == program.path).unwrap_or(usize::MAX)
    };
    programs.sort_by_key(|program| (rank(program), program.path.clone()));
    // One that was asked for and bears another name is what the image is there to run.
    let is_meant = |path: &str, bin: &str| {
        let is_run = programs.len() == 1 || commands.contains(&path);
        let is_run = image.subject_at.as_deref().map_or(is_run, |at| at == path);
        bears_name(path, bin) || (is_run && !programs.iter().any(|it| bears_name(&it.path, bin)))
    };
    programs
        .iter()
        .map(|program| {
            let mut binary = (***program).clone();
            let known = binary.sha256.as_ref().and_then(|digest| seen.get(digest)).cloned();
            let (build, secrets) = known.unwrap_or_default();
            let build = build.filter(|build| is_meant(&program.path, &build.bin));
            binary.environment_secrets = secrets;
            let at = binary.path.clone();
            let mut facts = Facts { binary: Some(binary), build, ..Facts::default() };
            set_image(&mut facts, image, &at);
            Subject { name: at, origin: Origin::Image, facts }
        })
        .collect()
}

fn bears_name(path: &str, name: &str) -> bool {
    path.rsplit('/').next() == Some(name)
}

/// Puts the image beside a subject that was named or built here.
pub fn set_image_of(facts: &mut Facts, image: &Image, name: &str) {
    // Without `--at` the place is the one file of the image that bears the subject's name, or
    // the one that the image's command asks for.
    let found =
        image.programs.iter().filter(|program| bears_name(&program.path, name)).collect::<Vec<_>>();
    let asked_for = image
        .start()
        .and_then(|start| start.failure())
        .map(|failure| failure.name.clone())
        .filter(|path| path.starts_with('/') && bears_name(path, name));
    let at = match (&image.subject_at, &found[..]) {
        (Some(at), _) => Some(at.clone()),
        (None, [one]) => Some(one.path.clone()),
        (None, _) => asked_for,
    };
    let Some(at) = at else {
        // Nobody says where it will lie, so no rule is told; the loader has to start somewhere.
        facts.image = Some(image.clone());
        let somewhere = image.with_subject_path(&format!("/usr/local/bin/{name}"));
        facts.load =
            facts.binary.as_ref().and_then(|binary| StartPrediction::for_image(binary, &somewhere));
        return;
    };
    let lies_at = image.resolve(&at).map(|found| String::from_utf8_lossy(&found.path).into_owned());
    let copy = image.programs.iter().find(|program| Ok(&program.path) == lies_at.as_ref()).cloned();
    set_image(facts, image, &at);
    if let Some(image) = &mut facts.image {
        image.subject_copy = copy.or(image.subject_copy.take());
    }
}

fn set_image(facts: &mut Facts, image: &Image, at: &str) {
    let seen = image.with_subject_path(at);
    facts.load = facts.binary.as_ref().and_then(|binary| StartPrediction::for_image(binary, &seen));
    facts.image = Some(seen);
}

/// The name of a program's file.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string())
}
