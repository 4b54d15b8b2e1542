//! What `freshen` remembers between two runs, and how it decides by it.
//!
//! Stable Cargo keeps no digest of what it compiled, so none can be compared afterwards. `freshen`
//! keeps its own: the digests of the sources as they were before a build. A unit that was compiled
//! later was compiled from them, as long as nothing changed them in between; `docs/freshness.md`
//! says what follows from that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::cargo::file_time::FileTime;
use crate::cargo::target_dir::units::{Unit, UnitKind};

/// The version of the file's format; another one is read as no ledger at all.
const SCHEMA: &str = "binlint.ledger/1";

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshenState {
    schema: String,
    /// When the last run looked, by the clock of the target directory's file system, in
    /// nanoseconds since 1970.
    #[serde(with = "moment")]
    pub seen: FileTime,
    /// The units that are known to match, by [`key`].
    pub units: BTreeMap<String, KnownUnit>,
    /// SHA-256 of every file of every package in a directory, at that time.
    pub sources: BTreeMap<String, String>,
}

/// A unit that was known to match its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownUnit {
    /// The hash of its fingerprint.
    pub fingerprint: u64,
    /// When its compilation began.
    #[serde(with = "moment")]
    pub anchor: FileTime,
    /// SHA-256 of each of its files.
    pub files: BTreeMap<String, String>,
}

mod moment {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::cargo::file_time::FileTime;

    pub fn serialize<S: Serializer>(moment: &FileTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&moment.0.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FileTime, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(FileTime).map_err(serde::de::Error::custom)
    }
}

impl FreshenState {
    /// An empty one.
    pub fn new(seen: FileTime) -> FreshenState {
        let (units, sources) = (BTreeMap::new(), BTreeMap::new());
        FreshenState { schema: SCHEMA.to_owned(), seen, units, sources }
    }

    /// What is known of a unit, as long as it is the compilation that was known to match.
    pub fn entry(&self, unit: &Unit) -> Option<&KnownUnit> {
        let (fingerprint, anchor) = (unit.own_hash?, unit.anchor?);
        self.units.get(&key(unit)).filter(|entry| {
            entry.fingerprint == fingerprint && entry.anchor.same_but_for_truncation(anchor)
        })
    }

    /// Reads one; what is damaged or of another version is none.
    pub fn parse(json: &[u8]) -> Option<FreshenState> {
        serde_json::from_slice(json)
            .ok()
            .filter(|state_file: &FreshenState| state_file.schema == SCHEMA)
    }
}

/// A ledger larger than this, in bytes, is none.
pub const MAX_BYTES: u64 = 256 << 20;

/// Where it lies.
pub fn path(build_dir: &Path) -> PathBuf {
    build_dir.join(".binlint/freshen.json")
}

/// A unit's name in the ledger.
pub fn key(unit: &Unit) -> String {
    format!("{}/{}-{}/{}", unit.profile.display(), unit.package, unit.hash, unit.stem)
}

/// A file that a unit was compiled from, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentFile {
    /// Relative to the workspace where it lies in it: the name that rustc was given.
    pub name: String,
    /// SHA-256, lower-case hex; `None` when the file is gone.
    pub sha256: Option<String>,
    /// The digests of which rustc keeps one in a library's metadata, each as bytes.
    pub digests: Vec<Vec<u8>>,
    /// When it was written, as anyone may set it.
    pub modified: FileTime,
    /// Since when it has surely been what it is, where that is known.
    pub unchanged_since: Option<FileTime>,
}

/// What is to be done with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitVerdict {
    /// Nothing: Cargo will compile it anyway, and why.
    CargoSees(String),
    /// Nothing: it was compiled from these files, and what proves it.
    Matches(&'static str),
    /// It must be compiled again: it is known to be from other files, and from which.
    Changed(String),
    /// It must be compiled again: nothing proves what it was compiled from, and why.
    Unproven(String),
}

