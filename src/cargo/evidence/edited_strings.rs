//! Texts of the sources that are not in the program, beside what the program holds instead.
//!
//! A missing text proves nothing by itself: code that nobody calls takes its texts along. A long
//! part of it that is in the program, and in no text of the sources, was edited.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

/// A text of the sources of which the program holds an edited form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Which of the missing texts.
    pub index: usize,
    /// What the program holds at its place, as far as the text went.
    pub inside: String,
    /// Whether both ends of the text are there, so that only its middle is another: no chance and
    /// no text of somebody else looks like that.
    pub whole: bool,
}

/// Shorter parts are shared by chance, or are constants that a comparison or a copy was unrolled
/// to: those have 16 bytes, or lie 16 by 16 behind each other.
const SHORTEST: usize = 17;

/// The share of a text that must be in the program in one piece, in percent.
const SHARE: usize = 60;

/// Bytes of a text by which its places in the program are found.
const ANCHOR: usize = 12;

/// Places that are looked at for one text; one that is everywhere tells nothing.
const PLACES: usize = 32;

/// More missing texts than this are another program's, and need no explanation.
const MOST: usize = 400;

/// The texts of `missing` of which the program holds an edited form.
///
/// `is_known` says whether a part of a text is in another text of the sources as well.
pub fn find(missing: &[&[u8]], program: &[u8], is_known: impl Fn(&[u8]) -> bool) -> Vec<Edited> {
    let mut anchors: Vec<(usize, usize)> = Vec::new();
    for (index, text) in missing.iter().enumerate().take(MOST) {
        if text.len() > SHORTEST {
            let last = text.len() - ANCHOR;
            anchors.extend([0, last / 2, last].map(|offset| (index, offset)));
        }
    }
    let patterns = anchors.iter().map(|(index, offset)| &missing[*index][*offset..offset + ANCHOR]);
    let Ok(automaton) =
        AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(patterns)
    else {
        return Vec::new();
    };
    let mut longest: Vec<Option<(Range<usize>, usize)>> = vec![None; missing.len()];
    let mut looked_at = vec![0; missing.len()];
    for hit in automaton.find_overlapping_iter(program) {
        let (index, offset) = anchors[hit.pattern().as_usize()];
        looked_at[index] += 1;
        if looked_at[index] > PLACES {
            longest[index] = None;
            continue;
        }
        let run = common(missing[index], offset, program, hit.start());
        if longest[index].as_ref().is_none_or(|(known, _)| known.len() < run.len()) {
            longest[index] = Some((run.clone(), hit.start() - offset + run.start));
        }
    }
    let found = longest.into_iter().enumerate().filter_map(|(index, longest)| {
        let (run, place) = longest?;
        let text = missing[index];
        let is_telling = run.len() >= SHORTEST
            && !run.len().is_multiple_of(16)
            && run.len() * 100 >= text.len() * SHARE
            && !is_known(&text[run.clone()]);
        let whole = has_ends(text, &run, program, place);
        let inside = || around(program, place, &run, text.len());
        is_telling.then(|| Edited { index, inside: inside(), whole })
    });
    found.collect()
}

/// The part of the text around `offset` that the program has around `at`.
fn common(text: &[u8], offset: usize, program: &[u8], at: usize) -> Range<usize> {
    let before = text[..offset].iter().rev().zip(program[..at].iter().rev());
    let after = text[offset..].iter().zip(&program[at..]);
    let same = |pair: &(&u8, &u8)| pair.0 == pair.1;
    offset - before.take_while(same).count()..offset + after.take_while(same).count()
}

/// Whether the first and the last bytes of the text are near the part that begins at `place`.
fn has_ends(text: &[u8], run: &Range<usize>, program: &[u8], place: usize) -> bool {
    const END: usize = 4;
    const NEAR: usize = 16;
    let before = &program[place.saturating_sub(run.start + NEAR)..place];
    let end = place + run.len();
    let behind = &program[end..(end + text.len() - run.end + NEAR).min(program.len())];
    (run.start == 0 || (run.start >= END && memmem::find(before, &text[..END]).is_some()))
        && (run.end == text.len()
            || (run.end + END <= text.len()
                && memmem::find(behind, &text[text.len() - END..]).is_some()))
}

/// What a person should see: the part, and as much before and behind it as the text had.
fn around(program: &[u8], place: usize, run: &Range<usize>, length: usize) -> String {
    let start = place.saturating_sub(run.start);
    let end = (place + length - run.start).min(program.len());
    let is_text = |byte: &u8| (0x20..0x7f).contains(byte) || *byte >= 0x80;
    let before = program[start..place].iter().rev().take_while(|byte| is_text(byte)).count();
    let behind = program[place..end].iter().take_while(|byte| is_text(byte)).count();
    String::from_utf8_lossy(&program[place - before..place + behind.max(run.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &[u8] = b"..Do not hide filesystem errorsApparent size instead of usage..";

    #[test]
    fn an_edited_text_is_shown_as_the_program_has_it() {
        let texts: [&[u8]; 4] = [
            b"Do not show filesystem errors",
            b"Apparent size instead of disk usage",
            b"hidden somewhere else",
            b"nothing in common with anything",
        ];
        let found = find(&texts, PROGRAM, |_| false);
        let shown: Vec<(usize, &str, bool)> =
            found.iter().map(|it| (it.index, it.inside.as_str(), it.whole)).collect();
        assert_eq!(
            shown,
            [
                (0, "Do not hide filesystem errors", true),
                (1, "Apparent size instead of usage..", true),
            ]
        );
    }

    #[test]
    fn a_part_that_the_sources_have_elsewhere_tells_nothing() {
        let text: &[u8] = b"Apparent size instead of disk usage";
        assert!(find(&[text], PROGRAM, |part| part == b"Apparent size instead of ").is_empty());
    }

    #[test]
    fn unrolled_constants_and_common_words_tell_nothing() {
        let text: &[u8] = b"0123456789abcdef0123";
        // Two halves that overlap, as a comparison of 20 bytes is compiled.
        let program = b"..0123456789abcdef..456789abcdef0123..";
        assert!(find(&[text], program, |_| false).is_empty());
        let everywhere = b"an everyday text of words, ".repeat(PLACES + 1);
        let text: &[u8] = b"an everyday text of wordings";
        assert!(find(&[text], &everywhere, |_| false).is_empty());
    }
}
