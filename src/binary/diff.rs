//! Two builds of one program: which bytes differ, what they belong to, and what makes them differ.
//!
//! No opinion: the caller says which causes do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub mod cause;
mod instructions;
pub mod ranges;

use crate::binary::elf::append_section::ElfLayout;
use crate::binary::elf::record_section as embedded;
use crate::binary::layout::{FileLayout, FileSection, FunctionRange};

use ranges::Range;

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
/// More functions are not compared one by one.
const MAX_FUNCTIONS: usize = 400_000;

/// Compares two files.
pub fn compare(old: &[u8], new: &[u8]) -> BinaryComparison {
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
    let files = FilePair { old: (old, &old_layout), new: (new, &new_layout) };
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

#[derive(Clone, Copy)]
struct FilePair<'a> {
    old: (&'a [u8], &'a FileLayout),
    new: (&'a [u8], &'a FileLayout),
}

impl FilePair<'_> {
    fn differences(self, same_code: bool) -> Vec<BinaryDifference> {
        let mut found = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for section in self.old.1.sections.iter().chain(&self.new.1.sections) {
            if !section.range.is_empty() && !names.contains(&section.name.as_str()) {
                names.push(&section.name);
            }
        }
        let functions = self.functions();
        for name in names {
            match (self.old.1.section(name), self.new.1.section(name)) {
                (Some(old), Some(new)) => self.section(old, new, &functions, &mut found),
                (Some(only), None) => found.push(only_in(only, true)),
                (None, Some(only)) => found.push(only_in(only, false)),
                (None, None) => {}
            }
        }
        if found.is_empty() || (!same_code && found.iter().all(|it| !is_loaded(it.cause))) {
            let cause = if same_code { DifferenceCause::Strip } else { DifferenceCause::Data };
            let (old, new) = ((0, self.old.0.len() as u64), (0, self.new.0.len() as u64));
            let section = "(headers)".to_owned();
            found.push(BinaryDifference { section, place: None, old, new, shown: None, cause });
        }
        found
    }

    fn section(
        self,
        old: &FileSection,
        new: &FileSection,
        functions: &Functions,
        found: &mut Vec<BinaryDifference>,
    ) {
        let bytes = (&self.old.0[old.range.clone()], &self.new.0[new.range.clone()]);
        if bytes.0 == bytes.1 {
            return;
        }
        if old.code && !functions.differing.is_empty() {
            found.extend(functions.differing.iter().map(|it| it.difference(&old.name)));
            return;
        }
        if (old.code && functions.moved_only) || cause::holds_addresses(&old.name) {
            found.push(whole(old, new, bytes, DifferenceCause::Address));
            return;
        }
        if let Some(cause) = cause::by_name(old) {
            let cause = match cause {
                DifferenceCause::Debug if self.differ_in_hashes_only(&old.name) => {
                    DifferenceCause::CrateHash
                }
                cause => cause,
            };
            found.push(whole(old, new, bytes, cause));
            return;
        }
        for Range { old: one, new: other } in ranges::differing(bytes.0, bytes.1) {
            let words = cause::words(bytes, &one, &other);
            if !old.code && !words.is_empty() {
                let place =
                    |at: usize, section: &FileSection| ((section.range.start + at) as u64, 0);
                found.extend(words.into_iter().map(|(texts, at, to)| BinaryDifference {
                    section: old.name.clone(),
                    place: None,
                    old: place(at, old),
                    new: place(to, new),
                    cause: cause::by_text(&texts.0, &texts.1).unwrap_or(DifferenceCause::Data),
                    shown: Some(texts),
                }));
                continue;
            }
            let texts = cause::texts(bytes, &one, &other);
            let cause = match (old.code, texts.as_ref()) {
                (true, _) if functions.reordered => DifferenceCause::CodegenOrder,
                (true, _) => DifferenceCause::Code,
                (false, Some((old, new))) => {
                    cause::by_text(old, new).unwrap_or(DifferenceCause::Data)
                }
                (false, None) if functions.reordered => DifferenceCause::CodegenOrder,
                (false, None) => DifferenceCause::Data,
            };
            let at = old.address + one.start as u64;
            let place = self.old.1.function_at(at).filter(|_| old.code);
            found.push(BinaryDifference {
                section: old.name.clone(),
                place: place.map(|it| demangled(&it.name)),
                old: ((old.range.start + one.start) as u64, one.len() as u64),
                new: ((new.range.start + other.start) as u64, other.len() as u64),
                shown: texts,
                cause,
            });
        }
    }

    /// Whether both files name the same functions once the crates' hashes are left out.
    fn differ_in_hashes_only(self, section: &str) -> bool {
        let names = |layout: &FileLayout| -> (Vec<String>, Vec<String>) {
            let names = layout.functions.iter().map(|it| it.name.clone());
            let mut names: Vec<String> = names.collect();
            names.sort();
            let mut plain: Vec<String> = names.iter().map(|it| demangled(it)).collect();
            plain.sort();
            (names, plain)
        };
        if section != ".strtab" || self.old.1.functions.len() > MAX_FUNCTIONS {
            return false;
        }
        let (old, new) = (names(self.old.1), names(self.new.1));
        old.0 != new.0 && old.1 == new.1
    }

    /// The functions that are not the same in both files: of another size, or else of other bytes.
    /// Addresses that merely moved change the bytes of nearly every function, not its size.
    fn functions(self) -> Functions {
        let by_name = |layout: &FileLayout| -> Option<BTreeMap<String, Vec<FunctionRange>>> {
            let mut all: BTreeMap<String, Vec<FunctionRange>> = BTreeMap::new();
            if layout.functions.len() > MAX_FUNCTIONS {
                return None;
            }
            for function in &layout.functions {
                all.entry(demangled(&function.name)).or_default().push(function.clone());
            }
            Some(all)
        };
        let (Some(old), Some(new)) = (by_name(self.old.1), by_name(self.new.1)) else {
            return Functions::default();
        };
        let mut functions = Functions::default();
        let (mut resized, mut rewritten) = (Vec::new(), Vec::new());
        for (name, olds) in &old {
            let Some(news) = new.get(name) else {
                resized.push(Changed { name: name.clone(), old: Some(olds[0].clone()), new: None });
                continue;
            };
            for (one, other) in olds.iter().zip(news) {
                let changed = || Changed {
                    name: name.clone(),
                    old: Some(one.clone()),
                    new: Some(other.clone()),
                };
                if one.size != other.size {
                    resized.push(changed());
                } else {
                    let bytes = (
                        self.old.1.bytes_of(one, self.old.0),
                        self.new.1.bytes_of(other, self.new.0),
                    );
                    let follows = |(old, new): (Option<&[u8]>, Option<&[u8]>)| {
                        let (Some(old), Some(new)) = (old, new) else { return false };
                        let decodes = self.old.1.x86_64 && self.new.1.x86_64;
                        decodes && instructions::differ_in_addresses_only(old, new)
                    };
                    match bytes.0 == bytes.1 {
                        true => {}
                        false if follows(bytes) => functions.moved_only = true,
                        false => rewritten.push(changed()),
                    }
                }
            }
        }
        for (name, news) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            resized.push(Changed { name: name.clone(), old: None, new: Some(news[0].clone()) });
        }
        let order = |layout: &FileLayout| -> Vec<String> {
            layout.functions.iter().map(|it| demangled(&it.name)).collect()
        };
        functions.reordered = resized.is_empty() && order(self.old.1) != order(self.new.1);
        let moved = |changed: &Changed| match (&changed.old, &changed.new) {
            (Some(old), Some(new)) => old.address != new.address,
            _ => false,
        };
        functions.differing = match (resized.is_empty(), functions.reordered) {
            (false, _) => resized,
            (true, true) => Vec::new(),
            // Where nothing moved, or where addresses were set aside, the functions whose bytes
            // differ are the ones that changed.
            (true, false) if self.old.1.x86_64 || !rewritten.iter().any(moved) => rewritten,
            (true, false) => Vec::new(),
        };
        functions.moved_only &= functions.differing.is_empty() && !functions.reordered;
        functions
    }
}

