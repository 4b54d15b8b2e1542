//! What is kept of a file's contents while a layer passes by: facts of ELF files, small texts, nothing else.

use std::sync::Arc;

use memchr::memmem;

use crate::binary::Binary;
use crate::binary::elf::DynamicInfo;
use crate::rootfs::Payload;
use crate::rootfs::error::ImageError;
use crate::rootfs::layer::apply::MergedLayers;
use crate::rootfs::layer::{HEAD, Member, Retention};
use crate::rootfs::tree::MAX_TEXT;
use crate::rootfs::tree::arena::FileNode;
use crate::start::image::elf_tree::InMemoryTree;
use crate::start::image::extracted::{Extracted, ExtractedTable};

/// A script, or a file of `/etc`, up to here is kept whole, in bytes.
const MAX_SMALL_FILE: u64 = 64 << 10;
/// Lists that loaders read can be long.
const MAX_LOADER_CACHE: u64 = 16 << 20;

/// What is wanted of a file.
pub fn select_file(member: &Member<'_>, head: &[u8]) -> Retention {
    if head.starts_with(b"\x7fELF") {
        return Retention::Look(u64::MAX);
    }
    let path = member.path;
    let is_of_loader = path.ends_with(b"/os-release")
        || path.ends_with(b"/ld.so.conf")
        || (path.ends_with(b".conf") && path.windows(5).any(|part| part == b"ld.so"))
        || (path.ends_with(b".path") && path.windows(7).any(|part| part == b"ld-musl"));
    match () {
        () if path == b"/etc/ld.so.cache" => Retention::Keep(MAX_LOADER_CACHE),
        () if matches!(path, b"/etc/passwd" | b"/etc/group" | b"/etc/ld.so.preload") => {
            Retention::Keep(MAX_TEXT)
        }
        () if is_of_loader && member.size <= MAX_SMALL_FILE => Retention::Keep(MAX_SMALL_FILE),
        () if path.starts_with(b"/etc/") && member.size <= MAX_SMALL_FILE => {
            Retention::IfRoom(MAX_SMALL_FILE)
        }
        // What may be executed and is no program: a script, whole if it is short.
        () if head.starts_with(b"#!") || member.entry.mode & 0o111 != 0 => {
            Retention::IfRoom(if member.size <= MAX_SMALL_FILE {
                MAX_SMALL_FILE
            } else {
                HEAD as u64
            })
        }
        () => Retention::Nothing,
    }
}

/// Gets every Rust program with its bytes.
pub type OnProgram<'a> = &'a (dyn Fn(&Binary, &[u8]) + Sync);

/// Reduces files, several at a time.
pub struct Extractor<'a> {
    /// Whether Rust programs are looked for.
    pub find_programs: bool,
    /// Gets every Rust program with its bytes.
    pub seen: OnProgram<'a>,
    table: Arc<ExtractedTable>,
}

impl<'a> Extractor<'a> {
    /// One that has seen nothing.
    pub fn new(find_programs: bool, seen: OnProgram<'a>) -> Extractor<'a> {
        Extractor { find_programs, seen, table: Arc::default() }
    }

    /// Reduces a file whose bytes are all there.
    ///
    /// # Errors
    ///
    /// There is no room for what is kept.
    pub fn reduce(&self, member: &Member<'_>, bytes: &[u8]) -> Result<Payload, ImageError> {
        if !bytes.starts_with(b"\x7fELF") {
            return self.table.add_text(bytes);
        }
        let linked = DynamicInfo::parse(bytes).map(Arc::new);
        self.table.add(match linked {
            Ok(linking) if self.find_programs && linking.is_program() && may_be_rust(bytes) => {
                match read_rust_program(member.path, bytes) {
                    Some(program) => {
                        (self.seen)(&program, bytes);
                        Extracted::Program(linking, program)
                    }
                    None => Extracted::Elf(Ok(linking)),
                }
            }
            linked => Extracted::Elf(linked),
        })
    }

    /// The finished tree, and the Rust executables in it, in the order of their paths.
    pub fn finish(&self, files: MergedLayers) -> (InMemoryTree, Vec<Arc<Binary>>) {
        let mut programs = Vec::new();
        let mut add = |path: &[u8], node: &FileNode| {
            let kept = node.contents.and_then(|payload| self.table.get(payload));
            let Some(Extracted::Program(_, program)) = kept else { return };
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
        (InMemoryTree::new(files.nodes, self.table.clone()), programs)
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
pub fn read_rust_program(path: &[u8], bytes: &[u8]) -> Option<Arc<Binary>> {
    let binary = Binary::full(String::from_utf8_lossy(path), bytes, true).ok()?;
    (binary.rust.value != Some(false)).then(|| Arc::new(binary))
}
