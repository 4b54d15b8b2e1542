//! Values by path, for trees of hundreds of thousands: an entry costs its last name and about a hundred bytes.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A map from normalised paths.
#[derive(Debug, Clone)]
pub struct Paths<V> {
    /// The number of each entry, by the number of its directory (four bytes, the highest first)
    /// and its name. The root's number is 0.
    numbers: BTreeMap<Box<[u8]>, u32>,
    /// By number. The nodes of a map are half empty, so that values are better kept outside.
    /// A directory that nothing was put at has none.
    values: Vec<Option<V>>,
    free: Vec<u32>,
    /// The directory that was last put into, and its number: a tree is written directory by
    /// directory, and a deep one is not walked down to for each name.
    last: (Vec<u8>, u32),
}

/// A place in a map's tree, good until something is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

impl<V> Default for Paths<V> {
    fn default() -> Paths<V> {
        Paths {
            numbers: BTreeMap::new(),
            values: vec![None],
            free: Vec::new(),
            last: (b"/".to_vec(), ROOT),
        }
    }
}

const ROOT: u32 = 0;
/// Bytes of a directory's number.
const NUMBER: usize = 4;

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

fn key(directory: u32, name: &[u8]) -> Vec<u8> {
    [&directory.to_be_bytes()[..], name].concat()
}

fn children(
    numbers: &BTreeMap<Box<[u8]>, u32>,
    directory: u32,
) -> impl DoubleEndedIterator<Item = (&[u8], u32)> {
    let (from, to) = (directory.to_be_bytes(), directory.saturating_add(1).to_be_bytes());
    numbers
        .range::<[u8], _>((Bound::Included(&from[..]), Bound::Excluded(&to[..])))
        .filter_map(|(key, number)| Some((key.get(NUMBER..)?, *number)))
}

impl<V> Paths<V> {
    fn number(&self, path: &[u8]) -> Option<u32> {
        let (mut at, rest) = match self.last.0 == super::parent(path) {
            true => (self.last.1, super::name(path)),
            false => (ROOT, path),
        };
        for name in names(rest) {
            at = self.step(Place(at), name)?.0;
        }
        Some(at)
    }

    /// The root's place.
    pub fn root(&self) -> Place {
        Place(ROOT)
    }

    /// The place of a name in a directory, if anything is at or below it.
    pub fn step(&self, directory: Place, name: &[u8]) -> Option<Place> {
        self.numbers.get(key(directory.0, name).as_slice()).map(|number| Place(*number))
    }

    /// What is at a place.
    pub fn at(&self, place: Place) -> Option<&V> {
        self.value(place.0)
    }

    /// Puts a value at a name in a directory, in place of what was there.
    pub fn put(&mut self, directory: Place, name: &[u8], value: V) -> Place {
        let number = self.make(directory.0, name);
        if let Some(there) = self.values.get_mut(number as usize) {
            *there = Some(value);
        }
        Place(number)
    }

