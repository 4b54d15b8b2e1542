//! Which texts are only in one of two sections, and what else differs between them: texts end in a
//! null, and linkers merge them and lay them in an order of their own.

use std::collections::HashMap;
use std::ops;

use super::pieces;
use super::ranges::{self, Range};

/// A shorter run without a null is no text, in bytes.
const MIN_TEXT: usize = 4;
/// In a template, the place of a value that is printed as it is.
const VALUE: u8 = 0xc0;
/// More texts are not brought together with each other.
const MAX_PAIRED: usize = 400;
/// Where nothing that differs is longer, nothing moved, in bytes.
const MAX_IN_PLACE: usize = 64;

/// The texts of a section, and the rest of its bytes one after another.
#[derive(Default)]
struct Split {
    texts: Vec<ops::Range<usize>>,
    rest: Vec<u8>,
    /// Where each part of the rest begins, in the rest and in the section.
    parts: Vec<(usize, usize)>,
}

impl Split {
    fn of(bytes: &[u8]) -> Split {
        let mut split = Split::default();
        let runs: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
        let mut at = 0;
        for (index, run) in runs.iter().enumerate() {
            let end = at + run.len();
            // A table may stand right behind a text; a template may end with a place for a value.
            let length = run.iter().rposition(is_shown).map_or(0, |last| last + 1);
            let length = if run.get(length..) == Some(&[VALUE]) { run.len() } else { length };
            let is_at =
                |at: Option<usize>| at.and_then(|at| runs.get(at)).is_some_and(|run| is_text(run));
            // What is short between two texts is one, too.
            let between = is_at(index.checked_sub(1)) && is_at(Some(index + 1));
            let text = match between || is_text(&run[..length]) {
                true => at..at + if between { run.len() } else { length },
                false => at..at,
            };
            if text.end < end {
                split.keep(bytes, text.end..end);
            }
            if !text.is_empty() {
                split.texts.push(text);
            }
            if end < bytes.len() {
                split.keep(bytes, end..end + 1);
            }
            at = end + 1;
        }
        split
    }

    fn keep(&mut self, bytes: &[u8], part: ops::Range<usize>) {
        let follows = self.parts.last().is_some_and(|(in_rest, in_section)| {
            in_section + (self.rest.len() - in_rest) == part.start
        });
        if !follows {
            self.parts.push((self.rest.len(), part.start));
        }
        self.rest.extend_from_slice(&bytes[part]);
    }

    /// A range of the rest as one of the section; what lies in several parts ends with the first.
    fn place(&self, range: &ops::Range<usize>) -> ops::Range<usize> {
        let part = self.parts.partition_point(|(at, _)| *at <= range.start).saturating_sub(1);
        let Some((in_rest, in_section)) = self.parts.get(part) else { return 0..0 };
        let limit = self.parts.get(part + 1).map_or(self.rest.len(), |(at, _)| *at);
        let place = |at: usize| in_section + (at - in_rest);
        place(range.start)..place(range.end.min(limit).max(range.start))
    }
}

/// Whether half of a run can be read: templates have some bytes between their texts.
fn is_text(run: &[u8]) -> bool {
    let shown = run.iter().filter(|byte| is_shown(byte)).count();
    run.len() >= MIN_TEXT && shown * 2 >= run.len()
}

fn is_shown(byte: &u8) -> bool {
    matches!(byte, 0x20..0x7f | b'\n' | b'\t')
}

/// The parts in which two sections differ; none where they hold the same in another order, and
/// `None` for longer ones than are compared.
pub fn changed(old: &[u8], new: &[u8]) -> Option<Vec<Range>> {
    let (ours, theirs) = (Split::of(old), Split::of(new));
    let mut changed =
        pairs((old, only_in(old, &ours, new, &theirs)), (new, only_in(new, &theirs, old, &ours)));
    let rest = ranges::differing(&ours.rest, &theirs.rest);
    let longest = rest.iter().map(|it| it.old.len().max(it.new.len())).max();
    let in_place = ours.rest.len() == theirs.rest.len() && longest <= Some(MAX_IN_PLACE);
    let rest = if in_place { rest } else { pieces::changed(&ours.rest, &theirs.rest)? };
    // Nulls follow: each text has one, and what is behind them is laid to multiples of its size.
    let is_null = |it: &Range| {
        let all = ours.rest[it.old.clone()].iter().chain(&theirs.rest[it.new.clone()]);
        all.into_iter().all(|byte| *byte == 0)
    };
    let rest = rest.into_iter().filter(|it| !is_null(it));
    changed.extend(rest.map(|it| Range { old: ours.place(&it.old), new: theirs.place(&it.new) }));
    Some(changed)
}

