//! What follows from a text that grew or shrank: its length elsewhere, and where other things lie.

use super::DifferenceCause;
use super::cause;
use super::pair::FilePair;
use crate::binary::layout::{FileLayout, FileSection, Pointer};

/// A text that differs, by where it comes to lie in both files.
#[derive(Debug, Clone)]
pub struct Text {
    /// In the old file: no byte of it lies before the first address or behind the second.
    pub old: (u64, u64),
    /// In the new file.
    pub new: (u64, u64),
    /// How much of it differs in the old file, in bytes.
    pub size: u64,
    /// How much longer it is now, in bytes.
    pub growth: i64,
    /// What makes it differ.
    pub cause: DifferenceCause,
}

/// The texts that differ, and what they explain.
#[derive(Debug, Clone, Default)]
pub struct Texts(pub Vec<Text>);

/// Bytes that have to be equal for two places to hold the same: a panic location has 24.
const SEEN: usize = 24;
/// So many pointers are followed one after another.
const MAX_DEPTH: usize = 3;

impl Texts {
    /// The cause of a number that differs as the length of a text does. The arguments of a format
    /// without values hold twice the length and one.
    pub fn of_length(&self, old: u64, new: u64) -> Option<DifferenceCause> {
        let doubled = (old & new & 1 == 1).then_some((old >> 1, new >> 1));
        self.as_length(old, new).or_else(|| self.as_length(doubled?.0, doubled?.1))
    }

    fn as_length(&self, old: u64, new: u64) -> Option<DifferenceCause> {
        let growth = new.wrapping_sub(old).cast_signed();
        let is_length = |it: &&Text| it.growth != 0 && it.growth == growth && old >= it.size;
        self.0.iter().find(is_length).map(|it| it.cause).filter(|_| old.max(new) < 1 << 32)
    }

    fn holds(&self, old: u64, new: u64) -> bool {
        let is_in = |at: u64, range: (u64, u64)| range.0 <= at && at <= range.1;
        self.0.iter().any(|it| is_in(old, it.old) && is_in(new, it.new))
    }
}

impl FilePair<'_> {
    /// Whether the same thing lies at two addresses: the same place of the same function, or the
    /// same bytes, the texts aside whose difference is explained. Of things without bytes, as
    /// statics that begin as nulls, only the section is known.
    pub fn is_same_place(&self, texts: &Texts, old: u64, new: u64) -> bool {
        self.is_same_at(texts, old, new, MAX_DEPTH)
    }

    fn is_same_at(&self, texts: &Texts, old: u64, new: u64, depth: usize) -> bool {
        match (self.function_at(true, old), self.function_at(false, new)) {
            (Some(old), Some(new)) => return old == new,
            (None, None) => {}
            _ => return false,
        }
        let (Some(one), Some(other)) = (section_at(self.old.1, old), section_at(self.new.1, new))
        else {
            return old == new;
        };
        if one.0.name != other.0.name {
            return false;
        }
        if one.0.range.is_empty() {
            return other.0.range.is_empty();
        }
        texts.holds(old, new)
            || self.holds_the_same(texts, (one, old), (other, new), depth)
            || self.jumps_to_the_same((one, old), (other, new))
    }

    /// Whether two places hold the same bytes, lengths of texts that differ aside, and pointers to
    /// the same things.
    fn holds_the_same(
        &self,
        texts: &Texts,
        (one, old): (InSection<'_>, u64),
        (other, new): (InSection<'_>, u64),
        depth: usize,
    ) -> bool {
        // A slot of a table of addresses is one pointer.
        let seen = if cause::holds_addresses(&one.0.name) { 8 } else { SEEN };
        let ours = self.old.1.pointers_in(old, old + seen as u64);
        let theirs = self.new.1.pointers_in(new, new + seen as u64);
        let is_same = |(one, other): (&(u64, Pointer), &(u64, Pointer))| {
            one.0 - old == other.0 - new
                && match (&one.1, &other.1) {
                    (Pointer::Here(one), Pointer::Here(other)) => {
                        depth == 0 || self.is_same_at(texts, *one, *other, depth - 1)
                    }
                    (one, other) => one == other,
                }
        };
        let slots = ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_same);
        let (Some(bytes), Some(others)) =
            (bytes_at(self.old.0, one, seen), bytes_at(self.new.0, other, seen))
        else {
            return false;
        };
        slots && (text_of(bytes) == text_of(others) || is_same_but_lengths(texts, bytes, others))
    }

    /// Whether two tables of jumps lead to the same places: distances from their own beginning.
    fn jumps_to_the_same(
        &self,
        (one, old): (InSection<'_>, u64),
        (other, new): (InSection<'_>, u64),
    ) -> bool {
        /// LLVM makes no table of fewer.
        const ENTRIES: usize = 4;
        let targets = |file: &[u8], place: InSection<'_>, from: u64| -> Option<Vec<u64>> {
            let bytes = bytes_at(file, place, 4 * ENTRIES)?;
            let distance = |it: &[u8]| it.try_into().ok().map(i32::from_le_bytes);
            let all = bytes
                .chunks_exact(4)
                .map(|it| distance(it).map(|it| from.wrapping_add_signed(i64::from(it))));
            all.collect()
        };
        let (Some(ours), Some(theirs)) =
            (targets(self.old.0, one, old), targets(self.new.0, other, new))
        else {
            return false;
        };
        let is_same = |(one, other): (&u64, &u64)| {
            let (one, other) = (self.function_at(true, *one), self.function_at(false, *other));
            one.is_some() && one == other
        };
        ours.len() == ENTRIES && ours.iter().zip(&theirs).all(is_same)
    }

    /// The function at an address, as a number that both files share, and how far from its
    /// beginning that is. Of several names of one address, the one that both number first.
    fn function_at(&self, in_old: bool, at: u64) -> Option<(u32, u64)> {
        let (layout, names) =
            if in_old { (self.old.1, &self.names.0) } else { (self.new.1, &self.names.1) };
        let function = &layout.functions[layout.function_index_at(at)?];
        let same = layout.functions.iter().zip(names).skip(layout.first_at(function.address));
        let same = same.take_while(|(it, _)| it.address == function.address);
        Some((same.map(|(_, name)| *name).min()?, at - function.address))
    }

    /// Whether the pointers that the loader writes lead to the same things, in their order.
    pub fn point_at_the_same(&self, texts: &Texts) -> bool {
        let is_same =
            |((_, one), (_, other)): (&(u64, Pointer), &(u64, Pointer))| match (one, other) {
                (Pointer::Here(one), Pointer::Here(other)) => {
                    self.is_same_place(texts, *one, *other)
                }
                (one, other) => one == other,
            };
        let (ours, theirs) = (&self.old.1.pointers, &self.new.1.pointers);
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_same)
    }
}

