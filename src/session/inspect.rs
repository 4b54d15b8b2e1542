//! `inspect`: the facts of any programs, with no rule run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::binary::Binary;
use crate::binary::parse::ParseError;
use crate::cargo::error::WorkspaceError;
use crate::cargo::fs;

/// Which files are read, and how closely.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// Programs, libraries, and folders of them.
    pub files: Vec<PathBuf>,
    /// Read headers only: no digest, no scan of the contents.
    pub quick: bool,
    /// Leave out the SHA-256.
    pub no_digest: bool,
}

/// Why a file has no facts. Only [`InspectError::Found`] names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// Nothing is at the path.
    #[error("there is no such file")]
    NotFound,
    /// The system refuses it.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// A directory without any program.
    #[error("there is no binary in this directory (ELF, Mach-O, PE or wasm)")]
    NoBinary,
    /// A file that was found in a directory cannot be read, or one is too large.
    #[error("{message}")]
    Found {
        /// With the path.
        message: String,
    },
    /// It is no program.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

impl From<WorkspaceError> for InspectError {
    fn from(error: WorkspaceError) -> InspectError {
        InspectError::Found { message: error.to_string() }
    }
}

/// A path as it was named or found, and the facts of the file or why there are none.
pub type InspectResult = (String, Result<Binary, InspectError>);

/// One file to answer for.
struct Job {
    path: PathBuf,
    /// It was named, and not found in a folder: it is answered for whatever it is.
    named: bool,
}

/// The facts of one file, why there are none, or nothing for a file of a folder that is no
/// program.
type FileFacts = Option<Result<Binary, InspectError>>;

/// Reads every file, in order. `progress` hears ten times a second how many of how many are read.
pub fn inspect(
    options: &InspectOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Vec<InspectResult> {
    let mut answers = answers(&jobs(&options.files), options, progress);
    for path in options.files.iter().filter(|path| fs::is_directory(path)) {
        if !answers.iter().any(|(found, _)| Path::new(found).starts_with(path)) {
            answers.push((path.display().to_string(), Err(InspectError::NoBinary)));
        }
    }
    answers
}

/// The files that were named and those of the folders that were named, in order.
fn jobs(named: &[PathBuf]) -> Vec<Result<Job, (PathBuf, InspectError)>> {
    let mut jobs = Vec::new();
    for path in named {
        if !fs::is_directory(path) {
            jobs.push(Ok(Job { path: path.clone(), named: true }));
            continue;
        }
        match fs::walk(path) {
            Ok(found) => jobs.extend(found.into_iter().map(|one| match one {
                Ok(path) => Ok(Job { path, named: false }),
                Err(error) => Err((path.clone(), error.into())),
            })),
            Err(error) => jobs.push(Err((path.clone(), error.into()))),
        }
    }
    jobs
}

/// Reads the files on every processor, and hands the answers back in the order of the jobs.
fn answers(
    jobs: &[Result<Job, (PathBuf, InspectError)>],
    options: &InspectOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Vec<InspectResult> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let mut done: BTreeMap<usize, InspectResult> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    let (path, facts) = match job {
                        Ok(job) => (&job.path, facts(job, options)),
                        Err((path, error)) => (path, Some(Err(error.clone()))),
                    };
                    // The receiver outlives every sender.
                    let _ = send.send((index, path.display().to_string(), facts));
                }
            });
        }
        drop(send);
        let mut finished = 0;
        loop {
            match receive.recv_timeout(Duration::from_millis(100)) {
                Ok((index, path, facts)) => {
                    finished += 1;
                    if let Some(facts) = facts {
                        done.insert(index, (path, facts));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress(finished, jobs.len());
        }
    });
    done.into_values().collect()
}

fn facts(job: &Job, options: &InspectOptions) -> FileFacts {
    if !job.named {
        match fs::looks_like_a_program(&job.path) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error.into())),
        }
    }
    Some(read(&job.path, options).map(|mut binary| {
        // The report has no use for the loader's tables, and thousands of them add up.
        binary.linking = None;
        binary
    }))
}

/// The error without the path, which the answer bears already.
fn of_named(error: WorkspaceError) -> InspectError {
    match error {
        WorkspaceError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            InspectError::NotFound
        }
        WorkspaceError::Read { source, .. } => {
            InspectError::Unreadable { reason: source.to_string() }
        }
        other => other.into(),
    }
}

fn read(path: &Path, options: &InspectOptions) -> Result<Binary, InspectError> {
    let shown = path.display().to_string();
    if options.quick {
        let file = fs::open(path).map_err(of_named)?;
        return Binary::quick(shown, file).map_err(InspectError::from);
    }
    let bytes = fs::read(path).map_err(of_named)?;
    Binary::full(shown, &bytes, !options.no_digest).map_err(InspectError::from)
}
