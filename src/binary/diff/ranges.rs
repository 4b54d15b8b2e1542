//! Which ranges of two sections differ.

use std::ops;

/// Bytes that stand in the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Where, in the old section.
    pub old: ops::Range<usize>,
    /// Where, in the new one.
    pub new: ops::Range<usize>,
}

/// Equal bytes between two ranges that do not part them.
const GAP: usize = 8;
/// More ranges are one that reaches to the last.
const MAX_RANGES: usize = 10_000;

/// The ranges in which two sections differ. Of sections of different lengths it is one: what lies
/// between their common start and their common end.
pub fn differing(old: &[u8], new: &[u8]) -> Vec<Range> {
    if old.len() != new.len() {
        let shorter = old.len().min(new.len());
        let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
        let ends = old.iter().rev().zip(new.iter().rev());
        let end = ends.take(shorter - start).take_while(|(old, new)| old == new).count();
        return vec![Range { old: start..old.len() - end, new: start..new.len() - end }];
    }
    let mut ranges: Vec<ops::Range<usize>> = Vec::new();
    for (at, _) in old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new) {
        let is_last = ranges.len() == MAX_RANGES;
        match ranges.last_mut() {
            Some(last) if is_last || at <= last.end + GAP => last.end = at + 1,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges.into_iter().map(|range| Range { old: range.clone(), new: range }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_are_compared_byte_by_byte() {
        let one = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec();
        let mut other = one.clone();
        (other[3], other[5], other[25]) = (b'b', b'b', b'b');
        let found: Vec<_> = differing(&one, &other).into_iter().map(|it| it.old).collect();
        assert_eq!(found, [3..6, 25..26]);
        assert_eq!(differing(&one, &one), []);
    }

    #[test]
    fn other_lengths_are_one_range() {
        assert_eq!(differing(b"abcxyz", b"abc1xyz"), [Range { old: 3..3, new: 3..4 }]);
        assert_eq!(differing(b"aa", b"aaa"), [Range { old: 2..2, new: 2..3 }]);
        assert_eq!(differing(b"", b"a"), [Range { old: 0..0, new: 0..1 }]);
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let one = vec![0; 40 * MAX_RANGES];
        let other: Vec<u8> = (0..one.len()).map(|at| u8::from(at % 20 == 0)).collect();
        let found = differing(&one, &other);
        assert_eq!(found.len(), MAX_RANGES);
        assert_eq!(found.last().unwrap().old.end, one.len() - 19);
    }
}
