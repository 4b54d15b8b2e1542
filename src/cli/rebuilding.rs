//! `--rebuild`: which programs are compiled again, and what is told meanwhile.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use crate::cargo::build::Build;
use crate::cargo::rebuild::{self, Program, Rebuild, Request};
use crate::cargo::target_dir::outputs::stem;
use crate::cargo::workspace::Workspace;
use crate::cli::output::{self, Failure};
use crate::cli::subject::Subject;
use crate::config::Config;
use crate::provenance::attestation;
use crate::rootfs::extract_file;

/// Options of every command that can compile again.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Rebuild")]
pub struct Rebuilding {
    /// Compile the workspace's own crates again, beside the build, and compare the programs
    #[arg(long)]
    pub rebuild: bool,
    /// Keep the directory of the rebuild
    #[arg(long)]
    pub keep: bool,
}

impl Rebuilding {
    /// Compiles again what can be, and puts the answers into the subjects' builds.
    ///
    /// # Errors
    /// This program cannot be found again.
    pub fn run(
        &self,
        subjects: &mut [Subject],
        workspace: &Workspace,
        config: &Config,
        image: Option<&OsStr>,
    ) -> Result<(), Failure> {
        if !self.rebuild && !config.rebuild {
            return Ok(());
        }
        let executable =
            rebuild::executable().map_err(|error| Failure::Words(format!("--rebuild: {error}")))?;
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
            let programs: Vec<Program> =
                members.iter().filter_map(|index| program(&subjects[*index], image)).collect();
            let build = members.first().and_then(|index| subjects[*index].facts.build.as_ref());
            let Some(build) = build else { continue };
            let request = Request {
                programs,
                executable: executable.clone(),
                keep: self.keep,
                ..request(build, workspace)
            };
            let answers = rebuild_with_progress(&request);
            for (index, answer) in members.into_iter().zip(answers) {
                if let Some(build) = &mut subjects[index].facts.build {
                    build.rebuild = Some(answer);
                }
            }
        }
        Ok(())
    }
}

fn rebuild_with_progress(request: &Request) -> Vec<Rebuild> {
    let is_shown = io::stderr().is_terminal();
    let start = Instant::now();
    let answers = rebuild::rebuild(request, &|what| {
        if is_shown {
            let what: String = what.chars().filter(|it| !it.is_control()).take(60).collect();
            let seconds = start.elapsed().as_secs();
            let _ = write!(output::stderr(), "\r\x1b[K  Rebuilding {what} ({seconds} s)");
        }
    });
    if is_shown {
        let _ = write!(output::stderr(), "\r\x1b[K");
    }
    if let Some(kept) = answers.iter().find_map(|answer| answer.kept.as_ref()) {
        let _ = writeln!(output::stderr(), "the rebuild is kept in {}", kept.display());
    }
    answers
}

/// The program of a subject: its file on this machine, or its bytes out of an image.
fn program(subject: &Subject, image: Option<&OsStr>) -> Option<Program> {
    let build = subject.facts.build.as_ref()?;
    let binary = subject.facts.binary.as_ref()?;
    let here = subject.origin.on_this_machine();
    let bytes = image.filter(|_| here.is_none()).and_then(|reference| {
        let found = extract_file::read(reference, None, &[&binary.path]).ok()?;
        let bytes = found.into_iter().next().flatten()?;
        // Of an image for several platforms it may be another one's.
        (binary.sha256.as_deref() == Some(attestation::sha256_hex(&bytes).as_str()))
            .then_some(bytes)
    });
    Some(Program {
        package: build.package.name.clone(),
        spec: format!("{}@{}", build.package.name, build.package.version),
        bin: build.bin.clone(),
        path: build.typed.cwd.join(here.unwrap_or(&build.executable)),
        bytes,
    })
}

fn request(build: &Build, workspace: &Workspace) -> Request {
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
    Request {
        cargo: query.cargo(),
        cwd: query.cwd.clone(),
        env: query.env.clone(),
        arguments,
        selection: packages.collect(),
        features: query.asked.words(),
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
        ..Request::default()
    }
}
