//! From bytes to facts: the quick way (headers) and the full one (every byte once).

use std::io::{Read, Seek};
use std::ops::Range;

use object::elf;
use object::read::{ReadCache, ReadRef};

use crate::binary::address_space::AddressSpace;
use crate::binary::detect::c_objects;
use crate::binary::detect::language::RustMarks;
use crate::binary::detect::target;
use crate::binary::detect::target::ArmBarriers;
use crate::binary::detect::{cpu_level, crates, runtime_libs, secrets};
use crate::binary::detect::{language, panic_strategy};
use crate::binary::elf::record_section;
use crate::binary::elf::sections::{NamedSection, SectionFacts};
use crate::binary::elf::{Depth, DynamicInfo, ET_DYN, ET_EXEC, ElfError};
use crate::binary::panic_locations;
use crate::binary::panic_locations::PanicLocationLimits;
use crate::binary::string_scan::{FoundStrings, StringSignature, complement};
use crate::binary::{
    Binary, BinaryFormat, BinaryKind, DebugInfo, Hardening, LibcName, Relro, SymbolTableState,
};
use crate::binary::{macho, main_fn, pe, wasm};
use crate::digest::{hex, sha256_hex};
use crate::fact::Fact;

/// cargo-auditable's section: 4 kB for the largest programs known.
const MAX_RECORD: u64 = 4 << 20;

/// Why bytes are none that can be answered for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// A static library or a package.
    #[error("an archive (ar), not a program: take out the member that is meant")]
    Archive,
    /// Known to be something else.
    #[error("{0}, not a program")]
    Other(&'static str),
    /// No magic number that is known.
    #[error("not a program: neither ELF, Mach-O, PE nor wasm")]
    Unknown,
}

impl Binary {
    /// The facts of the headers alone, reading no more than they span, whatever the file's size.
    /// What was not looked at is `None`.
    ///
    /// # Errors
    ///
    /// When the bytes are no program at all.
    pub fn quick<S: Read + Seek>(path: impl Into<String>, source: S) -> Result<Binary, ParseError> {
        let cache = ReadCache::new(source);
        let mut binary =
            Binary { path: path.into(), size: (&cache).len().unwrap_or(0), ..Binary::default() };
        binary.read(&cache, None)?;
        Ok(binary)
    }

    /// Every fact. The digest, where it is wanted, is computed on a second thread meanwhile.
    ///
    /// # Errors
    ///
    /// When the bytes are no program at all.
    pub fn full(path: impl Into<String>, bytes: &[u8], digest: bool) -> Result<Binary, ParseError> {
        let mut binary =
            Binary { path: path.into(), size: bytes.len() as u64, ..Binary::default() };
        std::thread::scope(|scope| {
            let digest = digest.then(|| scope.spawn(|| sha256_hex(bytes)));
            binary.read(bytes, Some(bytes))?;
            if binary.format == Some(BinaryFormat::Elf) && binary.interpreter.is_some() {
                binary.c_sources = c_objects::sources(bytes);
            }
            binary.record = record_section::find(bytes).map(Box::from);
            // Hashing has no way to panic; were there one, the digest would be missing, not wrong.
            binary.sha256 = digest.and_then(|thread| thread.join().ok());
            Ok(binary)
        })
    }

