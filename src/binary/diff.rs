//! Two builds of one program: which bytes differ, what they belong to, and what makes them differ.
//!
//! No opinion: the caller says which causes do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub mod cause;
mod follow;
mod functions;
mod instructions;
mod pair;
mod pieces;
pub mod ranges;
mod sections;
mod strings;

use crate::binary::elf::append_section::ElfLayout;
use crate::binary::elf::record_section as embedded;
use crate::binary::layout::FileLayout;

use pair::FilePair;

/// What makes bytes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DifferenceCause {
    /// The directory that it was built in.
    Path,
    /// The hashes of crates in symbol names.
    CrateHash,
    /// The same functions in another order.
    CodegenOrder,
    /// A file that a build script wrote.
    BuildScript,
    /// The directory that a build script writes into.
    OutDir,
    /// A date or time.
    Timestamp,
    /// The identifier that the linker computes over the rest.
    BuildId,
    /// The linker's or compilers' own names.
    Linker,
    /// The provenance record inside.
    Record,
    /// Symbols or debug information taken out.
    Strip,
    /// Debug information or symbols with other contents; nothing of it is loaded.
    Debug,
    /// Other addresses of the same: they follow from something that grew, shrank or moved.
    Address,
    /// Other instructions.
    Code,
    /// Other data.
    Data,
}

impl DifferenceCause {
    /// Every cause that can be set aside, in the order of the documentation.
    pub const IGNORABLE: &[DifferenceCause] = &[
        DifferenceCause::Path,
        DifferenceCause::CrateHash,
        DifferenceCause::CodegenOrder,
        DifferenceCause::BuildScript,
        DifferenceCause::OutDir,
        DifferenceCause::Timestamp,
        DifferenceCause::BuildId,
        DifferenceCause::Linker,
        DifferenceCause::Record,
        DifferenceCause::Strip,
    ];

    /// The cause's name in every report and after `--ignore`.
    pub const fn name(self) -> &'static str {
        match self {
            DifferenceCause::Path => "path",
            DifferenceCause::CrateHash => "crate-hash",
            DifferenceCause::CodegenOrder => "codegen-order",
            DifferenceCause::BuildScript => "build-script",
            DifferenceCause::OutDir => "out-dir",
            DifferenceCause::Timestamp => "timestamp",
            DifferenceCause::BuildId => "build-id",
            DifferenceCause::Linker => "linker",
            DifferenceCause::Record => "record",
            DifferenceCause::Strip => "strip",
            DifferenceCause::Debug => "debug",
            DifferenceCause::Address => "address",
            DifferenceCause::Code => "code",
            DifferenceCause::Data => "data",
        }
    }

    /// Whether other things lie elsewhere because of it, so that their addresses follow.
    pub const fn moves_others(self) -> bool {
        matches!(
            self,
            DifferenceCause::Path
                | DifferenceCause::OutDir
                | DifferenceCause::BuildScript
                | DifferenceCause::Timestamp
                | DifferenceCause::CodegenOrder
                | DifferenceCause::CrateHash
        )
    }

    /// What ends it, where a flag or setting does.
    pub const fn remedy(self) -> Option<&'static str> {
        Some(match self {
            DifferenceCause::Path | DifferenceCause::OutDir => {
                "build in the same directory, or with RUSTFLAGS=--remap-path-prefix=$PWD=/src"
            }
            DifferenceCause::CrateHash => {
                "build with the same Cargo.lock, features, flags and toolchain"
            }
            DifferenceCause::CodegenOrder => {
                "[profile.release] codegen-units = 1, incremental = false"
            }
            DifferenceCause::BuildScript => {
                "make the build script write the same from the same input"
            }
            DifferenceCause::Timestamp => {
                "set SOURCE_DATE_EPOCH, and make what writes the date read it (for C: no __DATE__)"
            }
            DifferenceCause::BuildId => {
                "-C link-arg=-Wl,--build-id=none, or a build that repeats itself"
            }
            DifferenceCause::Linker => "link with the same linker and C library",
            DifferenceCause::Record => "compare the programs without their records",
            DifferenceCause::Strip => "strip both, or neither",
            DifferenceCause::Debug => "[profile.release] debug = false, strip = true",
            DifferenceCause::Address | DifferenceCause::Code | DifferenceCause::Data => {
                return None;
            }
        })
    }
}

impl fmt::Display for DifferenceCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One place in which two files differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryDifference {
    /// The section, or `(headers)`.
    pub section: String,
    /// The function or the text that it lies in, where that is known.
    pub place: Option<String>,
    /// Where it is in the old file: offset and length, in bytes.
    pub old: (u64, u64),
    /// Where it is in the new file.
    pub new: (u64, u64),
    /// The bytes of both as far as they are text, cut to a line.
    pub shown: Option<(String, String)>,
    /// What makes it differ.
    pub cause: DifferenceCause,
}

impl fmt::Display for BinaryDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.section)?;
        if let Some(place) = &self.place {
            write!(f, ": {place}")?;
        }
        if let Some((old, new)) = &self.shown {
            write!(f, ": {old:?}, and now {new:?}")?;
        }
        Ok(())
    }
}

/// What two files have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BinaryComparison {
    /// Every byte is equal.
    pub equal: bool,
    /// What is loaded is equal, the build-id aside: the same program at run time.
    pub same_code: bool,
    /// The places in which they differ, most telling first; not more than [`MAX_SHOWN`].
    pub differences: Vec<BinaryDifference>,
    /// What makes the files differ, also where it is not shown.
    pub causes: BTreeSet<DifferenceCause>,
    /// How many there are by section.
    pub sections: BTreeMap<String, usize>,
    /// Why sections and functions could not be told.
    pub unknown: Option<String>,
}

