//! Trees whose ELF files a loader can read: the layers of an image, and a directory of this machine.

use std::fmt;
use std::sync::Arc;

use crate::binary::elf::{DynamicInfo, ElfError};
use crate::rootfs::Payload;
use crate::rootfs::tree::arena::{Arena, FileNode};
use crate::rootfs::tree::{HostTree, Tree, UserView};
use crate::rootfs::{FileEntry, FileKind, normalise, parent};
use crate::start::image::extracted::{ElfResult, Extracted, ExtractedTable};

/// A tree of which it is known what a loader reads of its files.
pub trait ElfTree: Tree {
    /// What a loader reads of a regular file; `None` for what is no such file, and for one whose
    /// bytes were not looked at.
    fn linking(&self, path: &[u8]) -> Option<ElfResult>;

    /// The layer that put what is at a path there, from 0; `None` where there are no layers.
    fn layer(&self, _path: &[u8]) -> Option<u16> {
        None
    }
}

impl<T: ElfTree + ?Sized> ElfTree for UserView<'_, T> {
    fn linking(&self, path: &[u8]) -> Option<ElfResult> {
        self.tree.linking(path)
    }

    fn layer(&self, path: &[u8]) -> Option<u16> {
        self.tree.layer(path)
    }
}

impl ElfTree for HostTree {
    fn linking(&self, path: &[u8]) -> Option<ElfResult> {
        Some(DynamicInfo::read_from(self.0.file(path).ok()?).map(Arc::new))
    }
}

/// What layers come to when they are laid over one another, and what tests build.
#[derive(Default)]
pub struct InMemoryTree {
    nodes: Arena,
    table: Arc<ExtractedTable>,
    /// The loader's facts of every ELF file were kept, so that a file without is none.
    every_elf_is_known: bool,
}

impl fmt::Debug for InMemoryTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl InMemoryTree {
    /// The tree of finished layers, of whose files the table has what [`super::contents`] wants.
    pub fn new(nodes: Arena, table: Arc<ExtractedTable>) -> InMemoryTree {
        InMemoryTree { nodes, table, every_elf_is_known: true }
    }

    /// Puts something at a path and makes the directories above it where they are missing.
    pub fn insert(&mut self, path: &[u8], entry: FileEntry) {
        let path = normalise(path);
        let mut above = parent(&path);
        while above != b"/" && !self.nodes.contains(above) {
            self.put(above, FileEntry::implied_directory(), None);
            above = parent(above);
        }
        self.put(&path, entry, None);
    }

    fn put(&mut self, path: &[u8], entry: FileEntry, contents: Option<Payload>) {
        let node = FileNode { entry, contents, layer: 0, implied: false };
        // Only a tree of millions of paths can be refused.
        let _ = self.nodes.insert(path, node);
    }

    /// Keeps something of a file's contents. After [`InMemoryTree::insert`].
    fn keep(&mut self, path: &[u8], payload: Option<Payload>) {
        let path = normalise(path);
        if let Some(node) = self.nodes.get(&path) {
            self.put(&path, node.entry, payload);
        }
    }

    /// Keeps what a loader reads of a file. After [`InMemoryTree::insert`].
    pub fn keep_elf(&mut self, path: &[u8], linking: impl Into<Arc<DynamicInfo>>) {
        let payload = self.table.add(Extracted::Elf(Ok(linking.into()))).ok();
        self.keep(path, payload);
    }

    /// An executable ELF file of root.
    pub fn elf(mut self, path: &str, linking: DynamicInfo) -> InMemoryTree {
        let kind = FileKind::File { size: linking.file_size };
        self.insert(path.as_bytes(), FileEntry { kind, mode: 0o755, uid: 0, gid: 0 });
        self.keep_elf(path.as_bytes(), linking);
        self
    }

    /// A directory with mode 0755 of root.
    pub fn directory(mut self, path: &str) -> InMemoryTree {
        self.insert(path.as_bytes(), FileEntry::implied_directory());
        self
    }

    /// A file of root with these bytes.
    pub fn file(mut self, path: &str, mode: u32, bytes: impl AsRef<[u8]>) -> InMemoryTree {
        let bytes = bytes.as_ref();
        let kind = FileKind::File { size: bytes.len() as u64 };
        self.insert(path.as_bytes(), FileEntry { kind, mode, uid: 0, gid: 0 });
        let payload = self.table.add_text(bytes).ok();
        self.keep(path.as_bytes(), payload);
        self
    }

    /// A link of root.
    pub fn link(mut self, path: &str, target: &str) -> InMemoryTree {
        let kind = FileKind::Symlink(target.as_bytes().to_vec());
        self.insert(path.as_bytes(), FileEntry { kind, mode: 0o777, uid: 0, gid: 0 });
        self
    }

    fn kept(&self, node: &FileNode) -> Option<Extracted> {
        self.table.get(node.contents?)
    }
}

impl Tree for InMemoryTree {
    fn entry(&self, path: &[u8]) -> Option<FileEntry> {
        match self.nodes.get(path) {
            Some(node) => Some(node.entry),
            None if path == b"/" => Some(FileEntry::implied_directory()),
            None => None,
        }
    }

    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        self.nodes.names(directory)
    }

    fn text(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.kept(&self.nodes.get(path)?)? {
            Extracted::Text(text) => self.table.text(text),
            Extracted::Elf(_) | Extracted::Program(..) => None,
        }
    }
}

impl ElfTree for InMemoryTree {
    fn layer(&self, path: &[u8]) -> Option<u16> {
        self.nodes.get(path).filter(|node| !node.implied).map(|node| node.layer)
    }

    fn linking(&self, path: &[u8]) -> Option<ElfResult> {
        let node = self.nodes.get(path)?;
        let FileKind::File { size } = node.entry.kind else { return None };
        let text = match self.kept(&node) {
            Some(Extracted::Elf(linked)) => return Some(linked),
            Some(Extracted::Program(linking, _)) => return Some(Ok(linking)),
            Some(Extracted::Text(text)) => self.table.text(text),
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
