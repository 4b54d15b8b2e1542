//! The units that made a program: each as Cargo compiled it, found from the program backwards.

use std::path::PathBuf;

use crate::cargo::file_time::FileTime;
use crate::cargo::target_dir::{OutputFile, RawUnit, TargetDirLayout};
use crate::toolchain::dep_info;
use crate::toolchain::dep_info::{DepInfo, Makefile};
use crate::toolchain::error::FormatError;
use crate::toolchain::fingerprint;
use crate::toolchain::fingerprint::{Fingerprint, Local};

/// One unit of a package that lies in a directory.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The package's name.
    pub package: String,
    /// The 16 hex digits in its files' names.
    pub hash: String,
    /// What it is.
    pub kind: UnitKind,
    /// `release`, `x86_64-unknown-linux-musl/release`.
    pub profile: PathBuf,
    /// Where its files were found.
    pub layout: TargetDirLayout,
    /// The directory with the fingerprint files.
    pub directory: PathBuf,
    /// The name of the fingerprint files.
    pub stem: String,
    /// What Cargo would compare, or why it cannot be read.
    pub fingerprint: Result<Fingerprint, FormatError>,
    /// The hash of its own fingerprint; `None` while it is being compiled or after a failure.
    pub own_hash: Option<u64>,
    /// The files whose times Cargo would look at, or why they cannot be read.
    pub dep_info: Option<Result<DepInfo, FormatError>>,
    /// What Cargo compares those times with: when the compilation that made it started.
    pub anchor: Option<FileTime>,
    /// Whether Cargo itself set the anchor, as far as one can tell: to when it began.
    pub anchor_is_cargos: bool,
    /// rustc's own list.
    pub makefile: Option<Makefile>,
    /// What it wrote.
    pub outputs: Vec<OutputFile>,
}

/// What a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitKind {
    /// A program.
    Bin(String),
    /// A library or proc-macro.
    Lib,
    /// The program that a `build.rs` is compiled to.
    BuildScript,
    /// One run of it.
    BuildScriptRun,
    /// A test, an example, a benchmark, documentation.
    Other,
}

impl Unit {
    /// Reads what Cargo kept.
    pub fn new(raw: RawUnit) -> Unit {
        let kind = kind(&raw.stem);
        let anchor = match kind {
            // A run is compared with what it printed.
            UnitKind::BuildScriptRun => {
                raw.outputs.iter().find(|it| is_printed(it)).map(|it| it.modified)
            }
            _ => raw.anchor,
        };
        let began_then = |anchor: FileTime| {
            raw.invoked.is_none_or(|invoked| invoked.same_but_for_truncation(anchor))
        };
        Unit {
            anchor_is_cargos: anchor.is_some_and(began_then),
            fingerprint: fingerprint::parse(&raw.json),
            own_hash: raw.digest.as_deref().and_then(fingerprint::parse_hash),
            dep_info: raw.dep_info.as_deref().map(dep_info::parse),
            makefile: raw.rustc_dep_info.as_deref().map(dep_info::parse_makefile),
            package: raw.package,
            hash: raw.hash,
            profile: raw.profile,
            layout: raw.layout,
            directory: raw.directory,
            stem: raw.stem,
            outputs: raw.outputs,
            kind,
            anchor,
        }
    }

    /// The features it was compiled with, where its fingerprint can be read.
    pub fn features(&self) -> Option<&[String]> {
        self.fingerprint.as_ref().ok().map(|fingerprint| fingerprint.features.as_slice())
    }

    /// Whether Cargo compares contents, not dates (`-Zchecksum-freshness`).
    pub fn is_compared_by_checksum(&self) -> bool {
        let by_content = |local: &Local| matches!(local, Local::DepInfo { by_content: true });
        self.fingerprint.iter().flat_map(|it| &it.local).any(by_content)
    }

    /// Whether its fingerprint has an entry that is not known: how Cargo compares is unknown, too.
    pub fn is_compared_in_an_unknown_way(&self) -> bool {
        let entries = self.fingerprint.iter().flat_map(|it| &it.local);
        entries.into_iter().any(|it| *it == Local::Unknown)
    }

    /// Whether it is a build script's run that named no file: Cargo compares it with the newest
    /// file of the package.
    pub fn is_compared_by_all_files(&self) -> bool {
        let is_precalculated =
            |local: &Local| matches!(local, Local::Precalculated(_) | Local::Unknown);
        self.fingerprint.iter().flat_map(|it| &it.local).any(is_precalculated)
    }

    /// Of what it wrote: the metadata of a library, the library, the proc-macro.
    pub fn metadata_file(&self) -> Option<&OutputFile> {
        let with = |wanted: &str| {
            self.outputs.iter().find(|it| it.path.extension().is_some_and(|it| it == wanted))
        };
        ["rmeta", "rlib", "so", "dylib", "dll"].into_iter().find_map(with)
    }

