//! What is kept of a file's contents while a layer passes by: facts of ELF files, small texts, nothing else.

use std::sync::Arc;

use memchr::memmem;

use super::tree::{Linked, Memory, Node, TEXT_LIMIT};
use crate::facts::Binary;
use crate::facts::binary::Linking;
use crate::input::image::layer::{HEAD, Member, Want};
use crate::input::image::squash::Squashed;

/// What is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// The bytes, or the first of them.
    Text(Arc<Vec<u8>>),
    /// What a loader reads, and everything where the file is a Rust executable.
    Elf(Linked, Option<Arc<Binary>>),
}

/// A script, or a file of `/etc`, up to here is kept whole, in bytes.
const SMALL: u64 = 64 << 10;
/// Lists that loaders read can be long.
const CACHE: u64 = 16 << 20;

/// What is wanted of a file.
pub fn wanted(member: &Member<'_>, head: &[u8]) -> Want {
    if head.starts_with(b"\x7fELF") {
        return Want::Look(u64::MAX);
    }
    let path = member.path;
    let is_of_loader = path.ends_with(b"/os-release")
        || path.ends_with(b"/ld.so.conf")
        || (path.ends_with(b".conf") && path.windows(5).any(|part| part == b"ld.so"))
        || (path.ends_with(b".path") && path.windows(7).any(|part| part == b"ld-musl"));
    match () {
        () if path == b"/etc/ld.so.cache" => Want::Keep(CACHE),
        () if matches!(path, b"/etc/passwd" | b"/etc/group" | b"/etc/ld.so.preload") => {
            Want::Keep(TEXT_LIMIT)
        }
        () if is_of_loader && member.size <= SMALL => Want::Keep(SMALL),
        () if path.starts_with(b"/etc/") && member.size <= SMALL => Want::IfRoom(SMALL),
        // What may be executed and is no program: a script, whole if it is short.
        () if head.starts_with(b"#!") || member.entry.mode & 0o111 != 0 => {
            Want::IfRoom(if member.size <= SMALL { SMALL } else { HEAD as u64 })
        }
        () => Want::Nothing,
    }
}

/// Reduces a file whose bytes are all there.
pub fn reduce(member: &Member<'_>, bytes: &[u8], find_programs: bool) -> Kept {
    if !bytes.starts_with(b"\x7fELF") {
        return Kept::Text(Arc::new(bytes.to_vec()));
    }
    let linked = Linking::parse(bytes).map(Arc::new);
    let is_program = linked.as_ref().is_ok_and(|linking| linking.is_program());
    let binary = (find_programs && is_program && may_be_rust(bytes))
        .then(|| rust_program(member.path, bytes))
        .flatten();
    Kept::Elf(linked, binary)
}

/// Texts that every Rust program has one of: paths of the standard library, the compiler's
/// version, the names that the runtime looks for or defines. A program without any of them is
/// not looked at closer.
pub fn may_be_rust(bytes: &[u8]) -> bool {
    [
        &b"/rustc/"[..],
        b"rustc version",
        b"RUST_BACKTRACE",
        b"rust_panic",
        b"rust_eh_personality",
        b"library/std/",
    ]
    .iter()
    .any(|needle| memmem::find(bytes, needle).is_some())
}

/// Every fact of a Rust executable; `None` for any other.
pub fn rust_program(path: &[u8], bytes: &[u8]) -> Option<Arc<Binary>> {
    let binary = Binary::full(String::from_utf8_lossy(path), bytes, true).ok()?;
    (binary.rust.value != Some(false)).then(|| Arc::new(binary))
}

/// The finished tree, and the Rust executables in it, in the order of their paths.
pub fn finish(mut files: Squashed<Box<Kept>>) -> (Memory, Vec<Arc<Binary>>) {
    let mut linkings = Vec::new();
    let mut programs = Vec::new();
    files.nodes.for_each(|path, node| {
        let Some(kept) = node.contents.take_if(|kept| matches!(**kept, Kept::Elf(..))) else {
            return;
        };
        if let Kept::Elf(linked, binary) = *kept {
            linkings.push((path.to_vec(), linked));
            if let Some(binary) = binary {
                let shown = String::from_utf8_lossy(path).into_owned();
                // A hard link is the same file under another name.
                programs.push(if binary.path == shown {
                    binary
                } else {
                    Arc::new(Binary { path: shown, ..(*binary).clone() })
                });
            }
        }
    });
    programs.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tree = Memory::new(files.nodes.map(|node| {
        let text = match node.contents.map(|kept| *kept) {
            Some(Kept::Text(text)) => Some(text),
            Some(Kept::Elf(..)) | None => None,
        };
        Node { entry: node.entry, text }
    }));
    tree.knows_every_elf();
    for (path, linked) in linkings {
        tree.insert_linking(&path, linked);
    }
    (tree, programs)
}
