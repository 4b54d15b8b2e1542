//! What is kept of a file's contents while a layer passes by: facts of ELF files, small texts, nothing else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use crate::binary::Binary;
use crate::binary::elf::Linking;
use crate::rootfs::layer::apply::Squashed;
use crate::rootfs::layer::{HEAD, Member, Want};
use crate::rootfs::spill::Spill;
use crate::rootfs::tree::TEXT_LIMIT;
use crate::rootfs::tree::arena::Node;
use crate::rootfs::{Payload, Why};
use crate::start::image::elf_tree::{Linked, Memory};

/// What is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// The bytes, or the first of them, by their place among the table's texts.
    Text(Payload),
    /// What a loader reads.
    Elf(Linked),
    /// What it reads of a Rust executable, and the other facts.
    Program(Arc<Linking>, Arc<Binary>),
}

/// Bytes of memory that what loaders read of an image's files may take, with those of the same
/// image for other platforms. A library takes some kilobytes; an image of 11 GB with 3 000 of them
/// needs a tenth of it.
pub const MAX_LINKING_BYTES: usize = 128 << 20;

/// What is kept of an image's files, by the numbers that their nodes have.
#[derive(Debug, Default)]
pub struct Table {
    kept: Mutex<All>,
    texts: Spill,
}

#[derive(Debug, Default)]
struct All {
    kept: Vec<Kept>,
    /// What loaders read, in bytes.
    linking: usize,
    has_programs: bool,
}

impl Table {
    /// Keeps something.
    ///
    /// # Errors
    ///
    /// The image has too much of it.
    pub fn add(&self, kept: Kept) -> Result<Payload, Why> {
        let mut all = self.lock();
        let linking = match &kept {
            Kept::Text(_) | Kept::Elf(Err(_)) => 0,
            Kept::Elf(Ok(linking)) | Kept::Program(linking, _) => linking.memory(),
        };
        if all.linking + linking > MAX_LINKING_BYTES {
            return Err(Why::new(format!(
                "what loaders read of its libraries needs more than {MAX_LINKING_BYTES} bytes of memory"
            )));
        }
        all.linking += linking;
        all.has_programs |= matches!(kept, Kept::Program(..));
        let payload = Payload::new(all.kept.len())?;
        all.kept.push(kept);
        Ok(payload)
    }

    /// Keeps the bytes of a file, or the first of them.
    ///
    /// # Errors
    ///
    /// There is no room for them.
    pub fn add_text(&self, bytes: &[u8]) -> Result<Payload, Why> {
        self.add(Kept::Text(self.texts.put(bytes)?))
    }

    /// What was kept.
    pub fn get(&self, payload: Payload) -> Option<Kept> {
        self.lock().kept.get(payload.index()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a [`Kept::Text`].
    pub fn text(&self, text: Payload) -> Option<Vec<u8>> {
        self.texts.get(text).ok()
    }
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

/// Reduces files, several at a time.
pub struct Reducer<'a> {
    /// Whether Rust programs are looked for.
    pub find_programs: bool,
    /// Gets every Rust program with its bytes.
    pub seen: crate::start::image::read::Seen<'a>,
    table: Arc<Table>,
}

impl<'a> Reducer<'a> {
    /// One that has seen nothing.
    pub fn new(find_programs: bool, seen: crate::start::image::read::Seen<'a>) -> Reducer<'a> {
        Reducer { find_programs, seen, table: Arc::default() }
    }

    /// Reduces a file whose bytes are all there.
    ///
    /// # Errors
    ///
    /// There is no room for what is kept.
    pub fn reduce(&self, member: &Member<'_>, bytes: &[u8]) -> Result<Payload, Why> {
        if !bytes.starts_with(b"\x7fELF") {
            return self.table.add_text(bytes);
        }
        let linked = Linking::parse(bytes).map(Arc::new);
        self.table.add(match linked {
            Ok(linking) if self.find_programs && linking.is_program() && may_be_rust(bytes) => {
                match rust_program(member.path, bytes) {
                    Some(program) => {
                        (self.seen)(&program, bytes);
                        Kept::Program(linking, program)
                    }
                    None => Kept::Elf(Ok(linking)),
                }
            }
            linked => Kept::Elf(linked),
        })
    }

    /// The finished tree, and the Rust executables in it, in the order of their paths.
    pub fn finish(&self, files: Squashed) -> (Memory, Vec<Arc<Binary>>) {
        let mut programs = Vec::new();
        let mut add = |path: &[u8], node: &Node| {
            let kept = node.contents.and_then(|payload| self.table.get(payload));
            let Some(Kept::Program(_, program)) = kept else { return };
            let path = String::from_utf8_lossy(path).into_owned();
            // A hard link is the same file under another name.
            programs.push(match program.path == path {
                true => program,
                false => Arc::new(Binary { path, ..(*program).clone() }),
            });
        };
        if self.table.lock().has_programs {
            files.nodes.for_each(&mut add);
        }
        programs.sort_by(|a, b| a.path.cmp(&b.path));
        (Memory::new(files.nodes, self.table.clone()), programs)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_back_what_it_got() {
        let table = Table::default();
        let linking =
            Arc::new(Linking { soname: Some("liba.so".to_owned()), ..Linking::default() });
        let elf = table.add(Kept::Elf(Ok(linking.clone()))).unwrap();
        let text = table.add_text(b"#!/bin/sh").unwrap();
        let Some(Kept::Text(there)) = table.get(text) else { unreachable!() };
        assert_eq!(table.text(there).as_deref(), Some(&b"#!/bin/sh"[..]));
        assert!(matches!(table.get(elf), Some(Kept::Elf(Ok(it))) if it == linking));
        assert!(table.get(Payload::new(2).unwrap()).is_none());
    }

    #[test]
    fn what_loaders_read_is_bounded() {
        let table = Table::default();
        let soname = |length| Some("x".repeat(length));
        let linking = |length| Linking { soname: soname(length), ..Linking::default() };
        let long = Arc::new(linking(MAX_LINKING_BYTES / 4));
        let one = |linking: &Arc<Linking>| table.add(Kept::Elf(Ok(linking.clone())));
        (0..3).for_each(|_| assert!(one(&long).is_ok()));
        let why = one(&long).unwrap_err().to_string();
        assert!(why.contains("loaders read of its libraries"), "{why}");
        assert!(one(&Arc::new(linking(9))).is_ok(), "what is refused takes nothing");
    }
}
