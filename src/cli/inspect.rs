//! `inspect`: the facts of any programs, judged by nothing.

#![expect(clippy::disallowed_methods, reason = "it asks the disk")]

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::binary::Binary;
use crate::cargo::fs;
use crate::cli::output::{Failure, Output};
use crate::report;
use crate::report::binary::{Answer, Entry};

/// Words after `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Programs, libraries, and folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read headers only: no digest, no scan of the contents
    #[arg(long)]
    quick: bool,
    /// Leave out the SHA-256
    #[arg(long)]
    no_digest: bool,
    /// How to print the facts
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
}

/// One file to answer for.
struct Job {
    path: PathBuf,
    /// It was named, and not found in a folder: it is answered for whatever it is.
    named: bool,
}

/// The facts of one file, why there are none, or nothing for a file of a folder that is no
/// program.
type Facts = Option<Result<Binary, String>>;

/// Prints the facts of every file.
///
/// # Errors
/// The output refuses them.
pub fn run(words: &Inspect) -> Result<u8, Failure> {
    let jobs = jobs(&words.files);
    let answers = answers(&jobs, words);
    let failed = answers.iter().any(|(_, answer)| answer.is_err());
    words.output.write(|to, style| match words.format {
        Format::Table => report::inspect::write(&answers, style, to),
        Format::Json => report::binary::write(&entries(&answers), to),
        Format::Jsonl => report::binary::write_lines(&entries(&answers), to),
    })?;
    Ok(if failed { crate::cli::FAILED } else { crate::cli::CLEAN })
}

fn entries(answers: &[(String, Result<Binary, String>)]) -> Vec<Answer<'_>> {
    fn entry((path, answer): &(String, Result<Binary, String>)) -> Answer<'_> {
        match answer {
            Ok(binary) => Answer::Binary(Box::new(Entry::from(binary))),
            Err(error) => Answer::Error { path, error },
        }
    }
    answers.iter().map(entry).collect()
}

/// The files that were named and those of the folders that were named, in order.
fn jobs(named: &[PathBuf]) -> Vec<Result<Job, (PathBuf, String)>> {
    let mut jobs = Vec::new();
    for path in named {
        if !path.is_dir() {
            jobs.push(Ok(Job { path: path.clone(), named: true }));
            continue;
        }
        match fs::walk(path) {
            Ok(found) => jobs.extend(found.into_iter().map(|one| match one {
                Ok(path) => Ok(Job { path, named: false }),
                Err(error) => Err((path.clone(), error.to_string())),
            })),
            Err(error) => jobs.push(Err((path.clone(), error.to_string()))),
        }
    }
    jobs
}

/// Reads the files on every processor, and hands the answers back in the order of the jobs.
fn answers(
    jobs: &[Result<Job, (PathBuf, String)>],
    words: &Inspect,
) -> Vec<(String, Result<Binary, String>)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let mut done: BTreeMap<usize, (String, Result<Binary, String>)> = BTreeMap::new();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    let (path, facts) = match job {
                        Ok(job) => (&job.path, facts(job, words)),
                        Err((path, error)) => (path, Some(Err(error.clone()))),
                    };
                    // The receiver outlives every sender.
                    let _ = send.send((index, path.display().to_string(), facts));
                }
            });
        }
        drop(send);
        let mut progress = Progress::new(jobs.len());
        loop {
            match receive.recv_timeout(Duration::from_millis(100)) {
                Ok((index, path, facts)) => {
                    progress.finished += 1;
                    if let Some(facts) = facts {
                        done.insert(index, (path, facts));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress.show();
        }
    });
    done.into_values().collect()
}

fn facts(job: &Job, words: &Inspect) -> Facts {
    if !job.named {
        match fs::looks_like_a_program(&job.path) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error.to_string())),
        }
    }
    Some(read(&job.path, words).map(|mut binary| {
        // The report has no use for the loader's tables, and thousands of them add up.
        binary.linking = None;
        binary
    }))
}

fn read(path: &Path, words: &Inspect) -> Result<Binary, String> {
    let shown = path.display().to_string();
    if words.quick {
        let file = fs::open(path).map_err(|error| error.to_string())?;
        return Binary::quick(shown, file).map_err(|error| error.to_string());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Binary::full(shown, &bytes, !words.no_digest).map_err(|error| error.to_string())
}

/// A line on a terminal's standard error, once the work takes longer than a breath.
struct Progress {
    all: usize,
    finished: usize,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    fn new(all: usize) -> Progress {
        Progress { all, finished: 0, started: Instant::now(), shown: None }
    }

    fn show(&mut self) {
        const PATIENCE: Duration = Duration::from_millis(700);
        let due = self.shown.is_none_or(|last| last.elapsed() > Duration::from_millis(100));
        if self.started.elapsed() < PATIENCE || !due || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        // Progress that cannot be shown is no loss.
        let _ = write!(io::stderr(), "\r{} of {} files", self.finished, self.all);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
