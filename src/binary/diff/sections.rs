//! What two sections of one name differ in.

use std::collections::HashMap;
use std::ops;

use super::cause;
use super::follow::{Text, Texts};
use super::functions::Functions;
use super::pair::FilePair;
use super::ranges::{self, Range};
use super::strings;
use super::{BinaryDifference, DifferenceCause, demangled};
use crate::binary::layout::{FileLayout, FileSection};

/// More words of a table are not brought together with each other.
const MAX_WORDS: usize = 2000;

impl<'a> FilePair<'a> {
    pub fn differences(&self, same_code: bool) -> Vec<BinaryDifference> {
        let mut names: Vec<&str> = Vec::new();
        for section in self.old.1.sections.iter().chain(&self.new.1.sections) {
            if !section.range.is_empty() && !names.contains(&section.name.as_str()) {
                names.push(&section.name);
            }
        }
        let mut found = Vec::new();
        let mut both = Vec::new();
        for name in names {
            match (self.old.1.section(name), self.new.1.section(name)) {
                (Some(old), Some(new)) if self.bytes(old, new).0 != self.bytes(old, new).1 => {
                    both.push((old, new));
                }
                (Some(only), None) => found.push(only_in(only, true)),
                (None, Some(only)) => found.push(only_in(only, false)),
                _ => {}
            }
        }
        // Texts first: where one grew, lengths and addresses elsewhere follow.
        let mut texts = Texts::default();
        let mut data = Vec::new();
        for (old, new) in &both {
            if is_data(old) {
                let differences = self.data(old, new);
                texts.0.extend(differences.iter().flatten().filter_map(|it| text(it, old, new)));
                data.push((*old, *new, differences));
            }
        }
        let functions = self.functions(&texts);
        for (old, new, differences) in data {
            self.explain(old, new, differences, &texts, &functions, &mut found);
        }
        for (old, new) in both.into_iter().filter(|(old, _)| !is_data(old)) {
            self.section(old, new, &texts, &functions, &mut found);
        }
        if found.is_empty() || (!same_code && found.iter().all(|it| !is_loaded(it.cause))) {
            let cause = if same_code { DifferenceCause::Strip } else { DifferenceCause::Data };
            let (old, new) = ((0, self.old.0.len() as u64), (0, self.new.0.len() as u64));
            let section = "(headers)".to_owned();
            found.push(BinaryDifference { section, place: None, old, new, shown: None, cause });
        }
        found
    }

    fn bytes(&self, old: &FileSection, new: &FileSection) -> (&'a [u8], &'a [u8]) {
        (&self.old.0[old.range.clone()], &self.new.0[new.range.clone()])
    }

    /// The places in which data differs, each by itself; `None` where nothing but the order does.
    fn data(&self, old: &FileSection, new: &FileSection) -> Option<Vec<BinaryDifference>> {
        let bytes = self.bytes(old, new);
        let changed = strings::changed(bytes.0, bytes.1)
            .unwrap_or_else(|| ranges::differing(bytes.0, bytes.1));
        if changed.is_empty() {
            return None;
        }
        let difference = |Range { old: one, new: other }: Range| {
            let texts = cause::texts(bytes, &one, &other);
            let is_moved = || self.are_jumps((old, &one), (new, &other));
            let by_text = |(old, new): &(String, String)| {
                cause::by_text(old, new).or_else(|| cause::by_written(old, new, self.written))
            };
            BinaryDifference {
                section: old.name.clone(),
                place: None,
                old: ((old.range.start + one.start) as u64, one.len() as u64),
                new: ((new.range.start + other.start) as u64, other.len() as u64),
                cause: match texts.as_ref().map(by_text) {
                    Some(cause) => cause.unwrap_or(DifferenceCause::Data),
                    None if is_moved() => DifferenceCause::Address,
                    None => DifferenceCause::Data,
                },
                shown: texts,
            }
        };
        Some(changed.into_iter().map(difference).collect())
    }

