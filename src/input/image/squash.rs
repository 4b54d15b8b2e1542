//! Layers laid over one another by the rules of the OCI image specification ("Applying Changesets").
//!
//! Where the specification leaves room, this follows umoci, which applies layers to one tree as the
//! text describes; where a container engine is known to come to another tree, the place is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::layer::{Change, Layer};
use super::{Entry, Kind, MAX_PATH, MAX_WALKED, Why, name, parent};

/// One path of the finished tree.
#[derive(Debug, Clone)]
pub struct Node<T> {
    /// What it is.
    pub entry: Entry,
    /// What was kept of its contents.
    pub contents: Option<T>,
    /// The layer that put it there last, from 0.
    pub layer: usize,
}

/// The tree that a container would see.
#[derive(Debug, Clone)]
pub struct Squashed<T> {
    /// By normalised path. The root itself is there only if a layer says so.
    pub nodes: BTreeMap<Vec<u8>, Node<T>>,
    /// Paths that engines do not agree on.
    pub ambiguous: Vec<Ambiguous>,
}

/// A path whose meaning depends on the container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    /// As the layer writes it, normalised.
    pub path: Vec<u8>,
    /// The layer, from 0.
    pub layer: usize,
    /// What the layer does there.
    pub pattern: Pattern,
}

/// What engines were measured to disagree on: umoci 0.4.7, podman 4.3.1 and Docker 20.10.24 and
/// 26.1.5, the latter with containerd's store and with its own (`tests/image_tools/trees.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// A file below a name that a lower layer made a link: written through the link, or instead of it.
    WriteThroughLink,
    /// A whiteout below such a link.
    HideThroughLink,
    /// A hard link to a file of a lower layer: taken, or the image is refused.
    LinkToLowerLayer,
    /// A path that one layer both puts and hides.
    PutAndHidden,
    /// A whiteout of all there is: taken, or passed over.
    OpaqueRoot,
    /// A path that one layer puts or hides twice: the last one counts, or the image is refused.
    Twice,
    /// A path below what is a file in a lower layer: the image is refused, or a directory replaces
    /// the file.
    BelowFile,
}

impl Pattern {
    /// What the engines do, as a sentence without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            Pattern::WriteThroughLink => {
                "lies below a link of a lower layer: umoci writes through the link, Docker, containerd and podman put a directory in its place and hide what lower layers have there"
            }
            Pattern::HideThroughLink => {
                "hides something below a link of a lower layer: umoci follows the link, Docker, containerd and podman put a directory in its place"
            }
            Pattern::LinkToLowerLayer => {
                "is a hard link to a file of a lower layer: umoci makes it, Docker, containerd and podman refuse the image"
            }
            Pattern::PutAndHidden => {
                "is put and hidden by the same layer: umoci keeps what the layer puts, Docker, containerd and podman keep lower files too or refuse the image"
            }
            Pattern::OpaqueRoot => {
                "hides everything below it: umoci obeys, Docker, containerd and podman pass over it"
            }
            Pattern::Twice => {
                "stands twice in one layer: umoci and containerd take the last, Docker's own store and podman refuse the image"
            }
            Pattern::BelowFile => {
                "lies below a file of a lower layer: Docker, containerd and podman put a directory in the file's place, umoci refuses the image"
            }
        }
    }
}

impl<T: Clone> Squashed<T> {
    /// Nothing yet.
    pub fn new() -> Squashed<T> {
        Squashed { nodes: BTreeMap::new(), ambiguous: Vec::new() }
    }

    /// Lays one more layer on top.
    pub fn apply(&mut self, layer: usize, changes: Layer<T>) -> Result<(), Why> {
        let mut work = Applying {
            tree: self,
            layer,
            directory: None,
            emptied: BTreeSet::new(),
            hidden: BTreeSet::new(),
            implied: BTreeSet::new(),
            walked: 0,
        };
        for (path, change) in changes.changes {
            work.apply(&path, change)?;
        }
        Ok(())
    }
}

impl<T: Clone> Default for Squashed<T> {
    fn default() -> Squashed<T> {
        Squashed::new()
    }
}

struct Applying<'a, T> {
    tree: &'a mut Squashed<T>,
    layer: usize,
    /// The last directory that was looked up: as written, and without links. Layers are written
    /// directory by directory, so most look-ups end here.
    directory: Option<(Vec<u8>, Vec<u8>)>,
    /// Directories with contents that this layer has hidden.
    emptied: BTreeSet<Vec<u8>>,
    /// Where this layer has hidden all that lower ones have; there is nothing left to hide again.
    hidden: BTreeSet<Vec<u8>>,
    /// Directories that no entry of this layer has put, but that its files lie in.
    implied: BTreeSet<Vec<u8>>,
    /// Bytes of path that directories were looked up by.
    walked: u64,
}

