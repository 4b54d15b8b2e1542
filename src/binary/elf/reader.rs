//! The one reader of ELF's headers: file header, program headers, section headers, notes, and bytes
//! by address. Every read may fail, none panics.

use object::elf::{FileHeader32, FileHeader64};
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader as _};
use object::{Endianness, elf};

use crate::binary::elf::{AbiTag, ElfError, ElfSegment, MAX_STRING, PT_LOAD};
use crate::binary::encoding::Encoding;

/// More program headers than `e_phnum` can count are never read.
const MAX_SEGMENTS: u16 = u16::MAX - 1;

/// Objects made with a section for every function have tens of thousands.
const MAX_SECTIONS: u32 = 200_000;

/// The longest note segment that is read, in bytes.
const MAX_NOTES: u64 = 64 << 10;

/// An ELF file's bytes with the class and byte order that its ident names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ElfBytes<'data, R: ReadRef<'data>> {
    data: R,
    len: u64,
    pub(crate) encoding: Encoding,
    header: ElfHeader,
    _data: std::marker::PhantomData<&'data ()>,
}

/// The fields of the ELF header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ElfHeader {
    pub(crate) ident: [u8; 16],
    pub(crate) file_type: u16,
    pub(crate) machine: u16,
    pub(crate) version: u32,
    pub(crate) entry: u64,
    pub(crate) flags: u32,
    pub(crate) program_header_size: u16,
    program_headers: u64,
    program_header_count: u16,
    /// `e_shoff`.
    pub(crate) section_headers: u64,
    /// `e_shnum`; 0 where the first section header has the number.
    pub(crate) section_count: u16,
    /// `e_shstrndx`.
    pub(crate) section_names: u16,
}

/// One section header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionHeader {
    /// Where the name is among the names.
    pub(crate) name: u32,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) address: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) entry_size: u64,
}

/// Every section header, and which of them has the names.
#[derive(Debug, Default)]
pub(crate) struct SectionTable {
    pub(crate) headers: Vec<SectionHeader>,
    pub(crate) names: Option<SectionHeader>,
}

/// Why section headers are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSections {
    #[error("{0} section headers: more than any linker writes")]
    TooMany(u32),
    #[error("the section headers lie outside the file")]
    Outside,
}

