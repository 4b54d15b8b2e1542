//! One crate of the program: what it was compiled from, what it would be compiled from now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::binary::MainVerdict;
use crate::cargo::compared::MainReach;
use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind};
use crate::cargo::file_time::FileTime;
use crate::cargo::source::module_tree::ModuleTree;
use crate::cargo::source::tokens::{MainFunction, Scan};
use crate::cargo::target_dir::units::Unit;
use crate::cargo::workspace::features::Declared;
use crate::fact::Fact;

/// What a crate is to the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrateRole {
    /// The program itself.
    Program,
    /// The library of its own package.
    OwnLibrary,
    /// The build script of a package.
    BuildScript,
    /// A run of that build script.
    BuildScriptRun,
    /// Another package's library or proc-macro.
    Member,
}

/// One crate: what it was compiled from and what it would be compiled from now.
#[derive(Debug, Clone)]
pub struct CrateFreshness {
    /// What it is to the subject.
    pub role: CrateRole,
    /// Its package.
    pub package: String,
    /// The name of the crate, as code says it.
    pub crate_name: String,
    /// The version in the manifest.
    pub version: String,
    /// The features that its manifest declares.
    pub declared: Declared,
    /// The directory of its package.
    pub directory: PathBuf,
    /// Its root file, relative to the workspace where it lies in it.
    pub root: String,
    /// What Cargo kept of its compilation.
    pub unit: Option<Unit>,
    /// Its files now; `None` for a build script's run.
    pub tree: Option<Arc<ModuleTree>>,
    /// What cannot be if it was compiled from these files.
    pub mismatches: Vec<Mismatch>,
    /// How many pieces of evidence say that it was.
    pub matches: usize,
    /// Whether every source's digest is the one that was compiled.
    pub proven: bool,
    /// Whether no inode of its files, nor of the directories that they lie in, changed since the
    /// compilation began: nobody can set those times.
    pub unchanged_inodes: bool,
    /// Files that Cargo looks at and that were written after the anchor: Cargo would rebuild.
    pub mtime_after: Vec<(String, FileTime)>,
    /// Files as old as the anchor, as far as the file system tells: Cargo would not.
    pub mtime_equal: Vec<String>,
    /// Files whose inode changed after the anchor though they are dated before it.
    pub ctime_after: Vec<String>,
    /// What `main` does in any case.
    pub reach: MainReach,
    /// Why something could not be compared.
    pub open: Vec<String>,
}

impl CrateFreshness {
    /// Whether something says that it was compiled from other files.
    pub fn is_stale(&self) -> bool {
        !self.mismatches.is_empty()
    }

    /// Whether Cargo would leave the unit as it is, as far as its own files decide it.
    pub fn cargo_calls_it_fresh(&self) -> bool {
        let Some(unit) = self.unit.as_ref().filter(|unit| unit.anchor.is_some()) else {
            return false;
        };
        if unit.is_compared_in_an_unknown_way() {
            return false;
        }
        match unit.is_compared_by_checksum() {
            true => self.mismatches.is_empty(),
            // A file that is listed and gone makes Cargo compile again as well.
            false => {
                let is_gone = |it: &Mismatch| it.kind == MismatchKind::Gone;
                self.mtime_after.is_empty() && !self.mismatches.iter().any(is_gone)
            }
        }
    }

    /// Whether it belongs to the program's own package and is no build script.
    pub fn is_own(&self) -> bool {
        matches!(self.role, CrateRole::Program | CrateRole::OwnLibrary)
    }

    /// The files that Cargo looks at, as it lists them, for a person.
    pub fn listed(&self) -> String {
        let files = self.unit.iter().filter_map(|unit| unit.dep_info.as_ref()?.as_ref().ok());
        let names: Vec<String> =
            files.flat_map(|info| &info.files).map(|it| it.path.display().to_string()).collect();
        match names.as_slice() {
            [] => "no file that it knows of".to_owned(),
            [first, second, third, _, ..] => {
                format!("{first}, {second}, {third} and {} more", names.len() - 3)
            }
            _ => names.join(", "),
        }
    }