    fn read<'data, R: ReadRef<'data>>(
        &mut self,
        data: R,
        contents: Option<&[u8]>,
    ) -> Result<(), ParseError> {
        let length = data.len().unwrap_or(0);
        let start = data.read_bytes_at(0, length.min(16)).unwrap_or_default();
        match start {
            [] => return Err(ParseError::Empty),
            [0x7f, b'E', b'L', b'F', ..] => self.read_elf(data, contents),
            [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => {
                macho::read(self, data, contents);
            }
            [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => return self.read_slices(data, contents),
            [b'M', b'Z', ..] => pe::read(self, data, contents),
            [0, b'a', b's', b'm', ..] => wasm::read(self, data, contents),
            [0x01, 0xdf | 0xf7, ..] => {
                self.notes.push("an AIX program (XCOFF), which is not read".to_string());
                let all = 0..contents.map_or(0, <[u8]>::len);
                let text =
                    contents.map(|bytes| FoundStrings::read(bytes, std::slice::from_ref(&all)));
                self.contents_read = contents.is_some();
                self.read_rust(&RustMarks::default(), text.as_ref(), None, None);
            }
            _ if start.starts_with(b"!<arch>\n") || start.starts_with(b"!<thin>\n") => {
                return Err(ParseError::Archive);
            }
            _ if start.starts_with(b"#!") => return Err(ParseError::Other("a script")),
            _ => return Err(ParseError::Unknown),
        }
        Ok(())
    }

    /// A universal Mach-O: each slice is a file of its own, the whole has what they share.
    fn read_slices<'data, R: ReadRef<'data>>(
        &mut self,
        data: R,
        contents: Option<&[u8]>,
    ) -> Result<(), ParseError> {
        let slices = macho::slices(data)
            .ok_or(ParseError::Other("a Java class or a damaged universal file"))?;
        self.format = Some(BinaryFormat::MachO);
        self.contents_read = contents.is_some();
        for (offset, size) in slices {
            let end = offset.checked_add(size).filter(|&end| end <= self.size);
            let range = || Some(usize::try_from(offset).ok()?..usize::try_from(end?).ok()?);
            let Some(range) = range() else {
                self.notes.push("a slice reaches past the end of the file".to_string());
                continue;
            };
            let mut slice = Binary { path: self.path.clone(), size, ..Binary::default() };
            match contents.and_then(|bytes| bytes.get(range)) {
                Some(part) => macho::read(&mut slice, part, Some(part)),
                None => macho::read(&mut slice, CachedPart { data, offset, size }, None),
            }
            self.slices.push(slice);
        }
        if let Some(first) = self.slices.first() {
            self.kind = first.kind;
        }
        self.rust = match self.slices.iter().find(|slice| slice.rust.value.is_some()) {
            Some(slice) => slice.rust.clone(),
            None => Fact::unknown("no slice tells"),
        };
        self.triple = Fact::unknown("a universal file: each slice has its own");
        self.main = Fact::unknown("a universal file: each slice has its own");
        self.panic = Fact::unknown("a universal file: each slice has its own");
        Ok(())
    }

    fn read_elf<'data, R: ReadRef<'data>>(&mut self, data: R, contents: Option<&[u8]>) {
        self.format = Some(BinaryFormat::Elf);
        self.contents_read = contents.is_some();
        let depth = if contents.is_some() { Depth::Symbols } else { Depth::Headers };
        let linking = match DynamicInfo::read(data, depth) {
            Ok(linking) => linking,
            Err(why) => {
                self.notes.push(
                    match why {
                        ElfError::TooShort => "cut off inside the ELF header",
                        ElfError::Magic | ElfError::Ident => {
                            "the ELF header names no known class or byte order"
                        }
                    }
                    .to_string(),
                );
                return;
            }
        };
        let headers = SectionFacts::read(data, &linking);
        self.identify_elf(&headers, &linking);
        let text = contents
            .map(|bytes| FoundStrings::read(bytes, &text_ranges(&headers, &linking, bytes.len())));
        let imports: Option<Vec<String>> = linking
            .symbols
            .as_ref()
            .map(|all| all.references().map(|it| it.name.to_string()).collect());
        self.libc = target::libc(&headers, &linking, imports.as_deref(), text.as_ref());
        let barriers = contents
            .filter(|_| linking.machine == elf::EM_ARM.0)
            .map(|bytes| arm_barriers(bytes, &linking));
        self.triple = target::triple(&headers, &linking, &self.libc, barriers);
        let mut comment = headers.comment.clone();
        if !comment.iter().any(|text| text.starts_with("rustc version")) {
            comment.extend(contents.and_then(|_| dwarf_producer(&headers, data)));
        }
        let tables = RustMarks {
            comment: &comment,
            needed: &linking.needed,
            imports: imports.as_deref().unwrap_or_default(),
            dep_v0: headers.section(".dep-v0").is_some(),
            is_program: self.kind == BinaryKind::Executable,
            damaged: !headers.damage.is_empty(),
            texts_outlive_code: linking.machine == elf::EM_PPC64.0,
            may_be_traceless: false,
        };
        let packed = text.as_ref().is_some_and(|text| text.has(StringSignature::Upx));
        self.packer = packed.then_some("UPX");
        self.version_placeholder = text.as_ref().map(|text| text.has(StringSignature::Vergen));
        let record =
            headers.section(".dep-v0").and_then(|section| section.bytes(contents?, MAX_RECORD));
        self.read_rust(&tables, text.as_ref(), contents, record);
        let names =
            headers.section(".strtab").filter(|_| self.symbols == Some(SymbolTableState::Present));
        let names = names.and_then(|section| section.bytes(contents?, u64::MAX));
        if let (Some(true), Some(text), Some(names)) = (self.rust.value, &text, names) {
            let has_symbol = runtime_libs::has_overflow_symbol(names);
            self.overflow_checks = runtime_libs::overflow_checks(text, Some(has_symbol));
            let has_own_std = !linking.needed.iter().any(|name| language::is_rust_library(name));
            if has_own_std {
                self.panic =
                    panic_strategy::from_symbols(names, text).unwrap_or(self.panic.clone());
            }
        }
        self.linking = Some(linking);
    }

    fn identify_elf(&mut self, headers: &SectionFacts, linking: &DynamicInfo) {
        let program =
            linking.is_program() && (linking.soname.is_none() || linking.file_type == ET_EXEC);
        self.kind = match linking.file_type {
            1 => BinaryKind::Object,
            ET_EXEC | ET_DYN if program => BinaryKind::Executable,
            ET_DYN => BinaryKind::SharedLibrary,
            _ => BinaryKind::Other,
        };
        self.machine = target::machine(linking);
        self.interpreter = linking.interpreter.clone();
        self.needed = linking.needed.clone();
        let compilers = headers.comment.iter().filter(|it| it.starts_with("GCC: ("));
        self.c_compilers = compilers.cloned().collect();
        self.runpath = linking.runpath.clone();
        self.rpath = linking.rpath.clone();
        self.soname = linking.soname.clone();
        let loaded = matches!(linking.file_type, ET_EXEC | ET_DYN);
        self.position_independent = loaded.then_some(linking.file_type == ET_DYN);
        self.static_pie = loaded.then_some(
            linking.file_type == ET_DYN
                && self.kind == BinaryKind::Executable
                && linking.interpreter.is_none(),
        );
        self.symbols = Some(if headers.section(".symtab").is_some_and(|s| s.size > s.entry_size) {
            SymbolTableState::Present
        } else {
            SymbolTableState::Stripped
        });
        let debug = [".debug_info", ".zdebug_info", ".debug_line", ".zdebug_line"];
        let elsewhere = [".gnu_debuglink", ".gnu_debugaltlink", ".debug_gdb_scripts_link"];
        self.debug_info = Some(if debug.iter().any(|name| headers.section(name).is_some()) {
            DebugInfo::Present
        } else if elsewhere.iter().any(|name| headers.section(name).is_some()) {
            DebugInfo::Separate
        } else {
            DebugInfo::None
        });
        if loaded {
            self.hardening = hardening(linking);
        }
        self.entry_point =
            (self.kind == BinaryKind::Executable).then_some(linking.entry).filter(|it| *it != 0);
        self.segment_alignment = linking.loads().map(|segment| segment.align).min();
        let linux = linking.abi_tag.filter(|tag| tag.system == 0);
        self.kernel_required = linux.map(|tag| tag.kernel);
        const BUILD_ID: u32 = 3;
        self.build_id = headers.note("GNU", BUILD_ID).map(|note| hex(&note.desc));
        self.sections = headers.sizes();
        self.notes.extend(headers.damage.iter().cloned());
        self.notes.extend(linking.notes.iter().cloned());
    }

    /// What is true of Rust programs alone; of any other, that it is none.
    pub(crate) fn read_rust(
        &mut self,
        tables: &RustMarks<'_>,
        text: Option<&FoundStrings>,
        contents: Option<&[u8]>,
        record: Option<&[u8]>,
    ) {
        if let (Some(text), Some(bytes)) = (text, contents) {
            self.detect(bytes, text);
        }
        self.rust = language::language(tables, text);
        if self.rust.value != Some(true) {
            let why = match self.rust.value {
                Some(false) => "not a Rust program",
                _ => "whether it is Rust could not be told",
            };
            self.panic = Fact::unknown(why);
            self.main = Fact::unknown(why);
            self.allocator = Fact::unknown(why);
            self.tls = Fact::unknown(why);
            self.debug_assertions = Fact::unknown(why);
            self.overflow_checks = Fact::unknown(why);
            self.lto = Fact::unknown(why);
            self.optimisation = Fact::unknown(why);
            self.cpu_level = Fact::unknown(why);
            return;
        }
        self.panic = panic_strategy::find_panic_strategy(tables, text);
        self.rustc = language::rustc(tables, text);
        let (Some(text), Some(bytes)) = (text, contents) else { return };
        let mut places = Vec::new();
        if let Some(memory) = AddressSpace::read(bytes) {
            places = panic_locations::of(&memory, PanicLocationLimits::default());
            self.home_paths = secrets::homes(&places);
            let facts = main_fn::of(&memory);
            (self.main, self.lto) = (facts.main, facts.lto);
            self.optimisation = facts.optimisation;
            let has_glibc =
                self.libc.name.value == Some(LibcName::Glibc) && self.interpreter.is_none();
            self.cpu_level = cpu_level::of(&memory, facts.user_main, has_glibc);
        }
        let seen = crates::from_paths(places.iter().map(|it| it.path.as_str()));
        let recorded = record.map(crates::from_record).unwrap_or(Ok(Vec::new()));
        let recorded = recorded.unwrap_or_else(|why| {
            self.notes.push(why.to_string());
            Vec::new()
        });
        self.crates = crates::merge(seen, recorded);
        runtime_libs::read(self, text);
    }
}

fn hardening(linking: &DynamicInfo) -> Hardening {
    let flags = |kind: u32| linking.segment(kind).map(|segment| segment.flags);
    let relro = linking.segment(elf::PT_GNU_RELRO.0).is_some();
    Hardening {
        // Full means that nothing is left to bind when the region is made read-only: all was
        // bound at the start, or there is no dynamic section to bind by.
        relro: Some(match (relro, linking.bind_now || !linking.dynamic) {
            (true, true) => Relro::Full,
            (true, false) => Relro::Partial,
            (false, _) => Relro::None,
        }),
        executable_stack: executable_stack(linking, flags(elf::PT_GNU_STACK.0)),
        text_relocations: Some(linking.text_relocations),
        bind_now: linking.dynamic.then_some(linking.bind_now),
        writable_executable_segment: Some(linking.loads().any(|segment| segment.flags & 3 == 3)),
    }
}

/// Without `PT_GNU_STACK` the architecture's default holds: executable where the kernel's
/// `elf_read_implies_exec` says so, which today is 32-bit x86 and old MIPS and ARM.
fn executable_stack(linking: &DynamicInfo, flags: Option<u32>) -> Option<bool> {
    match flags {
        Some(flags) => Some(flags & elf::PF_X.0 != 0),
        None if linking.segments.is_empty() => None,
        None => match elf::Machine(linking.machine) {
            elf::EM_386 | elf::EM_MIPS | elf::EM_ARM | elf::EM_PPC => Some(true),
            _ => Some(false),
        },
    }
}

/// The parts of the file that can hold texts: not the code, not the debugger's tables, not the
/// loader's. Two thirds of a large program need no look.
fn text_ranges(headers: &SectionFacts, linking: &DynamicInfo, length: usize) -> Vec<Range<usize>> {
    let dull = |section: &NamedSection| {
        section.kind != elf::SHT_NOBITS.0
            && (section.flags & elf::SHF_EXECINSTR.0 != 0
                || matches!(
                    elf::SectionType(section.kind),
                    elf::SHT_RELA
                        | elf::SHT_REL
                        | elf::SHT_RELR
                        | elf::SHT_SYMTAB
                        | elf::SHT_DYNSYM
                )
                || section.name.starts_with(".debug")
                || section.name.starts_with(".zdebug")
                || matches!(
                    section.name.as_str(),
                    ".strtab" | ".eh_frame" | ".eh_frame_hdr" | ".gcc_except_table"
                ))
    };
    let mut skipped: Vec<(u64, u64)> = if headers.sections.is_empty() {
        // Where constants have a segment of their own, there are none beside the code.
        let apart = linking.loads().any(|segment| segment.flags & 3 == 0 && segment.offset > 0);
        let code = linking.loads().filter(|segment| apart && segment.flags & 1 != 0);
        code.map(|segment| (segment.offset, segment.file_size)).collect()
    } else {
        headers
            .sections
            .iter()
            .filter(|section| dull(section))
            .map(|s| (s.offset, s.size))
            .collect()
    };
    skipped.sort_unstable();
    complement(&skipped, length)
}

/// `rustc version 1.27.0 (3eda71b00 2018-06-19)` out of DWARF's `clang LLVM (rustc version …)`,
/// which is all that compilers before 1.74 left, where a program was not stripped.
fn dwarf_producer<'data, R: ReadRef<'data>>(headers: &SectionFacts, data: R) -> Option<String> {
    /// Producers come first, and a compressed section has none to be found.
    const LOOKED_AT: u64 = 64 << 20;
    let texts = headers.section(".debug_str")?.bytes(data, LOOKED_AT)?;
    let start = memchr::memmem::find(texts, b"(rustc version ")? + 1;
    let text = &texts[start..texts.len().min(start + 64)];
    let end = memchr::memchr(0, text)?;
    let text = std::str::from_utf8(&text[..end]).ok()?;
    Some(text.strip_suffix(')')?.to_string())
}

/// Counts the memory barriers of 32-bit ARM code.
fn arm_barriers(bytes: &[u8], linking: &DynamicInfo) -> ArmBarriers {
    let mut barriers = ArmBarriers::default();
    for segment in linking.loads().filter(|segment| segment.flags & 1 != 0) {
        let start = usize::try_from(segment.offset).unwrap_or(usize::MAX).min(bytes.len());
        let size = usize::try_from(segment.file_size).unwrap_or(usize::MAX);
        let end = start.saturating_add(size).min(bytes.len());
        let (words, _) = bytes[start..end].as_chunks::<4>();
        for &word in words {
            // Code is little-endian also where data is big-endian (BE8, every ARM since v6).
            match u32::from_le_bytes(word) {
                0xf57f_f05b => barriers.dmb += 1,
                // Thumb's has two halves, which may lie either way across a word.
                0x8f5b_f3bf => barriers.dmb += 1,
                word if word & 0xffff_0fff == 0xee07_0fba => barriers.mcr += 1,
                _ => {}
            }
        }
    }
    barriers
}

/// A part of a file that is read through a cache.
#[derive(Clone, Copy)]
struct CachedPart<R> {
    data: R,
    offset: u64,
    size: u64,
}

impl<R> CachedPart<R> {
    fn place(&self, offset: u64, size: u64) -> Result<u64, ()> {
        let inside = offset.checked_add(size).is_some_and(|end| end <= self.size);
        if inside { self.offset.checked_add(offset).ok_or(()) } else { Err(()) }
    }
}

impl<'data, R: ReadRef<'data>> ReadRef<'data> for CachedPart<R> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.size)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        self.data.read_bytes_at(self.place(offset, size)?, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        let size = range.end.checked_sub(range.start).ok_or(())?;
        let start = self.place(range.start, size)?;
        self.data.read_bytes_at_until(start..start + size, delimiter)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Cursor, Read};

