//! Which programs are compiled again: those of the subjects that have a build here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cargo::build::Build;
use crate::cargo::rebuild::{self, RebuildRequest, RebuildTarget};
use crate::cargo::target_dir::outputs::stem;
use crate::cargo::workspace::Workspace;
use crate::config::Config;
use crate::digest::sha256_hex;
use crate::rootfs::extract_file;
use crate::session::Error;
use crate::session::{image_history, same_flags};
use crate::subject::Subject;

/// Whether and how programs are compiled again.
#[derive(Debug, Clone, Copy, Default)]
pub struct RebuildOptions {
    /// Compile again. Only who runs the linter decides that: compiling runs build scripts.
    pub rebuild: bool,
    /// The directory of the rebuild stays.
    pub keep: bool,
    /// Is told each crate as cargo begins to compile it, and at last nothing.
    pub progress: Option<fn(Option<&str>)>,
}

impl RebuildOptions {
    /// What to say where the configuration wants a rebuild that nobody allowed.
    pub(crate) fn note(self, config: &Config) -> Option<String> {
        let place = config.wants_rebuild.as_ref().filter(|_| !self.rebuild)?;
        Some(format!(
            "{place} sets `rebuild = true`; pass `--rebuild` to compile, which runs build scripts"
        ))
    }

    /// Compiles again what can be, and puts the answers into the subjects' builds.
    ///
    /// # Errors
    /// This program cannot be found again.
    pub(crate) fn run(
        self,
        subjects: &mut [Subject],
        workspace: &Workspace,
        image: Option<&OsStr>,
    ) -> Result<(), Error> {
        if !self.rebuild {
            return Ok(());
        }
        let executable =
            rebuild::executable().map_err(|error| Error::Usage(format!("--rebuild: {error}")))?;
        let builds = subjects.iter().map(|subject| subject.facts.build.as_ref());
        let mut directories: Vec<PathBuf> =
            builds.flatten().map(|build| build.profile_dir.clone()).collect();
        directories.sort();
        directories.dedup();
        for directory in directories {
            let is_here = |index: &usize| {
                let facts = &subjects[*index].facts;
                let build = facts.build.as_ref().filter(|_| facts.binary.is_some());
                build.is_some_and(|build| build.profile_dir == directory)
            };
            let members: Vec<usize> = (0..subjects.len()).filter(is_here).collect();
            let programs: Vec<RebuildTarget> = members
                .iter()
                .filter_map(|index| program(&subjects[*index], workspace, image))
                .collect();
            let build = members.first().and_then(|index| subjects[*index].facts.build.as_ref());
            let Some(build) = build else { continue };
            let request = RebuildRequest {
                programs,
                executable: executable.clone(),
                keep: self.keep,
                ..request(build, workspace)
            };
            let tell = |what: Option<&str>| self.progress.into_iter().for_each(|tell| tell(what));
            let answers = rebuild::rebuild(&request, &|what| tell(Some(what)));
            tell(None);
            for (index, answer) in members.into_iter().zip(answers) {
                if let Some(build) = &mut subjects[index].facts.build {
                    build.rebuild = Some(answer);
                }
            }
        }
        Ok(())
    }
}

/// The program of a subject: its file on this machine, or its bytes out of an image.
fn program(
    subject: &Subject,
    workspace: &Workspace,
    image: Option<&OsStr>,
) -> Option<RebuildTarget> {
    let build = subject.facts.build.as_ref()?;
    let binary = subject.facts.binary.as_ref()?;
    let here = subject.origin.on_this_machine();
    let config = subject.facts.image.as_ref().and_then(|image| image.config.as_ref());
    let mut same_flags = None;
    let bytes = image.filter(|_| here.is_none()).and_then(|reference| {
        let settings = config.map(image_history::configurations).unwrap_or_default();
        let paths: Vec<&str> =
            [binary.path.as_str()].into_iter().chain(settings.iter().map(String::as_str)).collect();
        let mut found = extract_file::read(reference, None, &paths).ok()?.into_iter();
        let bytes = found.next().flatten()?;
        let mut there = settings.iter().zip(found).filter_map(|(path, it)| Some((path, it?)));
        let setting = workspace
            .config
            .first_setting()
            .or_else(|| there.find_map(|(path, it)| image_history::setting_of(path, &it)));
        // Of an image for several platforms it may be another one's.
        let is_it = binary.sha256.as_deref() == Some(sha256_hex(&bytes).as_str());
        same_flags =
            is_it.then(|| same_flags::known(&bytes, build, config, &binary.rustc, setting));
        is_it.then_some(bytes)
    });
    Some(RebuildTarget {
        same_flags,
        package: build.package.name.clone(),
        spec: format!("{}@{}", build.package.name, build.package.version),
        bin: build.bin.clone(),
        path: build.invocation.cwd.join(here.unwrap_or(&build.executable)),
        bytes,
    })
}

fn request(build: &Build, workspace: &Workspace) -> RebuildRequest {
    let query = &workspace.query;
    let mut arguments = Vec::new();
    if let Some(path) = &query.manifest_path {
        arguments.extend(["--manifest-path".to_owned(), path.display().to_string()]);
    }
    for config in &query.config {
        arguments.extend(["--config".to_owned(), config.clone()]);
    }
    let packages = query.packages.iter().flat_map(|it| ["-p".to_owned(), it.clone()]);
    let directory = build.profile_dir.file_name().unwrap_or_default();
    let foreign = workspace.metadata.packages.iter().filter(|it| it.source.is_some());
    RebuildRequest {
        cargo: query.cargo(),
        cwd: query.cwd.clone(),
        env: query.env.clone(),
        arguments,
        selection: packages.collect(),
        features: query.requested_features.words(),
        workspace_root: build.workspace_root.clone(),
        build_dir: build.build_dir.clone(),
        packages: build
            .path_packages
            .iter()
            .map(|it| (it.name.clone(), it.version.clone(), it.root.clone()))
            .collect(),
        foreign: foreign
            .filter_map(|it| it.manifest_path.as_std_path().parent().map(Path::to_owned))
            .collect(),
        profile: build.profile.name.clone(),
        profile_directory: directory.to_string_lossy().into_owned(),
        target: build.target.as_ref().map(|it| (it.clone(), stem(it).to_owned())),
        ..RebuildRequest::default()
    }
}
