//! What is left out. Unless `BINLINT_SLOW` is set, as `.ci/run` sets it, a test that needs more than
//! this machine's compiler and ten seconds is left out whatever the machine has, and a test whose
//! tool is not installed is left out too. With it nothing is: what is missing fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::{env, thread};

/// What a test needs that not every machine has, or not every developer has time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A container engine that builds and runs images.
    Engine,
    /// The superuser: a chroot, a mount, a device node.
    Root,
    /// Packages that are fetched: Debian's, PyPI's, crates that no lockfile of ours has.
    Network,
    /// The programs of others, which are fetched as well.
    Corpus,
    /// Other compilers and linkers, and emulators of other machines.
    Toolchains,
    /// More than ten seconds.
    Time,
}

impl Need {
    fn words(self) -> &'static str {
        match self {
            Need::Engine => "a container engine",
            Need::Root => "root",
            Need::Network => "packages from the network",
            Need::Corpus => "the corpus",
            Need::Toolchains => "other toolchains",
            Need::Time => "more than ten seconds",
        }
    }
}

/// How often each need was not met, and the tools that are not installed.
#[derive(Default)]
struct LeftOut {
    needs: BTreeMap<Need, usize>,
    tools: BTreeSet<String>,
}

static LEFT_OUT: Mutex<LeftOut> =
    Mutex::new(LeftOut { needs: BTreeMap::new(), tools: BTreeSet::new() });

/// Whether everything is to run.
pub fn everything() -> bool {
    env::var_os("BINLINT_SLOW").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Whether a test, or the part of one that follows, is left out for what it needs.
pub fn is_left_out(need: Need) -> bool {
    if everything() {
        return false;
    }
    note(need.words(), |left_out| *left_out.needs.entry(need).or_default() += 1);
    true
}

/// Notes a tool that is not installed; the test goes on without it, or ends. Fails where everything
/// is to run.
#[track_caller]
pub fn lacks(tool: &str) {
    assert!(!everything(), "not installed: {tool}");
    note(tool, |left_out| _ = left_out.tools.insert(tool.to_owned()));
}

/// Whether a program is installed; notes one that is not.
#[track_caller]
pub fn has(tool: &str) -> bool {
    let found = is_there(tool);
    if !found {
        lacks(tool);
    }
    found
}

/// Whether a program is installed that would only add to a test.
pub fn is_there(tool: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|directory| directory.join(tool).is_file())
}

/// Whether a run has a filter; then the test that says what was left out need not be in it.
fn is_filtered() -> bool {
    env::args().skip(1).any(|argument| !argument.starts_with('-'))
}

fn note(why: &str, add: impl FnOnce(&mut LeftOut)) {
    if is_filtered() {
        let thread = thread::current();
        print(&format!("left out: {}: {why}", thread.name().unwrap_or_default()));
    } else {
        add(&mut LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One line, past the test runner, which would keep it.
fn print(line: &str) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints one line about all that was left out so far, and returns whether there was anything.
pub fn say_what_was_left_out() -> bool {
    let left_out = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let LeftOut { needs, tools } = &*left_out;
    let mut line = String::new();
    if !needs.is_empty() {
        let parts = needs.iter().map(|(need, count)| format!("{} ({count})", need.words()));
        let parts: Vec<String> = parts.collect();
        let _ = write!(line, "; BINLINT_SLOW=1 runs what needs {}", parts.join(", "));
    }
    if !tools.is_empty() {
        let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
        let _ = write!(line, "; not installed: {}", tools.join(", "));
    }
    if let Some(what) = line.strip_prefix("; ") {
        print(&format!("left out: {what}"));
    }
    !line.is_empty()
}
