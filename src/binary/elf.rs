//! What a dynamic loader reads of an ELF file: the header, the program headers and `PT_DYNAMIC`.

use std::io::{Read, Seek};

use object::read::{ReadCache, ReadRef};

use crate::toolchain::machine;

pub mod append_section;
pub mod dynamic;
pub(crate) mod dynamic_tables;
pub mod loader_text;
pub mod reader;
pub mod record_section;
pub mod sections;
pub mod symbols;
pub mod versions;

use crate::binary::elf::loader_text::LoaderText;
use crate::binary::elf::symbols::DynamicSymbols;
use crate::binary::elf::versions::{VersionDefinition, VersionNeed};

use crate::binary::elf::reader::ElfBytes;

/// What the loader sees of one ELF file. Sections are never looked at: the loader has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicInfo {
    /// `e_ident`, which the loader compares byte by byte.
    pub ident: [u8; 16],
    /// `e_type`: [`ET_EXEC`], [`ET_DYN`], ….
    pub file_type: u16,
    /// `e_machine`.
    pub machine: u16,
    /// `e_version`; 1 in every valid file.
    pub version: u32,
    /// `e_entry`.
    pub entry: u64,
    /// `e_flags`.
    pub flags: u32,
    /// `e_phentsize`, in bytes.
    pub program_header_size: u16,
    /// The length of the file, in bytes.
    pub file_size: u64,
    /// Every program header, in file order.
    pub segments: Vec<ElfSegment>,
    /// `PT_INTERP`; `None` where there is no such segment or it is none that the kernel accepts.
    pub interpreter: Option<String>,
    /// Whether there is a dynamic section at all.
    pub dynamic: bool,
    /// `DT_NEEDED`, in file order.
    pub needed: Vec<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_RPATH` as written.
    pub rpath: Option<String>,
    /// `DT_RUNPATH` as written.
    pub runpath: Option<String>,
    /// `DT_AUXILIARY` and `DT_FILTER`, as `(library, must exist)`.
    pub filters: Vec<(String, bool)>,
    /// `DT_FLAGS`.
    pub dt_flags: u64,
    /// `DT_FLAGS_1`.
    pub dt_flags_1: u64,
    /// Every symbol of this file is bound before its code runs (`DT_BIND_NOW`, `DF_BIND_NOW` or
    /// `DF_1_NOW`).
    pub bind_now: bool,
    /// The loader has to write to segments that are read-only (`DT_TEXTREL` or `DF_TEXTREL`).
    pub text_relocations: bool,
    /// Relative relocations are packed (`DT_RELR`).
    pub packed_relocations: bool,
    /// The versions required of other libraries (`DT_VERNEED`), in file order.
    pub version_needs: Vec<VersionNeed>,
    /// The versions defined here (`DT_VERDEF`), in file order.
    pub version_definitions: Vec<VersionDefinition>,
    /// Whether the file has versions of symbols (`DT_VERSYM`).
    pub has_versions: bool,
    /// The symbols bound at run time; `None` under [`Depth::Headers`].
    pub symbols: Option<DynamicSymbols>,
    /// `NT_GNU_ABI_TAG`.
    pub abi_tag: Option<AbiTag>,
    /// `GNU_PROPERTY_X86_ISA_1_NEEDED`: bit 0 is the baseline, bit 1 x86-64-v2, bit 2 v3, bit 3 v4.
    pub x86_isa_needed: Option<u32>,
    /// What glibc's loader was built to do; `None` for every other file.
    pub loader: Option<LoaderText>,
    /// What was damaged or cut off.
    pub notes: Vec<String>,
}

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The headers, the dynamic section and the versions; no symbol and no relocation.
    Headers,
    /// All that the loader reads.
    Symbols,
}

/// Why a file is not ELF, in the loader's own terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfError {
    /// Shorter than an ELF header.
    TooShort,
    /// The first four bytes are not `\x7fELF`.
    Magic,
    /// Neither ELFCLASS32 nor ELFCLASS64, or neither byte order.
    Ident,
}

/// One program header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ElfSegment {
    /// `p_type`.
    pub kind: u32,
    /// `p_flags`: 1 execute, 2 write, 4 read.
    pub flags: u32,
    /// `p_offset`, in bytes.
    pub offset: u64,
    /// `p_vaddr`.
    pub address: u64,
    /// `p_filesz`, in bytes.
    pub file_size: u64,
    /// `p_memsz`, in bytes.
    pub memory_size: u64,
    /// `p_align`, in bytes.
    pub align: u64,
}

/// The oldest kernel that the file's C library works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbiTag {
    /// 0 Linux, 1 Hurd, 2 Solaris, 3 FreeBSD.
    pub system: u32,
    /// Major, minor, patch.
    pub kernel: [u32; 3],
}

/// `ET_EXEC`: a program at a fixed address.
pub const ET_EXEC: u16 = 2;
/// `ET_DYN`: a position-independent program or a shared library.
pub const ET_DYN: u16 = 3;

/// `PT_LOAD`.
pub const PT_LOAD: u32 = 1;
/// `PT_DYNAMIC`.
pub const PT_DYNAMIC: u32 = 2;
/// `PT_INTERP`.
pub const PT_INTERP: u32 = 3;
/// `PT_NOTE`.
pub const PT_NOTE: u32 = 4;
/// `PT_TLS`.
pub const PT_TLS: u32 = 7;
/// `PT_GNU_STACK`.
pub const PT_GNU_STACK: u32 = 0x6474_e551;
/// `PT_GNU_PROPERTY`.
pub const PT_GNU_PROPERTY: u32 = 0x6474_e553;

/// `DF_1_NODEFLIB`: the default directories are not searched for this file's libraries.
pub const DF_1_NODEFLIB: u64 = 0x800;
/// `DF_1_PIE`: the file is a program although its type is `ET_DYN`.
pub const DF_1_PIE: u64 = 0x0800_0000;

/// The longest string that is read, in bytes: PATH_MAX, which a mangled Rust name stays below.
pub(crate) const MAX_STRING: u64 = 4096;

impl DynamicInfo {
    /// Reads one file.
    ///
    /// # Errors
    ///
    /// When the file is not ELF. What is damaged behind a valid header becomes a note.
    pub fn read<'data, R: ReadRef<'data>>(data: R, depth: Depth) -> Result<DynamicInfo, ElfError> {
        let raw = ElfBytes::open(data)?;
        let header = raw.header();
        let mut linking = DynamicInfo {
            ident: header.ident,
            file_type: header.file_type,
            entry: header.entry,
            machine: header.machine,
            version: header.version,
            flags: header.flags,
            program_header_size: header.program_header_size,
            file_size: raw.len(),
            ..DynamicInfo::default()
        };
        match raw.segments() {
            Some(segments) => linking.segments = segments,
            None => linking.notes.push("the program headers lie outside the file".to_string()),
        }
        linking.interpreter = interpreter(&raw, &linking.segments);
        linking.read_notes(&raw);
        dynamic::read(&raw, &mut linking, depth);
        linking.loader = loader_text::read(&raw, &linking);
        Ok(linking)
    }

    /// Reads one file that lies in memory whole.
    ///
    /// # Errors
    ///
    /// As [`DynamicInfo::read`].
    pub fn parse(data: &[u8]) -> Result<DynamicInfo, ElfError> {
        DynamicInfo::read(data, Depth::Symbols)
    }

    /// Reads one file piece by piece, without holding it in memory.
    ///
    /// # Errors
    ///
    /// As [`DynamicInfo::read`].
    pub fn read_from(file: impl Read + Seek) -> Result<DynamicInfo, ElfError> {
        DynamicInfo::read(&ReadCache::new(file), Depth::Symbols)
    }

    /// Bytes of memory that this takes.
    pub fn memory(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
        let texts = |all: &[String]| {
            all.iter().map(|text| size_of::<String>() + text.capacity()).sum::<usize>()
        };
        let needs = |need: &VersionNeed| {
            size_of::<VersionNeed>() + need.library.capacity() + need.name.capacity()
        };
        let definitions =
            |it: &VersionDefinition| size_of::<VersionDefinition>() + it.name.capacity();
        let filters =
            |(library, _): &(String, bool)| size_of::<(String, bool)>() + library.capacity();
        let loader = |loader: &LoaderText| texts(&loader.directories) + text(&loader.cache);
        size_of::<DynamicInfo>()
            + self.segments.capacity() * size_of::<ElfSegment>()
            + [&self.interpreter, &self.soname, &self.rpath, &self.runpath]
                .map(text)
                .iter()
                .sum::<usize>()
            + texts(&self.needed)
            + texts(&self.notes)
            + self.filters.iter().map(filters).sum::<usize>()
            + self.version_needs.iter().map(needs).sum::<usize>()
            + self.version_definitions.iter().map(definitions).sum::<usize>()
            + self.symbols.as_ref().map_or(0, DynamicSymbols::memory)
            + self.loader.as_ref().map_or(0, loader)
    }

    /// Whether addresses are 64 bits wide.
    pub fn is_64(&self) -> bool {
        self.ident[4] == 2
    }

    /// What images call the machine that the file is for; `None` where they have no name for it.
    pub fn architecture(&self) -> Option<&'static str> {
        machine::architecture(self.machine, self.is_64(), self.is_little_endian())
    }

    /// Whether the least significant byte comes first.
    pub fn is_little_endian(&self) -> bool {
        self.ident[5] == 1
    }

    /// The first segment of a type.
    pub fn segment(&self, kind: u32) -> Option<&ElfSegment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// Every `PT_LOAD`, in file order.
    pub fn loads(&self) -> impl Iterator<Item = &ElfSegment> {
        self.segments.iter().filter(|segment| segment.kind == PT_LOAD)
    }

    /// The name of a version by its index in `DT_VERSYM`, whoever defines it.
    pub fn version_name(&self, index: u16) -> Option<&str> {
        let needed = self.version_needs.iter().find(|need| need.index == index);
        let defined = || {
            let of = |definition: &&VersionDefinition| definition.index == index;
            self.version_definitions.iter().find(of).filter(|definition| !definition.base)
        };
        needed.map(|need| need.name.as_str()).or_else(|| defined().map(|it| it.name.as_str()))
    }

    /// Whether the file is linked for a program to be started: not a library.
    ///
    /// An old static-pie program has neither interpreter nor [`DF_1_PIE`] and passes for a library.
    pub fn is_program(&self) -> bool {
        self.file_type == ET_EXEC
            || self.file_type == ET_DYN
                && (self.interpreter.is_some() || self.dt_flags_1 & DF_1_PIE != 0)
    }

    fn read_notes<'data, R: ReadRef<'data>>(&mut self, raw: &ElfBytes<'data, R>) {
        let of_notes = |it: &&ElfSegment| it.kind == PT_NOTE || it.kind == PT_GNU_PROPERTY;
        let mut abi_tag = None;
        let mut isa = None;
        for segment in self.segments.iter().filter(of_notes) {
            raw.for_each_gnu_note(segment, |kind, body| match kind {
                1 if abi_tag.is_none() => abi_tag = raw.abi_tag(body),
                5 if isa.is_none() => isa = raw.x86_isa_needed(body),
                _ => {}
            });
        }
        self.abi_tag = abi_tag;
        self.x86_isa_needed = isa;
    }
}

/// `PT_INTERP` under the kernel's own conditions (`load_elf_binary`): 2 to PATH_MAX bytes, the
/// last of them NUL.
fn interpreter<'data, R: ReadRef<'data>>(
    raw: &ElfBytes<'data, R>,
    segments: &[ElfSegment],
) -> Option<String> {
    let segment = segments.iter().find(|segment| segment.kind == PT_INTERP)?;
    if !(2..=MAX_STRING).contains(&segment.file_size) {
        return None;
    }
    let bytes = raw.bytes(segment.offset, segment.file_size)?;
    let (last, _) = bytes.split_last()?;
    let path = bytes.split(|&byte| byte == 0).next()?;
    (*last == 0).then(|| String::from_utf8_lossy(path).into_owned())
}

#[cfg(test)]
mod tests;