/// The texts of one section that the other has not, or not as often.
fn only_in(bytes: &[u8], split: &Split, others: &[u8], other: &Split) -> Vec<ops::Range<usize>> {
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for text in &other.texts {
        *counts.entry(&others[text.clone()]).or_default() += 1;
    }
    let is_only = |text: &&ops::Range<usize>| match counts.get_mut(&bytes[(*text).clone()]) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    };
    split.texts.iter().filter(is_only).cloned().collect()
}

/// Brings each text together with the one that it is most alike, and says where the two differ.
fn pairs(
    (old, ours): (&[u8], Vec<ops::Range<usize>>),
    (new, mut theirs): (&[u8], Vec<ops::Range<usize>>),
) -> Vec<Range> {
    let mut changed = Vec::new();
    let is_paired = ours.len().max(theirs.len()) <= MAX_PAIRED;
    for one in ours {
        let alike = |other: &ops::Range<usize>| {
            let (prefix, suffix) = ends(&old[one.clone()], &new[other.clone()]);
            prefix + suffix
        };
        let best = theirs.iter().enumerate().max_by_key(|(_, it)| alike(it));
        let best = best.filter(|(_, it)| is_paired && alike(it) * 3 >= one.len().min(it.len()));
        let Some(at) = best.map(|(at, _)| at) else {
            changed.push(Range { old: one, new: 0..0 });
            continue;
        };
        let other = theirs.remove(at);
        let (ours, theirs) = (&old[one.clone()], &new[other.clone()]);
        // The length of a text before it.
        let begins = beginning(ours, theirs);
        if begins > 0 {
            changed
                .push(Range { old: one.start..one.start + 1, new: other.start..other.start + 1 });
        }
        let (prefix, suffix) = ends(ours, theirs);
        let start = begins + prefix;
        let (end, end_now) = ((ours.len() - suffix).max(start), (theirs.len() - suffix).max(start));
        if start < end.max(end_now) {
            changed.push(Range {
                old: one.start + start..one.start + end,
                new: other.start + start..other.start + end_now,
            });
        }
    }
    changed.extend(theirs.into_iter().map(|it| Range { old: 0..0, new: it }));
    changed
}

/// How long what stands before two texts is, in bytes, where it differs: one of a length.
fn beginning(one: &[u8], other: &[u8]) -> usize {
    let is_length = |text: &[u8]| text[0] < 0x20;
    let is_before = is_length(one) || is_length(other) || one.get(1) == other.get(1);
    usize::from(one[0] != other[0] && is_before)
}

/// How many bytes two texts have in common at their beginning, but for a first one that is
/// another, and at their end.
fn ends(one: &[u8], other: &[u8]) -> (usize, usize) {
    let begins = beginning(one, other);
    let (one, other) = (&one[begins..], &other[begins..]);
    let prefix = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let rest = (&one[prefix..], &other[prefix..]);
    let backwards = rest.0.iter().rev().zip(rest.1.iter().rev());
    (prefix, backwards.take_while(|(one, other)| one == other).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
        let all = changed(old.as_bytes(), new.as_bytes()).unwrap();
        all.into_iter().map(|it| (&old[it.old], &new[it.new])).collect()
    }

    #[test]
    fn a_text_is_compared_with_the_one_that_it_became() {
        let old = "/rustc/library/core/src/str.rs\0/home/a/src/lib.rs\0a third text\0";
        let new = "/home/a-longer/src/lib.rs\0a third text\0/rustc/library/core/src/str.rs\0";
        assert_eq!(texts(old, new), [("", "-longer")]);
        let grown = "\x13/tmp/proof/x/a/app\0";
        assert_eq!(
            texts(grown, "\x1a/tmp/proof/x/a-longer/app\0"),
            [("\x13", "\x1a"), ("", "-longer")]
        );
        assert_eq!(texts("one text\0", "one text\0quite another\0"), [("", "quite another")]);
    }

    #[test]
    fn what_is_no_text_is_compared_too() {
        let old = "a text that is long\0\u{1}\0\0\0\u{2}\0\0\0";
        assert_eq!(texts(old, "a text that is long\0\u{1}\0\0\0\u{7}\0\0\0"), [("\u{2}", "\u{7}")]);
        assert_eq!(texts(old, old), []);
        assert_eq!(texts("", ""), []);
    }
}
