//! Layers laid over one another by the rules of the OCI image specification ("Applying Changesets").
//!
//! Where the specification leaves room, this follows umoci, which applies layers to one tree as the
//! text describes; where a container engine is known to come to another tree, the place is noted.

use std::sync::Arc;

use crate::rootfs::budget::Budget;
use crate::rootfs::error::ImageError;
use crate::rootfs::layer::changes::{LayerChanges, PathAction};
use crate::rootfs::tree::arena::{Arena, FileNode, NodeId, ROOT};
use crate::rootfs::{
    FileEntry, FileKind, MAX_ENTRIES, MAX_LINKS, MAX_PATH, MAX_WALKED, Payload, name, parent,
};

/// The tree that a container would see.
#[derive(Debug)]
pub struct MergedLayers {
    /// By normalised path. The root itself is there only if a layer says so.
    pub nodes: Arena,
    /// Paths that engines do not agree on: the first [`MAX_AMBIGUOUS`].
    pub ambiguous: Vec<EngineDifference>,
    /// How many such paths there are.
    pub ambiguous_in_all: usize,
    entries: usize,
    budget: Arc<Budget>,
}

/// Paths that are remembered because engines do not agree on them.
pub const MAX_AMBIGUOUS: usize = 1000;

/// A path whose meaning depends on the container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineDifference {
    /// As the layer writes it, normalised.
    pub path: Vec<u8>,
    /// The layer, from 0.
    pub layer: usize,
    /// What the layer does there.
    pub pattern: DifferencePattern,
}

/// What engines were measured to disagree on: umoci 0.4.7, podman 4.3.1 and Docker 20.10.24 and
/// 26.1.5, the latter with containerd's store and with its own (`tests/it/image/engines.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferencePattern {
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

impl DifferencePattern {
    /// What the engines do, as a sentence without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            DifferencePattern::WriteThroughLink => {
                "lies below a link of a lower layer: umoci writes through the link, Docker, containerd and podman put a directory in its place and hide what lower layers have there"
            }
            DifferencePattern::HideThroughLink => {
                "hides something below a link of a lower layer: umoci follows the link, Docker, containerd and podman put a directory in its place"
            }
            DifferencePattern::LinkToLowerLayer => {
                "is a hard link to a file of a lower layer: umoci makes it, Docker, containerd and podman refuse the image"
            }
            DifferencePattern::PutAndHidden => {
                "is put and hidden by the same layer: umoci keeps what the layer puts, Docker, containerd and podman keep lower files too or refuse the image"
            }
            DifferencePattern::OpaqueRoot => {
                "hides everything below it: umoci obeys, Docker, containerd and podman pass over it"
            }
            DifferencePattern::Twice => {
                "stands twice in one layer: umoci and containerd take the last, Docker's own store and podman refuse the image"
            }
            DifferencePattern::BelowFile => {
                "lies below a file of a lower layer: Docker, containerd and podman put a directory in the file's place, umoci refuses the image"
            }
        }
    }
}

impl MergedLayers {
    /// Nothing yet; the paths that will be there are charged to this budget.
    pub fn new(budget: Arc<Budget>) -> MergedLayers {
        MergedLayers {
            nodes: Arena::new(budget.clone()),
            ambiguous: Vec::new(),
            ambiguous_in_all: 0,
            entries: 0,
            budget,
        }
    }

    /// Lays one more layer on top.
    pub fn apply(&mut self, layer: usize, changes: LayerChanges) -> Result<(), ImageError> {
        let layer = u16::try_from(layer)
            .map_err(|_| ImageError::LimitExceeded("the image has too many layers".to_owned()))?;
        self.entries += changes.len();
        if self.entries > MAX_ENTRIES {
            return Err(ImageError::LimitExceeded(format!(
                "the image has more than {MAX_ENTRIES} entries"
            )));
        }
        let hidden = Arena::new(self.budget.clone());
        let mut work = LayerMerge { tree: self, layer, directory: None, hidden, walked: 0 };
        for (path, change) in changes {
            work.apply(&path, change)?;
        }
        Ok(())
    }
}

