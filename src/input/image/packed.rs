//! Numbers, texts and entries in few bytes: an image has up to millions of them.

use super::spool::Spooled;
use super::{Contents, Entry, Kind};

/// Seven bits a byte, the lowest first; the last byte has its high bit clear.
pub fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front.
#[inline]
pub fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    match bytes.split_first()? {
        // Nearly every one.
        (byte @ ..0x80, rest) => {
            *bytes = rest;
            Some(u64::from(*byte))
        }
        _ => take_long_number(bytes),
    }
}

fn take_long_number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

/// As [`take_number`], of what is a length or an index in memory.
#[inline]
pub fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(take_number(bytes)?).ok()
}

/// A number below 2³².
pub fn take_small(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_number(bytes)?).ok()
}

/// Its length, then the text.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    push_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Takes a text off the front.
pub fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

/// What an entry is of: two bits of its tag.
const FILE: u8 = 0;
const DIRECTORY: u8 = 1;
const SYMLINK: u8 = 2;
const OTHER: u8 = 3;
/// Added to the tag of a file whose contents were kept.
const KEPT: u8 = 4;

/// The bits of a tag that [`push_entry`] does not use.
pub const FREE_BITS: u8 = !7;

/// An entry and what was kept of its contents, behind a tag with room for [`FREE_BITS`].
pub fn push_entry(out: &mut Vec<u8>, more: u8, entry: &Entry, contents: Option<Contents>) {
    let kind = match entry.kind {
        Kind::File { .. } => FILE,
        Kind::Directory => DIRECTORY,
        Kind::Symlink(_) => SYMLINK,
        Kind::Other => OTHER,
    };
    out.push(kind | if contents.is_some() { KEPT } else { 0 } | (more & FREE_BITS));
    for number in [entry.mode, entry.uid, entry.gid] {
        push_number(out, u64::from(number));
    }
    match &entry.kind {
        Kind::File { size } => push_number(out, *size),
        Kind::Symlink(target) => push_text(out, target),
        Kind::Directory | Kind::Other => {}
    }
    if let Some(Contents { tag, bytes: Spooled { at, length } }) = contents {
        out.push(tag);
        push_number(out, at);
        push_number(out, length);
    }
}

/// Takes an entry off the front, behind its tag.
pub fn take_entry(bytes: &mut &[u8], tag: u8) -> Option<(Entry, Option<Contents>)> {
    let (mode, uid, gid) = (take_small(bytes)?, take_small(bytes)?, take_small(bytes)?);
    let kind = match tag & 3 {
        FILE => Kind::File { size: take_number(bytes)? },
        DIRECTORY => Kind::Directory,
        SYMLINK => Kind::Symlink(take_text(bytes)?.to_vec()),
        _ => Kind::Other,
    };
    let contents = match tag & KEPT {
        0 => None,
        _ => {
            let tag = take_byte(bytes)?;
            let bytes = Spooled { at: take_number(bytes)?, length: take_number(bytes)? };
            Some(Contents { tag, bytes })
        }
    };
    Some((Entry { kind, mode, uid, gid }, contents))
}

/// Takes one byte off the front.
pub fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_out_again() {
        let mut out = Vec::new();
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            out.clear();
            push_number(&mut out, number);
            push_text(&mut out, b"text");
            let mut rest = out.as_slice();
            assert_eq!(take_number(&mut rest), Some(number));
            assert_eq!(take_text(&mut rest), Some(&b"text"[..]));
            assert!(rest.is_empty() && take_number(&mut rest).is_none());
        }
        assert_eq!(take_number(&mut [0xff; 20].as_slice()), None, "longer than any number");
        assert_eq!(take_text(&mut [9, b'x'].as_slice()), None, "cut off");
    }

    #[test]
    fn entries_come_out_again() {
        let contents = Some(Contents { tag: 7, bytes: Spooled { at: 1 << 40, length: 5 } });
        for (kind, contents) in [
            (Kind::File { size: u64::MAX }, contents),
            (Kind::File { size: 0 }, None),
            (Kind::Directory, None),
            (Kind::Symlink(vec![b'x'; 4000]), None),
            (Kind::Other, None),
        ] {
            let entry = Entry { kind, mode: 0o7755, uid: u32::MAX, gid: 1000 };
            let mut out = Vec::new();
            push_entry(&mut out, 0x80, &entry, contents);
            let mut rest = out.as_slice();
            let tag = take_byte(&mut rest).unwrap();
            assert_eq!(tag & FREE_BITS, 0x80);
            assert_eq!(take_entry(&mut rest, tag), Some((entry, contents)));
            assert!(rest.is_empty());
        }
    }
}
