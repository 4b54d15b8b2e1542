//! What a layer does, path by path, in the few bytes that a layer of millions of entries can afford.

use std::sync::Arc;

use crate::rootfs::budget::{Budget, Charge};
use crate::rootfs::error::ImageError;
use crate::rootfs::{FileEntry, FileKind, Payload};

/// What a layer does at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathAction {
    /// Puts this there.
    Put(FileEntry, Option<Payload>),
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
pub struct LayerChanges {
    budget: Arc<Budget>,
    chunks: Vec<Arc<RecordChunk>>,
    /// What will be the next chunk.
    open: Vec<u8>,
    last: Vec<u8>,
    length: usize,
}

/// Records one behind the other.
#[derive(Debug)]
struct RecordChunk {
    records: Vec<u8>,
    /// Gives the bytes back with them.
    _charge: Charge,
}

/// Bytes of a chunk; a record lies in one.
const CHUNK: usize = 64 << 10;

/// What a record does.
const FILE: u8 = 0;
const DIRECTORY: u8 = 1;
const SYMLINK: u8 = 2;
const OTHER: u8 = 3;
const HARD_LINK: u8 = 4;
const WHITEOUT: u8 = 5;
const OPAQUE: u8 = 6;
/// Added for a file whose contents were kept.
const KEPT: u8 = 0x80;

impl LayerChanges {
    /// None; they will be charged to this budget.
    pub fn new(budget: Arc<Budget>) -> LayerChanges {
        LayerChanges { budget, chunks: Vec::new(), open: Vec::new(), last: Vec::new(), length: 0 }
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
    ///
    /// # Errors
    ///
    /// The budget is used up.
    pub fn push(&mut self, path: Vec<u8>, change: &PathAction) -> Result<(), ImageError> {
        let shared = path.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        let out = &mut self.open;
        push_number(out, shared as u64);
        push_text(out, path.get(shared..).unwrap_or_default());
        match change {
            PathAction::Put(entry, contents) => push_entry(out, entry, *contents),
            PathAction::HardLink(target) => {
                out.push(HARD_LINK);
                push_text(out, target);
            }
            PathAction::Whiteout => out.push(WHITEOUT),
            PathAction::Opaque => out.push(OPAQUE),
        }
        self.last = path;
        self.length += 1;
        if self.open.len() >= CHUNK {
            let records = std::mem::take(&mut self.open);
            let mut charge = Charge::new(self.budget.clone());
            charge.add(records.capacity())?;
            self.chunks.push(Arc::new(RecordChunk { records, _charge: charge }));
        }
        Ok(())
    }
}

fn push_entry(out: &mut Vec<u8>, entry: &FileEntry, contents: Option<Payload>) {
    let tag = match entry.kind {
        FileKind::File { .. } => FILE,
        FileKind::Directory => DIRECTORY,
        FileKind::Symlink(_) => SYMLINK,
        FileKind::Other => OTHER,
    };
    out.push(tag | if contents.is_some() { KEPT } else { 0 });
    for number in [entry.mode, entry.uid, entry.gid] {
        push_number(out, u64::from(number));
    }
    match &entry.kind {
        FileKind::File { size } => push_number(out, *size),
        FileKind::Symlink(target) => push_text(out, target),
        FileKind::Directory | FileKind::Other => {}
    }
    if let Some(payload) = contents {
        push_number(out, payload.index() as u64);
    }
}

/// Seven bits a byte, the lowest first; the last byte has its high bit clear.
fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Its length, then the text.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    push_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

impl IntoIterator for LayerChanges {
    type Item = (Vec<u8>, PathAction);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        let LayerChanges { chunks, open, .. } = self;
        IntoIter { chunks: chunks.into_iter(), chunk: None, open, at: 0, path: Vec::new() }
    }
}

/// The changes one after the other. A chunk that has been read is gone, unless another copy of
/// the changes has it.
#[derive(Debug)]
pub struct IntoIter {
    chunks: std::vec::IntoIter<Arc<RecordChunk>>,
    /// What is read; after the last chunk what was never one.
    chunk: Option<Arc<RecordChunk>>,
    open: Vec<u8>,
    at: usize,
    path: Vec<u8>,
}

impl Iterator for IntoIter {
    type Item = (Vec<u8>, PathAction);