impl<'data, R: ReadRef<'data>> ElfBytes<'data, R> {
    pub(crate) fn open(data: R) -> Result<Self, ElfError> {
        let len = data.len().map_err(|()| ElfError::TooShort)?;
        let ident = data.read_bytes_at(0, 16).map_err(|()| ElfError::TooShort)?;
        let Some(ident) = ident.first_chunk::<16>().filter(|it| it.starts_with(b"\x7fELF")) else {
            return Err(ElfError::Magic);
        };
        let wide = match ident[4] {
            1 => false,
            2 => true,
            _ => return Err(ElfError::Ident),
        };
        let little_endian = match ident[5] {
            1 => true,
            2 => false,
            _ => return Err(ElfError::Ident),
        };
        let encoding = Encoding { wide, little_endian };
        let header = match wide {
            true => read_header::<FileHeader64<Endianness>, R>(data, *ident, encoding),
            false => read_header::<FileHeader32<Endianness>, R>(data, *ident, encoding),
        };
        let header = header.ok_or(ElfError::TooShort)?;
        Ok(ElfBytes { data, len, encoding, header, _data: std::marker::PhantomData })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn bytes(&self, offset: u64, size: u64) -> Option<&'data [u8]> {
        self.data.read_bytes_at(offset, size).ok()
    }

    // A number is zero where the slice is too short for it, which callers rule out by asking for
    // whole records.

    pub(crate) fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        self.encoding.u16(bytes, at).unwrap_or(0)
    }

    pub(crate) fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        self.encoding.u32(bytes, at).unwrap_or(0)
    }

    pub(crate) fn u64(&self, bytes: &[u8], at: usize) -> u64 {
        self.encoding.u64(bytes, at).unwrap_or(0)
    }

    /// An address or size: 8 bytes in ELFCLASS64, 4 in ELFCLASS32.
    pub(crate) fn word(&self, bytes: &[u8], at: usize) -> u64 {
        self.encoding.word(bytes, at).unwrap_or(0)
    }

    /// The size of [`ElfBytes::word`], in bytes.
    pub(crate) fn word_size(&self) -> u64 {
        self.encoding.size() as u64
    }

    /// Whether addresses are 64 bits wide.
    pub(crate) fn is_64(&self) -> bool {
        self.encoding.wide
    }

    pub(crate) fn header(&self) -> &ElfHeader {
        &self.header
    }

    /// Every program header, or none when the table is not wholly inside the file or its entries
    /// have another size than the class's own.
    pub(crate) fn segments(&self) -> Option<Vec<ElfSegment>> {
        match self.encoding.wide {
            true => self.read_segments::<FileHeader64<Endianness>>(),
            false => self.read_segments::<FileHeader32<Endianness>>(),
        }
    }

    fn read_segments<Elf: FileHeader<Endian = Endianness>>(&self) -> Option<Vec<ElfSegment>> {
        let header = &self.header;
        let count = header.program_header_count.min(MAX_SEGMENTS);
        if count == 0 {
            return Some(Vec::new());
        }
        if usize::from(header.program_header_size) != size_of::<Elf::ProgramHeader>() {
            return None;
        }
        let (at, count) = (header.program_headers, usize::from(count));
        let table = self.data.read_slice_at::<Elf::ProgramHeader>(at, count).ok()?;
        let endian = endian(self.encoding);
        let segment = |it: &Elf::ProgramHeader| ElfSegment {
            kind: it.p_type(endian).0,
            flags: it.p_flags(endian).0,
            offset: it.p_offset(endian).into(),
            address: it.p_vaddr(endian).into(),
            file_size: it.p_filesz(endian).into(),
            memory_size: it.p_memsz(endian).into(),
            align: it.p_align(endian).into(),
        };
        Some(table.iter().map(segment).collect())
    }

    /// Every section header; none where the file has no table of them.
    pub(crate) fn sections(&self) -> Result<SectionTable, BadSections> {
        match self.encoding.wide {
            true => self.read_sections::<FileHeader64<Endianness>>(),
            false => self.read_sections::<FileHeader32<Endianness>>(),
        }
    }

    fn read_sections<Elf: FileHeader<Endian = Endianness>>(
        &self,
    ) -> Result<SectionTable, BadSections> {
        let header = self.data.read_at::<Elf>(0).map_err(|()| BadSections::Outside)?;
        let endian = endian(self.encoding);
        let count = header.shnum(endian, self.data).unwrap_or(0);
        if count > MAX_SECTIONS {
            return Err(BadSections::TooMany(count));
        }
        let table = header.section_headers(endian, self.data);
        let table = table.map_err(|_| BadSections::Outside)?;
        let section = |it: &Elf::SectionHeader| SectionHeader {
            name: it.sh_name(endian),
            kind: it.sh_type(endian).0,
            flags: it.sh_flags(endian).0,
            address: it.sh_addr(endian).into(),
            offset: it.sh_offset(endian).into(),
            size: it.sh_size(endian).into(),
            entry_size: it.sh_entsize(endian).into(),
        };
        let headers: Vec<SectionHeader> = table.iter().map(section).collect();
        let names = header.shstrndx(endian, self.data).ok();
        let names = names.and_then(|index| headers.get(index as usize).copied());
        Ok(SectionTable { headers, names })
    }

    /// Calls `note` with type and body of each note whose owner is `GNU`.
    pub(crate) fn for_each_gnu_note(&self, segment: &ElfSegment, mut note: impl FnMut(u32, &[u8])) {
        let size = segment.file_size.min(MAX_NOTES);
        let Some(mut rest) = self.bytes(segment.offset, size) else { return };
        let align: usize = if segment.align == 8 { 8 } else { 4 };
        while rest.len() >= 12 {
            let name_size = self.u32(rest, 0) as usize;
            let body_size = self.u32(rest, 4) as usize;
            let kind = self.u32(rest, 8);
            let Some(body_at) = name_size.checked_add(12).map(|at| at.next_multiple_of(align))
            else {
                return;
            };
            let Some(body_end) = body_at.checked_add(body_size) else { return };
            let (Some(name), Some(body)) =
                (rest.get(12..12usize.saturating_add(name_size)), rest.get(body_at..body_end))
            else {
                return;
            };
            if name == b"GNU\0" {
                note(kind, body);
            }
            rest = rest.get(body_end.next_multiple_of(align)..).unwrap_or_default();
        }
    }

    /// `NT_GNU_ABI_TAG`: the system and three numbers.
    pub(crate) fn abi_tag(&self, body: &[u8]) -> Option<AbiTag> {
        (body.len() >= 16).then(|| AbiTag {
            system: self.u32(body, 0),
            kernel: [self.u32(body, 4), self.u32(body, 8), self.u32(body, 12)],
        })
    }

    /// `GNU_PROPERTY_X86_ISA_1_NEEDED` out of `NT_GNU_PROPERTY_TYPE_0`.
    pub(crate) fn x86_isa_needed(&self, mut body: &[u8]) -> Option<u32> {
        let align = self.word_size() as usize;
        while body.len() >= 8 {
            let size = self.u32(body, 4) as usize;
            if self.u32(body, 0) == 0xc000_8002 && size == 4 && body.len() >= 12 {
                return Some(self.u32(body, 8));
            }
            let next = size.checked_add(8)?.checked_next_multiple_of(align)?;
            body = body.get(next..)?;
        }
        None
    }
}

