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

use crate::cargo::file_time::Moment;
use crate::cargo::target_dir::units::{Unit, UnitKind};

/// The version of the file's format; another one is read as no ledger at all.
const SCHEMA: &str = "binlint.ledger/1";

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    schema: String,
    /// When the last run looked, by the clock of the target directory's file system, in
    /// nanoseconds since 1970.
    #[serde(with = "moment")]
    pub seen: Moment,
    /// The units that are known to match, by [`key`].
    pub units: BTreeMap<String, Entry>,
    /// SHA-256 of every file of every package in a directory, at that time.
    pub sources: BTreeMap<String, String>,
}

/// A unit that was known to match its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The hash of its fingerprint.
    pub fingerprint: u64,
    /// When its compilation began.
    #[serde(with = "moment")]
    pub anchor: Moment,
    /// SHA-256 of each of its files.
    pub files: BTreeMap<String, String>,
}

mod moment {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::cargo::file_time::Moment;

    pub fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&moment.0.to_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Moment).map_err(serde::de::Error::custom)
    }
}

impl Ledger {
    /// An empty one.
    pub fn new(seen: Moment) -> Ledger {
        let (units, sources) = (BTreeMap::new(), BTreeMap::new());
        Ledger { schema: SCHEMA.to_owned(), seen, units, sources }
    }

    /// What is known of a unit, as long as it is the compilation that was known to match.
    pub fn entry(&self, unit: &Unit) -> Option<&Entry> {
        let (fingerprint, anchor) = (unit.own_hash?, unit.anchor?);
        self.units.get(&key(unit)).filter(|entry| {
            entry.fingerprint == fingerprint && entry.anchor.same_but_for_truncation(anchor)
        })
    }

    /// Reads one; what is damaged or of another version is none.
    pub fn parse(json: &[u8]) -> Option<Ledger> {
        serde_json::from_slice(json).ok().filter(|ledger: &Ledger| ledger.schema == SCHEMA)
    }
}

/// A ledger larger than this, in bytes, is none.
pub const LARGEST: u64 = 256 << 20;

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
pub struct Now {
    /// Relative to the workspace where it lies in it: the name that rustc was given.
    pub name: String,
    /// SHA-256, lower-case hex; `None` when the file is gone.
    pub sha256: Option<String>,
    /// The digests of which rustc keeps one in a library's metadata, each as bytes.
    pub digests: Vec<Vec<u8>>,
    /// When it was written, as anyone may set it.
    pub modified: Moment,
    /// Since when it has surely been what it is, where that is known.
    pub steady_since: Option<Moment>,
}