#[derive(Debug, Default)]
struct Functions {
    differing: Vec<Changed>,
    reordered: bool,
    /// All that differs in any function is where something lies.
    moved_only: bool,
}

#[derive(Debug)]
struct Changed {
    name: String,
    old: Option<FunctionRange>,
    new: Option<FunctionRange>,
}

impl Changed {
    fn difference(&self, section: &str) -> BinaryDifference {
        let place = |function: &Option<FunctionRange>| {
            function.as_ref().map_or((0, 0), |it| (it.address, it.size))
        };
        let what = match (&self.old, &self.new) {
            (Some(_), None) => " is gone",
            (None, Some(_)) => " is new",
            _ => "",
        };
        BinaryDifference {
            section: section.to_owned(),
            place: Some(format!("function {}{what}", self.name)),
            old: place(&self.old),
            new: place(&self.new),
            shown: None,
            cause: DifferenceCause::Code,
        }
    }
}

fn is_loaded(cause: DifferenceCause) -> bool {
    !matches!(
        cause,
        DifferenceCause::Strip
            | DifferenceCause::Debug
            | DifferenceCause::Linker
            | DifferenceCause::Record
            | DifferenceCause::BuildId
            | DifferenceCause::CrateHash
    )
}

fn only_in(section: &FileSection, in_old: bool) -> BinaryDifference {
    let place = (section.range.start as u64, section.range.len() as u64);
    let (old, new) = if in_old { (place, (0, 0)) } else { ((0, 0), place) };
    let cause = match cause::by_name(section) {
        Some(DifferenceCause::Debug) => DifferenceCause::Strip,
        Some(cause) => cause,
        None if section.code => DifferenceCause::Code,
        None if section.loaded => DifferenceCause::Data,
        None => DifferenceCause::Strip,
    };
    let place = Some(format!("only in the {} file", if in_old { "old" } else { "new" }));
    BinaryDifference { section: section.name.clone(), place, old, new, shown: None, cause }
}

fn whole(
    old: &FileSection,
    new: &FileSection,
    bytes: (&[u8], &[u8]),
    cause: DifferenceCause,
) -> BinaryDifference {
    let shown = match cause {
        DifferenceCause::BuildId => Some((cause::hex(bytes.0), cause::hex(bytes.1))),
        DifferenceCause::Linker => Some((cause::line(bytes.0), cause::line(bytes.1))),
        _ => None,
    };
    BinaryDifference {
        section: old.name.clone(),
        place: None,
        old: (old.range.start as u64, old.range.len() as u64),
        new: (new.range.start as u64, new.range.len() as u64),
        shown,
        cause,
    }
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
