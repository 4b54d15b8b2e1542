//! What makes two ranges differ, told by the section and by the text that stands there.

use std::ops::Range;

use crate::binary::diff::{DifferenceCause, Written, ranges};
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
    // Before a text there may be its length.
    if both(|it| it.contains('/') && (it.contains(".rs") || it.find('/') <= Some(1))) {
        // The same file below other directories.
        let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
        if last(old) == last(new) {
            return Some(DifferenceCause::Path);
        }
    }
    None
}

/// The cause of two texts whose difference stands in what the build scripts wrote, each in that of
/// its own build.
pub fn by_written(old: &str, new: &str, written: &Written) -> Option<DifferenceCause> {
    let (ours, theirs) = changed_words(old, new)?;
    let (ours, theirs) = (ours.as_str(), theirs.as_str());
    let is_in = |part: &str, bytes: &[u8]| memchr::memmem::find(bytes, part.as_bytes()).is_some();
    let is_written = ours.len().max(theirs.len()) >= MIN_TEXT
        && is_in(ours, &written.old)
        && is_in(theirs, &written.new)
        && !(is_in(ours, &written.new) && is_in(theirs, &written.old));
    is_written.then_some(DifferenceCause::BuildScript)
}

/// What two texts do not have in common, with the words that it is a part of.
fn changed_words(old: &str, new: &str) -> Option<(String, String)> {
    part_around(old, new, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// What two texts do not have in common, with what it is a part of: words, numbers and what stands
/// in a date between them.
pub fn changed_part(old: &str, new: &str) -> Option<(String, String)> {
    part_around(old, new, |byte| byte.is_ascii_alphanumeric() || b":-. ".contains(&byte))
}

fn part_around(old: &str, new: &str, is_part: fn(u8) -> bool) -> Option<(String, String)> {
    const MAX_AROUND: usize = 24;
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let range = ranges::differing(old, new);
    let (first, last) = (range.first()?, range.last()?);
    let part = |text: &[u8], from: usize, to: usize| {
        let is_part = |byte: &&u8| is_part(**byte);
        let before = text[..from].iter().rev().take(MAX_AROUND).take_while(is_part).count();
        let after = text[to..].iter().take(MAX_AROUND).take_while(is_part).count();
        String::from_utf8_lossy(&text[from - before..to + after]).into_owned()
    };
    let (old, new) =
        (part(old, first.old.start, last.old.end), part(new, first.new.start, last.new.end));
    Some((old, new))
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
    // What is in one file only has no place in the other.
    let text = |bytes: &[u8], range: &Range<usize>| match range {
        Range { start: 0, end: 0 } => Some(String::new()),
        range => around(bytes, range),
    };
    Some((text(bytes.0, old)?, text(bytes.1, new)?))
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
    fn a_text_is_shown_with_what_is_around_it() {
        let (old, new) = (b"\0\0port 8080 is taken\0", b"\0\0port 9090 is taken\0");
        let shown = texts((old, new), &(7..10), &(7..10)).unwrap();
        assert_eq!(shown, ("port 8080 is taken".to_owned(), "port 9090 is taken".to_owned()));
        assert_eq!(texts((b"\x01\x02\x03", b"\x01\x04\x03"), &(1..2), &(1..2)), None);
    }
}