fn endian(encoding: Encoding) -> Endianness {
    if encoding.little_endian { Endianness::Little } else { Endianness::Big }
}

/// `object`'s own check of a header refuses versions that a loader has words for.
fn read_header<'data, Elf, R>(data: R, ident: [u8; 16], encoding: Encoding) -> Option<ElfHeader>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = data.read_at::<Elf>(0).ok()?;
    let endian = endian(encoding);
    let elf::SymbolSection(section_names) = header.e_shstrndx(endian);
    Some(ElfHeader {
        ident,
        file_type: header.e_type(endian).0,
        machine: header.e_machine(endian).0,
        version: header.e_version(endian),
        entry: header.e_entry(endian).into(),
        flags: header.e_flags(endian).0,
        program_header_size: header.e_phentsize(endian),
        program_headers: header.e_phoff(endian).into(),
        program_header_count: header.e_phnum(endian),
        section_headers: header.e_shoff(endian).into(),
        section_count: header.e_shnum(endian),
        section_names,
    })
}

/// The file's bytes by the addresses that its `PT_LOAD` segments give them.
pub(crate) struct MappedFile<'a, 'data, R: ReadRef<'data>> {
    pub(crate) raw: &'a ElfBytes<'data, R>,
    pub(crate) segments: &'a [ElfSegment],
}

impl<'data, R: ReadRef<'data>> MappedFile<'_, 'data, R> {
    /// Where an address lies in the file, and how many bytes of its segment follow it there.
    fn place(&self, address: u64) -> Option<(u64, u64)> {
        let holds = |it: &&ElfSegment| {
            it.kind == PT_LOAD && it.address <= address && address - it.address < it.file_size
        };
        let segment = self.segments.iter().find(holds)?;
        let into = address - segment.address;
        let offset = segment.offset.checked_add(into)?;
        let in_file = self.raw.len().checked_sub(offset)?;
        Some((offset, (segment.file_size - into).min(in_file)))
    }

    /// Exactly `size` bytes.
    pub(crate) fn bytes(&self, address: u64, size: u64) -> Option<&'data [u8]> {
        let (offset, room) = self.place(address)?;
        if size <= room { self.raw.bytes(offset, size) } else { None }
    }

    /// At most `size` bytes: what of them the segment holds, in whole records of `record` bytes.
    pub(crate) fn records(&self, address: u64, size: u64, record: u64) -> &'data [u8] {
        let Some((offset, room)) = self.place(address) else { return &[] };
        let size = size.min(room);
        self.raw.bytes(offset, size - size % record.max(1)).unwrap_or_default()
    }

    /// A NUL-terminated string of at most [`MAX_STRING`] bytes.
    pub(crate) fn string(&self, address: u64) -> Option<&'data [u8]> {
        let (offset, room) = self.place(address)?;
        let bytes = self.raw.bytes(offset, room.min(MAX_STRING))?;
        let end = memchr::memchr(0, bytes)?;
        bytes.get(..end)
    }
}