    fn next(&mut self) -> Option<(Vec<u8>, PathAction)> {
        let length =
            |chunk: &Option<Arc<RecordChunk>>| chunk.as_ref().map_or(0, |it| it.records.len());
        if self.at == length(&self.chunk)
            && let Some(next) = self.chunks.next()
        {
            (self.at, self.chunk) = (0, Some(next));
        } else if self.chunk.is_some() && self.at == length(&self.chunk) {
            (self.at, self.chunk) = (0, None);
        }
        let records = self.chunk.as_ref().map_or(&self.open, |chunk| &chunk.records);
        let mut reader = RecordReader(records.get(self.at..)?);
        let before = reader.0.len();
        let change = reader.change(&mut self.path)?;
        self.at += before - reader.0.len();
        Some((self.path.clone(), change))
    }
}

/// Takes off the front what was pushed.
struct RecordReader<'a>(&'a [u8]);

impl<'a> RecordReader<'a> {
    fn change(&mut self, path: &mut Vec<u8>) -> Option<PathAction> {
        path.truncate(self.length()?);
        path.extend_from_slice(self.text()?);
        let tag = self.byte()?;
        Some(match tag {
            HARD_LINK => PathAction::HardLink(self.text()?.to_vec()),
            WHITEOUT => PathAction::Whiteout,
            OPAQUE => PathAction::Opaque,
            _ => {
                let (mode, uid, gid) = (self.small()?, self.small()?, self.small()?);
                let kind = match tag & !KEPT {
                    FILE => FileKind::File { size: self.number()? },
                    DIRECTORY => FileKind::Directory,
                    SYMLINK => FileKind::Symlink(self.text()?.to_vec()),
                    _ => FileKind::Other,
                };
                let contents = match tag & KEPT {
                    0 => None,
                    _ => Some(Payload::new(self.length()?).ok()?),
                };
                PathAction::Put(FileEntry { kind, mode, uid, gid }, contents)
            }
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::FileKind;

    #[test]
    fn what_was_added_comes_out_again() {
        let entry = |kind| FileEntry { kind, mode: 0o7755, uid: u32::MAX, gid: 1000 };
        let link = |target: &[u8]| entry(FileKind::Symlink(target.to_vec()));
        let contents = |index| Some(Payload::new(index).unwrap());
        let file = |size| entry(FileKind::File { size });
        let all: Vec<(Vec<u8>, PathAction)> = vec![
            (b"/".to_vec(), PathAction::Put(entry(FileKind::Directory), None)),
            (b"/usr/lib".to_vec(), PathAction::Put(entry(FileKind::Directory), None)),
            (b"/usr/lib/a".to_vec(), PathAction::Put(file(u64::MAX), contents(0))),
            (b"/usr/lib/a".to_vec(), PathAction::Put(file(0), None)),
            (b"/usr/li".to_vec(), PathAction::Put(link(b""), None)),
            (b"/usr/\xff".to_vec(), PathAction::Put(link(&[b'x'; 300]), None)),
            (b"/dev/null".to_vec(), PathAction::Put(entry(FileKind::Other), None)),
            (b"/usr/lib/b".to_vec(), PathAction::HardLink(b"/usr/lib/a".to_vec())),
            (b"/usr/lib/c".to_vec(), PathAction::Whiteout),
            (b"/usr".to_vec(), PathAction::Opaque),
            (b"/z".to_vec(), PathAction::Put(file(1), contents(1 << 31))),
        ];
        // Once in memory, once in many chunks.
        for times in [1, 5000] {
            let budget = Arc::new(Budget::default());
            let mut changes = LayerChanges::new(budget.clone());
            assert!(changes.is_empty());
            for (path, change) in std::iter::repeat_n(&all, times).flatten() {
                changes.push(path.clone(), change).unwrap();
            }
            assert_eq!(changes.len(), all.len() * times);
            assert_eq!(changes.chunks.is_empty(), times == 1);
            assert_eq!(budget.used() == 0, times == 1);
            let mut seen = 0;
            for (index, change) in changes.into_iter().enumerate() {
                assert_eq!(change, all[index % all.len()]);
                seen += 1;
            }
            assert_eq!((seen, budget.used()), (all.len() * times, 0));
        }
    }
}