struct LayerMerge<'a> {
    tree: &'a mut MergedLayers,
    layer: u16,
    /// The last directory that was looked up: as written, and where it is. Layers are written
    /// directory by directory, so most look-ups end here.
    directory: Option<(Vec<u8>, ResolvedDirectory)>,
    /// Where this layer has hidden all that lower ones have; there is nothing left to hide again.
    /// It is a directory there where something lay in it.
    hidden: Arena,
    /// Bytes of path that directories were looked up by.
    walked: u64,
}

/// A directory of the tree.
#[derive(Debug, Clone)]
struct ResolvedDirectory {
    /// Without links.
    path: Vec<u8>,
    directory: NodeId,
}

impl LayerMerge<'_> {
    fn apply(&mut self, path: &[u8], change: PathAction) -> Result<(), ImageError> {
        match change {
            PathAction::Put(entry, contents) => self.put(path, entry, contents),
            PathAction::HardLink(target) => self.link(path, &target),
            PathAction::Whiteout => self.hide(path),
            PathAction::Opaque => self.hide_below(path),
        }
    }

    fn put(
        &mut self,
        path: &[u8],
        entry: FileEntry,
        contents: Option<Payload>,
    ) -> Result<(), ImageError> {
        let node = FileNode { entry, contents, layer: self.layer, implied: false };
        if path == b"/" {
            return self.tree.nodes.set(ROOT, node);
        }
        let ResolvedDirectory { path: above, directory } = self.place(path)?;
        let at = child(&above, name(path));
        let is_directory = node.entry.is_directory();
        if is_directory && self.hidden.get(&at).is_some_and(|it| it.entry.is_directory()) {
            self.note(path, DifferencePattern::PutAndHidden);
        }
        let id = self.tree.nodes.child(directory, name(path));
        let there = id.and_then(|id| self.tree.nodes.node(id));
        self.note_twice(path, &at, there.as_ref());
        if let (Some(id), Some(there)) = (id, there)
            && !(there.entry.is_directory() && is_directory)
        {
            // The directory that was looked up last may have been, or led through, what is
            // replaced.
            if !there.entry.is_regular_file() {
                self.directory = None;
            }
            if there.entry.is_directory() {
                self.tree.nodes.remove(id);
            }
        }
        self.tree.nodes.put(directory, name(path), node)?;
        Ok(())
    }

    fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), ImageError> {
        let directory = self.directory_of(parent(target), false)?;
        let from = directory.map(|place| child(&place.path, name(target)));
        let node = from.as_ref().and_then(|from| self.tree.nodes.get(from));
        if let Some(from) = &from
            && node.is_none()
            && self.hidden.contains(from)
        {
            // In the engines' stores a whiteout is a file of its own, and can be linked to.
            self.note(path, DifferencePattern::PutAndHidden);
            return self.hide(path);
        }
        let Some(node) = node.filter(|node| !node.entry.is_directory()) else {
            return Err(ImageError::Damaged(format!(
                "{}: a hard link to {}, which is not there",
                path.escape_ascii(),
                target.escape_ascii()
            )));
        };
        let ResolvedDirectory { path: above, directory } = self.place(path)?;
        let at = child(&above, name(path));
        if from.as_deref() == Some(at.as_slice()) {
            return Err(ImageError::Damaged(format!(
                "{}: a hard link to itself",
                path.escape_ascii()
            )));
        }
        if node.layer != self.layer {
            self.note(path, DifferencePattern::LinkToLowerLayer);
        }
        if let Some(id) = self.tree.nodes.child(directory, name(path)) {
            self.note_twice(path, &at, self.tree.nodes.node(id).as_ref());
            self.tree.nodes.remove(id);
            self.directory = None;
        }
        self.tree.nodes.put(directory, name(path), FileNode { layer: self.layer, ..node })?;
        Ok(())
    }

    fn hide(&mut self, path: &[u8]) -> Result<(), ImageError> {
        if self.crosses_link(parent(path)) {
            self.note(path, DifferencePattern::HideThroughLink);
        }
        let Some(place) = self.directory_of(parent(path), false)? else { return Ok(()) };
        let at = child(&place.path, name(path));
        let id = self.tree.nodes.child(place.directory, name(path));
        let there = id.and_then(|id| self.tree.nodes.node(id));
        let is_own = there.as_ref().is_some_and(|node| node.layer == self.layer);
        if is_own {
            self.note(path, DifferencePattern::PutAndHidden);
        }
        if self.hidden.contains(&at) {
            self.note(path, DifferencePattern::Twice);
            return Ok(());
        }
        self.directory = None;
        let had_contents = id.is_some_and(|id| self.tree.nodes.has_children(id));
        self.mark_hidden(&at, had_contents)?;
        if let Some(id) = id {
            self.hide_lower(id);
            if !is_own && !self.tree.nodes.has_children(id) {
                self.tree.nodes.remove(id);
            }
        }
        Ok(())
    }

    fn hide_below(&mut self, path: &[u8]) -> Result<(), ImageError> {
        if path == b"/" {
            self.note(path, DifferencePattern::OpaqueRoot);
        } else if self.crosses_link(path) {
            self.note(path, DifferencePattern::HideThroughLink);
        }
        let Some(ResolvedDirectory { path: at, directory }) = self.directory_of(path, false)?
        else {
            return Ok(());
        };
        if !self.hidden.contains(&at) {
            self.mark_hidden(&at, false)?;
            self.directory = None;
            self.hide_lower(directory);
        }
        Ok(())
    }

    fn mark_hidden(&mut self, at: &[u8], had_contents: bool) -> Result<(), ImageError> {
        let mut node = self.implied_directory();
        if !had_contents {
            node.entry.kind = FileKind::Other;
        }
        self.hidden.insert(at, node)?;
        Ok(())
    }

    /// Whether an entry of this layer has put something there already. Another way of writing the
    /// same place is not the same to anybody.
    fn note_twice(&mut self, path: &[u8], at: &[u8], there: Option<&FileNode>) {
        let is_own = there.is_some_and(|node| node.layer == self.layer && !node.implied);
        if is_own && path == at {
            self.note(path, DifferencePattern::Twice);
        }
    }

    /// Where an entry lands: its directory, made where it is missing.
    fn place(&mut self, path: &[u8]) -> Result<ResolvedDirectory, ImageError> {
        if let Some((written, place)) = &self.directory
            && written == parent(path)
        {
            return Ok(place.clone());
        }
        if self.crosses_link(parent(path)) {
            self.note(path, DifferencePattern::WriteThroughLink);
        }
        let Some(place) = self.directory_of(parent(path), true)? else {
            return Err(ImageError::Damaged(format!(
                "{}: its directory cannot be made",
                path.escape_ascii()
            )));
        };
        self.directory = Some((parent(path).to_vec(), place.clone()));
        Ok(place)
    }

    /// Resolves a directory in the tree as it is now, links included and clamped at the root.
    /// `None`: it is missing and was not to be made.
    fn directory_of(
        &mut self,
        path: &[u8],
        make: bool,
    ) -> Result<Option<ResolvedDirectory>, ImageError> {
        let shown = || path.escape_ascii();
        let mut rest: Vec<Vec<u8>> = names(path).rev().map(<[u8]>::to_vec).collect();
        let mut at: Vec<u8> = b"/".to_vec();
        // `at`, and the directories that it lies in.
        let mut open = vec![ROOT];
        let mut links = 0;
        while let Some(next) = rest.pop() {
            if next == b".." {
                at = parent(&at).to_vec();
                open.truncate(open.len().saturating_sub(1).max(1));
                continue;
            }
            let here = child(&at, &next);
            if here.len() >= MAX_PATH {
                return Err(ImageError::LimitExceeded(format!(
                    "{}: the path is too long",
                    shown()
                )));
            }
            // Each name is looked up by the whole path before it, here and among the links.
            self.walked += 2 * here.len() as u64;
            if self.walked > MAX_WALKED {
                return Err(ImageError::LimitExceeded(
                    "its directories lie too deep in one another, too often".to_owned(),
                ));
            }
            let directory = open.last().copied().unwrap_or(ROOT);
            let id = self.tree.nodes.child(directory, &next);
            let node = id.and_then(|id| self.tree.nodes.node(id));
            let lower = node.as_ref().is_some_and(|node| node.layer != self.layer);
            match node.map(|node| node.entry.kind) {
                Some(FileKind::Directory) => {
                    at = here;
                    open.extend(id);
                }
                Some(FileKind::Symlink(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(ImageError::Damaged(format!(
                            "{}: more than {MAX_LINKS} links on the way",
                            shown()
                        )));
                    }
                    if target.first() == Some(&b'/') {
                        at = b"/".to_vec();
                        open.truncate(1);
                    }
                    rest.extend(names(&target).rev().map(<[u8]>::to_vec));
                }
                _ if !make => return Ok(None),
                None => {
                    let node = self.implied_directory();
                    open.push(self.tree.nodes.put(directory, &next, node)?);
                    at = here;
                }
                Some(_) if lower => {
                    self.note(path, DifferencePattern::BelowFile);
                    // Engines see no link of a lower layer: the first name that is no directory
                    // to them becomes one.
                    let written = self.first_link(path).filter(|(_, layer)| *layer != self.layer);
                    let at = written.map_or(here, |(link, _)| link);
                    self.tree.nodes.insert(&at, self.implied_directory())?;
                    return self.directory_of(path, make);
                }
                Some(_) => {
                    let file = here.escape_ascii();
                    return Err(ImageError::Damaged(format!(
                        "{}: {file} is a file of the same layer",
                        shown()
                    )));
                }
            }
        }
        let directory = open.last().copied().unwrap_or(ROOT);
        Ok(Some(ResolvedDirectory { path: at, directory }))
    }

    /// A directory that no entry puts.
    fn implied_directory(&self) -> FileNode {
        let entry = FileEntry::implied_directory();
        FileNode { entry, contents: None, layer: self.layer, implied: true }
    }

    /// Whether a name of the directory is a link that a lower layer made: engines that write
    /// into an empty directory of their own do not see it.
    fn crosses_link(&self, directory: &[u8]) -> bool {
        self.first_link(directory).is_some_and(|(_, layer)| layer != self.layer)
    }

    /// The first of a directory's names, as written, that is a link, and the layer that made it.
    fn first_link(&self, directory: &[u8]) -> Option<(Vec<u8>, u16)> {
        let mut at = Vec::new();
        let mut id = ROOT;
        for next in names(directory) {
            at.push(b'/');
            at.extend_from_slice(next);
            id = self.tree.nodes.child(id, next)?;
            let node = self.tree.nodes.node(id)?;
            if matches!(node.entry.kind, FileKind::Symlink(_)) {
                return Some((at, node.layer));
            }
        }
        None
    }

    fn note(&mut self, path: &[u8], pattern: DifferencePattern) {
        self.tree.ambiguous_in_all += 1;
        if self.tree.ambiguous.len() < MAX_AMBIGUOUS {
            let layer = usize::from(self.layer);
            self.tree.ambiguous.push(EngineDifference { path: path.to_vec(), layer, pattern });
        }
    }

    /// Takes away what lower layers put below a place, but for the directories in which this layer
    /// has put something.
    fn hide_lower(&mut self, directory: NodeId) {
        let layer = self.layer;
        self.tree.nodes.remove_below(directory, &|node| node.layer == layer);
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
