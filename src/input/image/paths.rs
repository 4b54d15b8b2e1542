//! Every path of an image and what is there, for trees of millions: twenty bytes an entry, of
//! which a few megabytes stay in memory.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use super::packed::{
    FREE_BITS, push_entry, push_number, take_byte, take_entry, take_number, take_small,
};
use super::pages::Pages;
use super::{Contents, Entry, leaf, name, parent};

/// One path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub entry: Entry,
    /// What was kept of its contents.
    pub contents: Option<Contents>,
    /// The layer that put it there last, from 0.
    pub layer: u16,
    /// A directory that no entry of that layer puts, but that its entries lie in.
    pub implied: bool,
}

/// A directory of a map, good until it is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory(u32);

/// The directory that everything lies in.
pub const ROOT: Directory = Directory(0);

/// What is at a name.
#[derive(Debug, Clone)]
pub struct Found {
    /// `None`: nothing was put there itself.
    pub node: Option<Node>,
    /// Where what is below it lies; `None`: nothing can.
    pub inside: Option<Directory>,
}

/// A map from normalised paths to nodes.
///
/// It is a B-tree of two levels: a list of pages in memory, and in them the nodes, sorted by the
/// number of their directory and their name. Errors are those of the file that pages lie in.
#[derive(Debug)]
pub struct Paths {
    /// The first key of each page, and its number.
    index: BTreeMap<Box<[u8]>, u32>,
    pages: Mutex<Pages>,
    /// Directories that were given a number.
    directories: u32,
    /// What the root is.
    root: Option<Node>,
    /// The directory that was last put into: a tree is written directory by directory, and a deep
    /// one is not walked down to for each name.
    last: (Vec<u8>, Directory),
}

/// Bytes of a page before it is split: one is searched from its beginning.
const PAGE: usize = 1 << 10;
/// Pages that stay in memory.
const HERE: usize = 8 << 10;

/// In the tag of a node.
const PUT: u8 = 0x80;
const INSIDE: u8 = 0x40;
const IMPLIED: u8 = 0x20;

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// Of a name in a directory; those of one directory stand together.
fn key(Directory(number): Directory, name: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], name].concat()
}

/// Bytes of a directory's number in a key.
const NUMBER: usize = 4;

fn pack(Found { node, inside }: &Found) -> Vec<u8> {
    let mut out = Vec::new();
    let inside_tag = if inside.is_some() { INSIDE } else { 0 };
    match node {
        Some(Node { entry, contents, layer, implied }) => {
            let tag = PUT | inside_tag | if *implied { IMPLIED } else { 0 };
            push_entry(&mut out, tag, entry, *contents);
            push_number(&mut out, u64::from(*layer));
        }
        None => out.push(inside_tag),
    }
    if let Some(Directory(number)) = inside {
        push_number(&mut out, u64::from(*number));
    }
    out
}

fn unpack(mut bytes: &[u8]) -> Option<Found> {
    let bytes = &mut bytes;
    let tag = take_byte(bytes)?;
    let node = match tag & PUT {
        0 => None,
        _ => {
            let (entry, contents) = take_entry(bytes, tag)?;
            let layer = u16::try_from(take_number(bytes)?).ok()?;
            Some(Node { entry, contents, layer, implied: tag & IMPLIED != 0 })
        }
    };
    let inside = if tag & INSIDE == 0 { None } else { Some(Directory(take_small(bytes)?)) };
    Some(Found { node, inside })
}

const _: () = assert!(PUT | INSIDE | IMPLIED == FREE_BITS & 0xe0);

fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

impl Default for Paths {
    fn default() -> Paths {
        Paths::new(HERE)
    }
}

impl Paths {
    /// Nothing; so many pages may stay in memory.
    pub fn new(most: usize) -> Paths {
        Paths {
            index: BTreeMap::new(),
            pages: Mutex::new(Pages::new(most)),
            directories: 0,
            root: None,
            last: (b"/".to_vec(), ROOT),
        }
    }

