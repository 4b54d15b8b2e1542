//! A tar stream read by the rules of Go's `archive/tar`, because every container engine reads by them.
//!
//! The rules that other readers break, and that an archive can therefore be smuggled through: an
//! entry that cannot have contents (link, directory, device, FIFO) has none, whatever its size
//! says; of two records of one name in a PAX header the last counts; an extension header may not
//! be longer than 1 MiB; a single zero block ends nothing and is an error; a bad checksum is an
//! error. What Go refuses is refused here.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::rootfs::error::{ImageError, TarError};

/// Bytes of an extension header in a tar stream; Go's own limit.
pub const MAX_SPECIAL_HEADER: u64 = 1 << 20;

const BLOCK: usize = 512;
const BLOCK_SIZE: u64 = 512;
/// Extension headers in front of one entry; writers make three at most.
const MAX_SPECIAL_HEADERS: usize = 64;

/// Bytes in order that can also be passed over.
pub trait TarSource: Read + Sized {
    /// Passes over `count` bytes. An end before them is an error.
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.by_ref().take(count), &mut io::sink())?;
        if passed == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl TarSource for &[u8] {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let rest = usize::try_from(count).ok().and_then(|count| self.get(count..));
        *self = rest.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

/// One entry, after its extension headers were merged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarHeader {
    /// As written, extension headers included; neither normalised nor checked.
    pub name: Vec<u8>,
    /// The target of a link, as written.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Of the contents, in bytes: what a reader sees. 0 where the kind has no contents.
    pub size: u64,
    /// The contents are stored with holes, and only Go's reader fills them in.
    pub sparse: bool,
    /// As written.
    pub mode: u32,
    /// As written.
    pub uid: u32,
    /// As written.
    pub gid: u32,
    /// Where the contents begin in the tar stream, in bytes.
    pub offset: u64,
}

/// The entry types that engines know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the format's own")]
pub enum EntryKind {
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
    /// A PAX header for all entries that follow. Engines pass over it.
    Global,
    /// Anything else (`S`, `7`, `V`, …): every engine refuses it in a layer.
    Unknown(u8),
}

impl EntryKind {
    fn of(flag: u8, name: &[u8]) -> EntryKind {
        match flag {
            // Before POSIX a directory was a file whose name ends in a slash.
            0 if name.last() == Some(&b'/') => EntryKind::Directory,
            0 | b'0' => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharacterDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            b'g' => EntryKind::Global,
            other => EntryKind::Unknown(other),
        }
    }
}

fn has_contents(flag: u8) -> bool {
    !matches!(flag, b'1'..=b'6')
}

/// Reads one archive, entry by entry.
#[derive(Debug)]
pub struct TarReader<S> {
    source: S,
    /// Bytes taken from the source.
    at: u64,
    /// Of the current entry's contents, still in the source.
    remaining: u64,
    /// After them, up to the next block.
    padding: u64,
    ended: bool,
}

impl<S: TarSource> TarReader<S> {
    /// A reader at the first header.
    pub fn new(source: S) -> TarReader<S> {
        TarReader { source, at: 0, remaining: 0, padding: 0, ended: false }
    }

    /// The source, wherever the archive's end left it.
    pub fn into_source(self) -> S {
        self.source
    }

    /// The next entry; `None` after the last.
    pub fn next_entry(&mut self) -> Result<Option<TarHeader>, TarError> {
        let mut pax: Option<Pax> = None;
        let mut long_name: Vec<u8> = Vec::new();
        let mut long_link: Vec<u8> = Vec::new();
        for _ in 0..MAX_SPECIAL_HEADERS {
            self.pass_contents()?;
            let Some(raw) = self.read_header()? else {
                return Ok(None);
            };
            match raw.flag {
                b'x' => pax = Some(Pax::parse(&self.read_special(raw.at)?, raw.at)?),
                b'g' => {
                    // Checked, then handed on with its own name: it changes no other entry.
                    Pax::parse(&self.read_special(raw.at)?, raw.at)?;
                    return Ok(Some(raw.into_header(EntryKind::Global, self.at)));
                }
                b'L' => long_name = until_nul(&self.read_special(raw.at)?).to_vec(),
                b'K' => long_link = until_nul(&self.read_special(raw.at)?).to_vec(),
                _ => {
                    return self
                        .merge(raw, pax.unwrap_or_default(), long_name, long_link)
                        .map(Some);
                }
            }
        }
        Err(TarError::Header { at: self.at, why: "extension headers without an entry" })
    }

