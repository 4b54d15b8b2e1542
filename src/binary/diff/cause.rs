//! What makes two ranges differ, told by the section and by the text that stands there.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::binary::diff::DifferenceCause;
use crate::binary::layout::FileSection;

/// How far a text is followed around a difference, in bytes.
const MAX_TEXT: usize = 160;
/// A shorter run of printable bytes is none.
const MIN_TEXT: usize = 4;

/// The cause that a section's name tells, whatever its bytes are.
pub fn by_name(section: &FileSection) -> Option<DifferenceCause> {
    let name = section.name.as_str();
    Some(match name {
        ".note.gnu.build-id" => DifferenceCause::BuildId,
        ".comment" => DifferenceCause::Linker,
        ".binlint" => DifferenceCause::Record,
        ".symtab" | ".strtab" => DifferenceCause::Debug,
        // The names of the sections: they follow what was taken out.
        ".shstrtab" | ".gnu_debuglink" => DifferenceCause::Strip,
        _ if name.starts_with(".debug_") || name.starts_with(".zdebug_") => DifferenceCause::Debug,
        _ => return None,
    })
}

/// Whether a section holds nothing but addresses and what belongs to them.
pub fn holds_addresses(name: &str) -> bool {
    let by_start = [".rela", ".rel.", ".got", ".plt", ".eh_frame", ".gcc_except_table"];
    by_start.iter().any(|start| name.starts_with(start))
        || matches!(name, ".dynamic" | ".dynsym" | ".init" | ".fini" | ".gnu.hash" | ".hash")
}

/// The cause that two texts tell which stand in the same place.
pub fn by_text(old: &str, new: &str) -> Option<DifferenceCause> {
    if has_out_dir(old) && has_out_dir(new) {
        return Some(DifferenceCause::OutDir);
    }
    if is_moment(old) && is_moment(new) {
        return Some(DifferenceCause::Timestamp);
    }
    let both = |is: fn(&str) -> bool| is(old) && is(new);
    if both(|it| it.contains('/') && (it.contains(".rs") || it.starts_with('/'))) {
        // The same file below other directories.
        let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
        if last(old) == last(new) {
            return Some(DifferenceCause::Path);
        }
    }
    None
}

/// `…/build/<package>-<16 hex digits>/out`.
fn has_out_dir(text: &str) -> bool {
    text.match_indices("/build/").any(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest.split_once("/out").is_some_and(|(directory, _)| {
            directory.rsplit_once('-').is_some_and(|(_, hash)| {
                hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit())
            })
        })
    })
}

/// Whether a text holds a date, a time or a number of seconds of this century.
pub fn is_moment(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape: String = bytes
        .iter()
        .map(|byte| match byte {
            b'0'..=b'9' => '0',
            b'a'..=b'z' | b'A'..=b'Z' => 'a',
            other => char::from(*other),
        })
        .collect();
    let is_year = |at: usize| matches!(bytes.get(at..at + 2), Some(b"19" | b"20"));
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    shape.contains("00:00:00")
        || ["0000-00-00", "0000/00/00", "0000.00.00"]
            .iter()
            .any(|date| shape.match_indices(date).any(|(at, _)| is_year(at)))
        // C's `__DATE__`: `Nov 29 2026`, `Nov  9 2026`.
        || months.iter().any(|month| {
            text.match_indices(month).any(|(at, _)| {
                let rest = &shape[at + 3..];
                rest.starts_with(" 00 0000") || rest.starts_with("  0 0000")
            })
        })
        || is_number_of_seconds(&shape, bytes)
}

/// A run of ten digits (seconds), thirteen, sixteen or nineteen, that begins as this century's do.
fn is_number_of_seconds(shape: &str, bytes: &[u8]) -> bool {
    let mut at = 0;
    for run in shape.split(|letter| letter != '0') {
        let begins = bytes.get(at).is_some_and(|digit| (b'1'..=b'4').contains(digit));
        if matches!(run.len(), 10 | 13 | 16 | 19) && begins {
            return true;
        }
        at += run.len() + 1;
    }
    false
}

/// The printable text around a difference, of both files; `None` where either has none.
pub fn texts(
    bytes: (&[u8], &[u8]),
    old: &Range<usize>,
    new: &Range<usize>,
) -> Option<(String, String)> {
    Some((around(bytes.0, old)?, around(bytes.1, new)?))
}

/// More words are not told.
const MAX_WORDS: usize = 20;
/// A longer range is not taken apart into words, in bytes.
const MAX_RANGE: usize = 8 << 20;

/// Two texts, and where in the sections each is.
pub type TextPair = ((String, String), usize, usize);

