//! The rows of the committed manifests, and the programs they name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::run;
use super::slow::{self, Need};

/// One row of a manifest: column to value.
pub type Row = BTreeMap<String, String>;

/// Where the manifests and the lists of crates are.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/corpus")
}

/// The rows of a file with a line of column names; fields may be quoted.
pub fn rows(file: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(data().join(file)).expect("the manifest is committed");
    let mut lines = text.lines().map(fields);
    let names = lines.next().expect("a manifest has column names");
    lines.map(|values| names.iter().cloned().zip(values).collect()).collect()
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("never empty").push(c),
        }
    }
    fields
}

/// How much of the corpus is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What continuous integration fetches: 86 MB.
    Core,
    /// Every row, npm's too: 700 MB of archives.
    Full,
}

/// `BINLINT_CORPUS=full` asks for everything.
pub fn extent() -> Extent {
    match std::env::var("BINLINT_CORPUS").as_deref() {
        Ok("full") => Extent::Full,
        _ => Extent::Core,
    }
}

/// The folder that holds the fetched programs by their id, fetching what is missing.
///
/// `None` unless everything is to run or the whole corpus was asked for.
pub fn programs(extent: Extent) -> Option<PathBuf> {
    if extent == Extent::Core && slow::is_left_out(Need::Corpus) {
        return None;
    }
    let root = std::env::var_os("BINLINT_CORPUS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus"), PathBuf::from);
    // Several tests want the same files.
    static FETCHING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut fetch = run::command("python3");
    fetch.arg(data().join("fetch.py")).arg(data().join("corpus-open.csv")).arg(&root);
    if extent == Extent::Core {
        fetch.arg("--core");
    }
    let done = fetch.status();
    let fetched = done.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(fetched, "the corpus could not be fetched: {done:?}");
    Some(root.join("bin"))
}