    /// Of the current entry's contents, in bytes: what has not been read.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Reads from the current entry's contents.
    pub fn read_contents(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..most).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => return Err(TarError::Truncated { at: self.at }),
                Ok(count) => {
                    filled += count;
                    self.at += count as u64;
                    self.remaining -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error)),
            }
        }
        Ok(filled)
    }

    /// Appends up to `limit` bytes of the current entry's contents.
    pub fn append_contents(&mut self, to: &mut Vec<u8>, limit: u64) -> Result<(), TarError> {
        let mut left = self.remaining.min(limit);
        // Grown step by step: the size is the archive's claim, the bytes are not there yet.
        while left > 0 {
            let step = usize::try_from(left.min(1 << 20)).unwrap_or(1 << 20);
            let from = to.len();
            to.resize(from + step, 0);
            let Some(buffer) = to.get_mut(from..) else { break };
            self.read_contents(buffer)?;
            left -= step as u64;
        }
        Ok(())
    }

    /// The current entry's contents as a source of their own.
    pub fn contents(&mut self) -> Contents<'_, S> {
        Contents { reader: self }
    }

    fn pass_contents(&mut self) -> Result<(), TarError> {
        let count = self.remaining;
        if count > 0 {
            self.source.skip(count).map_err(|error| self.read_error(error))?;
            self.at += count;
            self.remaining = 0;
        }
        // Go lets the last entry's padding be missing.
        if self.padding > 0 {
            let mut block = [0; BLOCK];
            let padding = usize::try_from(self.padding).unwrap_or(BLOCK).min(BLOCK);
            self.padding = 0;
            let Some(buffer) = block.get_mut(..padding) else { return Ok(()) };
            self.at += self.fill(buffer)? as u64;
        }
        Ok(())
    }

    fn set_contents(&mut self, size: u64) {
        self.remaining = size;
        self.padding = size.wrapping_neg() % BLOCK_SIZE;
    }

    /// Fills the buffer as far as the source reaches.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read_error(error)),
            }
        }
        Ok(filled)
    }

    fn read_block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let filled = self.fill(&mut block)?;
        self.at += filled as u64;
        match filled {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(TarError::Truncated { at: self.at }),
        }
    }

    fn read_header(&mut self) -> Result<Option<RawHeader>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let at = self.at;
        let Some(block) = self.read_block()? else {
            self.ended = true;
            return Ok(None);
        };
        if block == [0; BLOCK] {
            self.ended = true;
            return match self.read_block()? {
                None => Ok(None),
                Some(second) if second == [0; BLOCK] => Ok(None),
                Some(_) => Err(TarError::Header { at, why: "one zero block in front of a header" }),
            };
        }
        let raw = RawHeader::parse(&block, at)?;
        self.set_contents(if has_contents(raw.flag) { raw.size } else { 0 });
        Ok(Some(raw))
    }

    fn read_special(&mut self, at: u64) -> Result<Vec<u8>, TarError> {
        if self.remaining > MAX_SPECIAL_HEADER {
            return Err(TarError::Header { at, why: "an extension header of more than 1 MiB" });
        }
        let mut bytes = Vec::new();
        self.append_contents(&mut bytes, MAX_SPECIAL_HEADER)?;
        Ok(bytes)
    }

    fn merge(
        &mut self,
        mut raw: RawHeader,
        pax: Pax,
        long_name: Vec<u8>,
        long_link: Vec<u8>,
    ) -> Result<TarHeader, TarError> {
        let at = raw.at;
        let number =
            |text: &[u8]| decimal(text).ok_or(TarError::Header { at, why: "a PAX number" });
        for (key, value) in &pax.records {
            // An empty value takes a record of a global header back; the entry's own field stays.
            if value.is_empty() {
                continue;
            }
            match key.as_slice() {
                b"path" => raw.name.clone_from(value),
                b"linkpath" => raw.link.clone_from(value),
                b"size" => raw.size = number(value)?,
                b"uid" => raw.uid = u32::try_from(number(value)?).unwrap_or(u32::MAX),
                b"gid" => raw.gid = u32::try_from(number(value)?).unwrap_or(u32::MAX),
                _ => {}
            }
        }
        if !long_name.is_empty() {
            raw.name = long_name;
        }
        if !long_link.is_empty() {
            raw.link = long_link;
        }
        let flag = raw.flag;
        self.set_contents(if has_contents(flag) { raw.size } else { 0 });
        let mut header = raw.into_header(EntryKind::Unknown(0), self.at);
        if let Some((name, size)) = pax.sparse(at)? {
            if !has_contents(flag) {
                return Err(TarError::Header { at, why: "a sparse entry that has no contents" });
            }
            if !name.is_empty() {
                header.name = name;
            }
            header.size = size;
            header.sparse = true;
        }
        header.kind = EntryKind::of(flag, &header.name);
        if !has_contents(flag) || header.kind == EntryKind::Directory {
            header.size = 0;
        }
        Ok(header)
    }

    fn read_error(&self, error: io::Error) -> TarError {
        if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
            TarError::Truncated { at: self.at }
        } else {
            TarError::Read(error)
        }
    }
}

