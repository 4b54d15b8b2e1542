//! The arena against a map of whole paths, and what it charges.

use std::collections::BTreeMap;

use crate::rootfs::tree::arena::*;

fn file(size: u64) -> FileNode {
    let entry = FileEntry { kind: FileKind::File { size }, mode: 0o644, uid: 0, gid: 0 };
    FileNode { entry, contents: None, layer: 0, implied: false }
}

fn arena(all: &[&str]) -> Arena {
    let mut arena = Arena::default();
    for (number, path) in all.iter().enumerate() {
        arena.insert(path.as_bytes(), file(number as u64)).unwrap();
    }
    arena
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn shown(arena: &Arena) -> Vec<String> {
    let mut all = Vec::new();
    arena.for_each(|path, _| all.push(text(path)));
    all
}

fn names_of(arena: &Arena, path: &str) -> Vec<String> {
    arena.names(path.as_bytes()).iter().map(|name| text(name)).collect()
}

fn remove(arena: &mut Arena, path: &str) {
    if let Some(id) = arena.find(path.as_bytes()) {
        arena.remove(id);
    }
}

const TREE: &[&str] =
    &["/", "/a", "/a/b", "/a/b/c", "/a/b/d", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"];

#[test]
fn a_node_is_found_where_it_was_put() {
    let mut all = arena(TREE);
    for (number, path) in TREE.iter().enumerate() {
        assert_eq!(all.get(path.as_bytes()), Some(file(number as u64)), "{path}");
    }
    assert_eq!(shown(&all), TREE);
    assert_eq!(all.get(b"/a/b/e"), None);
    all.insert(b"/a", file(77)).unwrap();
    assert_eq!((all.get(b"/a"), all.get(b"/a/b")), (Some(file(77)), Some(file(2))));
    assert_eq!(names_of(&all, "/"), ["a", "a-b", "a0", "e"]);
    let id = |path: &str| all.find(path.as_bytes()).unwrap();
    assert!(all.has_children(id("/e/f")) && !all.has_children(id("/e/f/g")));
    all.insert(b"/deep/er/est", file(5)).unwrap();
    assert!(!all.contains(b"/deep/er") && all.contains(b"/deep/er/est"));
    assert_eq!(names_of(&all, "/deep"), ["er"]);
}

#[test]
fn every_kind_of_node_comes_out_again() {
    let mut all = Arena::default();
    for (kind, contents) in [
        (FileKind::File { size: u64::MAX }, Some(Payload::new(0).unwrap())),
        (FileKind::File { size: 1 << 32 }, Some(Payload::new(u32::MAX as usize - 1).unwrap())),
        (FileKind::File { size: 0 }, None),
        (FileKind::Directory, None),
        (FileKind::Symlink(vec![b'x'; 4000]), None),
        (FileKind::Symlink(Vec::new()), None),
        (FileKind::Other, None),
    ] {
        let entry = FileEntry { kind, mode: 0o7755, uid: u32::MAX, gid: 1000 };
        let node = FileNode { entry, contents, layer: 511, implied: true };
        all.insert(b"/usr/\xff", node.clone()).unwrap();
        assert_eq!(all.get(b"/usr/\xff"), Some(node));
    }
}

#[test]
fn what_is_below_goes_and_what_is_beside_stays() {
    let mut all = arena(TREE);
    all.remove_below(all.find(b"/a").unwrap(), &|_| false);
    assert_eq!(shown(&all), ["/", "/a", "/a-b", "/a-b/x", "/a0", "/e", "/e/f", "/e/f/g"]);
    remove(&mut all, "/e");
    assert_eq!(shown(&all), ["/", "/a", "/a-b", "/a-b/x", "/a0"]);
    let id = all.insert(b"/e", file(1)).unwrap();
    assert!(!all.has_children(id), "nothing comes back");
    all.remove_below(ROOT, &|_| false);
    assert_eq!(shown(&all), ["/"], "the root lies not below itself");
    remove(&mut all, "/");
    assert!(shown(&all).is_empty());
    let mut all = arena(TREE);
    let kept = all.get(b"/e/f/g").unwrap();
    all.remove_below(ROOT, &|node| *node == kept);
    assert_eq!(shown(&all), ["/", "/e", "/e/f", "/e/f/g"], "with what it lies in");
}

/// The same as a map that keeps whole paths, while parts of the tree come and go.
#[test]
fn an_arena_is_a_sorted_map_of_paths() {
    let mut arena = Arena::default();
    let mut map = BTreeMap::new();
    let mut state = 7_u64;
    let mut roll = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let mut most = 0;
    for step in 0..30_000_u64 {
        let directory = format!("/d{}/long-name-of-a-directory-{}", roll(5), roll(40));
        let path = format!("{directory}/file-{}", roll(60));
        match roll(400) {
            0 => {
                remove(&mut arena, &directory);
                map.retain(|path: &String, _| !path.starts_with(&format!("{directory}/")));
            }
            // Every other file, as a layer hides what others have put.
            1 => {
                let keep = |node: &FileNode| matches!(node.entry.kind, FileKind::File { size } if size % 2 == 0);
                let id = arena.find(directory.as_bytes());
                id.into_iter().for_each(|id| arena.remove_below(id, &keep));
                map.retain(|path: &String, size| {
                    !path.starts_with(&format!("{directory}/")) || *size % 2 == 0
                });
            }
            2..30 => {
                remove(&mut arena, &path);
                map.remove(&path);
            }
            _ => {
                arena.insert(path.as_bytes(), file(step)).unwrap();
                map.insert(path.clone(), step);
            }
        }
        assert_eq!(arena.get(path.as_bytes()), map.get(&path).copied().map(file), "{path}");
        most = most.max(arena.count);
    }
    let mut seen = Vec::new();
    arena.for_each(|path, node| {
        let FileKind::File { size } = node.entry.kind else { unreachable!() };
        seen.push((text(path), size));
    });
    // Sorted name by name: `/` is smaller than any byte of a name.
    let mut want: Vec<(String, u64)> = map.clone().into_iter().collect();
    want.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    assert!(map.len() > 3000);
    assert_eq!(seen, want);
    for directory in 0..5 {
        let top = format!("/d{directory}");
        let mut below: Vec<&str> = map
            .keys()
            .filter_map(|path| path.strip_prefix(&format!("{top}/"))?.split('/').next())
            .collect();
        below.dedup();
        let mut names = names_of(&arena, &top);
        names.retain(|name| {
            arena.has_children(arena.find(format!("{top}/{name}").as_bytes()).unwrap())
        });
        assert_eq!(names, below);
        remove(&mut arena, &top);
    }
    assert_eq!((arena.count, shown(&arena).len()), (0, 0));
    assert_eq!(arena.slots.len(), most + 1, "a free slot is used again");
}

#[test]
fn what_an_entry_takes_is_charged() {
    const { assert!(SLOT <= 64) };
    let budget = Arc::new(Budget::new(100_000));
    let mut arena = Arena::new(budget.clone());
    let mut count = 0;
    let refused = loop {
        match arena.insert(format!("/directory/file-{count:04}").as_bytes(), file(1)) {
            Ok(_) => count += 1,
            Err(why) => break why.to_string(),
        }
    };
    assert!(refused.contains("more than 100000 bytes"), "{refused}");
    assert_eq!(count, 100_000 / (SLOT + 9) - 1);
    let link = FileKind::Symlink(vec![b'x'; 1000]);
    let entry = FileEntry { kind: link, mode: 0o777, uid: 0, gid: 0 };
    let node = FileNode { entry, contents: None, layer: 0, implied: false };
    assert!(arena.insert(b"/directory/file-0000", node).is_err());
    drop(arena);
    assert_eq!(budget.used(), 0);
}
