//! Trees whose ELF files a loader can read: the layers of an image, and a directory of this machine.

use std::fmt;
use std::sync::Arc;

use crate::binary::elf::{DynamicInfo, ElfError};
use crate::rootfs::Payload;
use crate::rootfs::tree::arena::{Arena, Node};
use crate::rootfs::tree::{AsUser, Directory, Tree};
use crate::rootfs::{Entry, Kind, normalise, parent};
use crate::start::image::kept::{Kept, Linked, Table};

/// A tree of which it is known what a loader reads of its files.
pub trait ElfTree: Tree {
    /// What a loader reads of a regular file; `None` for what is no such file, and for one whose
    /// bytes were not looked at.
    fn linking(&self, path: &[u8]) -> Option<Linked>;

    /// The layer that put what is at a path there, from 0; `None` where there are no layers.
    fn layer(&self, _path: &[u8]) -> Option<u16> {
        None
    }
}

impl<T: ElfTree + ?Sized> ElfTree for AsUser<'_, T> {
    fn linking(&self, path: &[u8]) -> Option<Linked> {
        self.tree.linking(path)
    }

    fn layer(&self, path: &[u8]) -> Option<u16> {
        self.tree.layer(path)
    }
}

impl ElfTree for Directory {
    fn linking(&self, path: &[u8]) -> Option<Linked> {
        Some(DynamicInfo::read_from(self.0.file(path).ok()?).map(Arc::new))
    }
}

/// What layers come to when they are laid over one another, and what tests build.
#[derive(Default)]
pub struct Memory {
    nodes: Arena,
    table: Arc<Table>,
    /// The loader's facts of every ELF file were kept, so that a file without is none.
    every_elf_is_known: bool,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// The tree of finished layers, of whose files the table has what [`super::contents`] wants.
    pub fn new(nodes: Arena, table: Arc<Table>) -> Memory {
        Memory { nodes, table, every_elf_is_known: true }
    }

    /// Puts something at a path and makes the directories above it where they are missing.
    pub fn insert(&mut self, path: &[u8], entry: Entry) {
        let path = normalise(path);
        let mut above = parent(&path);
        while above != b"/" && !self.nodes.contains(above) {
            self.put(above, Entry::implied_directory(), None);
            above = parent(above);
        }
        self.put(&path, entry, None);
    }

    fn put(&mut self, path: &[u8], entry: Entry, contents: Option<Payload>) {
        let node = Node { entry, contents, layer: 0, implied: false };
        // Only a tree of millions of paths can be refused.
        let _ = self.nodes.insert(path, node);
    }

    /// Keeps something of a file's contents. After [`Memory::insert`].
    fn keep(&mut self, path: &[u8], payload: Option<Payload>) {
        let path = normalise(path);
        if let Some(node) = self.nodes.get(&path) {
            self.put(&path, node.entry, payload);
        }
    }

    /// Keeps what a loader reads of a file. After [`Memory::insert`].
    pub fn keep_elf(&mut self, path: &[u8], linking: impl Into<Arc<DynamicInfo>>) {
        let payload = self.table.add(Kept::Elf(Ok(linking.into()))).ok();
        self.keep(path, payload);
    }

    /// An executable ELF file of root.
    pub fn elf(mut self, path: &str, linking: DynamicInfo) -> Memory {
        let kind = Kind::File { size: linking.file_size };
        self.insert(path.as_bytes(), Entry { kind, mode: 0o755, uid: 0, gid: 0 });
        self.keep_elf(path.as_bytes(), linking);
        self
    }

    /// A directory with mode 0755 of root.
    pub fn directory(mut self, path: &str) -> Memory {
        self.insert(path.as_bytes(), Entry::implied_directory());
        self
    }

    /// A file of root with these bytes.
    pub fn file(mut self, path: &str, mode: u32, bytes: impl AsRef<[u8]>) -> Memory {
        let bytes = bytes.as_ref();
        let kind = Kind::File { size: bytes.len() as u64 };
        self.insert(path.as_bytes(), Entry { kind, mode, uid: 0, gid: 0 });
        let payload = self.table.add_text(bytes).ok();
        self.keep(path.as_bytes(), payload);
        self
    }

    /// A link of root.
    pub fn link(mut self, path: &str, target: &str) -> Memory {
        let kind = Kind::Symlink(target.as_bytes().to_vec());
        self.insert(path.as_bytes(), Entry { kind, mode: 0o777, uid: 0, gid: 0 });
        self
    }

    fn kept(&self, node: &Node) -> Option<Kept> {
        self.table.get(node.contents?)
    }
}

impl Tree for Memory {
    fn entry(&self, path: &[u8]) -> Option<Entry> {
        match self.nodes.get(path) {
            Some(node) => Some(node.entry),
            None if path == b"/" => Some(Entry::implied_directory()),
            None => None,
        }
    }

    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        self.nodes.names(directory)
    }

    fn text(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.kept(&self.nodes.get(path)?)? {
            Kept::Text(text) => self.table.text(text),
            Kept::Elf(_) | Kept::Program(..) => None,
        }
    }
}

impl ElfTree for Memory {
    fn layer(&self, path: &[u8]) -> Option<u16> {
        self.nodes.get(path).filter(|node| !node.implied).map(|node| node.layer)
    }

    fn linking(&self, path: &[u8]) -> Option<Linked> {
        let node = self.nodes.get(path)?;
        let Kind::File { size } = node.entry.kind else { return None };
        let text = match self.kept(&node) {
            Some(Kept::Elf(linked)) => return Some(linked),
            Some(Kept::Program(linking, _)) => return Some(Ok(linking)),
            Some(Kept::Text(text)) => self.table.text(text),
            None => None,
        };
        match text {
            Some(text) if text.len() as u64 == size => {
                Some(DynamicInfo::parse(&text).map(Arc::new))
            }
            _ if self.every_elf_is_known => {
                Some(Err(if size < 52 { ElfError::TooShort } else { ElfError::Magic }))
            }
            _ => None,
        }
    }
}