/// The contents of one entry of an archive, to be read as a stream.
#[derive(Debug)]
pub struct Contents<'a, S> {
    reader: &'a mut TarReader<S>,
}

impl<S: TarSource> Read for Contents<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read_contents(buffer).map_err(|error| match error {
            TarError::Read(error) => error,
            other => io::Error::new(io::ErrorKind::UnexpectedEof, ImageError::from(other)),
        })
    }
}

impl<S: TarSource> TarSource for Contents<'_, S> {}

/// A header block, before extension headers.
struct RawHeader {
    at: u64,
    name: Vec<u8>,
    link: Vec<u8>,
    flag: u8,
    size: u64,
    mode: u32,
    uid: u32,
    gid: u32,
}

impl RawHeader {
    /// Fields and their offsets: POSIX.1 ustar, and GNU tar's `tar.h`.
    fn parse(block: &[u8; BLOCK], at: u64) -> Result<RawHeader, TarError> {
        let bad = |why| TarError::Header { at, why };
        let sum = octal(&block[148..156]).ok_or(bad("the checksum is no number"))?;
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (index, byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&index) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            // Some old writers summed signed chars.
            signed += i64::from(byte.cast_signed());
        }
        if i64::try_from(sum).is_ok_and(|sum| sum != unsigned && sum != signed) {
            return Err(bad("the checksum does not fit"));
        }
        let flag = block[156];
        let size = numeric(&block[124..136]).ok_or(bad("the size is no number"))?;
        let small = |field: &[u8], why| -> Result<u32, TarError> {
            let value = numeric(field).ok_or(bad(why))?;
            Ok(u32::try_from(value & i64::from(u32::MAX)).unwrap_or(u32::MAX))
        };
        if has_contents(flag) && size < 0 {
            return Err(bad("the size is negative"));
        }
        let mut name = until_nul(&block[..100]).to_vec();
        let prefix = match &block[257..265] {
            [b'u', b's', b't', b'a', b'r', 0, ..] if &block[508..512] == b"tar\0" => {
                &block[345..476]
            }
            [b'u', b's', b't', b'a', b'r', 0, ..] => &block[345..500],
            _ => &[],
        };
        let prefix = until_nul(prefix);
        if !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        Ok(RawHeader {
            at,
            name,
            link: until_nul(&block[157..257]).to_vec(),
            flag,
            size: u64::try_from(size).unwrap_or(0),
            mode: small(&block[100..108], "the mode is no number")?,
            uid: small(&block[108..116], "the owner is no number")?,
            gid: small(&block[116..124], "the group is no number")?,
        })
    }

    fn into_header(self, kind: EntryKind, offset: u64) -> TarHeader {
        TarHeader {
            name: self.name,
            link: self.link,
            kind,
            size: self.size,
            sparse: false,
            mode: self.mode & 0o7777,
            uid: self.uid,
            gid: self.gid,
            offset,
        }
    }
}