    /// Whether two parts are tables of jumps: distances to functions, all of which moved as far as
    /// some function did, less what the tables themselves did.
    fn are_jumps(
        &self,
        (old, one): (&FileSection, &ops::Range<usize>),
        (new, other): (&FileSection, &ops::Range<usize>),
    ) -> bool {
        // Of a distance, only some bytes may differ.
        let (start, start_now) = (one.start - one.start % 4, other.start - other.start % 4);
        let length = one.end.next_multiple_of(4) - start;
        let words = |file: &'a [u8], section: &FileSection, start: usize| {
            let bytes = file.get(section.range.clone())?.get(start..start + length)?;
            let word = |it: &[u8]| it.try_into().ok().map(i32::from_le_bytes).map(i64::from);
            bytes.chunks_exact(4).map(word).collect::<Option<Vec<i64>>>()
        };
        let (Some(ours), Some(theirs)) =
            (words(self.old.0, old, start), words(self.new.0, new, start_now))
        else {
            return false;
        };
        let moved = (new.address + start_now as u64).wrapping_sub(old.address + start as u64);
        let is_jump = |(one, other): (&i64, &i64)| {
            self.shifts.contains(&(other - one).wrapping_add(moved.cast_signed()))
        };
        one.len().abs_diff(other.len()) < 4 && length >= 4 && ours.iter().zip(&theirs).all(is_jump)
    }

    /// Sets aside what follows from texts, and from another order of the functions.
    fn explain(
        &self,
        old: &FileSection,
        new: &FileSection,
        differences: Option<Vec<BinaryDifference>>,
        texts: &Texts,
        functions: &Functions,
        found: &mut Vec<BinaryDifference>,
    ) {
        let bytes = self.bytes(old, new);
        let order = if functions.reordered {
            DifferenceCause::CodegenOrder
        } else {
            DifferenceCause::Address
        };
        let Some(differences) = differences else {
            found.push(whole(old, new, bytes, order));
            return;
        };
        let is_table = old.name.starts_with(".data");
        let moved = functions.reordered || texts.0.iter().any(|it| it.growth != 0);
        if is_table && moved && same_words(texts, bytes.0, bytes.1) {
            found.push(whole(old, new, bytes, DifferenceCause::CodegenOrder));
            return;
        }
        let word = |bytes: &[u8], at: usize| {
            let start = at - at % 8;
            Some(u64::from_le_bytes(bytes.get(start..start + 8)?.try_into().ok()?))
        };
        for mut difference in differences {
            let at = usize::try_from(difference.old.0).unwrap_or(0).saturating_sub(old.range.start);
            let to = usize::try_from(difference.new.0).unwrap_or(0).saturating_sub(new.range.start);
            if difference.cause == DifferenceCause::Data
                && difference.old.1.max(difference.new.1) <= 8
            {
                let words = word(bytes.0, at).zip(word(bytes.1, to));
                // A template of texts and values has their lengths in one byte or two.
                let short = |bytes: &[u8], at: usize, size: u64| match size {
                    1 => bytes.get(at).copied().map(u64::from),
                    2 => Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?).into()),
                    _ => None,
                };
                let (size, size_now) = (difference.old.1, difference.new.1);
                let shorts = short(bytes.0, at, size).zip(short(bytes.1, to, size_now));
                let mut all = words.into_iter().chain(shorts);
                let length = all.find_map(|(one, other)| texts.of_length(one, other));
                if let Some(cause) = length {
                    difference.cause = cause;
                    difference.place = Some("the length of a text".to_owned());
                    difference.shown = None;
                }
            }
            found.push(difference);
        }
    }

    fn section(
        &self,
        old: &FileSection,
        new: &FileSection,
        texts: &Texts,
        functions: &Functions,
        found: &mut Vec<BinaryDifference>,
    ) {
        let bytes = self.bytes(old, new);
        if cause::holds_addresses(&old.name) {
            let is_table = old.name.starts_with(".rela") && self.old.1.x86_64;
            let follows = !is_table || functions.reordered || self.point_at_the_same(texts);
            let cause = if follows { DifferenceCause::Address } else { DifferenceCause::Data };
            let mut difference = whole(old, new, bytes, cause);
            if !follows {
                difference.place = Some("pointers to other things".to_owned());
            }
            found.push(difference);
            return;
        }
        let is_in = |address: u64| old.address <= address && address < old.address + old.size;
        let own = functions.differences(&old.name, &is_in);
        if old.code && !own.is_empty() {
            found.extend(own);
            return;
        }
        if old.code && (functions.moved || functions.reordered) {
            let order = if functions.reordered {
                DifferenceCause::CodegenOrder
            } else {
                DifferenceCause::Address
            };
            found.push(whole(old, new, bytes, order));
            return;
        }
        if let Some(cause) = cause::by_name(old) {
            let cause = match (cause, old.name.as_str()) {
                (DifferenceCause::Debug, ".strtab") if self.differ_in_hashes_only() => {
                    DifferenceCause::CrateHash
                }
                (DifferenceCause::Debug, ".symtab" | ".strtab")
                    if functions.have_the_same_names =>
                {
                    DifferenceCause::Address
                }
                (cause, _) => cause,
            };
            found.push(whole(old, new, bytes, cause));
            return;
        }
        for Range { old: one, new: other } in ranges::differing(bytes.0, bytes.1) {
            let at = old.address + one.start as u64;
            let place = self.old.1.function_at(at).filter(|_| old.code);
            found.push(BinaryDifference {
                section: old.name.clone(),
                place: place.map(|it| format!("function {}", demangled(&it.name))),
                old: ((old.range.start + one.start) as u64, one.len() as u64),
                new: ((new.range.start + other.start) as u64, other.len() as u64),
                shown: cause::texts(bytes, &one, &other),
                cause: if old.code { DifferenceCause::Code } else { DifferenceCause::Data },
            });
        }
    }

    /// Whether both files name the same functions once the crates' hashes are left out, and other
    /// ones with them.
    fn differ_in_hashes_only(&self) -> bool {
        let raw = |layout: &FileLayout| {
            let mut names: Vec<String> =
                layout.functions.iter().map(|it| it.name.clone()).collect();
            names.sort();
            names
        };
        let plain = |names: &[u32]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        plain(&self.names.0) == plain(&self.names.1) && raw(self.old.1) != raw(self.new.1)
    }
}

