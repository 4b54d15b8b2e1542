//! The processes of a rebuild: cargo, rustc behind the wrapper, and the one that cleans up after a
//! rebuild that was killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::RebuildError;
use super::files::{self, Scratch};
use super::wrapper::{self, MARK, PLAN};

/// Where it is set, this program waits for the rebuild that started it to end.
pub const JANITOR: &str = "BINLINT_REBUILD_JANITOR";
/// No more is kept of what cargo prints, in bytes.
const MAX_PRINTED: u64 = 16 << 20;
/// No list of what to clean up is longer, in bytes.
const MAX_TOLD: u64 = 1 << 20;

/// Cleans up when this process ends, however it ends: a signal that nobody can catch included.
///
/// It is a process of its own, in a group of its own so that Ctrl-C does not reach it. It reads
/// from a pipe that this process holds open, and acts when the pipe ends without a last word.
#[derive(Debug)]
pub struct Janitor {
    child: Option<(Child, ChildStdin)>,
}

impl Janitor {
    /// Starts it. Where that fails, there is nobody to clean up after a kill, and the next rebuild
    /// removes what is left.
    pub fn start(executable: &Path, scratch: &Scratch) -> Janitor {
        let mut command = Command::new(executable);
        command.env(JANITOR, "1").env_remove(PLAN).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok().and_then(|mut child| {
            let stdin = child.stdin.take()?;
            Some((child, stdin))
        });
        let mut janitor = Janitor { child };
        if !scratch.keep {
            janitor.tell("remove", &scratch.path);
        }
        let since = scratch.parent.1.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = since {
            let word = format!("parent {} {}", since.as_secs(), since.subsec_nanos());
            janitor.tell(&word, &scratch.parent.0);
        }
        janitor
    }

    fn tell(&mut self, word: &str, path: &Path) {
        if let Some((_, stdin)) = &mut self.child {
            let _ = writeln!(stdin, "{word} {}", path.display());
        }
    }

    fn group(&mut self, group: Option<u32>) {
        if let Some((_, stdin)) = &mut self.child {
            let _ = writeln!(stdin, "group {}", group.unwrap_or(0));
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        if let Some((mut child, mut stdin)) = self.child.take() {
            let _ = writeln!(stdin, "done");
            drop(stdin);
            let _ = child.wait();
        }
    }
}

/// The janitor's work: reads what there is to clean up, and does it when the rebuild is gone.
fn clean_up_when_orphaned() {
    let mut group = 0;
    let (mut remove, mut parent) = (None, None);
    let told = BufReader::new(std::io::stdin().lock().take(MAX_TOLD));
    for line in told.lines().map_while(Result::ok) {
        match line.split_once(' ') {
            Some(("remove", path)) => remove = Some(PathBuf::from(path)),
            Some(("parent", rest)) => parent = dated(rest),
            Some(("group", number)) => group = number.parse().unwrap_or(0),
            _ if line == "done" => return,
            _ => {}
        }
    }
    if let Some(pid) = Pid::from_raw(group) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    // Only what a rebuild makes, whatever the pipe said.
    let is_ours = |path: &PathBuf| {
        path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(files::PREFIX))
    };
    if let Some(path) = remove.filter(is_ours) {
        files::remove(&path);
    }
    if let Some((parent, modified)) = parent {
        files::set_times(&parent, Some(modified));
    }
}

/// `SECONDS NANOSECONDS PATH`.
fn dated(text: &str) -> Option<(PathBuf, SystemTime)> {
    let (seconds, rest) = text.split_once(' ')?;
    let (nanoseconds, path) = rest.split_once(' ')?;
    let since = Duration::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
    Some((PathBuf::from(path), UNIX_EPOCH.checked_add(since)?))
}

/// One run of `cargo build`.
#[derive(Debug, Clone)]
pub struct RebuildRun<'a> {
    /// The program.
    pub cargo: &'a Path,
    /// Everything after its name.
    pub arguments: Vec<String>,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
    /// Where it is started.
    pub cwd: &'a Path,
}

/// What a run of cargo came to.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Whether it succeeded.
    pub success: bool,
    /// What it printed, the messages of compilers included.
    pub printed: Vec<String>,
}

impl RebuildRun<'_> {
    /// Runs it to its end. Each crate that cargo says it compiles is told while it does.
    ///
    /// # Errors
    /// There is no cargo.
    pub fn run(
        &self,
        janitor: &mut Janitor,
        progress: &dyn Fn(&str),
    ) -> Result<Ended, RebuildError> {
        let failed = |error: std::io::Error| RebuildError::Run {
            program: self.cargo.to_owned(),
            reason: error.to_string(),
        };
        let mut child = Command::new(self.cargo)
            .args(&self.arguments)
            .current_dir(self.cwd)
            .env_clear()
            .envs(&self.environment)
            // With a group of its own, all compilers can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        janitor.group(Some(child.id()));
        let mut printed = Vec::new();
        let mut left = MAX_PRINTED;
        if let Some(stderr) = child.stderr.take() {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(what) = line.trim_start().strip_prefix("Compiling ") {
                    progress(what.split(" (").next().unwrap_or(what));
                }
                left = left.saturating_sub(line.len() as u64);
                if left > 0 {
                    printed.push(line);
                }
            }
        }
        let status = child.wait().map_err(failed)?;
        janitor.group(None);
        Ok(Ended { success: status.success(), printed })
    }
}

/// Runs as the wrapper, or as the one that cleans up after a rebuild that was killed, where the
/// environment says so; returns the exit code. The first argument is this program's own name.
pub fn run_hidden(arguments: &[OsString]) -> Option<u8> {
    if std::env::var_os(JANITOR).is_some() {
        clean_up_when_orphaned();
        return Some(0);
    }
    let plan = std::env::var_os(PLAN)?;
    let variables = std::env::vars_os();
    // Variables that are not UTF-8 stay as they are.
    let environment = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let arguments = arguments.get(1..).unwrap_or_default();
    let call = wrapper::rewrite(Path::new(&plan), arguments, environment.collect());
    let error = match call {
        Ok((arguments, environment)) => become_rustc(&arguments, &environment),
        Err(why) => why.to_string(),
    };
    let _ = writeln!(std::io::stderr(), "{MARK}{error}");
    Some(1)
}

/// Becomes the compiler that cargo asked for; returns only where that fails.
fn become_rustc(arguments: &[String], environment: &BTreeMap<String, String>) -> String {
    let Some((program, rest)) = arguments.split_first() else { return "no compiler".to_owned() };
    let error = Command::new(program).args(rest).envs(environment).env_remove(PLAN).exec();
    format!("cannot run {program}: {error}")
}

/// The file of this program.
///
/// # Errors
/// It cannot be found again.
pub fn executable() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The directory for temporary files.
pub fn temporary() -> PathBuf {
    std::env::temp_dir()
}

/// The number of this process.
pub fn number() -> u32 {
    std::process::id()
}
