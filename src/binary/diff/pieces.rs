//! Which parts of a section stand nowhere in another, in whatever order the linker laid them.

use std::collections::{BTreeSet, HashMap};
use std::ops;

use super::ranges::Range;

/// Equal bytes that are searched for.
const BLOCK: usize = 8;
/// Every how many bytes a block is noted.
const STEP: usize = 4;
/// As many places are noted of one block: nulls stand everywhere.
const PLACES: usize = 4;
/// No longer section is taken apart, in bytes.
const MAX_SECTION: usize = 32 << 20;
/// What stands in the place of something is at most so much longer, in bytes.
const MAX_GROWTH: usize = 4096;
/// So many bytes that are elsewhere too may stand beside it, by chance.
const MAX_BESIDE: usize = 16;

/// The parts that are only in one of two sections, each with the part of the other that stands in
/// its place; that part is empty where something came in, went, or has no place of its own. None
/// for sections that hold the same in another order, and `None` for longer ones than are compared.
pub fn changed(old: &[u8], new: &[u8]) -> Option<Vec<Range>> {
    if old.len().max(new.len()) > MAX_SECTION {
        return None;
    }
    let (gone, come) = (residues(old, new), residues(new, old));
    let mut changed = Vec::new();
    let mut paired = BTreeSet::new();
    for (this, place) in come {
        // What stands in its place is either nothing or nowhere else.
        let overlaps = |it: &ops::Range<usize>| place.start < it.end && it.start < place.end;
        let beside = gone.iter().position(|(it, _)| overlaps(it));
        let alike = |at: &usize| gone[*at].0.len().abs_diff(place.len()) <= MAX_BESIDE;
        let old = match beside.filter(alike) {
            Some(at) if paired.insert(at) => without_nulls(old, gone[at].0.clone()),
            _ => place.start..place.start,
        };
        changed.push(Range { old, new: without_nulls(new, this) });
    }
    for (at, (this, place)) in gone.into_iter().enumerate() {
        if !paired.contains(&at) {
            changed.push(Range { old: this, new: place.start..place.start });
        }
    }
    changed.sort_by_key(|it| (it.new.start, it.old.start));
    Some(changed)
}

/// A range without the nulls at its ends: as many of them are anywhere.
fn without_nulls(bytes: &[u8], range: ops::Range<usize>) -> ops::Range<usize> {
    let part = &bytes[range.clone()];
    let is_some = |byte: &u8| *byte != 0;
    match (part.iter().position(is_some), part.iter().rposition(is_some)) {
        (Some(first), Some(last)) => range.start + first..range.start + last + 1,
        _ => range,
    }
}

/// The parts of `this` that are not in `other`, with what stands there in their place.
fn residues(this: &[u8], other: &[u8]) -> Vec<(ops::Range<usize>, ops::Range<usize>)> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for at in (0..(other.len() + 1).saturating_sub(BLOCK)).step_by(STEP) {
        let known = places.entry(&other[at..at + BLOCK]).or_default();
        if known.len() < PLACES {
            known.push(at);
        }
    }
    let mut residues = Vec::new();
    // The ends of the last part that is in both.
    let (mut end, mut other_end) = (0, 0);
    let mut at = 0;
    while at + BLOCK <= this.len() {
        let block = &this[at..at + BLOCK];
        let beside = other_end + (at - end);
        let known = places.get(block).into_iter().flatten();
        let nearest = known.copied().min_by_key(|place| place.abs_diff(beside));
        let same = other.get(beside..beside + BLOCK) == Some(block);
        let Some(mut place) = (if same { Some(beside) } else { nearest }) else {
            at += 1;
            continue;
        };
        let mut start = at;
        while start > end && place > 0 && this[start - 1] == other[place - 1] {
            (start, place) = (start - 1, place - 1);
        }
        let pairs = this[at..].iter().zip(&other[place + (at - start)..]);
        let length = (at - start) + pairs.take_while(|(one, other)| one == other).count();
        if start > end {
            residues.push((end..start, between(other_end, place, start - end)));
        }
        (end, other_end) = (start + length, place + length);
        at = end;
    }
    if end < this.len() {
        let place = between(other_end, other.len(), this.len() - end);
        residues.push((end..this.len(), place));
    }
    residues
}

fn between(start: usize, end: usize, length: usize) -> ops::Range<usize> {
    match end.checked_sub(start) {
        Some(size) if size <= length + MAX_GROWTH => start..end,
        _ => start..start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
        let all = changed(old.as_bytes(), new.as_bytes()).unwrap();
        all.into_iter().map(|it| (&old[it.old], &new[it.new])).collect()
    }

    #[test]
    fn what_grew_stands_in_its_place() {
        let old = "before it all /home/a/src/lib.rs and what follows it";
        let new = "before it all /home/a-longer-one/src/lib.rs and what follows it";
        assert_eq!(texts(old, new), [("", "-longer-one")]);
        assert_eq!(texts(new, old), [("-longer-one", "")]);
        let number = "a table of [1, 2, 3] numbers";
        assert_eq!(texts(number, "a table of [1, 7, 3] numbers"), [("2", "7")]);
    }

    #[test]
    fn another_order_is_no_change_and_a_change_in_it_is_one() {
        let old = "the first of the texts;and here is a second one;then the third, at last;";
        let new = "then the third, at last;the first of the texts;and here is a second one;";
        assert_eq!(texts(old, new), []);
        let edited = new.replace("here is a second", "here is a 2nd");
        assert_eq!(texts(old, &edited), [("", "2nd one;"), ("second one;", "")]);
    }

    #[test]
    fn short_and_equal_ones_are_compared_too() {
        assert_eq!(texts("abc", "abc"), [("abc", "abc")], "shorter than what is searched for");
        assert_eq!(texts("abcdefgh", "abcdefgh"), []);
        assert_eq!(texts("", "abcdefgh"), [("", "abcdefgh")]);
        let nulls = vec![0; 100_000];
        assert_eq!(changed(&nulls, &nulls[1..]).unwrap().len(), 1);
    }
}