    /// Does something to the page that a key is in or would be in.
    fn with<R>(&self, key: &[u8], work: impl FnOnce(&[u8]) -> R) -> io::Result<Option<R>> {
        let before = (Bound::Unbounded, Bound::Included(key));
        let Some((_, page)) = self.index.range::<[u8], _>(before).next_back() else {
            return Ok(None);
        };
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(work(pages.get(*page, false)?)))
    }

    /// What is at a name in a directory.
    pub fn look(&self, directory: Directory, name: &[u8]) -> io::Result<Option<Found>> {
        let key = key(directory, name);
        let unpacked = |page: &[u8]| leaf::get(page, &key).map(unpack);
        match self.with(&key, unpacked)?.flatten() {
            None => Ok(None),
            Some(found) => found.map(Some).ok_or_else(damaged),
        }
    }

    fn set(&mut self, key: &[u8], found: &Found) -> io::Result<()> {
        let pages = self.pages.get_mut().unwrap_or_else(PoisonError::into_inner);
        let before = (Bound::Unbounded, Bound::Included(key));
        let page = match self.index.range::<[u8], _>(before).next_back() {
            Some((_, page)) => *page,
            None => {
                let page = pages.add(Vec::new())?;
                self.index.insert(Box::default(), page);
                page
            }
        };
        let bytes = pages.get(page, true)?;
        leaf::put(bytes, key, &pack(found));
        if bytes.len() > PAGE
            && let Some((second, first_key)) = leaf::split(bytes)
        {
            let page = pages.add(second)?;
            self.index.insert(first_key.into(), page);
        }
        Ok(())
    }

    fn unset(&mut self, key: &[u8]) -> io::Result<()> {
        let pages = self.pages.get_mut().unwrap_or_else(PoisonError::into_inner);
        let before = (Bound::Unbounded, Bound::Included(key));
        let Some((first_key, page)) = self.index.range::<[u8], _>(before).next_back() else {
            return Ok(());
        };
        let page = *page;
        let bytes = pages.get(page, true)?;
        leaf::remove(bytes, key);
        // The first page stays: every key has one before it.
        if bytes.is_empty() && !first_key.is_empty() {
            let first_key = first_key.clone();
            self.index.remove(&first_key);
            pages.remove(page);
        }
        Ok(())
    }

    fn inside(&self, path: &[u8]) -> io::Result<Option<Directory>> {
        if self.last.0 == path {
            return Ok(Some(self.last.1));
        }
        let (mut at, rest) = match self.last.0 == parent(path) {
            true => (self.last.1, name(path)),
            false => (ROOT, path),
        };
        for name in names(rest) {
            match self.look(at, name)?.and_then(|found| found.inside) {
                Some(inside) => at = inside,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// What is at a path.
    pub fn get(&self, path: &[u8]) -> io::Result<Option<Node>> {
        if path == b"/" {
            return Ok(self.root.clone());
        }
        let Some(directory) = self.inside(parent(path))? else { return Ok(None) };
        Ok(self.look(directory, name(path))?.and_then(|found| found.node))
    }

    /// Whether something is at a path.
    pub fn contains(&self, path: &[u8]) -> io::Result<bool> {
        Ok(self.get(path)?.is_some())
    }

    /// Puts a node at a name in a directory, in place of what was found there. What is below it
    /// stays. Returns the directory that it is, if it is one.
    pub fn put(
        &mut self,
        directory: Directory,
        name: &[u8],
        there: Option<&Found>,
        node: Option<Node>,
    ) -> io::Result<Option<Directory>> {
        let mut inside = there.and_then(|there| there.inside);
        if inside.is_none() && node.as_ref().is_none_or(|node| node.entry.is_directory()) {
            self.directories = self.directories.checked_add(1).ok_or_else(damaged)?;
            inside = Some(Directory(self.directories));
        }
        self.set(&key(directory, name), &Found { node, inside })?;
        Ok(inside)
    }

    /// Puts a node at a path, in place of what was there. What is below it stays.
    pub fn insert(&mut self, path: &[u8], node: Node) -> io::Result<()> {
        if path == b"/" {
            self.root = Some(node);
            return Ok(());
        }
        if self.last.0 != parent(path) {
            let mut at = ROOT;
            for name in names(parent(path)) {
                let there = self.look(at, name)?;
                at = match there.as_ref().and_then(|there| there.inside) {
                    Some(inside) => inside,
                    None => {
                        self.directories = self.directories.checked_add(1).ok_or_else(damaged)?;
                        let inside = Directory(self.directories);
                        let node = there.and_then(|there| there.node);
                        self.set(&key(at, name), &Found { node, inside: Some(inside) })?;
                        inside
                    }
                };
            }
            self.last = (parent(path).to_vec(), at);
        }
        let there = self.look(self.last.1, name(path))?;
        self.put(self.last.1, name(path), there.as_ref(), Some(node))?;
        Ok(())
    }

    /// Takes away what is below a path, but for what is to be kept and the directories that it
    /// lies in.
    pub fn remove_below(&mut self, path: &[u8], keep: &dyn Fn(&Node) -> bool) -> io::Result<()> {
        let Some(directory) = self.inside(path)? else { return Ok(()) };
        self.last = (b"/".to_vec(), ROOT);
        self.clear(directory, keep)?;
        Ok(())
    }

    /// Whether anything was kept. Directories lie no deeper in one another than a path is long.
    fn clear(&mut self, directory: Directory, keep: &dyn Fn(&Node) -> bool) -> io::Result<bool> {
        let mut kept = false;
        let mut from = Some(Vec::new());
        while let Some(name) = from {
            let part = self.part(directory, &name)?;
            for (name, found) in part.children {
                let below = match found.inside {
                    Some(inside) => self.clear(inside, keep)?,
                    None => false,
                };
                let stays = below || found.node.as_ref().is_some_and(keep);
                kept |= stays;
                if !stays {
                    self.unset(&key(directory, &name))?;
                }
            }
            from = part.next;
        }
        Ok(kept)
    }

    /// Takes away what is at a path, and everything below it.
    pub fn remove(&mut self, path: &[u8]) -> io::Result<()> {
        self.remove_below(path, &|_| false)?;
        if path == b"/" {
            self.root = None;
            return Ok(());
        }
        match self.inside(parent(path))? {
            Some(directory) => self.unset(&key(directory, name(path))),
            None => Ok(()),
        }
    }

    /// Whether something lies directly below a path.
    pub fn has_children(&self, path: &[u8]) -> io::Result<bool> {
        let Some(directory) = self.inside(path)? else { return Ok(false) };
        let mut from = Some(Vec::new());
        while let Some(name) = from {
            let part = self.part(directory, &name)?;
            if !part.children.is_empty() {
                return Ok(true);
            }
            from = part.next;
        }
        Ok(false)
    }

    /// The names directly below a path, sorted.
    pub fn names(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        let Some(directory) = self.inside(path)? else { return Ok(names) };
        let mut from = Some(Vec::new());
        while let Some(name) = from {
            let part = self.part(directory, &name)?;
            names.extend(part.children.into_iter().map(|(name, _)| name));
            from = part.next;
        }
        Ok(names)
    }

    /// What one page has of a directory, from a name on.
    fn part(&self, directory: Directory, from: &[u8]) -> io::Result<Part> {
        let from = key(directory, from);
        let children = self.with(&from, |page| children(page, &from))?;
        let children = children.unwrap_or_else(|| Some(Vec::new())).ok_or_else(damaged)?;
        let after = (Bound::Excluded(from.as_slice()), Bound::Unbounded);
        let next = self.index.range::<[u8], _>(after).next();
        // A page may begin in the middle of a directory.
        let next = next.and_then(|(key, _)| match key.split_at_checked(NUMBER)? {
            (number, name) if number == directory.0.to_be_bytes() => Some(name.to_vec()),
            _ => None,
        });
        Ok(Part { children, next })
    }

    /// Shows every path and its node: a directory, then what is below it, in the order of the
    /// names.
    pub fn for_each(&self, mut look: impl FnMut(&[u8], &Node)) -> io::Result<()> {
        if let Some(root) = &self.root {
            look(b"/", root);
        }
        let mut path = Vec::new();
        // Of each directory that is open: the length of its path, and what is still to come.
        let mut open = vec![(0, self.walk(ROOT, &[])?)];
        while let Some((length, walk)) = open.last_mut() {
            path.truncate(*length);
            let Some((name, found)) = walk.part.next() else {
                match walk.next.take() {
                    Some(name) => *walk = self.walk(walk.directory, &name)?,
                    None => {
                        open.pop();
                    }
                }
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(&name);
            if let Some(node) = &found.node {
                look(&path, node);
            }
            if let Some(inside) = found.inside {
                let walk = self.walk(inside, &[])?;
                open.push((path.len(), walk));
            }
        }
        Ok(())
    }

    fn walk(&self, directory: Directory, from: &[u8]) -> io::Result<Walk> {
        let Part { children, next } = self.part(directory, from)?;
        Ok(Walk { directory, part: children.into_iter(), next })
    }
}

/// What one page has of a directory.
struct Part {
    children: Vec<(Vec<u8>, Found)>,
    /// The first name of the next page that has more.
    next: Option<Vec<u8>>,
}

/// What of a directory is still to come.
struct Walk {
    directory: Directory,
    part: std::vec::IntoIter<(Vec<u8>, Found)>,
    next: Option<Vec<u8>>,
}

/// The records of a page from a key on that are of the key's directory.
fn children(page: &[u8], from: &[u8]) -> Option<Vec<(Vec<u8>, Found)>> {
    let mut children = Vec::new();
    let mut records = leaf::Records::new(page, from);
    while let Some(value) = records.next() {
        let (number, name) = records.key().split_at_checked(NUMBER)?;
        if Some(number) != from.get(..NUMBER) {
            break;
        }
        children.push((name.to_vec(), unpack(value)?));
    }
    Some(children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::image::Kind;

    fn file(size: u64) -> Node {
        let entry = Entry { kind: Kind::File { size }, mode: 0o644, uid: 0, gid: 0 };
        Node { entry, contents: None, layer: 0, implied: false }
    }

    fn paths(all: &[&str]) -> Paths {
        let mut paths = Paths::default();
        for (number, path) in all.iter().enumerate() {
            paths.insert(path.as_bytes(), file(number as u64)).unwrap();
        }
        paths
    }

    fn shown(paths: &Paths) -> Vec<String> {
        let mut all = Vec::new();
        paths.for_each(|path, _| all.push(String::from_utf8(path.to_vec()).unwrap())).unwrap();
        all
    }

    fn sorted_names(paths: &Paths, path: &str) -> Vec<String> {
        let names = paths.names(path.as_bytes()).unwrap();
        names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect()
    }

    const TREE: &[&str] =
        &["/", "/a", "/a/b", "/a/b/c", "/a/b/d", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"];

    #[test]
    fn a_node_is_found_where_it_was_put() {
        let mut paths = paths(TREE);
        for (number, path) in TREE.iter().enumerate() {
            assert_eq!(paths.get(path.as_bytes()).unwrap(), Some(file(number as u64)), "{path}");
        }
        assert_eq!(shown(&paths), TREE);
        assert_eq!(paths.get(b"/a/b/e").unwrap(), None);
        paths.insert(b"/a", file(77)).unwrap();
        assert_eq!(paths.get(b"/a").unwrap(), Some(file(77)));
        assert_eq!(paths.get(b"/a/b").unwrap(), Some(file(2)));
        assert_eq!(sorted_names(&paths, "/"), ["a", "a-b", "a0", "e"]);
        assert!(paths.has_children(b"/e/f").unwrap() && !paths.has_children(b"/e/f/g").unwrap());
        paths.insert(b"/deep/er/est", file(5)).unwrap();
        assert!(!paths.contains(b"/deep/er").unwrap() && paths.contains(b"/deep/er/est").unwrap());
        assert_eq!(sorted_names(&paths, "/deep"), ["er"]);
    }

    #[test]
    fn what_is_below_goes_and_what_is_beside_stays() {
        let mut all = paths(TREE);
        all.remove_below(b"/a", &|_| false).unwrap();
        assert_eq!(shown(&all), ["/", "/a", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"]);
        all.remove(b"/e").unwrap();
        assert_eq!(shown(&all), ["/", "/a", "/a-b", "/a-b/x", "/a0"]);
        all.insert(b"/e", file(1)).unwrap();
        assert!(!all.has_children(b"/e").unwrap(), "nothing comes back");
        all.remove(b"/nothing/here").unwrap();
        all.remove_below(b"/", &|_| false).unwrap();
        assert_eq!(shown(&all), ["/"], "the root lies not below itself");
        all.remove(b"/").unwrap();
        assert!(shown(&all).is_empty());
        let mut all = paths(TREE);
        let kept = all.get(b"/e/f/g").unwrap().unwrap();
        all.remove_below(b"/", &|node| *node == kept).unwrap();
        assert_eq!(shown(&all), ["/", "/e", "/e/f", "/e/f/g"], "with what it lies in");
    }

    /// The same as a map that keeps whole paths, with few pages in memory, while parts of the tree
    /// come and go.
    #[test]
    fn a_tree_of_many_pages_is_the_same_map() {
        let mut paths = Paths::new(4);
        let mut map = BTreeMap::new();
        let mut state = 7_u64;
        let mut roll = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for step in 0..30_000_u64 {
            let directory = format!("/d{}/long-name-of-a-directory-{}", roll(5), roll(40));
            let path = format!("{directory}/file-{}", roll(60));
            match roll(400) {
                0 => {
                    paths.remove(directory.as_bytes()).unwrap();
                    map.retain(|path: &String, _| !path.starts_with(&format!("{directory}/")));
                }
                1..30 => {
                    paths.remove(path.as_bytes()).unwrap();
                    map.remove(&path);
                }
                _ => {
                    paths.insert(path.as_bytes(), file(step)).unwrap();
                    map.insert(path, step);
                }
            }
        }
        let mut seen = BTreeMap::new();
        let see = |path: &[u8], node: &Node| {
            let Kind::File { size } = node.entry.kind else { unreachable!() };
            seen.insert(String::from_utf8(path.to_vec()).unwrap(), size);
        };
        paths.for_each(see).unwrap();
        assert!(map.len() > 3000 && seen == map);
        for (path, size) in map {
            assert_eq!(paths.get(path.as_bytes()).unwrap(), Some(file(size)), "{path}");
        }
        for directory in 0..5 {
            paths.remove(format!("/d{directory}").as_bytes()).unwrap();
        }
        assert_eq!(paths.index.len(), 1, "pages without a record are given back");
    }
}
