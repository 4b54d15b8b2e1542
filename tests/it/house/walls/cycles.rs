//! Circles among files. A parent and its child may know each other; nobody else may.
//!
//! A parent is two things: what it lends its children, and what it makes of them. A child looks into
//! the first, everybody else into the second, and both look into what the parent imports. With the
//! parent taken apart in this way, whatever circle is left is one that has to go.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A file's half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    /// What its children use.
    Lent,
    /// Everything, its children's work too.
    Whole,
}

type Node<'a> = (&'a str, Half);

/// The shortest circle of each knot, as the files on it, the first again at the end.
///
/// `knows` has each pair of files of which the first says something of the second, `parents` the
/// file of the module around a file's own.
pub fn find<'a>(
    knows: &BTreeSet<(&'a str, &'a str)>,
    parents: &BTreeMap<&'a str, &'a str>,
) -> Vec<Vec<&'a str>> {
    let is_parent = |parent, child| parents.get(child) == Some(&parent);
    let mut edges: BTreeMap<Node<'a>, BTreeSet<Node<'a>>> = BTreeMap::new();
    for &(from, to) in knows {
        let halves: &[(Half, Half)] = match () {
            () if is_parent(from, to) => &[(Half::Whole, Half::Whole)],
            () if is_parent(to, from) => &[(Half::Lent, Half::Lent), (Half::Whole, Half::Lent)],
            () => &[(Half::Lent, Half::Whole), (Half::Whole, Half::Whole)],
        };
        for &(half, other) in halves {
            edges.entry((from, half)).or_default().insert((to, other));
        }
        for file in [from, to] {
            edges.entry((file, Half::Whole)).or_default().insert((file, Half::Lent));
        }
    }
    let mut circles = Vec::new();
    let mut shown: BTreeSet<&str> = BTreeSet::new();
    for &start in edges.keys() {
        let Some(circle) = shortest(&edges, start) else { continue };
        let mut files: Vec<&str> = circle.iter().map(|(file, _)| *file).collect();
        files.dedup();
        if files.iter().all(|file| !shown.contains(file)) {
            shown.extend(&files);
            circles.push(files);
        }
    }
    circles
}

/// The shortest way from a node back to itself.
fn shortest<'a>(
    edges: &BTreeMap<Node<'a>, BTreeSet<Node<'a>>>,
    start: Node<'a>,
) -> Option<Vec<Node<'a>>> {
    let mut before: BTreeMap<Node<'a>, Node<'a>> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in edges.get(&node).into_iter().flatten() {
            if next == start {
                let mut way = vec![start, node];
                let mut at = node;
                while at != start {
                    at = before[&at];
                    way.push(at);
                }
                way.reverse();
                return Some(way);
            }
            if let Entry::Vacant(entry) = before.entry(next) {
                entry.insert(node);
                queue.push_back(next);
            }
        }
    }
    None
}
