//! The section headers of an ELF file, as much as a record needs: where each lies, and its bytes.
//!
//! Not the reader of `facts::binary`: embedding has to write what it reads, byte for byte, and
//! must not depend on what another reader repairs.

use std::ops::Range;

/// The offsets of one class of ELF: all that embedding has to know of the format (System V ABI,
/// chapter 4, "ELF Header" and "Section Header Table").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    /// In bytes.
    header: usize,
    /// `e_shoff` in the header; as wide as an address.
    shoff: usize,
    /// `e_shentsize`; `e_shnum` and `e_shstrndx` follow.
    shentsize: usize,
    /// `sizeof(Elf_Shdr)`.
    entry: usize,
    /// Offsets in a section header of its offset, size and alignment.
    fields: [usize; 3],
    /// Bytes of an address.
    address: usize,
    /// `e_phoff`, `e_phentsize`; `e_phnum` follows.
    phoff: usize,
    phentsize: usize,
    /// Offsets in a program header of flags, offset, address, size in the file and in memory.
    segment: [usize; 5],
}

const CLASS_32: Class = Class {
    header: 52,
    shoff: 0x20,
    shentsize: 0x2e,
    entry: 40,
    fields: [16, 20, 32],
    address: 4,
    phoff: 0x1c,
    phentsize: 0x2a,
    segment: [24, 4, 8, 16, 20],
};
const CLASS_64: Class = Class {
    header: 64,
    shoff: 0x28,
    shentsize: 0x3a,
    entry: 64,
    fields: [24, 32, 48],
    address: 8,
    phoff: 0x20,
    phentsize: 0x36,
    segment: [4, 8, 16, 32, 40],
};

/// `PT_LOAD`.
const PT_LOAD: u32 = 1;
/// `PT_INTERP`: the kernel reads the interpreter's name from the file, wherever it lies there.
const PT_INTERP: u32 = 3;
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
pub struct Elf<'a> {
    bytes: &'a [u8],
    class: Class,
    little_endian: bool,
    /// In the order of the table; the first is the null section.
    pub sections: Vec<Section<'a>>,
    /// The index of the section that holds the names.
    pub names: usize,
}

