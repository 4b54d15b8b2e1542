//! Texts of the sources that are not in the program, beside what the program holds instead.
//!
//! A missing text proves nothing by itself: code that nobody calls takes its texts along. A long
//! part of it that is in the program, and in no text of the sources, was edited.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

/// A text of the sources of which the program holds an edited form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedSpan {
    /// Which of the missing texts.
    pub index: usize,
    /// The part of it that the program holds.
    pub part: Range<usize>,
    /// What the program holds at its place: from its first to its last letters where both are
    /// there, else the part, with `…` where nobody knows how the program's text goes on.
    pub inside: String,
    /// Whether both ends of the text are there, so that only its middle is another: no chance looks
    /// like that.
    pub whole: bool,
}

/// Shorter parts are shared by chance, or are constants that a comparison or a copy was unrolled
/// to: those have 16 bytes, or lie 16 by 16 behind each other.
const MIN_LENGTH: usize = 17;

/// The share of a text that must be in the program in one piece, in percent.
const SHARE: usize = 60;

/// Bytes of a text by which its places in the program are found.
const ANCHOR: usize = 12;

/// Places that are looked at for one text; one that is everywhere tells nothing.
const PLACES: usize = 32;

/// More missing texts than this are another program's, and need no explanation.
const MAX_STRINGS: usize = 400;

/// Looks for the longest part of each text.
#[derive(Debug)]
pub struct SubstringSearch<'a> {
    string_literals: &'a [&'a [u8]],
    anchors: Vec<(usize, usize)>,
    automaton: AhoCorasick,
}

/// What was found of one text.
#[derive(Debug, Clone, Default)]
enum Longest {
    #[default]
    Nothing,
    /// This part of the text, at this place.
    Part(Range<usize>, usize),
    /// Parts of it are everywhere.
    Everywhere,
}

impl<'a> SubstringSearch<'a> {
    /// Of these texts those of at least 12 bytes; `None` when they are too many to search for.
    pub fn new(string_literals: &'a [&'a [u8]]) -> Option<SubstringSearch<'a>> {
        let mut anchors: Vec<(usize, usize)> = Vec::new();
        for (index, text) in string_literals.iter().enumerate().take(MAX_STRINGS) {
            if let Some(last) = text.len().checked_sub(ANCHOR) {
                anchors.extend([0, last / 2, last].map(|offset| (index, offset)));
            }
        }
        let patterns =
            anchors.iter().map(|(index, at)| &string_literals[*index][*at..*at + ANCHOR]);
        let mut builder = AhoCorasick::builder();
        let automaton = builder.kind(Some(AhoCorasickKind::ContiguousNFA)).build(patterns).ok()?;
        Some(SubstringSearch { string_literals, anchors, automaton })
    }

    fn longest(&self, bytes: &[u8]) -> Vec<Longest> {
        let mut longest = vec![Longest::Nothing; self.string_literals.len()];
        let mut looked_at = vec![0; self.string_literals.len()];
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let (index, offset) = self.anchors[hit.pattern().as_usize()];
            looked_at[index] += 1;
            if looked_at[index] > PLACES {
                longest[index] = Longest::Everywhere;
                continue;
            }
            let run = common(self.string_literals[index], offset, bytes, hit.start());
            let is_longer =
                |known: &Longest| !matches!(known, Longest::Part(it, _) if it.len() >= run.len());
            if is_longer(&longest[index]) {
                let place = hit.start() - offset + run.start;
                longest[index] = Longest::Part(run, place);
            }
        }
        longest
    }

    /// Which of the texts these bytes hold but for a third: what lies beside a text in a program is
    /// another's, and may happen to go on as the text does.
    pub fn mostly_in(&self, bytes: &[u8]) -> Vec<bool> {
        let longest = self.longest(bytes);
        let string_literals = self.string_literals.iter().zip(longest);
        string_literals
            .map(|(text, longest)| match longest {
                Longest::Nothing => false,
                Longest::Part(run, _) => run.len() * 3 >= text.len() * 2,
                Longest::Everywhere => true,
            })
            .collect()
    }
}

