//! What is kept of a file's contents while a layer passes by: facts of ELF files, small texts, nothing else.

use std::sync::Arc;

use memchr::memmem;

use crate::binary::Binary;
use crate::binary::elf::DynamicInfo;
use crate::rootfs::layer::apply::Squashed;
use crate::rootfs::layer::{HEAD, Member, Want};
use crate::rootfs::tree::TEXT_LIMIT;
use crate::rootfs::tree::arena::Node;
use crate::rootfs::{Payload, Why};
use crate::start::image::elf_tree::Memory;
use crate::start::image::kept::{Kept, Table};

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

/// Gets every Rust program with its bytes.
pub type Seen<'a> = &'a (dyn Fn(&Binary, &[u8]) + Sync);

/// Reduces files, several at a time.
pub struct Reducer<'a> {
    /// Whether Rust programs are looked for.
    pub find_programs: bool,
    /// Gets every Rust program with its bytes.
    pub seen: Seen<'a>,
    table: Arc<Table>,
}

impl<'a> Reducer<'a> {
    /// One that has seen nothing.
    pub fn new(find_programs: bool, seen: Seen<'a>) -> Reducer<'a> {
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
        let linked = DynamicInfo::parse(bytes).map(Arc::new);
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
        if self.table.has_programs() {
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
