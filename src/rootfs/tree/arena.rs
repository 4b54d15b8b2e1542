//! Every path of an image and what is there, in an arena: one slot of a few words for an entry, and
//! all names in one run of bytes.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::rootfs::budget::{Budget, Charge};
use crate::rootfs::error::ImageError;
use crate::rootfs::{FileEntry, FileKind, Payload};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNode {
    /// What it is.
    pub entry: FileEntry,
    /// What was kept of its contents.
    pub contents: Option<Payload>,
    /// The layer that put it there last, from 0.
    pub layer: u16,
    /// A directory that no entry of that layer puts, but that its entries lie in.
    pub implied: bool,
}

/// A place of an arena, good until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(u32);

/// The directory that everything lies in. It is always there, with or without a node.
pub const ROOT: NodeId = NodeId(0);

/// No slot.
const NONE: u32 = u32::MAX;

/// What is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeShape {
    /// Nothing; `next` is the next free one.
    Free,
    /// Something lies below, but nothing was put here itself.
    Bare,
    File,
    Directory,
    Symlink,
    Other,
}

/// One path. `next` and `previous` are its neighbours in its directory, `chain` the next slot with
/// a like hash.
#[derive(Debug, Clone, Copy)]
struct Slot {
    directory: u32,
    name_at: u32,
    name_length: u16,
    layer: u16,
    mode: u16,
    shape: NodeShape,
    implied: bool,
    uid: u32,
    gid: u32,
    /// The size of a file, the lower half first; place and length of a link's target.
    words: [u32; 2],
    contents: Option<Payload>,
    first_child: u32,
    next: u32,
    previous: u32,
    chain: u32,
}

const BARE: Slot = Slot {
    directory: NONE,
    name_at: 0,
    name_length: 0,
    layer: 0,
    mode: 0,
    shape: NodeShape::Bare,
    implied: false,
    uid: 0,
    gid: 0,
    words: [0; 2],
    contents: None,
    first_child: NONE,
    next: NONE,
    previous: NONE,
    chain: NONE,
};

/// Bytes that an entry takes beside its name: its slot, and its share of the hash table, which
/// has room for up to twice as many.
const SLOT: usize = size_of::<Slot>() + 2 * size_of::<u32>();

/// A map from normalised paths to nodes.
///
/// An entry is found by the hash of its directory's number and its name, with keys that an image
/// cannot know, and lies in the list of its directory's children.
#[derive(Debug)]
pub struct Arena {
    slots: Vec<Slot>,
    /// Names and the targets of links. What was removed stays, and stays charged.
    text: Vec<u8>,
    /// The first slot of each hash, in a power of two of places.
    table: Vec<u32>,
    hasher: RandomState,
    free: u32,
    /// Slots that are not free, but for the root.
    count: usize,
    charge: Charge,
}

impl Default for Arena {
    fn default() -> Arena {
        Arena::new(Arc::default())
    }
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

fn too_many() -> ImageError {
    ImageError::LimitExceeded("there are more names than can be counted".to_owned())
}

impl Arena {
    /// Nothing; what will be there is charged to this budget.
    pub fn new(budget: Arc<Budget>) -> Arena {
        Arena {
            slots: vec![BARE],
            text: Vec::new(),
            table: vec![NONE; 64],
            hasher: RandomState::new(),
            free: NONE,
            count: 0,
            charge: Charge::new(budget),
        }
    }

    // No number is in a slot or in the table that is not one of a slot, so that none of these
    // falls back to the root.

    fn slot(&self, number: u32) -> &Slot {
        self.slots.get(number as usize).unwrap_or(&BARE)
    }

    fn change(&mut self, number: u32, work: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots.get_mut(number as usize) {
            work(slot);
        }
    }

    fn text(&self, at: u32, length: usize) -> &[u8] {
        let at = at as usize;
        self.text.get(at..at + length).unwrap_or_default()
    }

    fn name(&self, number: u32) -> &[u8] {
        let slot = self.slot(number);
        self.text(slot.name_at, usize::from(slot.name_length))
    }

    fn add_text(&mut self, text: &[u8]) -> Result<u32, ImageError> {
        let at = u32::try_from(self.text.len()).map_err(|_| too_many())?;
        self.charge.add(text.len())?;
        self.text.extend_from_slice(text);
        Ok(at)
    }

    /// Where in the table a name belongs.
    fn seat(&self, directory: u32, name: &[u8]) -> usize {
        self.hasher.hash_one((directory, name)) as usize & (self.table.len() - 1)
    }

