//! What a layer does, path by path, in the few bytes that a layer of half a million entries can afford.

use super::{Entry, Kind};

/// What a layer does at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// Puts this there.
    Put(Entry, Option<T>),
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
pub struct Changes<T> {
    records: Vec<u8>,
    contents: Vec<T>,
    last: Vec<u8>,
    length: usize,
}

const FILE: u64 = 0;
const DIRECTORY: u64 = 1;
const SYMLINK: u64 = 2;
const OTHER: u64 = 3;
const HARD_LINK: u64 = 4;
const WHITEOUT: u64 = 5;
const OPAQUE: u64 = 6;
/// Added to the tag of a file whose contents were kept.
const KEPT: u64 = 8;

impl<T> Default for Changes<T> {
    fn default() -> Changes<T> {
        Changes { records: Vec::new(), contents: Vec::new(), last: Vec::new(), length: 0 }
    }
}

impl<T> Changes<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds one. The path is normalised.
    pub fn push(&mut self, path: Vec<u8>, change: Change<T>) {
        let shared = path.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        self.number(shared as u64);
        self.bytes(path.get(shared..).unwrap_or_default());
        match change {
            Change::Put(entry, contents) => self.put(&entry, contents),
            Change::HardLink(target) => {
                self.number(HARD_LINK);
                self.bytes(&target);
            }
            Change::Whiteout => self.number(WHITEOUT),
            Change::Opaque => self.number(OPAQUE),
        }
        self.last = path;
        self.length += 1;
    }

    fn put(&mut self, entry: &Entry, contents: Option<T>) {
        let tag = match entry.kind {
            Kind::File { .. } => FILE,
            Kind::Directory => DIRECTORY,
            Kind::Symlink(_) => SYMLINK,
            Kind::Other => OTHER,
        };
        self.number(tag + if contents.is_some() { KEPT } else { 0 });
        self.contents.extend(contents);
        for number in [entry.mode, entry.uid, entry.gid] {
            self.number(u64::from(number));
        }
        match &entry.kind {
            Kind::File { size } => self.number(*size),
            Kind::Symlink(target) => self.bytes(target),
            Kind::Directory | Kind::Other => {}
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.records.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.records.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.records.push(number as u8);
    }
}

impl<T> IntoIterator for Changes<T> {
    type Item = (Vec<u8>, Change<T>);
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter {
            records: self.records.into_iter(),
            contents: self.contents.into_iter(),
            path: Vec::new(),
        }
    }
}

/// The changes one after the other.
#[derive(Debug)]
pub struct IntoIter<T> {
    records: std::vec::IntoIter<u8>,
    contents: std::vec::IntoIter<T>,
    path: Vec<u8>,
}

impl<T> IntoIter<T> {
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.records.next()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.length()?;
        Some(self.records.by_ref().take(length).collect())
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = (Vec<u8>, Change<T>);

    fn next(&mut self) -> Option<(Vec<u8>, Change<T>)> {
        let shared = self.length()?;
        self.path.truncate(shared);
        let rest = self.length()?;
        self.path.extend(self.records.by_ref().take(rest));
        let tag = self.number()?;
        let change = match tag {
            HARD_LINK => Change::HardLink(self.bytes()?),
            WHITEOUT => Change::Whiteout,
            OPAQUE => Change::Opaque,
            _ => {
                let (mode, uid, gid) = (self.small()?, self.small()?, self.small()?);
                let kind = match tag & !KEPT {
                    FILE => Kind::File { size: self.number()? },
                    DIRECTORY => Kind::Directory,
                    SYMLINK => Kind::Symlink(self.bytes()?),
                    _ => Kind::Other,
                };
                let contents = if tag & KEPT == 0 { None } else { self.contents.next() };
                Change::Put(Entry { kind, mode, uid, gid }, contents)
            }
        };
        Some((self.path.clone(), change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_comes_out_again() {
        let entry = |kind| Entry { kind, mode: 0o7755, uid: u32::MAX, gid: 1000 };
        let link = |target: &[u8]| entry(Kind::Symlink(target.to_vec()));
        let all: Vec<(Vec<u8>, Change<&str>)> = vec![
            (b"/".to_vec(), Change::Put(entry(Kind::Directory), None)),
            (b"/usr/lib".to_vec(), Change::Put(entry(Kind::Directory), None)),
            (b"/usr/lib/a".to_vec(), Change::Put(entry(Kind::File { size: u64::MAX }), Some("a"))),
            (b"/usr/lib/a".to_vec(), Change::Put(entry(Kind::File { size: 0 }), None)),
            (b"/usr/li".to_vec(), Change::Put(link(b""), None)),
            (b"/usr/\xff".to_vec(), Change::Put(link(&[b'x'; 300]), None)),
            (b"/dev/null".to_vec(), Change::Put(entry(Kind::Other), None)),
            (b"/usr/lib/b".to_vec(), Change::HardLink(b"/usr/lib/a".to_vec())),
            (b"/usr/lib/c".to_vec(), Change::Whiteout),
            (b"/usr".to_vec(), Change::Opaque),
            (b"/z".to_vec(), Change::Put(entry(Kind::File { size: 1 }), Some("z"))),
        ];
        let mut changes = Changes::default();
        assert!(changes.is_empty());
        for (path, change) in all.clone() {
            changes.push(path, change);
        }
        assert_eq!(changes.len(), all.len());
        assert_eq!(changes.into_iter().collect::<Vec<_>>(), all);
    }
}