/// The records of one PAX header (POSIX.1 pax, extended header); of two with one key the last.
#[derive(Default)]
struct Pax {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Pax {
    fn parse(bytes: &[u8], at: u64) -> Result<Pax, TarError> {
        let bad = || TarError::Header { at, why: "a PAX record" };
        let mut records = BTreeMap::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let blank = rest.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let (digits, after) = rest.split_at(blank);
            let length =
                decimal(digits).and_then(|length| usize::try_from(length).ok()).ok_or_else(bad)?;
            // The shortest record is `5 a=\n`; the length counts its own digits.
            let record =
                after.get(1..length.checked_sub(blank).ok_or_else(bad)?).ok_or_else(bad)?;
            if length < 5 {
                return Err(bad());
            }
            let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let (key, value) = record.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            let text = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
            if key.is_empty() || key.contains(&0) || (text && value.contains(&0)) {
                return Err(bad());
            }
            records.insert(key.to_vec(), value.to_vec());
            rest = rest.get(length..).ok_or_else(bad)?;
        }
        Ok(Pax { records })
    }

    /// Name and real size of an entry in one of GNU tar's three sparse forms (0.0, 0.1, 1.0).
    fn sparse(&self, at: u64) -> Result<Option<(Vec<u8>, u64)>, TarError> {
        let record = |key: &str| self.records.get(key.as_bytes()).map(Vec::as_slice);
        let (major, minor) = (record("GNU.sparse.major"), record("GNU.sparse.minor"));
        let is_sparse = match (major, minor) {
            (Some(b"0"), Some(b"0" | b"1")) | (Some(b"1"), Some(b"0")) => true,
            (None, None) => record("GNU.sparse.map").is_some_and(|map| !map.is_empty()),
            _ => false,
        };
        if !is_sparse {
            return Ok(None);
        }
        let size = record("GNU.sparse.size").or(record("GNU.sparse.realsize")).unwrap_or(b"0");
        let size =
            decimal(size).ok_or(TarError::Header { at, why: "the size of a sparse entry" })?;
        Ok(Some((record("GNU.sparse.name").unwrap_or_default().to_vec(), size)))
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn decimal(text: &[u8]) -> Option<u64> {
    let text =
        std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok().filter(|value| i64::try_from(*value).is_ok())
}

/// Blanks and NULs around the digits are allowed, and nothing at all is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let first = field.iter().position(|byte| !blank(byte));
    let last = field.iter().rposition(|byte| !blank(byte));
    let (Some(first), Some(last)) = (first, last) else { return Some(0) };
    let digits = until_nul(field.get(first..=last)?);
    let mut value = 0_u64;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

/// Octal digits, or GNU's two's complement with the top bit as its mark.
fn numeric(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return octal(field).and_then(|value| i64::try_from(value).ok());
    }
    let negative = first & 0x40 != 0;
    let fill: u8 = if negative { 0xff } else { 0 };
    let mut value = 0_u64;
    for (index, byte) in field.iter().enumerate() {
        let byte = (byte ^ fill) & if index == 0 { 0x7f } else { 0xff };
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { !value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (field, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"", None),
            (b"12x", None),
            (b"9", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x02\0", Some(512)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
        ] {
            assert_eq!(numeric(field), want, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn a_record_counts_its_own_length() {
        let parse = |text: &[u8]| {
            Pax::parse(text, 0).map(|pax| pax.records.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(
            parse(b"10 size=1\n12 size=512\n").unwrap(),
            [(b"size".to_vec(), b"512".to_vec())],
            "the last of two counts"
        );
        for bad in [
            &b"8 size=1\n"[..],
            b"11 size=1\n",
            b"3 a\n",
            b"x size=1\n",
            b"6 =aa\n\n",
            b"+10 size=1\n",
        ] {
            assert!(parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn an_empty_stream_is_an_empty_archive() {
        assert_eq!(TarReader::new(&b""[..]).next_entry().unwrap(), None);
        assert_eq!(TarReader::new(&[0; 1024][..]).next_entry().unwrap(), None);
        assert!(matches!(
            TarReader::new(&[1; 100][..]).next_entry(),
            Err(TarError::Truncated { at: 100 })
        ));
    }
}