    /// Why the dates say nothing about it, where nothing else was found against it.
    pub fn undecided_by_dates(&self) -> Option<String> {
        let unit = self.unit.as_ref()?;
        if unit.own_hash.is_none() || unit.anchor.is_none() {
            return Some(format!("the fingerprint of `{}` is half written", self.package));
        }
        if self.proven {
            return None;
        }
        if unit.is_compared_in_an_unknown_way() {
            return Some(format!(
                "cargo's fingerprint of `{}` has an entry that is not known",
                self.package
            ));
        }
        if let Some(why) = self.open.first() {
            return Some(why.clone());
        }
        if let Some((file, when)) = self.mtime_after.first() {
            let why = format!("{file} was written at {when}, after the build began");
            return Some(format!("{why}: cargo would compile it again"));
        }
        if let Some(file) = self.mtime_equal.first() {
            let why = format!("{file} is dated as the build began");
            return Some(format!("{why}: cargo would not see a change of that moment"));
        }
        if let Some(file) = self.ctime_after.first() {
            let why = format!("{file} came here after the build began and is dated before it");
            return Some(format!("{why}: cargo would not see what changed in it"));
        }
        None
    }

    /// Why nobody knows whether a build script's run read the files as they are now.
    pub fn undecided_run(&self) -> Option<String> {
        if self.proven {
            return None;
        }
        let package = &self.package;
        if let Some((file, when)) = self.mtime_after.first() {
            return Some(format!(
                "{file} was written at {when}, after the build script of `{package}` ran: cargo would \
                 run it again"
            ));
        }
        let late = self.ctime_after.first().map(|file| {
            format!(
                "{file} came here after the build script of `{package}` ran and is dated before it: \
                 cargo will not run it again, and nothing here kept what it read"
            )
        });
        late.or_else(|| self.open.first().cloned())
    }

    /// Whether this file is one of its sources now.
    pub fn has(&self, path: &Path) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.file(path).is_some())
    }

    /// `main` of the root file.
    pub fn main(&self) -> Option<&MainFunction> {
        self.root_scan()?.main.as_ref()
    }

    fn root_scan(&self) -> Option<&Scan> {
        self.tree.as_ref()?.root_file()?.scan.as_ref()?.as_ref().ok()
    }

    /// Whether a file of the crate puts a macro of its own in the place of one of the standard
    /// library's.
    pub fn redefines(&self, name: &str) -> bool {
        let files = self.tree.iter().flat_map(|tree| &tree.files);
        let mut scans = files.filter_map(|file| file.scan.as_ref()?.as_ref().ok());
        scans.any(|scan| scan.macros.contains(name))
    }

    /// Whether `main` calls something and may still come to nothing, unless it has surely been so
    /// since the build.
    pub fn may_come_to_nothing(&self) -> bool {
        !self.unchanged_inodes && self.main().is_some_and(|main| main.tokens > 0 && main.calls)
    }

    /// Whether the features decide that `main` does nothing: nothing of its body is compiled, or
    /// another one is under other features.
    pub fn is_empty_by_feature(&self) -> bool {
        let scan = self.root_scan();
        let another = scan.is_some_and(|scan| scan.other_main_by_feature);
        match self.main() {
            Some(main) => main.tokens == 0 && (main.by_feature || another),
            None => another,
        }
    }

    /// Where `main` of the root file is, as `file:line`.
    pub fn main_place(&self) -> Option<String> {
        self.main().map(|main| format!("{}:{}", self.root, main.line))
    }

    /// Where `main` of a program and `main` of the sources cannot be one, as a clause.
    pub fn other_main(&self, found: &Fact<MainVerdict>) -> Option<String> {
        let main = self.main()?;
        let place = self.main_place()?;
        let names = |wanted: &[&str]| main.macros.iter().any(|it| wanted.contains(&it.as_str()));
        match found.value? {
            MainVerdict::Empty if self.reach == MainReach::Acts => {
                Some(format!("its `main` does nothing, unlike the one at {place}"))
            }
            MainVerdict::HelloWorld
                if main.tokens > 0
                    && !main.string_literals.iter().any(|it| it.starts_with("Hello, world!")) =>
            {
                Some(format!("its `main` prints `Hello, world!`, unlike the one at {place}"))
            }
            MainVerdict::PlaceholderText
                if main.tokens > 0
                    && !names(&["todo", "unimplemented"])
                    && !main
                        .string_literals
                        .iter()
                        .any(|it| !it.is_empty() && found.evidence.contains(it.trim())) =>
            {
                Some(format!("its `main` is a placeholder, unlike the one at {place}"))
            }
            _ => None,
        }
    }
}