    /// The number of a name in a directory, a new one if it has none.
    fn make(&mut self, directory: u32, name: &[u8]) -> u32 {
        let key = key(directory, name);
        if let Some(number) = self.numbers.get(key.as_slice()) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            (self.values.len() - 1) as u32
        });
        self.numbers.insert(key.into(), number);
        number
    }

    fn value(&self, number: u32) -> Option<&V> {
        self.values.get(number as usize)?.as_ref()
    }

    /// What is at a path.
    pub fn get(&self, path: &[u8]) -> Option<&V> {
        self.value(self.number(path)?)
    }

    /// Whether something is at a path.
    pub fn contains(&self, path: &[u8]) -> bool {
        self.get(path).is_some()
    }

    /// Puts a value at a path, in place of what was there. What is below it stays.
    pub fn insert(&mut self, path: &[u8], value: V) {
        if path == b"/" {
            if let Some(root) = self.values.first_mut() {
                *root = Some(value);
            }
            return;
        }
        if self.last.0 != super::parent(path) {
            let mut at = ROOT;
            for name in names(super::parent(path)) {
                at = self.make(at, name);
            }
            self.last = (super::parent(path).to_vec(), at);
        }
        self.put(Place(self.last.1), super::name(path), value);
    }

    /// Takes away what is below a path, but for what is to be kept and the directories that it
    /// lies in.
    pub fn remove_below(&mut self, path: &[u8], keep: impl Fn(&V) -> bool) {
        let Some(top) = self.number(path) else { return };
        self.last = (b"/".to_vec(), ROOT);
        let mut below = vec![top];
        let mut next = 0;
        while let Some(number) = below.get(next) {
            let inside: Vec<u32> =
                children(&self.numbers, *number).map(|(_, number)| number).collect();
            below.extend(inside);
            next += 1;
        }
        // Deepest first, so that a directory is looked at after what lay in it.
        for directory in below.into_iter().rev() {
            let doomed: Vec<(Vec<u8>, u32)> = children(&self.numbers, directory)
                .filter(|(_, number)| !self.value(*number).is_some_and(&keep))
                .filter(|(_, number)| children(&self.numbers, *number).next().is_none())
                .map(|(name, number)| (key(directory, name), number))
                .collect();
            for (key, number) in doomed {
                self.numbers.remove(key.as_slice());
                if let Some(value) = self.values.get_mut(number as usize) {
                    *value = None;
                }
                self.free.push(number);
            }
        }
    }

    /// Takes away what is at a path, and everything below it.
    pub fn remove(&mut self, path: &[u8]) {
        let directory = super::parent(path);
        let Some(number) = self.number(path) else { return };
        self.remove_below(path, |_| false);
        if let Some(value) = self.values.get_mut(number as usize) {
            *value = None;
        }
        if let Some(directory) = self.number(directory).filter(|_| number != ROOT) {
            self.numbers.remove(key(directory, super::name(path)).as_slice());
            self.free.push(number);
        }
    }

    /// Whether something lies directly below a path.
    pub fn has_children(&self, path: &[u8]) -> bool {
        self.names(path).next().is_some()
    }

    /// The names directly below a path, sorted.
    pub fn names(&self, path: &[u8]) -> impl Iterator<Item = &[u8]> {
        let number = self.number(path);
        number.into_iter().flat_map(|number| children(&self.numbers, number)).map(|(name, _)| name)
    }

    /// Every path and its value: a directory, then what is below it, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<u8>, &V)> {
        let mut walk = Walk::new();
        std::iter::from_fn(move || walk.step(&self.numbers).map(|number| (walk.path(), number)))
            .filter_map(|(path, number)| Some((path.to_vec(), self.value(number)?)))
    }

    /// Shows every path and its value, in the order of [`Paths::iter`].
    pub fn for_each(&mut self, mut look: impl FnMut(&[u8], &mut V)) {
        let mut walk = Walk::new();
        while let Some(number) = walk.step(&self.numbers) {
            if let Some(Some(value)) = self.values.get_mut(number as usize) {
                look(&walk.path(), value);
            }
        }
    }

    /// The same paths with other values; smaller ones take the place of those that they are made of.
    pub fn map<W>(self, mut change: impl FnMut(V) -> W) -> Paths<W> {
        let values = self.values.into_iter().map(|value| value.map(&mut change)).collect();
        Paths { numbers: self.numbers, values, free: self.free, last: self.last }
    }
}

/// A walk over all entries.
struct Walk<'a> {
    /// Of the entry that was stepped on last, without its first slash where it is the root.
    path: Vec<u8>,
    /// Still to come, the next one last: the length of the directory's path, name, number.
    open: Vec<(usize, &'a [u8], u32)>,
    begun: bool,
}