/// Whether two tables have the same words in whatever order, but for the lengths of texts.
fn same_words(texts: &Texts, old: &[u8], new: &[u8]) -> bool {
    let count = |bytes: &[u8], by: i64, counts: &mut HashMap<u64, i64>| {
        for word in bytes.chunks_exact(8).filter_map(|it| it.try_into().ok()) {
            *counts.entry(u64::from_le_bytes(word)).or_default() += by;
        }
    };
    let mut counts = HashMap::new();
    count(old, 1, &mut counts);
    count(new, -1, &mut counts);
    let left = |sign: i64| {
        let left = counts.iter().filter(move |(_, count)| **count * sign > 0);
        let each = left.flat_map(|(word, count)| (0..count.unsigned_abs()).map(|_| *word));
        each.take(MAX_WORDS).collect::<Vec<u64>>()
    };
    let (gone, mut come) = (left(1), left(-1));
    old.len() == new.len()
        && gone.len() == come.len()
        && gone.len() < MAX_WORDS
        && gone.into_iter().all(|one| {
            let at = come.iter().position(|it| texts.of_length(one, *it).is_some());
            at.is_some_and(|at| {
                come.swap_remove(at);
                true
            })
        })
}

/// Whether a section holds texts, tables and numbers.
fn is_data(section: &FileSection) -> bool {
    section.loaded
        && !section.code
        && !cause::holds_addresses(&section.name)
        && cause::by_name(section).is_none()
}

/// Where a text lies in memory that differs in a way that is known.
fn text(difference: &BinaryDifference, old: &FileSection, new: &FileSection) -> Option<Text> {
    let shown = difference.shown.as_ref()?;
    let place = |section: &FileSection, (at, size): (u64, u64), text: &str| {
        let address = section.address + at.checked_sub(section.range.start as u64)?;
        // The text begins before what differs in it, and ends behind it.
        let around = text.len() as u64;
        Some((address.saturating_sub(around), address + size + around))
    };
    let (from, to) = (difference.old, difference.new);
    Some(Text {
        old: place(old, from, &shown.0)?,
        new: place(new, to, &shown.1)?,
        size: from.1,
        growth: to.1.cast_signed() - from.1.cast_signed(),
        cause: difference.cause,
    })
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