/// What is to be done with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
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
pub fn judge(
    ledger: Option<&Ledger>,
    unit: &Unit,
    files: &[Now],
    metadata: Option<&[u8]>,
) -> Verdict {
    let (Some(_), Some(anchor)) = (unit.own_hash, unit.anchor) else {
        return Verdict::CargoSees("its last compilation did not finish".to_owned());
    };
    if unit.is_compared_by_checksum() {
        return Verdict::Matches("cargo compares checksums itself");
    }
    // A run without `rerun-if-changed` is compared with the newest file of the package, by a
    // text that says which: only the contents can be looked at here.
    let by_dates = !unit.is_compared_by_all_files();
    for file in files.iter().filter(|_| by_dates) {
        if file.sha256.is_none() {
            return Verdict::CargoSees(format!("{} is gone", file.name));
        }
        if file.modified > anchor {
            return Verdict::CargoSees(format!("{} is dated later", file.name));
        }
    }
    let changed = |known: &BTreeMap<String, String>| {
        files.iter().find(|file| known.get(&file.name) != file.sha256.as_ref())
    };
    if let Some(ledger) = ledger {
        if let Some(entry) = ledger.entry(unit) {
            return match changed(&entry.files) {
                None => Verdict::Matches("the same contents as when it was compiled"),
                Some(file) => Verdict::Changed(format!("{} changed", file.name)),
            };
        }
        if unit.anchor_is_cargos && anchor > ledger.seen && changed(&ledger.sources).is_none() {
            return Verdict::Matches("compiled since the last run, which saw these contents");
        }
    }
    let digest_inside = |file: &Now| {
        metadata.is_some_and(|metadata| {
            file.digests.iter().any(|digest| memmem::find(metadata, digest).is_some())
        })
    };
    if unit.kind == UnitKind::Lib && !files.is_empty() && files.iter().all(digest_inside) {
        return Verdict::Matches("the digests in its metadata");
    }
    let is_steady = |file: &Now| file.steady_since.is_some_and(|since| since < anchor);
    if unit.anchor_is_cargos && files.iter().all(is_steady) {
        return Verdict::Matches("its files have not been touched since");
    }
    let late = files.iter().find(|file| file.steady_since.is_some_and(|since| since >= anchor));
    Verdict::Unproven(match late {
        Some(file) => format!("{} came after it was compiled, dated before", file.name),
        None => "nothing proves what it was compiled from".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_freshness::Role;
    use crate::cargo::test_support::state;

    fn unit(role: Role) -> Unit {
        state(role).unit.unwrap()
    }

    /// Dated before the unit's anchor, which is second 5.
    fn file(text: &str) -> Now {
        Now {
            name: "src/main.rs".to_owned(),
            sha256: Some(text.to_owned()),
            digests: vec![vec![7; 16]],
            modified: Moment::new(1, 0),
            steady_since: None,
        }
    }

    fn knows(seen: i64, text: &str) -> Ledger {
        let mut ledger = Ledger::new(Moment::new(seen, 0));
        ledger.sources.insert("src/main.rs".to_owned(), text.to_owned());
        ledger
    }

    fn is_stale(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Changed(_) | Verdict::Unproven(_))
    }

    #[test]
    fn without_proof_it_is_stale() {
        let program = unit(Role::Program);
        assert!(is_stale(&judge(None, &program, &[file("a")], None)));
        // Seen after it was compiled: what was seen then says nothing.
        assert!(is_stale(&judge(Some(&knows(6, "a")), &program, &[file("a")], None)));
    }

    #[test]
    fn compiled_after_the_contents_were_seen_it_matches() {
        let program = unit(Role::Program);
        let ledger = knows(4, "a");
        assert!(matches!(judge(Some(&ledger), &program, &[file("a")], None), Verdict::Matches(_)));
        assert!(is_stale(&judge(Some(&ledger), &program, &[file("b")], None)));
    }

    #[test]
    fn a_known_unit_is_compared_by_contents_even_when_a_layer_cut_its_time() {
        let mut program = unit(Role::Program);
        program.anchor = Some(Moment::new(5, 700));
        let mut ledger = Ledger::new(Moment::new(9, 0));
        let files = BTreeMap::from([("src/main.rs".to_owned(), "a".to_owned())]);
        let fingerprint = program.own_hash.unwrap();
        let anchor = Moment::new(5, 0);
        ledger.units.insert(key(&program), Entry { fingerprint, anchor, files });
        let read = Ledger::parse(&serde_json::to_vec(&ledger).unwrap());
        assert_eq!(read.as_ref(), Some(&ledger));
        assert!(matches!(judge(read.as_ref(), &program, &[file("a")], None), Verdict::Matches(_)));
        let changed = judge(read.as_ref(), &program, &[file("b")], None);
        assert_eq!(changed, Verdict::Changed("src/main.rs changed".to_owned()));
    }

    #[test]
    fn digests_and_untouched_inodes_are_proof() {
        let library = unit(Role::OwnLibrary);
        let metadata = [[0; 16], [7; 16]].concat();
        let verdict = judge(None, &library, &[file("a")], Some(&metadata));
        assert!(matches!(verdict, Verdict::Matches(_)));
        assert!(is_stale(&judge(None, &library, &[file("a")], Some(&[0; 64]))));
        let steady = |second| Now { steady_since: Some(Moment::new(second, 0)), ..file("a") };
        let program = unit(Role::Program);
        assert!(matches!(judge(None, &program, &[steady(4)], None), Verdict::Matches(_)));
        assert!(is_stale(&judge(None, &program, &[steady(5)], None)));
    }

    #[test]
    fn a_copied_anchor_proves_nothing() {
        let copied = Unit { anchor_is_cargos: false, ..unit(Role::Program) };
        let steady = Now { steady_since: Some(Moment::new(4, 0)), ..file("a") };
        assert!(is_stale(&judge(None, &copied, &[steady], None)));
        assert!(is_stale(&judge(Some(&knows(4, "a")), &copied, &[file("a")], None)));
    }

    #[test]
    fn what_cargo_sees_itself_is_left_to_it() {
        let program = unit(Role::Program);
        let newer = Now { modified: Moment::new(6, 0), ..file("a") };
        let gone = Now { sha256: None, ..file("a") };
        for file in [newer, gone] {
            assert!(matches!(judge(None, &program, &[file], None), Verdict::CargoSees(_)));
        }
        let unfinished = Unit { own_hash: None, ..program };
        assert!(matches!(judge(None, &unfinished, &[file("a")], None), Verdict::CargoSees(_)));
    }

    #[test]
    fn a_damaged_ledger_is_none() {
        assert_eq!(Ledger::parse(b"{"), None);
        assert_eq!(
            Ledger::parse(br#"{"schema":"binlint.ledger/9","seen":"1","units":{},"sources":{}}"#),
            None
        );
    }
}