impl<'a> Walk<'a> {
    fn new() -> Walk<'a> {
        Walk { path: Vec::new(), open: Vec::new(), begun: false }
    }

    fn step(&mut self, numbers: &'a BTreeMap<Box<[u8]>, u32>) -> Option<u32> {
        let number = match std::mem::replace(&mut self.begun, true) {
            false => ROOT,
            true => {
                let (directory, name, number) = self.open.pop()?;
                self.path.truncate(directory);
                self.path.push(b'/');
                self.path.extend_from_slice(name);
                number
            }
        };
        let length = self.path.len();
        let inside = children(numbers, number).rev().map(|(name, number)| (length, name, number));
        self.open.extend(inside);
        Some(number)
    }

    fn path(&self) -> Vec<u8> {
        if self.path.is_empty() { b"/".to_vec() } else { self.path.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[&str]) -> Paths<usize> {
        let mut paths = Paths::default();
        for (number, path) in all.iter().enumerate() {
            paths.insert(path.as_bytes(), number);
        }
        paths
    }

    fn shown(paths: &Paths<usize>) -> Vec<String> {
        paths.iter().map(|(path, _)| String::from_utf8(path).unwrap()).collect()
    }

    const TREE: &[&str] =
        &["/", "/a", "/a/b", "/a/b/c", "/a/b/d", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"];

    #[test]
    fn a_value_is_found_where_it_was_put() {
        let mut paths = paths(TREE);
        for (number, path) in TREE.iter().enumerate() {
            assert_eq!(paths.get(path.as_bytes()), Some(&number), "{path}");
        }
        assert_eq!(shown(&paths), TREE);
        assert_eq!(paths.get(b"/a/b/e"), None);
        paths.insert(b"/a", 77);
        assert_eq!((paths.get(b"/a"), paths.get(b"/a/b")), (Some(&77), Some(&2)));
        assert_eq!(paths.names(b"/").collect::<Vec<_>>(), [&b"a"[..], b"a-b", b"a0", b"e"]);
        assert!(paths.has_children(b"/e/f") && !paths.has_children(b"/e/f/g"));
        paths.insert(b"/deep/er/est", 5);
        assert!(!paths.contains(b"/deep/er") && paths.contains(b"/deep/er/est"));
        assert_eq!(paths.names(b"/deep").collect::<Vec<_>>(), [b"er"]);
    }

    #[test]
    fn a_place_that_is_free_again_is_used_again() {
        let mut paths = paths(TREE);
        let before = paths.values.len();
        paths.remove(b"/e");
        assert_eq!(shown(&paths), TREE[..8]);
        for path in ["/e", "/x", "/y"] {
            paths.insert(path.as_bytes(), 5);
        }
        assert_eq!(paths.values.len(), before);
        assert!(!paths.has_children(b"/e") && !paths.has_children(b"/x"));
        paths.remove(b"/nothing/here");
        paths.remove(b"/");
        assert!(shown(&paths).is_empty());
    }

    #[test]
    fn what_is_below_goes_and_what_is_beside_stays() {
        let mut all = paths(TREE);
        all.remove_below(b"/a", |_| false);
        assert_eq!(shown(&all), ["/", "/a", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"]);
        all.remove_below(b"/", |_| false);
        assert_eq!(shown(&all), ["/"], "the root lies not below itself");
        let mut all = paths(TREE);
        let kept = *all.get(b"/e/f/g").unwrap();
        all.remove_below(b"/", |value| *value == kept);
        assert_eq!(shown(&all), ["/", "/e", "/e/f", "/e/f/g"], "with what it lies in");
    }

    #[test]
    fn other_values_keep_their_paths() {
        let mut seen = Vec::new();
        let mut all = paths(TREE);
        all.for_each(|path, value| {
            seen.push(String::from_utf8(path.to_vec()).unwrap());
            *value += 1;
        });
        assert_eq!(seen, shown(&all));
        assert_eq!(all.map(|value| value.to_string()).get(b"/a/b").unwrap(), "3");
    }
}
