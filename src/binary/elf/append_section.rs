//! Writes section headers, and says what of a file is loaded: all that a record inside needs.
//!
//! What is read is read by the one reader of headers; what is written is put over the bytes as they
//! are, so that nothing changes but what is meant to.

use std::mem::offset_of;
use std::ops::Range;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, SectionHeader32, SectionHeader64};

use crate::binary::elf::reader::{ElfBytes, SectionHeader};
use crate::binary::elf::{PT_INTERP, PT_LOAD};

/// Where the fields lie that are written, in one class of ELF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    /// The file header's length and fields.
    header: usize,
    phoff: usize,
    shoff: usize,
    shentsize: usize,
    shnum: usize,
    shstrndx: usize,
    /// A section header's length and fields.
    entry: usize,
    offset: usize,
    size: usize,
    align: usize,
}

macro_rules! class {
    ($header:ident, $section:ident) => {
        Class {
            header: size_of::<$header<Endianness>>(),
            phoff: offset_of!($header<Endianness>, e_phoff),
            shoff: offset_of!($header<Endianness>, e_shoff),
            shentsize: offset_of!($header<Endianness>, e_shentsize),
            shnum: offset_of!($header<Endianness>, e_shnum),
            shstrndx: offset_of!($header<Endianness>, e_shstrndx),
            entry: size_of::<$section<Endianness>>(),
            offset: offset_of!($section<Endianness>, sh_offset),
            size: offset_of!($section<Endianness>, sh_size),
            align: offset_of!($section<Endianness>, sh_addralign),
        }
    };
}

const CLASS_32: Class = class!(FileHeader32, SectionHeader32);
const CLASS_64: Class = class!(FileHeader64, SectionHeader64);

/// `SHT_PROGBITS`.
pub const SHT_PROGBITS: u32 = 1;
/// `SHT_STRTAB`.
pub const SHT_STRTAB: u32 = 3;
/// `SHT_NOBITS`: a section without bytes in the file.
pub const SHT_NOBITS: u32 = 8;
/// Loaded though no program reads it.
const SCRIPTS: &[u8] = b".debug_gdb_scripts";
/// From here up the count of sections is not in the header (`SHN_LORESERVE`).
const SHN_LORESERVE: usize = 0xff00;

/// An ELF file whose section header table was found.
#[derive(Debug, Clone)]
pub struct ElfLayout<'a> {
    bytes: &'a [u8],
    raw: ElfBytes<'a, &'a [u8]>,
    class: Class,
    /// In the order of the table; the first is the null section.
    pub sections: Vec<SectionRow<'a>>,
    /// The index of the section that holds the names.
    pub names: usize,
}