/// The words that are only in one of two ranges which are not text altogether, with what is around
/// them: the linker lays texts without an end beside each other, in an order of its own.
pub fn words(bytes: (&[u8], &[u8]), old: &Range<usize>, new: &Range<usize>) -> Vec<TextPair> {
    if old.len().max(new.len()) > MAX_RANGE || texts(bytes, old, new).is_some() {
        return Vec::new();
    }
    let (ours, theirs) = (words_of(bytes.0, old), words_of(bytes.1, new));
    // A word that is there more often is the one whose neighbours are new.
    let stands_in = |at: &Range<usize>, bytes: &[u8], others: &[u8]| {
        let near = &bytes[at.start.saturating_sub(3)..(at.end + 3).min(bytes.len())];
        memchr::memmem::find(others, near).is_some()
    };
    let only = |these: &Counted, those: &Counted, bytes: &[u8], others: &[u8]| {
        let mut only: Vec<Range<usize>> = these
            .iter()
            .filter(|(word, at)| those.get(*word).map_or(0, Vec::len) < at.len())
            .filter_map(|(_, at)| at.iter().find(|at| !stands_in(at, bytes, others)).cloned())
            .collect();
        only.sort_by_key(|at| at.start);
        let shown = only.into_iter().take(MAX_WORDS);
        let shown = shown.filter_map(|at| Some((around(bytes, &at)?, at.start)));
        shown.collect::<Vec<(String, usize)>>()
    };
    let in_ranges = (&bytes.0[old.clone()], &bytes.1[new.clone()]);
    let (ours, theirs) =
        (only(&ours, &theirs, bytes.0, in_ranges.1), only(&theirs, &ours, bytes.1, in_ranges.0));
    let pairs = ours.len().max(theirs.len());
    let at = |list: &[(String, usize)], index: usize| {
        list.get(index).cloned().unwrap_or((String::new(), 0))
    };
    (0..pairs)
        .map(|index| {
            let ((old, from), (new, to)) = (at(&ours, index), at(&theirs, index));
            ((old, new), from, to)
        })
        .collect()
}

type Counted<'a> = BTreeMap<&'a [u8], Vec<Range<usize>>>;

/// The words of a range, those at its ends whole, with their places.
fn words_of<'a>(bytes: &'a [u8], range: &Range<usize>) -> Counted<'a> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start =
        range.start - bytes[..range.start].iter().rev().take_while(|it| is_word(it)).count();
    let end = range.end + bytes[range.end..].iter().take_while(|it| is_word(it)).count();
    let mut words = Counted::new();
    let mut at = start;
    while at < end {
        let length = bytes[at..end].iter().take_while(|it| is_word(it)).count();
        if length >= 2 {
            words.entry(&bytes[at..at + length]).or_default().push(at..at + length);
        }
        at += length + 1;
    }
    words
}

fn around(bytes: &[u8], range: &Range<usize>) -> Option<String> {
    let is_text = |byte: &u8| (0x20..0x7f).contains(byte);
    if !bytes.get(range.clone())?.iter().take(MAX_TEXT).all(|it| is_text(it) || *it == b'\n') {
        return None;
    }
    let before = bytes[..range.start].iter().rev().take(MAX_TEXT / 4).take_while(|it| is_text(it));
    let start = range.start - before.count();
    let after = bytes[range.end..].iter().take(MAX_TEXT / 4).take_while(|it| is_text(it));
    let end = (range.end + after.count()).min(start + MAX_TEXT);
    let text = bytes.get(start..end)?;
    (text.len() >= MIN_TEXT).then(|| line(text))
}

/// Bytes as a line of text: what is not printable is a space.
pub fn line(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(MAX_TEXT).map(|byte| match byte {
        0x20..0x7f => char::from(*byte),
        _ => ' ',
    });
    shown.collect::<String>().trim().to_owned()
}

/// The last 20 bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let start = bytes.len().saturating_sub(20);
    crate::digest::hex(&bytes[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_known_by_their_shape() {
        for text in [
            "built on Nov 29 2026",
            "Nov  9 2026, 10:11:12",
            "2026-11-29T10:11:12Z",
            "2026/11/29",
            "at 1796000000 s",
            "1796000000123",
        ] {
            assert!(is_moment(text), "{text}");
        }
        for text in [
            "version 1.2.3",
            "port 8080",
            "0123456789 digits",
            "Mayor 12",
            "127.0.0.1:80",
            "9999999999",
        ] {
            assert!(!is_moment(text), "{text}");
        }
    }

    #[test]
    fn paths_and_out_dirs_are_told_apart() {
        let out = "/ws/target/release/build/app-0123456789abcdef/out/gen.rs";
        let other = "/tmp/target/release/build/app-0123456789abcdef/out/gen.rs";
        assert_eq!(by_text(out, other), Some(DifferenceCause::OutDir));
        assert_eq!(
            by_text("/home/a/src/main.rs", "/home/b/src/main.rs"),
            Some(DifferenceCause::Path)
        );
        assert_eq!(by_text("/home/a/src/main.rs", "/home/a/src/other.rs"), None);
        assert_eq!(by_text("hello", "goodbye"), None);
        assert_eq!(by_text("at 10:11:12", "at 10:11:13"), Some(DifferenceCause::Timestamp));
        assert_eq!(by_text("at 10:11:12", "at noon"), None);
    }

    #[test]
    fn words_are_found_wherever_the_linker_lays_their_texts() {
        let old = b"\0\x01on port called with other\x02\0";
        let new = b"\0\x01called with otherat port \x03\0";
        let found = words((old, new), &(1..28), &(1..28));
        let shown: Vec<_> = found.iter().map(|(texts, ..)| texts.clone()).collect();
        assert!(shown.iter().any(|(old, _)| old.contains("on port")), "{shown:?}");
        assert!(shown.iter().any(|(_, new)| new.contains("at port")), "{shown:?}");
        assert_eq!(words((b"\x01\x02", b"\x03\x04"), &(0..2), &(0..2)), []);
    }

    #[test]
    fn a_text_is_shown_with_what_is_around_it() {
        let (old, new) = (b"\0\0port 8080 is taken\0", b"\0\0port 9090 is taken\0");
        let shown = texts((old, new), &(7..10), &(7..10)).unwrap();
        assert_eq!(shown, ("port 8080 is taken".to_owned(), "port 9090 is taken".to_owned()));
        assert_eq!(texts((b"\x01\x02\x03", b"\x01\x04\x03"), &(1..2), &(1..2)), None);
    }
}