    fn chained(&self, first: u32) -> impl Iterator<Item = u32> {
        let link = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(link(first), move |number| link(self.slot(*number).chain))
    }

    fn children(&self, NodeId(directory): NodeId) -> impl Iterator<Item = u32> {
        let link = |number: u32| (number != NONE).then_some(number);
        let first = self.slot(directory).first_child;
        std::iter::successors(link(first), move |number| link(self.slot(*number).next))
    }

    /// What has a name in a directory.
    pub fn child(&self, NodeId(directory): NodeId, name: &[u8]) -> Option<NodeId> {
        let first = *self.table.get(self.seat(directory, name))?;
        let is_it =
            |number: &u32| self.slot(*number).directory == directory && self.name(*number) == name;
        self.chained(first).find(is_it).map(NodeId)
    }

    /// What is at a path: a node, or something that nodes lie below.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        names(path).try_fold(ROOT, |at, name| self.child(at, name))
    }

    /// What was put at a place.
    pub fn node(&self, NodeId(number): NodeId) -> Option<FileNode> {
        let slot = self.slot(number);
        let [low, high] = slot.words;
        let kind = match slot.shape {
            NodeShape::Free | NodeShape::Bare => return None,
            NodeShape::File => FileKind::File { size: u64::from(low) | u64::from(high) << 32 },
            NodeShape::Directory => FileKind::Directory,
            NodeShape::Symlink => FileKind::Symlink(self.text(low, high as usize).to_vec()),
            NodeShape::Other => FileKind::Other,
        };
        let entry = FileEntry { kind, mode: u32::from(slot.mode), uid: slot.uid, gid: slot.gid };
        let Slot { contents, layer, implied, .. } = *slot;
        Some(FileNode { entry, contents, layer, implied })
    }

    /// What was put at a path.
    pub fn get(&self, path: &[u8]) -> Option<FileNode> {
        self.node(self.find(path)?)
    }

    /// Whether something was put at a path.
    pub fn contains(&self, path: &[u8]) -> bool {
        self.find(path).is_some_and(|NodeId(number)| self.slot(number).shape != NodeShape::Bare)
    }

    /// Whether something lies directly below a place.
    pub fn has_children(&self, NodeId(number): NodeId) -> bool {
        self.slot(number).first_child != NONE
    }

    /// The names directly below a path, sorted.
    pub fn names(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Some(id) = self.find(path) else { return Vec::new() };
        self.sorted(id).into_iter().map(|number| self.name(number).to_vec()).collect()
    }

    fn sorted(&self, id: NodeId) -> Vec<u32> {
        let mut children: Vec<u32> = self.children(id).collect();
        children.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        children
    }

    /// Puts a node at a place, instead of what was there. What lies below stays.
    ///
    /// # Errors
    ///
    /// The budget is used up, here and wherever something is put.
    pub fn set(&mut self, NodeId(number): NodeId, node: FileNode) -> Result<(), ImageError> {
        let FileNode { entry, contents, layer, implied } = node;
        let (shape, words) = match &entry.kind {
            FileKind::File { size } => (NodeShape::File, [*size as u32, (*size >> 32) as u32]),
            FileKind::Directory => (NodeShape::Directory, [0; 2]),
            FileKind::Symlink(target) => {
                let length = u32::try_from(target.len()).map_err(|_| too_many())?;
                (NodeShape::Symlink, [self.add_text(target)?, length])
            }
            FileKind::Other => (NodeShape::Other, [0; 2]),
        };
        let FileEntry { mode, uid, gid, .. } = entry;
        let mode = (mode & 0o7777) as u16;
        self.change(number, |slot| {
            *slot = Slot { shape, words, mode, uid, gid, contents, layer, implied, ..*slot };
        });
        Ok(())
    }

    /// The place of a name in a directory, made where it is missing.
    fn place(&mut self, directory: NodeId, name: &[u8]) -> Result<NodeId, ImageError> {
        if let Some(id) = self.child(directory, name) {
            return Ok(id);
        }
        let name_length = u16::try_from(name.len()).map_err(|_| too_many())?;
        let number = match self.free {
            NONE => u32::try_from(self.slots.len()).ok().filter(|number| *number != NONE),
            free => Some(free),
        };
        let number = number.ok_or_else(too_many)?;
        if self.free == NONE {
            self.charge.add(SLOT)?;
        }
        let name_at = self.add_text(name)?;
        if self.count == self.table.len() {
            self.grow();
        }
        let seat = self.seat(directory.0, name);
        let next = self.slot(directory.0).first_child;
        let chain = self.table.get(seat).copied().unwrap_or(NONE);
        let slot = Slot { directory: directory.0, name_at, name_length, next, chain, ..BARE };
        match self.slots.get_mut(number as usize) {
            Some(place) => {
                self.free = place.next;
                *place = slot;
            }
            None => self.slots.push(slot),
        }
        if let Some(first) = self.table.get_mut(seat) {
            *first = number;
        }
        self.change(next, |slot| slot.previous = number);
        self.change(directory.0, |slot| slot.first_child = number);
        self.count += 1;
        Ok(NodeId(number))
    }

