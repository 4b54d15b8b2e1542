//! Layers laid over one another by the rules of the OCI image specification ("Applying Changesets").
//!
//! Where the specification leaves room, this follows umoci, which applies layers to one tree as the
//! text describes; where a container engine is known to come to another tree, the place is noted.

use std::collections::BTreeSet;

use super::changes::{Change, Changes};
use super::paths::Paths;
use super::{Entry, Kind, MAX_PATH, MAX_WALKED, Why, name, parent};

/// One path of the finished tree.
#[derive(Debug, Clone)]
pub struct Node<T> {
    /// What it is.
    pub entry: Entry,
    /// What was kept of its contents.
    pub contents: Option<T>,
    /// The layer that put it there last, from 0.
    pub layer: u16,
}

/// The tree that a container would see.
#[derive(Debug, Clone)]
pub struct Squashed<T> {
    /// By normalised path. The root itself is there only if a layer says so.
    pub nodes: Paths<Node<T>>,
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
        Squashed { nodes: Paths::default(), ambiguous: Vec::new() }
    }

    /// Lays one more layer on top.
    pub fn apply(&mut self, layer: usize, changes: Changes<T>) -> Result<(), Why> {
        let layer = u16::try_from(layer).map_err(|_| Why::new("too many layers"))?;
        let mut work = Applying {
            tree: self,
            layer,
            directory: None,
            emptied: BTreeSet::new(),
            hidden: BTreeSet::new(),
            implied: BTreeSet::new(),
            walked: 0,
        };
        for (path, change) in changes {
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
    layer: u16,
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
            self.tree.nodes.insert(b"/", Node { entry, contents, layer });
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
                self.tree.nodes.remove_below(&at, |_| false);
            }
        }
        self.tree.nodes.insert(&at, Node { entry, contents, layer });
        Ok(())
    }

    fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Why> {
        let directory = self.directory_of(parent(target), false)?;
        let from = directory.map(|directory| child(&directory, name(target)));
        if from.as_ref().is_some_and(|from| self.hidden.contains(from))
            && !from.as_ref().is_some_and(|from| self.tree.nodes.contains(from))
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
        self.tree.nodes.remove_below(&at, |_| false);
        self.directory = None;
        self.tree.nodes.insert(&at, Node { layer: self.layer, ..node });
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
        if self.tree.nodes.has_children(&at) {
            self.emptied.insert(at.clone());
        }
        self.hide_lower(&at);
        if self.tree.nodes.get(&at).is_some_and(|node| node.layer != self.layer)
            && !self.tree.nodes.has_children(&at)
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
            self.hide_lower(&directory);
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
        // Of `at`, and of the directories that it lies in.
        let mut places = vec![self.tree.nodes.root()];
        let mut links = 0;
        while let Some(next) = rest.pop() {
            if next == b".." {
                at = parent(&at).to_vec();
                places.truncate(places.len().saturating_sub(1).max(1));
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
            let directory = places.last().copied().unwrap_or(self.tree.nodes.root());
            let place = self.tree.nodes.step(directory, &next);
            let node = place.and_then(|place| self.tree.nodes.at(place));
            let lower = node.is_some_and(|node| node.layer != self.layer);
            match node.map(|node| &node.entry.kind) {
                Some(Kind::Directory) => {
                    at = here;
                    places.extend(place);
                }
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > crate::input::image::MAX_LINKS {
                        return Err(Why::new(format!("{}: links without an end", shown())));
                    }
                    if target.first() == Some(&b'/') {
                        at = b"/".to_vec();
                        places.truncate(1);
                    }
                    rest.extend(names(target).rev().map(<[u8]>::to_vec));
                }
                _ if !make => return Ok(None),
                None => {
                    self.implied.insert(here.clone());
                    let node = self.implied_directory();
                    places.push(self.tree.nodes.put(directory, &next, node));
                    at = here;
                }
                Some(_) if lower => {
                    self.note(path, Pattern::BelowFile);
                    // Engines see no link of a lower layer: the first name that is no directory
                    // to them becomes one.
                    let written = self.first_link(path).filter(|(_, layer)| *layer != self.layer);
                    let at = written.map_or(here, |(link, _)| link);
                    self.tree.nodes.insert(&at, self.implied_directory());
                    self.implied.insert(at);
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

    /// A directory that no entry puts.
    fn implied_directory(&self) -> Node<T> {
        Node { entry: Entry::implied_directory(), contents: None, layer: self.layer }
    }

    /// Whether a name of the directory is a link that a lower layer made: engines that write
    /// into an empty directory of their own do not see it.
    fn crosses_link(&self, directory: &[u8]) -> bool {
        self.first_link(directory).is_some_and(|(_, layer)| layer != self.layer)
    }

    /// The first of a directory's names, as written, that is a link, and the layer that made it.
    fn first_link(&self, directory: &[u8]) -> Option<(Vec<u8>, u16)> {
        let mut at = Vec::new();
        let mut place = self.tree.nodes.root();
        for next in names(directory) {
            at.push(b'/');
            at.extend_from_slice(next);
            place = self.tree.nodes.step(place, next)?;
            let node = self.tree.nodes.at(place)?;
            if matches!(node.entry.kind, Kind::Symlink(_)) {
                return Some((at, node.layer));
            }
        }
        None
    }

    fn note(&mut self, path: &[u8], pattern: Pattern) {
        let layer = usize::from(self.layer);
        self.tree.ambiguous.push(Ambiguous { path: path.to_vec(), layer, pattern });
    }

    /// Takes away what lower layers put below a path, but for the directories in which this layer
    /// has put something.
    fn hide_lower(&mut self, path: &[u8]) {
        let layer = self.layer;
        self.tree.nodes.remove_below(path, |node| node.layer == layer);
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
