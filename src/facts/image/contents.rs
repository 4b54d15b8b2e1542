//! What is kept of a file's contents while a layer passes by: facts of ELF files, small texts, nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;

use super::tree::{Linked, Memory, TEXT_LIMIT};
use crate::facts::Binary;
use crate::facts::binary::Linking;
use crate::input::image::Why;
use crate::input::image::layer::{HEAD, Member, Reduced, Want};
use crate::input::image::squash::Squashed;

/// What is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// The bytes, or the first of them.
    Text(Vec<u8>),
    /// What a loader reads.
    Elf(Linked),
    /// What it reads of a Rust executable, and the number of the other facts.
    Program(Arc<Linking>, u32),
}

const TEXT: u8 = 0;
const ELF: u8 = 1;
const PROGRAM: u8 = 2;
const NOT_ELF: u8 = 3;

impl Kept {
    /// As it lies in a spool.
    pub fn pack(&self) -> Reduced {
        // Facts are made of what always can be written down.
        let packed = |linking: &Linking| postcard::to_allocvec(linking).unwrap_or_default();
        match self {
            Kept::Text(text) => Reduced { tag: TEXT, bytes: text.clone() },
            Kept::Elf(Ok(linking)) => Reduced { tag: ELF, bytes: packed(linking) },
            Kept::Elf(Err(why)) => {
                Reduced { tag: NOT_ELF, bytes: postcard::to_allocvec(why).unwrap_or_default() }
            }
            Kept::Program(linking, number) => {
                let mut bytes = number.to_le_bytes().to_vec();
                bytes.extend(packed(linking));
                Reduced { tag: PROGRAM, bytes }
            }
        }
    }

    /// What was packed; `None` for what was not.
    pub fn unpack(tag: u8, bytes: Vec<u8>) -> Option<Kept> {
        let linking = |bytes: &[u8]| postcard::from_bytes(bytes).ok().map(Arc::new);
        match tag {
            TEXT => Some(Kept::Text(bytes)),
            ELF => Some(Kept::Elf(Ok(linking(&bytes)?))),
            NOT_ELF => Some(Kept::Elf(Err(postcard::from_bytes(&bytes).ok()?))),
            PROGRAM => {
                let (number, rest) = bytes.split_first_chunk()?;
                Some(Kept::Program(linking(rest)?, u32::from_le_bytes(*number)))
            }
            _ => None,
        }
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

/// Reduces files, several at a time, and holds the facts of the programs among them.
pub struct Reducer<'a> {
    /// Whether Rust programs are looked for.
    pub find_programs: bool,
    /// Gets every Rust program with its bytes.
    pub seen: super::read::Seen<'a>,
    programs: Mutex<Vec<Arc<Binary>>>,
}

impl<'a> Reducer<'a> {
    /// One that has seen nothing.
    pub fn new(find_programs: bool, seen: super::read::Seen<'a>) -> Reducer<'a> {
        Reducer { find_programs, seen, programs: Mutex::default() }
    }

    /// Reduces a file whose bytes are all there.
    pub fn reduce(&self, member: &Member<'_>, bytes: &[u8]) -> Reduced {
        if !bytes.starts_with(b"\x7fELF") {
            return Reduced { tag: TEXT, bytes: bytes.to_vec() };
        }
        let linked = Linking::parse(bytes).map(Arc::new);
        let kept = match linked {
            Ok(linking) if self.find_programs && linking.is_program() && may_be_rust(bytes) => {
                match rust_program(member.path, bytes) {
                    Some(program) => {
                        (self.seen)(&program, bytes);
                        Kept::Program(linking, self.add(program))
                    }
                    None => Kept::Elf(Ok(linking)),
                }
            }
            linked => Kept::Elf(linked),
        };
        kept.pack()
    }

    fn add(&self, program: Arc<Binary>) -> u32 {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.push(program);
        (programs.len() - 1) as u32
    }

    /// The finished tree, and the Rust executables in it, in the order of their paths.
    pub fn finish(&self, files: Squashed) -> Result<(Memory, Vec<Arc<Binary>>), Why> {
        let all = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        if !all.is_empty() {
            files.nodes.for_each(|path, node| {
                let program = node.contents.filter(|contents| contents.tag == PROGRAM);
                found.extend(program.map(|contents| (path.to_vec(), contents.bytes)));
            })?;
        }
        let mut programs = Vec::new();
        for (path, bytes) in found {
            let Some(Kept::Program(_, number)) = Kept::unpack(PROGRAM, files.spool.get(bytes)?)
            else {
                continue;
            };
            let Some(program) = all.get(number as usize) else { continue };
            let path = String::from_utf8_lossy(&path).into_owned();
            // A hard link is the same file under another name.
            programs.push(match program.path == path {
                true => program.clone(),
                false => Arc::new(Binary { path, ..(**program).clone() }),
            });
        }
        programs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((Memory::new(files), programs))
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