    /// Doubles the table.
    fn grow(&mut self) {
        self.table = vec![NONE; self.table.len() * 2];
        for number in 1..self.slots.len() as u32 {
            let Slot { directory, shape, .. } = *self.slot(number);
            if shape == NodeShape::Free {
                continue;
            }
            let seat = self.seat(directory, self.name(number));
            if let Some(first) = self.table.get_mut(seat) {
                let chain = std::mem::replace(first, number);
                self.change(number, |slot| slot.chain = chain);
            }
        }
    }

    /// Puts a node at a name in a directory, instead of what was there. What lies below stays.
    pub fn put(
        &mut self,
        directory: NodeId,
        name: &[u8],
        node: FileNode,
    ) -> Result<NodeId, ImageError> {
        let id = self.place(directory, name)?;
        self.set(id, node)?;
        Ok(id)
    }

    /// Puts a node at a path, instead of what was there. What lies below stays.
    pub fn insert(&mut self, path: &[u8], node: FileNode) -> Result<NodeId, ImageError> {
        let mut id = ROOT;
        for name in names(path) {
            id = self.place(id, name)?;
        }
        self.set(id, node)?;
        Ok(id)
    }

    /// Removes what is at a place and everything below it.
    pub fn remove(&mut self, id: NodeId) {
        self.remove_below(id, &|_| false);
        match id {
            ROOT => self.change(0, |slot| slot.shape = NodeShape::Bare),
            NodeId(number) => self.unlink(number),
        }
    }

    /// Removes what lies below a place, but for what is to be kept and what that lies in.
    pub fn remove_below(&mut self, id: NodeId, keep: &dyn Fn(&FileNode) -> bool) {
        let mut below: Vec<u32> = self.children(id).collect();
        let mut at = 0;
        while let Some(number) = below.get(at) {
            let children = self.children(NodeId(*number));
            below.extend(children.collect::<Vec<_>>());
            at += 1;
        }
        // What lies in a directory comes behind it.
        for number in below.into_iter().rev() {
            if !self.has_children(NodeId(number))
                && !self.node(NodeId(number)).is_some_and(|it| keep(&it))
            {
                self.unlink(number);
            }
        }
    }

    /// Takes a slot without children out of its lists.
    fn unlink(&mut self, number: u32) {
        let Slot { directory, next, previous, chain, .. } = *self.slot(number);
        let seat = self.seat(directory, self.name(number));
        let first = self.table.get(seat).copied().unwrap_or(NONE);
        let before = self.chained(first).find(|it| self.slot(*it).chain == number);
        match before {
            Some(before) => self.change(before, |slot| slot.chain = chain),
            None => {
                if let Some(first) = self.table.get_mut(seat) {
                    *first = chain;
                }
            }
        }
        match previous {
            NONE => self.change(directory, |slot| slot.first_child = next),
            previous => self.change(previous, |slot| slot.next = next),
        }
        self.change(next, |slot| slot.previous = previous);
        let free = std::mem::replace(&mut self.free, number);
        self.change(number, |slot| *slot = Slot { shape: NodeShape::Free, next: free, ..BARE });
        self.count -= 1;
    }

    /// Shows every path and its node: a directory, then what is below it, in the order of the
    /// names.
    pub fn for_each(&self, mut look: impl FnMut(&[u8], &FileNode)) {
        if let Some(root) = self.node(ROOT) {
            look(b"/", &root);
        }
        let mut path = Vec::new();
        // Of each directory that is open: the length of its path, and what is still to come.
        let mut open = vec![(0, self.sorted(ROOT).into_iter())];
        while let Some((length, children)) = open.last_mut() {
            path.truncate(*length);
            let Some(number) = children.next() else {
                open.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(self.name(number));
            if let Some(node) = self.node(NodeId(number)) {
                look(&path, &node);
            }
            if self.has_children(NodeId(number)) {
                open.push((path.len(), self.sorted(NodeId(number)).into_iter()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
