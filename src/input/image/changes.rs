//! What a layer does, path by path, in the few bytes that a layer of millions of entries can afford.

use std::sync::Arc;

use super::packed::{
    FREE_BITS, push_entry, push_number, push_text, take_byte, take_entry, take_length, take_text,
};
use super::spool::{Spool, Spooled};
use super::{Contents, Entry, Why};

/// What a layer does at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts this there.
    Put(Entry, Option<Contents>),
    /// Puts another name of the file at this path there.
    HardLink(Vec<u8>),
    /// Hides what lower layers have there.
    Whiteout,
    /// Hides what lower layers have in this directory.
    Opaque,
}

/// The changes of a layer, in its own order. Every path is kept as what it does not share with
/// the one before it.
#[derive(Debug, Clone)]
pub struct Changes {
    spool: Arc<Spool>,
    chunks: Vec<Spooled>,
    /// What will be the next chunk.
    open: Vec<u8>,
    last: Vec<u8>,
    length: usize,
}

/// Bytes of a chunk; a record lies in one.
const CHUNK: usize = 64 << 10;

/// Tags of what puts no entry, in the bits that an entry's tag leaves free.
const HARD_LINK: u8 = 0x80;
const WHITEOUT: u8 = 0x40;
const OPAQUE: u8 = 0x20;

impl Changes {
    /// None; they will lie in this spool.
    pub fn new(spool: Arc<Spool>) -> Changes {
        Changes { spool, chunks: Vec::new(), open: Vec::new(), last: Vec::new(), length: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds one. The path is normalised.
    pub fn push(&mut self, path: Vec<u8>, change: &Change) -> Result<(), Why> {
        let shared = path.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        let out = &mut self.open;
        push_number(out, shared as u64);
        push_text(out, path.get(shared..).unwrap_or_default());
        match change {
            Change::Put(entry, contents) => push_entry(out, 0, entry, *contents),
            Change::HardLink(target) => {
                out.push(HARD_LINK);
                push_text(out, target);
            }
            Change::Whiteout => out.push(WHITEOUT),
            Change::Opaque => out.push(OPAQUE),
        }
        self.last = path;
        self.length += 1;
        if self.open.len() >= CHUNK {
            self.chunks.push(self.spool.put(&self.open)?);
            self.open.clear();
        }
        Ok(())
    }
}

impl IntoIterator for Changes {
    type Item = Result<(Vec<u8>, Change), Why>;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        let Changes { spool, chunks, open, .. } = self;
        let chunks = chunks.into_iter();
        IntoIter { spool, chunks, open, records: Vec::new(), at: 0, path: Vec::new() }
    }
}

/// The changes one after the other.
#[derive(Debug)]
pub struct IntoIter {
    spool: Arc<Spool>,
    chunks: std::vec::IntoIter<Spooled>,
    open: Vec<u8>,
    records: Vec<u8>,
    at: usize,
    path: Vec<u8>,
}

impl IntoIter {
    fn record(&mut self) -> Option<(Vec<u8>, Change)> {
        let all = self.records.get(self.at..)?;
        let bytes = &mut &*all;
        self.path.truncate(take_length(bytes)?);
        self.path.extend_from_slice(take_text(bytes)?);
        let tag = take_byte(bytes)?;
        let change = match tag & FREE_BITS {
            HARD_LINK => Change::HardLink(take_text(bytes)?.to_vec()),
            WHITEOUT => Change::Whiteout,
            OPAQUE => Change::Opaque,
            _ => {
                let (entry, contents) = take_entry(bytes, tag)?;
                Change::Put(entry, contents)
            }
        };
        self.at += all.len() - bytes.len();
        Some((self.path.clone(), change))
    }
}

impl Iterator for IntoIter {
    type Item = Result<(Vec<u8>, Change), Why>;

    fn next(&mut self) -> Option<Result<(Vec<u8>, Change), Why>> {
        if self.at == self.records.len() {
            self.at = 0;
            self.records = match self.chunks.next() {
                Some(chunk) => match self.spool.get(chunk) {
                    Ok(records) => records,
                    Err(error) => return Some(Err(error.into())),
                },
                None => std::mem::take(&mut self.open),
            };
        }
        self.record().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::image::Kind;

    #[test]
    fn what_was_added_comes_out_again() {
        let entry = |kind| Entry { kind, mode: 0o7755, uid: u32::MAX, gid: 1000 };
        let link = |target: &[u8]| entry(Kind::Symlink(target.to_vec()));
        let contents = |tag| Some(Contents { tag, bytes: Spooled { at: 99, length: 1 << 33 } });
        let file = |size| entry(Kind::File { size });
        let all: Vec<(Vec<u8>, Change)> = vec![
            (b"/".to_vec(), Change::Put(entry(Kind::Directory), None)),
            (b"/usr/lib".to_vec(), Change::Put(entry(Kind::Directory), None)),
            (b"/usr/lib/a".to_vec(), Change::Put(file(u64::MAX), contents(1))),
            (b"/usr/lib/a".to_vec(), Change::Put(file(0), None)),
            (b"/usr/li".to_vec(), Change::Put(link(b""), None)),
            (b"/usr/\xff".to_vec(), Change::Put(link(&[b'x'; 300]), None)),
            (b"/dev/null".to_vec(), Change::Put(entry(Kind::Other), None)),
            (b"/usr/lib/b".to_vec(), Change::HardLink(b"/usr/lib/a".to_vec())),
            (b"/usr/lib/c".to_vec(), Change::Whiteout),
            (b"/usr".to_vec(), Change::Opaque),
            (b"/z".to_vec(), Change::Put(file(1), contents(255))),
        ];
        // Once in memory, once in many chunks.
        for times in [1, 5000] {
            let mut changes = Changes::new(Arc::default());
            assert!(changes.is_empty());
            for (path, change) in std::iter::repeat_n(&all, times).flatten() {
                changes.push(path.clone(), change).unwrap();
            }
            assert_eq!(changes.len(), all.len() * times);
            assert_eq!(changes.chunks.is_empty(), times == 1);
            let mut seen = 0;
            for (index, change) in changes.into_iter().enumerate() {
                assert_eq!(change.unwrap(), all[index % all.len()]);
                seen += 1;
            }
            assert_eq!(seen, all.len() * times);
        }
    }
}