/// One section header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// Without the closing zero; empty where the name is out of bounds.
    pub name: &'a [u8],
    /// `sh_name`.
    pub name_offset: u32,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_offset` to `sh_offset + sh_size`; empty where that is out of bounds.
    pub range: Range<usize>,
}

impl<'a> Elf<'a> {
    /// Reads the header and the section header table; `None` for what is no ELF file or has a
    /// table that is not inside it. A file without any section has an empty list.
    pub fn read(bytes: &'a [u8]) -> Option<Elf<'a>> {
        if bytes.get(..4)? != b"\x7fELF" {
            return None;
        }
        let class = match bytes.get(4)? {
            1 => CLASS_32,
            2 => CLASS_64,
            _ => return None,
        };
        let little_endian = match bytes.get(5)? {
            1 => true,
            2 => false,
            _ => return None,
        };
        bytes.get(..class.header)?;
        let mut elf = Elf { bytes, class, little_endian, sections: Vec::new(), names: 0 };
        let table = usize::try_from(elf.address_at(class.shoff)?).ok()?;
        let count = usize::from(elf.half_at(class.shentsize + 2)?);
        if table == 0 || count == 0 {
            // `e_shoff` without a count means more sections than the header can say.
            return (table == 0).then_some(elf);
        }
        if usize::from(elf.half_at(class.shentsize)?) != class.entry || count >= SHN_LORESERVE {
            return None;
        }
        bytes.get(table..table.checked_add(count * class.entry)?)?;
        elf.names = usize::from(elf.half_at(class.shentsize + 4)?);
        for index in 0..count {
            elf.sections.push(elf.section_at(table + index * class.entry)?);
        }
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
        let table = self.address_at(self.class.shoff).and_then(|at| usize::try_from(at).ok());
        let table = table.unwrap_or_default();
        self.bytes.get(table..table + self.sections.len() * self.class.entry).unwrap_or_default()
    }

    /// The header with another section header table.
    pub fn header_with(&self, table: usize, count: usize, names: usize) -> Option<Vec<u8>> {
        let class = self.class;
        let mut header = self.bytes[..class.header].to_vec();
        self.put_address(&mut header, class.shoff, table)?;
        self.put_half(&mut header, class.shentsize, class.entry)?;
        self.put_half(&mut header, class.shentsize + 2, count)?;
        self.put_half(&mut header, class.shentsize + 4, names)?;
        Some(header)
    }

    /// A section header of this class for bytes that are not loaded.
    pub fn entry(&self, name: u32, kind: u32, range: &Range<usize>) -> Option<Vec<u8>> {
        let mut entry = vec![0; self.class.entry];
        self.put_word(&mut entry, 0, name);
        self.put_word(&mut entry, 4, kind);
        self.put_address(&mut entry, self.class.fields[0], range.start)?;
        self.put_address(&mut entry, self.class.fields[1], range.len())?;
        self.put_address(&mut entry, self.class.fields[2], 1)?;
        Some(entry)
    }

    /// The same section header, pointing to other bytes.
    pub fn moved(&self, entry: &[u8], range: &Range<usize>) -> Option<Vec<u8>> {
        let mut entry = entry.to_vec();
        self.put_address(&mut entry, self.class.fields[0], range.start)?;
        self.put_address(&mut entry, self.class.fields[1], range.len())?;
        Some(entry)
    }

    /// Everything that decides what the kernel and the loader put into memory, and where the
    /// program starts: file header, program headers, the bytes of every loaded segment and the
    /// name of the interpreter. What `strip` may rewrite without a trace at run time is left out:
    /// places in the file, and the header's words about sections. `None` for a file that nothing
    /// of is loaded.
    pub fn loaded_image(&self) -> Option<Vec<u8>> {
        let class = self.class;
        let [flags, offset, address, in_file, in_memory] = class.segment;
        let table = usize::try_from(self.address_at(class.phoff)?).ok()?;
        let size = usize::from(self.half_at(class.phentsize)?);
        let mut header = self.bytes.get(..class.header)?.to_vec();
        header[class.shoff..class.shoff + class.address].fill(0);
        header[class.shentsize..class.shentsize + 6].fill(0);
        // It need not be in any segment, and the kernel obeys it all the same.
        let mut image = header.clone();
        image[class.phoff..class.phoff + class.address].fill(0);
        let mut loaded = false;
        for index in 0..usize::from(self.half_at(class.phentsize + 2)?) {
            let at = table.checked_add(index.checked_mul(size)?)?;
            let kind = self.word_at(at)?;
            image.extend(kind.to_le_bytes());
            image.extend(self.word_at(at + flags)?.to_le_bytes());
            image.extend(self.address_at(at + address)?.to_le_bytes());
            image.extend(self.address_at(at + in_memory)?.to_le_bytes());
            if kind == PT_LOAD || kind == PT_INTERP {
                let start = usize::try_from(self.address_at(at + offset)?).ok()?;
                let len = usize::try_from(self.address_at(at + in_file)?).ok()?;
                let bytes = self.bytes.get(start..start.checked_add(len)?)?;
                // The first segment often starts with the file's own header.
                let masked = if start == 0 { header.len().min(len) } else { 0 };
                image.extend((len as u64).to_le_bytes());
                image.extend(&header[..masked]);
                image.extend(&bytes[masked..]);
                loaded |= kind == PT_LOAD;
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

    fn section_at(&self, at: usize) -> Option<Section<'a>> {
        let [offset, size, _] = self.class.fields;
        let kind = self.word_at(at + 4)?;
        let start = usize::try_from(self.address_at(at + offset)?).ok()?;
        let len = usize::try_from(self.address_at(at + size)?).ok()?;
        let end = start.checked_add(len).filter(|end| *end <= self.bytes.len());
        Some(Section {
            name: &[],
            name_offset: self.word_at(at)?,
            kind,
            range: if kind == SHT_NOBITS { 0..0 } else { end.map_or(0..0, |end| start..end) },
        })
    }

    fn half_at(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn word_at(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn address_at(&self, at: usize) -> Option<u64> {
        if self.class.address == 4 {
            return self.word_at(at).map(u64::from);
        }
        let bytes = self.bytes.get(at..at + 8)?.try_into().ok()?;
        Some(if self.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }

    fn put_half(&self, into: &mut [u8], at: usize, value: usize) -> Option<()> {
        let value = u16::try_from(value).ok()?;
        let bytes = if self.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 2].copy_from_slice(&bytes);
        Some(())
    }

    fn put_word(&self, into: &mut [u8], at: usize, value: u32) {
        let bytes = if self.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 4].copy_from_slice(&bytes);
    }

    fn put_address(&self, into: &mut [u8], at: usize, value: usize) -> Option<()> {
        if self.class.address == 4 {
            self.put_word(into, at, u32::try_from(value).ok()?);
            return Some(());
        }
        let value = value as u64;
        let bytes = if self.little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        into[at..at + 8].copy_from_slice(&bytes);
        Some(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with a `.text` and a table of names, of either class and byte order.
    pub(crate) fn sample(bits: u8, little_endian: bool) -> Vec<u8> {
        let class = if bits == 32 { CLASS_32 } else { CLASS_64 };
        let mut bytes = vec![0; class.header + 56];
        bytes[..6].copy_from_slice(&[
            0x7f,
            b'E',
            b'L',
            b'F',
            bits / 32,
            2 - u8::from(little_endian),
        ]);
        let text = bytes.len()..bytes.len() + 5;
        bytes.extend(b"code\xc3");
        let names = bytes.len()..bytes.len() + 17;
        bytes.extend(b"\0.text\0.shstrtab\0");
        let table = bytes.len();
        let mut header = bytes[..class.header].to_vec();
        let writer = Elf { bytes: &[], class, little_endian, sections: Vec::new(), names: 0 };
        let [flags, _, address, in_file, in_memory] = class.segment.map(|at| class.header + at);
        writer.put_word(&mut bytes, class.header, PT_LOAD);
        writer.put_word(&mut bytes, flags, 5);
        for (at, value) in [(address, 0x1000), (in_file, text.end), (in_memory, text.end)] {
            writer.put_address(&mut bytes, at, value).unwrap();
        }
        // `e_entry` has the same place in both classes.
        writer.put_address(&mut header, 0x18, 0x1000 + text.start).unwrap();
        writer.put_address(&mut header, class.phoff, class.header).unwrap();
        writer.put_half(&mut header, class.phentsize, 56).unwrap();
        writer.put_half(&mut header, class.phentsize + 2, 1).unwrap();
        let blank = Elf { bytes: &header, class, little_endian, sections: Vec::new(), names: 0 };
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
            let elf = Elf::read(&bytes).unwrap();
            assert_eq!(elf.section(".text"), Some(&b"code\xc3"[..]));
            assert_eq!(elf.section(".data"), None);
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_is_a_panic() {
        let whole = sample(64, true);
        for end in 0..whole.len() {
            let _ = Elf::read(&whole[..end]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Some(elf) = Elf::read(&bytes) {
                    let _ = (elf.section(".text"), elf.table().len(), elf.loaded_image());
                }
            }
        }
    }
}