impl<T: Clone> Applying<'_, T> {
    fn apply(&mut self, path: &[u8], change: Change<T>) -> Result<(), Why> {
        match change {
            Change::Put(entry, contents) => self.put(path, entry, contents),
            Change::HardLink(target) => self.link(path, &target),
            Change::Whiteout => self.hide(path),
            Change::Opaque => self.hide_below(path),
        }
    }

    fn put(&mut self, path: &[u8], entry: Entry, contents: Option<T>) -> Result<(), Why> {
        let layer = self.layer;
        if path == b"/" {
            self.tree.nodes.insert(b"/".to_vec(), Node { entry, contents, layer });
            return Ok(());
        }
        let at = self.place(path)?;
        if entry.is_directory() && self.emptied.contains(&at) {
            self.note(path, Pattern::PutAndHidden);
        }
        self.note_twice(path, &at);
        if let Some(there) = self.tree.nodes.get(&at)
            && !(there.entry.is_directory() && entry.is_directory())
        {
            // The directory that was looked up last may have been, or led through, what is
            // replaced.
            if !there.entry.is_file() {
                self.directory = None;
            }
            if there.entry.is_directory() {
                self.remove_below(&at, false);
            }
        }
        self.tree.nodes.insert(at, Node { entry, contents, layer });
        Ok(())
    }

    fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Why> {
        let directory = self.directory_of(parent(target), false)?;
        let from = directory.map(|directory| child(&directory, name(target)));
        if from.as_ref().is_some_and(|from| self.hidden.contains(from))
            && !from.as_ref().is_some_and(|from| self.tree.nodes.contains_key(from))
        {
            // In the engines' stores a whiteout is a file of its own, and can be linked to.
            self.note(path, Pattern::PutAndHidden);
            return self.hide(path);
        }
        let node = from.as_ref().and_then(|from| self.tree.nodes.get(from));
        let Some(node) = node.filter(|node| !node.entry.is_directory()).cloned() else {
            return Err(Why::new(format!(
                "{}: a hard link to {}, which is not there",
                path.escape_ascii(),
                target.escape_ascii()
            )));
        };
        let at = self.place(path)?;
        if from.as_deref() == Some(at.as_slice()) {
            return Err(Why::new(format!("{}: a hard link to itself", path.escape_ascii())));
        }
        if node.layer != self.layer {
            self.note(path, Pattern::LinkToLowerLayer);
        }
        self.note_twice(path, &at);
        self.remove_below(&at, false);
        self.directory = None;
        self.tree.nodes.insert(at, Node { layer: self.layer, ..node });
        Ok(())
    }

    fn hide(&mut self, path: &[u8]) -> Result<(), Why> {
        if self.crosses_link(parent(path)) {
            self.note(path, Pattern::HideThroughLink);
        }
        let Some(directory) = self.directory_of(parent(path), false)? else {
            return Ok(());
        };
        let at = child(&directory, name(path));
        if self.tree.nodes.get(&at).is_some_and(|node| node.layer == self.layer) {
            self.note(path, Pattern::PutAndHidden);
        }
        if !self.hidden.insert(at.clone()) {
            self.note(path, Pattern::Twice);
            return Ok(());
        }
        self.directory = None;
        if self.has_children(&at) {
            self.emptied.insert(at.clone());
        }
        self.remove_below(&at, true);
        if self.tree.nodes.get(&at).is_some_and(|node| node.layer != self.layer)
            && !self.has_children(&at)
        {
            self.tree.nodes.remove(&at);
        }
        Ok(())
    }

    fn hide_below(&mut self, path: &[u8]) -> Result<(), Why> {
        if path == b"/" {
            self.note(path, Pattern::OpaqueRoot);
        } else if self.crosses_link(path) {
            self.note(path, Pattern::HideThroughLink);
        }
        let Some(directory) = self.directory_of(path, false)? else {
            return Ok(());
        };
        if self.hidden.insert(directory.clone()) {
            self.directory = None;
            self.remove_below(&directory, true);
        }
        Ok(())
    }

    /// Whether an entry of this layer has put something there already. Another way of writing the
    /// same place is not the same to anybody.
    fn note_twice(&mut self, path: &[u8], at: &[u8]) {
        let is_own = self.tree.nodes.get(at).is_some_and(|node| node.layer == self.layer);
        if is_own && !self.implied.remove(at) && path == at {
            self.note(path, Pattern::Twice);
        }
    }

    /// Where an entry lands: its directory without links, made where it is missing.
    fn place(&mut self, path: &[u8]) -> Result<Vec<u8>, Why> {
        if let Some((written, found)) = &self.directory
            && written == parent(path)
        {
            return Ok(child(found, name(path)));
        }
        if self.crosses_link(parent(path)) {
            self.note(path, Pattern::WriteThroughLink);
        }
        let Some(directory) = self.directory_of(parent(path), true)? else {
            return Err(Why::new(format!("{}: no directory to lie in", path.escape_ascii())));
        };
        self.directory = Some((parent(path).to_vec(), directory.clone()));
        Ok(child(&directory, name(path)))
    }

    /// Resolves a directory in the tree as it is now, links included and clamped at the root.
    /// `None`: it is missing and was not to be made.
    fn directory_of(&mut self, path: &[u8], make: bool) -> Result<Option<Vec<u8>>, Why> {
        let shown = || path.escape_ascii();
        let mut rest: Vec<Vec<u8>> = names(path).rev().map(<[u8]>::to_vec).collect();
        let mut at: Vec<u8> = b"/".to_vec();
        let mut links = 0;
        while let Some(next) = rest.pop() {
            if next == b".." {
                at = parent(&at).to_vec();
                continue;
            }
            let here = child(&at, &next);
            if here.len() >= MAX_PATH {
                return Err(Why::new(format!("{}: the path is too long", shown())));
            }
            // Each name is looked up by the whole path before it, here and among the links.
            self.walked += 2 * here.len() as u64;
            if self.walked > MAX_WALKED {
                return Err(Why::new("its directories lie too deep in one another, too often"));
            }
            let node = self.tree.nodes.get(&here);
            let lower = node.is_some_and(|node| node.layer != self.layer);
            match node.map(|node| &node.entry.kind) {
                Some(Kind::Directory) => at = here,
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > crate::input::image::MAX_LINKS {
                        return Err(Why::new(format!("{}: links without an end", shown())));
                    }
                    if target.first() == Some(&b'/') {
                        at = b"/".to_vec();
                    }
                    rest.extend(names(target).rev().map(<[u8]>::to_vec));
                }
                _ if !make => return Ok(None),
                None => {
                    self.imply(&here);
                    at = here;
                }
                Some(_) if lower => {
                    self.note(path, Pattern::BelowFile);
                    // Engines see no link of a lower layer: the first name that is no directory
                    // to them becomes one.
                    let written = self.first_link(path).filter(|(_, layer)| *layer != self.layer);
                    self.imply(&written.map_or(here, |(link, _)| link));
                    return self.directory_of(path, make);
                }
                Some(_) => {
                    let file = here.escape_ascii();
                    return Err(Why::new(format!(
                        "{}: {file} is a file of the same layer",
                        shown()
                    )));
                }
            }
        }
        Ok(Some(at))
    }

    /// Makes a directory that no entry puts.
    fn imply(&mut self, path: &[u8]) {
        let node = Node { entry: Entry::implied_directory(), contents: None, layer: self.layer };
        self.tree.nodes.insert(path.to_vec(), node);
        self.implied.insert(path.to_vec());
    }

    /// Whether a name of the directory is a link that a lower layer made: engines that write
    /// into an empty directory of their own do not see it.
    fn crosses_link(&self, directory: &[u8]) -> bool {
        self.first_link(directory).is_some_and(|(_, layer)| layer != self.layer)
    }

    /// The first of a directory's names, as written, that is a link, and the layer that made it.
    fn first_link(&self, directory: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut at = Vec::new();
        for next in names(directory) {
            at.push(b'/');
            at.extend_from_slice(next);
            let node = self.tree.nodes.get(&at)?;
            if matches!(node.entry.kind, Kind::Symlink(_)) {
                return Some((at, node.layer));
            }
        }
        None
    }

    fn note(&mut self, path: &[u8], pattern: Pattern) {
        self.tree.ambiguous.push(Ambiguous { path: path.to_vec(), layer: self.layer, pattern });
    }

    fn below(path: &[u8]) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let mut from = path.to_vec();
        if from != b"/" {
            from.push(b'/');
        }
        // Everything below has the prefix `path/`, and `0` follows `/`.
        let mut to = from.clone();
        to.pop();
        to.push(b'0');
        (Bound::Excluded(from), Bound::Excluded(to))
    }

    fn has_children(&self, path: &[u8]) -> bool {
        self.tree.nodes.range(Self::below(path)).next().is_some()
    }

    /// Removes what is below a path: everything, or what lower layers put there and nothing of
    /// this layer lies in.
    fn remove_below(&mut self, path: &[u8], lower_only: bool) {
        let doomed: Vec<Vec<u8>> = self
            .tree
            .nodes
            .range(Self::below(path))
            .filter(|(_, node)| !lower_only || node.layer != self.layer)
            .map(|(path, _)| path.clone())
            .collect();
        // Deepest first, so that a directory is looked at after what lay in it.
        for path in doomed.iter().rev() {
            if !lower_only || !self.has_children(path) {
                self.tree.nodes.remove(path);
            }
        }
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

fn child(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = if directory == b"/" { Vec::new() } else { directory.to_vec() };
    path.push(b'/');
    path.extend_from_slice(name);
    path
}