/// The texts of `missing` of which the program holds an edited form.
///
/// `is_known` says whether a part of a text is in another text of the sources as well.
pub fn find(
    missing: &[&[u8]],
    program: &[u8],
    is_known: impl Fn(&[u8]) -> bool,
) -> Vec<EditedSpan> {
    let Some(search) = SubstringSearch::new(missing) else { return Vec::new() };
    let longest = search.longest(program);
    let found = longest.into_iter().enumerate().filter_map(|(index, longest)| {
        let Longest::Part(run, place) = longest else { return None };
        let text = missing[index];
        let is_telling = run.len() >= MIN_LENGTH
            && !run.len().is_multiple_of(16)
            && run.len() * 100 >= text.len() * SHARE
            && !is_known(&text[run.clone()]);
        if !is_telling {
            return None;
        }
        let ends = ends(text, &run, program, place);
        let inside = match &ends {
            Some(ends) => String::from_utf8_lossy(&program[ends.clone()]).into_owned(),
            None => {
                let before = if run.start == 0 { "" } else { "…" };
                let behind = if run.end == text.len() { "" } else { "…" };
                format!("{before}{}{behind}", String::from_utf8_lossy(&text[run.clone()]))
            }
        };
        Some(EditedSpan { index, part: run, inside, whole: ends.is_some() })
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

/// Where the program's text begins and ends, if the first and the last bytes of the text are near
/// the part that begins at `place`.
fn ends(text: &[u8], run: &Range<usize>, program: &[u8], place: usize) -> Option<Range<usize>> {
    const END: usize = 4;
    const NEAR: usize = 16;
    let end = place + run.len();
    let first = if run.start == 0 {
        place
    } else {
        let from = place.saturating_sub(run.start + NEAR);
        let head = text.get(..END).filter(|_| run.start >= END)?;
        from + memmem::rfind(&program[from..place], head)?
    };
    let last = if run.end == text.len() {
        end
    } else {
        let to = (end + text.len() - run.end + NEAR).min(program.len());
        let tail =
            text.get(text.len().checked_sub(END)?..).filter(|_| run.end + END <= text.len())?;
        end + memmem::find(&program[end..to], tail)? + END
    };
    Some(first..last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &[u8] = b"..Do not hide filesystem errorsApparent size instead of usage..";

    #[test]
    fn an_edited_text_is_shown_as_the_program_has_it() {
        let string_literals: [&[u8]; 4] = [
            b"Do not show filesystem errors",
            b"Apparent size instead of disk usage",
            b"hidden somewhere else",
            b"nothing in common with anything",
        ];
        let found = find(&string_literals, PROGRAM, |_| false);
        let shown: Vec<(usize, &str, bool)> =
            found.iter().map(|it| (it.index, it.inside.as_str(), it.whole)).collect();
        assert_eq!(
            shown,
            [
                (0, "Do not hide filesystem errors", true),
                (1, "Apparent size instead of usage", true),
            ]
        );
    }

    #[test]
    fn what_others_hold_but_for_its_edges_is_theirs() {
        let string_literals: [&[u8]; 3] =
            [b" internal error: ", b"nobody hears it at the far end", b"short"];
        let search = SubstringSearch::new(&string_literals).unwrap();
        let library = b"a thing;internal error: entered unreachable codenobody hears it";
        assert_eq!(search.mostly_in(library), [true, false, false]);
        assert_eq!(search.mostly_in(b""), [false; 3]);
        let everywhere = b" internal error:".repeat(PLACES + 1);
        assert_eq!(search.mostly_in(&everywhere), [true, false, false]);
    }

    #[test]
    fn where_the_programs_text_goes_on_nobody_knows() {
        let text: &[u8] = b"Unhandled internal error: ";
        let program = b"..Formatter`> , internal error: entered unreachable code";
        let found = find(&[text], program, |_| false);
        assert_eq!(found[0].inside, "… internal error: ");
        assert!(!found[0].whole);
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