/// One section header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionRow<'a> {
    /// Without the closing zero; empty where the name is out of bounds.
    pub name: &'a [u8],
    /// `sh_name`.
    pub name_offset: u32,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_offset` to `sh_offset + sh_size`; empty where that is out of bounds.
    pub range: Range<usize>,
}

impl<'a> ElfLayout<'a> {
    /// Reads the header and the section header table; `None` for what is no ELF file or has a
    /// table that is not inside it. A file without any section has an empty list.
    pub fn read(bytes: &'a [u8]) -> Option<ElfLayout<'a>> {
        let raw = ElfBytes::open(bytes).ok()?;
        let class = if raw.is_64() { CLASS_64 } else { CLASS_32 };
        let header = raw.header();
        let names = usize::from(header.section_names);
        let mut elf = ElfLayout { bytes, raw, class, sections: Vec::new(), names: 0 };
        if header.section_headers == 0 || header.section_count == 0 {
            // `e_shoff` without a count means more sections than the header can say.
            return (header.section_headers == 0).then_some(elf);
        }
        if usize::from(header.section_count) >= SHN_LORESERVE {
            return None;
        }
        let table = raw.sections().ok()?;
        elf.names = names;
        elf.sections = table.headers.iter().map(|it| elf.section_of(it)).collect();
        let names = elf.sections.get(elf.names).map_or(0..0, |section| section.range.clone());
        for section in &mut elf.sections {
            let start = names.start.saturating_add(section.name_offset as usize);
            let tail = bytes.get(start..names.end).unwrap_or_default();
            section.name = tail.split(|byte| *byte == 0).next().unwrap_or_default();
        }
        Some(elf)
    }

    /// The bytes of the first section of this name.
    pub fn section(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.sections.iter().find(|section| section.name == name.as_bytes())?;
        (found.kind != SHT_NOBITS).then(|| &self.bytes[found.range.clone()])
    }

    /// The length of the file's header, in bytes.
    pub fn header_len(&self) -> usize {
        self.class.header
    }

    /// The length of one section header, in bytes.
    pub fn entry_len(&self) -> usize {
        self.class.entry
    }

    /// The table as it stands in the file.
    pub fn table(&self) -> &'a [u8] {
        let table = usize::try_from(self.raw.header().section_headers).unwrap_or_default();
        self.bytes.get(table..table + self.sections.len() * self.class.entry).unwrap_or_default()
    }

    /// The header with another section header table.
    pub fn header_with(&self, table: usize, count: usize, names: usize) -> Option<Vec<u8>> {
        let class = self.class;
        let mut header = self.bytes[..class.header].to_vec();
        self.put_address(&mut header, class.shoff, table)?;
        self.put_half(&mut header, class.shentsize, class.entry)?;
        self.put_half(&mut header, class.shnum, count)?;
        self.put_half(&mut header, class.shstrndx, names)?;
        Some(header)
    }

    /// A section header of this class for bytes that are not loaded.
    pub fn entry(&self, name: u32, kind: u32, range: &Range<usize>) -> Option<Vec<u8>> {
        let mut entry = vec![0; self.class.entry];
        self.put_word(&mut entry, 0, name);
        self.put_word(&mut entry, 4, kind);
        self.put_address(&mut entry, self.class.offset, range.start)?;
        self.put_address(&mut entry, self.class.size, range.len())?;
        self.put_address(&mut entry, self.class.align, 1)?;
        Some(entry)
    }

    /// The same section header, pointing to other bytes.
    pub fn moved(&self, entry: &[u8], range: &Range<usize>) -> Option<Vec<u8>> {
        let mut entry = entry.to_vec();
        self.put_address(&mut entry, self.class.offset, range.start)?;
        self.put_address(&mut entry, self.class.size, range.len())?;
        Some(entry)
    }

    /// Everything that decides what the kernel and the loader put into memory, and where the
    /// program starts: file header, program headers, the bytes of every loaded segment and the
    /// name of the interpreter. What `strip` may rewrite without a trace at run time is left out:
    /// places in the file, and the header's words about sections. `None` for a file that nothing
    /// of is loaded.
    pub fn loaded_image(&self) -> Option<Vec<u8>> {
        let class = self.class;
        let address = self.raw.encoding.size();
        let mut header = self.bytes.get(..class.header)?.to_vec();
        header[class.shoff..class.shoff + address].fill(0);
        header[class.shentsize..class.shstrndx + 2].fill(0);
        // It need not be in any segment, and the kernel obeys it all the same.
        let mut image = header.clone();
        image[class.phoff..class.phoff + address].fill(0);
        let mut loaded = false;
        for segment in self.raw.segments()? {
            image.extend(segment.kind.to_le_bytes());
            image.extend(segment.flags.to_le_bytes());
            image.extend(segment.address.to_le_bytes());
            image.extend(segment.memory_size.to_le_bytes());
            if segment.kind == PT_LOAD || segment.kind == PT_INTERP {
                let start = usize::try_from(segment.offset).ok()?;
                let len = usize::try_from(segment.file_size).ok()?;
                let bytes = self.bytes.get(start..start.checked_add(len)?)?;
                // The first segment often starts with the file's own header.
                let masked = if start == 0 { header.len().min(len) } else { 0 };
                image.extend((len as u64).to_le_bytes());
                image.extend(&header[..masked]);
                image.extend(&bytes[masked..]);
                loaded |= segment.kind == PT_LOAD;
            }
        }
        loaded.then_some(image)
    }

    /// The file as `llvm-strip -g` leaves what is loaded of it: the debugger's scripts, which no
    /// program reads, filled with zeros. `None` where it has none.
    pub fn without_scripts(&self) -> Option<Vec<u8>> {
        let scripts = self.sections.iter().find(|section| section.name == SCRIPTS)?;
        let mut bytes = self.bytes.to_vec();
        bytes[scripts.range.clone()].fill(0);
        Some(bytes)
    }

    fn section_of(&self, header: &SectionHeader) -> SectionRow<'a> {
        let range = || {
            let start = usize::try_from(header.offset).ok()?;
            let end = start.checked_add(usize::try_from(header.size).ok()?)?;
            (header.kind != SHT_NOBITS && end <= self.bytes.len()).then_some(start..end)
        };
        SectionRow {
            name: &[],
            name_offset: header.name,
            kind: header.kind,
            range: range().unwrap_or(0..0),
        }
    }

    fn put_half(&self, into: &mut [u8], at: usize, value: usize) -> Option<()> {
        let value = u16::try_from(value).ok()?;
        let bytes =
            if self.raw.encoding.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 2].copy_from_slice(&bytes);
        Some(())
    }

    fn put_word(&self, into: &mut [u8], at: usize, value: u32) {
        let bytes =
            if self.raw.encoding.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 4].copy_from_slice(&bytes);
    }

    fn put_address(&self, into: &mut [u8], at: usize, value: usize) -> Option<()> {
        if !self.raw.encoding.wide {
            self.put_word(into, at, u32::try_from(value).ok()?);
            return Some(());
        }
        let value = value as u64;
        let bytes =
            if self.raw.encoding.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 8].copy_from_slice(&bytes);
        Some(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use object::elf::{ProgramHeader32, ProgramHeader64};

    /// A file with a `.text` and a table of names, of either class and byte order.
    pub(crate) fn sample(bits: u8, little_endian: bool) -> Vec<u8> {
        let (class, segment) = match bits {
            32 => (CLASS_32, size_of::<ProgramHeader32<Endianness>>()),
            _ => (CLASS_64, size_of::<ProgramHeader64<Endianness>>()),
        };
        let mut bytes = vec![0; class.header + segment];
        let order = 2 - u8::from(little_endian);
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', bits / 32, order]);
        let text = bytes.len()..bytes.len() + 5;
        bytes.extend(b"code\xc3");
        let names = bytes.len()..bytes.len() + 17;
        bytes.extend(b"\0.text\0.shstrtab\0");
        let table = bytes.len();
        let ident = bytes.clone();
        let writer = ElfLayout {
            bytes: &ident,
            raw: ElfBytes::open(ident.as_slice()).unwrap(),
            class,
            sections: Vec::new(),
            names: 0,
        };
        // Flags, address, size in the file and in memory.
        let fields = if bits == 32 { [24, 8, 16, 20] } else { [4, 16, 32, 40] };
        let [flags, address, in_file, in_memory] = fields.map(|at| class.header + at);
        writer.put_word(&mut bytes, class.header, PT_LOAD);
        writer.put_word(&mut bytes, flags, 5);
        for (at, value) in [(address, 0x1000), (in_file, text.end), (in_memory, text.end)] {
            writer.put_address(&mut bytes, at, value).unwrap();
        }
        // `e_entry` has the same place in both classes, and `e_phentsize` and `e_phnum` lie before
        // `e_shentsize`.
        writer.put_address(&mut bytes, 0x18, 0x1000 + text.start).unwrap();
        writer.put_address(&mut bytes, class.phoff, class.header).unwrap();
        writer.put_half(&mut bytes, class.shentsize - 4, segment).unwrap();
        writer.put_half(&mut bytes, class.shentsize - 2, 1).unwrap();
        let head = bytes.clone();
        let blank = ElfLayout { bytes: &head, ..writer };
        let head = blank.header_with(table, 3, 2).unwrap();
        bytes[..class.header].copy_from_slice(&head);
        bytes.extend(vec![0; class.entry]);
        bytes.extend(blank.entry(1, SHT_PROGBITS, &text).unwrap());
        bytes.extend(blank.entry(7, SHT_STRTAB, &names).unwrap());
        bytes
    }

    #[test]
    fn sections_are_found_in_every_class_and_order() {
        for (bits, little) in [(32, true), (32, false), (64, true), (64, false)] {
            let bytes = sample(bits, little);
            let elf = ElfLayout::read(&bytes).unwrap();
            assert_eq!(elf.section(".text"), Some(&b"code\xc3"[..]));
            assert_eq!(elf.section(".data"), None);
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_is_a_panic() {
        let whole = sample(64, true);
        for end in 0..whole.len() {
            let _ = ElfLayout::read(&whole[..end]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Some(elf) = ElfLayout::read(&bytes) {
                    let _ = (elf.section(".text"), elf.table().len(), elf.loaded_image());
                }
            }
        }
    }
}