/// A text, with the places of values in it, to its end; other bytes whole.
fn text_of(bytes: &[u8]) -> &[u8] {
    /// Tables of numbers have bytes that can be read, too, but fewer.
    const MIN_TEXT: usize = 4;
    let is_of_text = |byte: &u8| matches!(byte, 1..0x7f | 0xc0);
    let end = bytes.iter().position(|byte| !is_of_text(byte)).filter(|end| *end >= MIN_TEXT);
    end.map_or(bytes, |end| &bytes[..end])
}

/// Whether the words of two places are equal, or lengths of texts that differ.
fn is_same_but_lengths(texts: &Texts, ours: &[u8], theirs: &[u8]) -> bool {
    let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    let is_same = |(one, other): (&[u8], &[u8])| {
        one == other
            || word(one)
                .zip(word(other))
                .is_some_and(|(one, other)| texts.of_length(one, other).is_some())
    };
    ours.len() == theirs.len() && ours.chunks(8).zip(theirs.chunks(8)).all(is_same)
}

/// A section, and how far from its beginning a place is.
type InSection<'a> = (&'a FileSection, usize);

fn section_at(layout: &FileLayout, address: u64) -> Option<InSection<'_>> {
    let is_in =
        |it: &&FileSection| it.loaded && it.address <= address && address - it.address < it.size;
    // Thread-local statics without bytes take no room: other sections lie at the same addresses.
    let has_bytes = |it: &&FileSection| is_in(it) && !it.range.is_empty();
    let mut sections = layout.sections.iter();
    let section = sections.find(has_bytes).or_else(|| layout.sections.iter().find(is_in))?;
    Some((section, usize::try_from(address - section.address).ok()?))
}

/// At most `size` bytes from a place on.
fn bytes_at<'a>(file: &'a [u8], (section, at): InSection<'_>, size: usize) -> Option<&'a [u8]> {
    let bytes = file.get(section.range.clone())?;
    bytes.get(at..bytes.len().min(at + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_follows_where_it_grew_as_the_text_did() {
        let text = Text {
            old: (100, 140),
            new: (100, 150),
            size: 40,
            growth: 10,
            cause: DifferenceCause::Path,
        };
        let texts = Texts(vec![text]);
        assert_eq!(texts.of_length(40, 50), Some(DifferenceCause::Path));
        assert_eq!(texts.of_length(45, 55), Some(DifferenceCause::Path), "a longer text around it");
        assert_eq!(texts.of_length(30, 40), None, "shorter than the text itself");
        assert_eq!(texts.of_length(40, 51), None);
        assert_eq!(
            texts.of_length(81, 101),
            Some(DifferenceCause::Path),
            "twice the length and one"
        );
        assert_eq!(texts.of_length(80, 100), None);
        let word = |number: u64| number.to_le_bytes();
        let place = |length: u64, line: u64| [word(0), word(length), word(line)].concat();
        assert!(is_same_but_lengths(&texts, &place(40, 7), &place(50, 7)));
        assert!(!is_same_but_lengths(&texts, &place(40, 7), &place(50, 8)));
    }
}