    use super::*;

    /// These tests' own program, as far as its headers and first tables go: they are at its start.
    fn head() -> Vec<u8> {
        let program = File::open(std::env::current_exe().unwrap()).unwrap();
        let mut head = Vec::new();
        program.take(64 << 10).read_to_end(&mut head).unwrap();
        head
    }

    fn both_readers_agree(bytes: &[u8]) {
        let quick = Binary::quick("x", Cursor::new(bytes));
        let full = Binary::full("x", bytes, false);
        assert_eq!(quick.is_ok(), full.is_ok());
        if let (Ok(quick), Ok(full)) = (quick, full) {
            assert_eq!(quick.format, full.format);
            assert_eq!(quick.kind, full.kind);
            assert_eq!(quick.needed, full.needed);
            assert!(quick.crates.is_empty());
        }
    }

    #[test]
    fn the_quick_reader_agrees_with_the_full_one_on_damaged_files() {
        let mut bytes = head();
        both_readers_agree(&bytes);
        for end in (0..bytes.len()).step_by(4093).chain(0..256) {
            both_readers_agree(&bytes[..end]);
        }
        for at in (0..1024).step_by(7) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let before = std::mem::replace(&mut bytes[at], value);
                both_readers_agree(&bytes);
                bytes[at] = before;
            }
        }
        for bytes in [&b""[..], b"!<arch>\nx.o/", b"#!/bin/sh\n", b"\x7f"] {
            both_readers_agree(bytes);
        }
    }
}