/// Decides about one unit. `metadata` is what rustc keeps of a library.
pub fn decide(
    state_file: Option<&FreshenState>,
    unit: &Unit,
    files: &[CurrentFile],
    metadata: Option<&[u8]>,
) -> UnitVerdict {
    let (Some(_), Some(anchor)) = (unit.own_hash, unit.anchor) else {
        return UnitVerdict::CargoSees("its last compilation did not finish".to_owned());
    };
    if unit.is_compared_by_checksum() {
        return UnitVerdict::Matches("cargo compares checksums itself");
    }
    // A run without `rerun-if-changed` is compared with the newest file of the package, by a
    // text that says which: only the contents can be looked at here.
    let by_dates = !unit.is_compared_by_all_files();
    for file in files.iter().filter(|_| by_dates) {
        if file.sha256.is_none() {
            return UnitVerdict::CargoSees(format!("{} is gone", file.name));
        }
        if file.modified > anchor {
            return UnitVerdict::CargoSees(format!("{} is dated later", file.name));
        }
    }
    let changed = |known: &BTreeMap<String, String>| {
        files.iter().find(|file| known.get(&file.name) != file.sha256.as_ref())
    };
    if let Some(state_file) = state_file {
        if let Some(entry) = state_file.entry(unit) {
            return match changed(&entry.files) {
                None => UnitVerdict::Matches("the same contents as when it was compiled"),
                Some(file) => UnitVerdict::Changed(format!("{} changed", file.name)),
            };
        }
        if unit.anchor_is_cargos
            && anchor > state_file.seen
            && changed(&state_file.sources).is_none()
        {
            return UnitVerdict::Matches("compiled since the last run, which saw these contents");
        }
    }
    let digest_inside = |file: &CurrentFile| {
        metadata.is_some_and(|metadata| {
            file.digests.iter().any(|digest| memmem::find(metadata, digest).is_some())
        })
    };
    if unit.kind == UnitKind::Lib && !files.is_empty() && files.iter().all(digest_inside) {
        return UnitVerdict::Matches("the digests in its metadata");
    }
    let is_steady = |file: &CurrentFile| file.unchanged_since.is_some_and(|since| since < anchor);
    if unit.anchor_is_cargos && files.iter().all(is_steady) {
        return UnitVerdict::Matches("its files have not been touched since");
    }
    let late = files.iter().find(|file| file.unchanged_since.is_some_and(|since| since >= anchor));
    UnitVerdict::Unproven(match late {
        Some(file) => format!("{} came after it was compiled, dated before", file.name),
        None => "nothing proves what it was compiled from".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::test_support::state;

    fn unit(role: CrateRole) -> Unit {
        state(role).unit.unwrap()
    }

    /// Dated before the unit's anchor, which is second 5.
    fn file(text: &str) -> CurrentFile {
        CurrentFile {
            name: "src/main.rs".to_owned(),
            sha256: Some(text.to_owned()),
            digests: vec![vec![7; 16]],
            modified: FileTime::new(1, 0),
            unchanged_since: None,
        }
    }

    fn knows(seen: i64, text: &str) -> FreshenState {
        let mut state_file = FreshenState::new(FileTime::new(seen, 0));
        state_file.sources.insert("src/main.rs".to_owned(), text.to_owned());
        state_file
    }

    fn is_stale(verdict: &UnitVerdict) -> bool {
        matches!(verdict, UnitVerdict::Changed(_) | UnitVerdict::Unproven(_))
    }

    #[test]
    fn without_proof_it_is_stale() {
        let program = unit(CrateRole::Program);
        assert!(is_stale(&decide(None, &program, &[file("a")], None)));
        // Seen after it was compiled: what was seen then says nothing.
        assert!(is_stale(&decide(Some(&knows(6, "a")), &program, &[file("a")], None)));
    }

    #[test]
    fn compiled_after_the_contents_were_seen_it_matches() {
        let program = unit(CrateRole::Program);
        let state_file = knows(4, "a");
        assert!(matches!(
            decide(Some(&state_file), &program, &[file("a")], None),
            UnitVerdict::Matches(_)
        ));
        assert!(is_stale(&decide(Some(&state_file), &program, &[file("b")], None)));
    }

    #[test]
    fn a_known_unit_is_compared_by_contents_even_when_a_layer_cut_its_time() {
        let mut program = unit(CrateRole::Program);
        program.anchor = Some(FileTime::new(5, 700));
        let mut state_file = FreshenState::new(FileTime::new(9, 0));
        let files = BTreeMap::from([("src/main.rs".to_owned(), "a".to_owned())]);
        let fingerprint = program.own_hash.unwrap();
        let anchor = FileTime::new(5, 0);
        state_file.units.insert(key(&program), KnownUnit { fingerprint, anchor, files });
        let read = FreshenState::parse(&serde_json::to_vec(&state_file).unwrap());
        assert_eq!(read.as_ref(), Some(&state_file));
        assert!(matches!(
            decide(read.as_ref(), &program, &[file("a")], None),
            UnitVerdict::Matches(_)
        ));
        let changed = decide(read.as_ref(), &program, &[file("b")], None);
        assert_eq!(changed, UnitVerdict::Changed("src/main.rs changed".to_owned()));
    }

    #[test]
    fn digests_and_untouched_inodes_are_proof() {
        let library = unit(CrateRole::OwnLibrary);
        let metadata = [[0; 16], [7; 16]].concat();
        let verdict = decide(None, &library, &[file("a")], Some(&metadata));
        assert!(matches!(verdict, UnitVerdict::Matches(_)));
        assert!(is_stale(&decide(None, &library, &[file("a")], Some(&[0; 64]))));
        let steady =
            |second| CurrentFile { unchanged_since: Some(FileTime::new(second, 0)), ..file("a") };
        let program = unit(CrateRole::Program);
        assert!(matches!(decide(None, &program, &[steady(4)], None), UnitVerdict::Matches(_)));
        assert!(is_stale(&decide(None, &program, &[steady(5)], None)));
    }

    #[test]
    fn a_copied_anchor_proves_nothing() {
        let copied = Unit { anchor_is_cargos: false, ..unit(CrateRole::Program) };
        let steady = CurrentFile { unchanged_since: Some(FileTime::new(4, 0)), ..file("a") };
        assert!(is_stale(&decide(None, &copied, &[steady], None)));
        assert!(is_stale(&decide(Some(&knows(4, "a")), &copied, &[file("a")], None)));
    }

    #[test]
    fn what_cargo_sees_itself_is_left_to_it() {
        let program = unit(CrateRole::Program);
        let newer = CurrentFile { modified: FileTime::new(6, 0), ..file("a") };
        let gone = CurrentFile { sha256: None, ..file("a") };
        for file in [newer, gone] {
            assert!(matches!(decide(None, &program, &[file], None), UnitVerdict::CargoSees(_)));
        }
        let unfinished = Unit { own_hash: None, ..program };
        assert!(matches!(decide(None, &unfinished, &[file("a")], None), UnitVerdict::CargoSees(_)));
    }

    #[test]
    fn a_damaged_ledger_is_none() {
        assert_eq!(FreshenState::parse(b"{"), None);
        assert_eq!(
            FreshenState::parse(
                br#"{"schema":"binlint.ledger/9","seen":"1","units":{},"sources":{}}"#
            ),
            None
        );
    }
}