/// More places are counted and not shown.
pub const MAX_SHOWN: usize = 100;

/// What the build scripts of two builds wrote: their output and the files of their `OUT_DIR`.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Those of the old build, one after another.
    pub old: Vec<u8>,
    /// Those of the new build.
    pub new: Vec<u8>,
}

/// Compares two files.
pub fn compare(old: &[u8], new: &[u8]) -> BinaryComparison {
    compare_builds(old, new, &Written::default())
}

/// Compares the programs of two builds.
pub fn compare_builds(old: &[u8], new: &[u8], written: &Written) -> BinaryComparison {
    let mut comparison = BinaryComparison { equal: old == new, ..BinaryComparison::default() };
    if comparison.equal {
        comparison.same_code = true;
        return comparison;
    }
    let (old_original, new_original) = (embedded::without(old), embedded::without(new));
    let records = old_original.is_some() || new_original.is_some();
    let old = old_original.as_deref().unwrap_or(old);
    let new = new_original.as_deref().unwrap_or(new);
    let (Some(old_layout), Some(new_layout)) = (FileLayout::read(old), FileLayout::read(new))
    else {
        comparison.unknown = Some("not two programs whose sections can be read".to_owned());
        return comparison;
    };
    comparison.same_code = same_code(old, new);
    let files = FilePair::new((old, &old_layout), (new, &new_layout), written);
    let mut found = if old == new { Vec::new() } else { files.differences(comparison.same_code) };
    if records {
        found.push(BinaryDifference {
            section: embedded::SECTION.to_owned(),
            place: None,
            old: (old.len() as u64, 0),
            new: (new.len() as u64, 0),
            shown: None,
            cause: DifferenceCause::Record,
        });
    }
    for difference in &found {
        comparison.causes.insert(difference.cause);
        *comparison.sections.entry(difference.section.clone()).or_default() += 1;
    }
    found.sort_by_key(|it| (rank(it), std::cmp::Reverse(it.shown.is_some()), it.old.0));
    found.truncate(MAX_SHOWN);
    comparison.differences = found;
    comparison
}

/// Causes that explain others stand before those that only follow.
fn rank(difference: &BinaryDifference) -> u8 {
    match difference.cause {
        DifferenceCause::Code if difference.place.is_some() => 0,
        DifferenceCause::Timestamp
        | DifferenceCause::Path
        | DifferenceCause::OutDir
        | DifferenceCause::BuildScript => 1,
        DifferenceCause::Data if difference.shown.is_some() => 2,
        DifferenceCause::Code
        | DifferenceCause::Data
        | DifferenceCause::CodegenOrder
        | DifferenceCause::CrateHash => 3,
        DifferenceCause::Linker
        | DifferenceCause::Record
        | DifferenceCause::Strip
        | DifferenceCause::Debug => 4,
        DifferenceCause::Address => 5,
        DifferenceCause::BuildId => 6,
    }
}

/// Whether two ELF files are the same once they are loaded, the build-id aside: a record inside,
/// symbols, debug information and the compilers' names are not loaded.
pub fn same_code(old: &[u8], new: &[u8]) -> bool {
    let loaded = |bytes: &[u8]| {
        let original = embedded::without(bytes);
        let mut bytes = original.unwrap_or_else(|| bytes.to_vec());
        let layout = FileLayout::read(&bytes)?;
        if let Some(section) = layout.section(".note.gnu.build-id") {
            bytes[section.range.clone()].fill(0);
        }
        ElfLayout::read(&bytes)?.loaded_image()
    };
    matches!((loaded(old), loaded(new)), (Some(old), Some(new)) if old == new)
}

/// A symbol's name as it stands in the source, without the hash of its crate.
pub fn demangled(name: &str) -> String {
    // LLVM appends `.llvm.<number>` to what it makes visible for thin LTO.
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_itself_and_what_is_none_cannot_be_told() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let same = compare(&bytes, &bytes);
        assert!(same.equal && same.same_code && same.differences.is_empty());
        let other = compare(b"#!/bin/sh\n", b"#!/bin/sh\nexit\n");
        assert!(!other.equal && !other.same_code && other.unknown.is_some());
    }

    #[test]
    fn one_byte_of_code_is_named_by_its_function() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let layout = FileLayout::read(&bytes).unwrap();
        let own = layout.functions.iter().find(|it| it.name.contains("demangled")).unwrap();
        let text = layout
            .sections
            .iter()
            .find(|it| it.code && it.address <= own.address && own.address < it.address + it.size)
            .unwrap();
        let at = text.range.start + (own.address - text.address) as usize;
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let comparison = compare(&bytes, &changed);
        assert!(!comparison.same_code);
        let first = &comparison.differences[0];
        assert_eq!(first.cause, DifferenceCause::Code);
        assert!(first.place.as_ref().unwrap().contains("demangled"), "{first:?}");
    }

    #[test]
    fn a_build_id_is_no_other_program_and_a_byte_of_data_is() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let layout = FileLayout::read(&bytes).unwrap();
        let change = |section: &str| {
            let mut changed = bytes.clone();
            let range = layout.section(section).unwrap().range.clone();
            changed[range.end - 1] ^= 1;
            compare(&bytes, &changed)
        };
        let comment = change(".comment");
        assert!(comment.same_code && !comment.equal);
        assert_eq!(comment.causes, [DifferenceCause::Linker].into());
        if layout.section(".note.gnu.build-id").is_some() {
            let build_id = change(".note.gnu.build-id");
            assert!(build_id.same_code, "{build_id:?}");
            assert_eq!(build_id.causes, [DifferenceCause::BuildId].into());
        }
        let data = change(".rodata");
        assert!(!data.same_code);
        assert_eq!(data.causes, [DifferenceCause::Data].into());
    }
}