    /// Of what a build script's run wrote: what it printed.
    pub fn printed(&self) -> Option<&OutputFile> {
        self.outputs.iter().find(|output| is_printed(output))
    }

    /// Where a build script's run wrote its files: its `OUT_DIR`.
    pub fn out_dir(&self) -> Option<PathBuf> {
        let home = self.printed()?.path.parent()?;
        let home = match self.layout {
            TargetDirLayout::Shared => home,
            TargetDirLayout::PerUnit => home.parent()?,
        };
        Some(home.join("out")).filter(|_| self.kind == UnitKind::BuildScriptRun)
    }

    /// Of what it wrote: the program.
    pub fn program(&self) -> Option<&OutputFile> {
        let is_program = |output: &&OutputFile| {
            output
                .path
                .extension()
                .is_none_or(|extension| extension == "exe" || extension == "wasm")
        };
        match self.kind {
            UnitKind::Bin(_) | UnitKind::BuildScript => self.outputs.iter().find(is_program),
            UnitKind::Lib | UnitKind::BuildScriptRun | UnitKind::Other => None,
        }
    }
}

fn is_printed(output: &OutputFile) -> bool {
    let name = output.path.file_name().and_then(|name| name.to_str());
    matches!(name, Some("output" | "stdout"))
}

fn kind(stem: &str) -> UnitKind {
    if let Some(name) = stem.strip_prefix("bin-") {
        UnitKind::Bin(name.to_owned())
    } else if stem.starts_with("lib-") {
        UnitKind::Lib
    } else if stem.starts_with("run-build-script-") {
        UnitKind::BuildScriptRun
    } else if stem.starts_with("build-script-") {
        UnitKind::BuildScript
    } else {
        UnitKind::Other
    }
}

/// The units that a unit was made of, itself first, followed along the hashes that each
/// fingerprint keeps of its dependencies. Units that are not in the list, such as those of
/// downloaded packages, end their branch.
pub fn made_of(units: &[Unit], first: usize) -> Vec<usize> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(&index) = found.get(next) {
        next += 1;
        let Ok(fingerprint) = &units[index].fingerprint else { continue };
        for dependency in &fingerprint.dependencies {
            let twins = |at: &usize| units[*at].own_hash == Some(dependency.hash);
            // Equal hashes are equal units; of two copies the newer is the one in use.
            let unit = (0..units.len()).filter(twins).max_by_key(|at| units[*at].anchor);
            if let Some(unit) = unit.filter(|unit| !found.contains(unit)) {
                found.push(unit);
            }
        }
        // A build that failed leaves the hashes of the build before it, and the build script may
        // have run again since.
        if units[index].own_hash.is_none() {
            let is_run = |at: &usize| {
                units[*at].kind == UnitKind::BuildScriptRun
                    && units[*at].package == units[index].package
                    && units[*at].profile == units[index].profile
            };
            let run = (0..units.len()).filter(is_run).max_by_key(|at| units[*at].anchor);
            found.extend(run.filter(|run| !found.contains(run)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(stem: &str, own: &str, dependencies: &[&str]) -> Unit {
        let numbers: Vec<String> = dependencies
            .iter()
            .map(|hex| {
                format!("[1,\"d\",false,{}]", fingerprint::parse_hash(hex.as_bytes()).unwrap())
            })
            .collect();
        Unit::new(RawUnit {
            package: "p".to_owned(),
            hash: "0123456789abcdef".to_owned(),
            stem: stem.to_owned(),
            profile: "release".into(),
            layout: TargetDirLayout::Shared,
            directory: "d".into(),
            json: format!("{{\"features\":\"[]\",\"deps\":[{}]}}", numbers.join(",")).into_bytes(),
            digest: Some(own.as_bytes().to_vec()),
            dep_info: None,
            anchor: None,
            invoked: None,
            rustc_dep_info: None,
            outputs: Vec::new(),
        })
    }

    #[test]
    fn follows_the_hashes_and_ends_at_strangers() {
        let units = [
            unit("lib-old", "1111111111111111", &[]),
            unit("bin-app", "2222222222222222", &["3333333333333333", "9999999999999999"]),
            unit("lib-new", "3333333333333333", &["4444444444444444", "2222222222222222"]),
            unit("run-build-script-build-script-build", "4444444444444444", &[]),
        ];
        assert_eq!(units[1].kind, UnitKind::Bin("app".to_owned()));
        assert_eq!(units[3].kind, UnitKind::BuildScriptRun);
        assert_eq!(made_of(&units, 1), [1, 2, 3]);
        let mut failed = units;
        failed[1].own_hash = None;
        failed[2].own_hash = None;
        assert_eq!(made_of(&failed, 1), [1, 3], "whatever its hash was when the build failed");
    }
}
