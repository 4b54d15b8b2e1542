//! ELF's program headers, dynamic section and relocations (gABI; RELR: Rahul Chaudhry's proposal
//! of 2017, now gABI chapter 4).

use crate::binary::address_space::{
    AddressSpace, MAX_POINTERS, MAX_SEGMENTS, MappedSegment, Pointer, PointerForm,
};
use crate::binary::elf::dynamic_tables::{DynamicTables, entries, relocation};
use crate::binary::elf::reader::ElfBytes;
use crate::binary::elf::{PT_DYNAMIC, PT_INTERP, PT_LOAD};
use crate::binary::encoding::Encoding;

/// `e_machine` of x86-64.
pub const X86_64: u16 = 62;
/// `e_machine` of 64-bit ARM.
pub const AARCH64: u16 = 183;
/// `PT_GNU_EH_FRAME`.
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
/// `PF_X`.
const PF_X: u32 = 1;
/// `PF_W`.
const PF_W: u32 = 2;
/// `SHT_INIT_ARRAY`.
const SHT_INIT_ARRAY: u32 = 14;
/// `SHT_PREINIT_ARRAY`.
const SHT_PREINIT_ARRAY: u32 = 16;

/// Longest symbol name that is read; no name that matters here has more than thirty bytes.
const MAX_SYMBOL_NAME: usize = 256;

/// What ELF's headers say beyond segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfTables {
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`.
    pub kind: u16,
    /// `e_entry`.
    pub entry: u64,
    /// `PT_INTERP` is there.
    pub has_interpreter: bool,
    /// Address of `PT_GNU_EH_FRAME`.
    pub eh_frame_hdr: Option<u64>,
    /// Arrays of functions that run before `main`: address and size in bytes.
    pub constructors: Vec<(u64, u64)>,
    /// Slots that the loader fills with the address of a symbol from elsewhere, in order:
    /// slot and index into the dynamic symbol table.
    imports: Vec<(u64, u32)>,
    symbols: u64,
    strings: u64,
}

/// The same arrays of a program without `PT_DYNAMIC`, by their sections where these are left.
fn arrays_of_sections<'a>(raw: &ElfBytes<'a, &'a [u8]>) -> Vec<(u64, u64)> {
    let sections = raw.sections().unwrap_or_default().headers;
    let arrays = sections.iter().filter(|it| matches!(it.kind, SHT_INIT_ARRAY | SHT_PREINIT_ARRAY));
    arrays.map(|it| (it.address, it.size)).take(4).collect()
}

/// One entry of a relocation table.
struct Relocation {
    slot: u64,
    symbol: u32,
    kind: u32,
    addend: Option<u64>,
}

/// Lays out an ELF file of any class and byte order.
pub(crate) fn read(bytes: &[u8]) -> Option<AddressSpace<'_>> {
    let raw = ElfBytes::open(bytes).ok()?;
    let (header, encoding) = (raw.header(), raw.encoding);
    let mut found = ElfTables {
        machine: header.machine,
        kind: header.file_type,
        entry: header.entry,
        has_interpreter: false,
        eh_frame_hdr: None,
        constructors: Vec::new(),
        imports: Vec::new(),
        symbols: 0,
        strings: 0,
    };
    let mut segments = Vec::new();
    let mut dynamic = None;
    for it in raw.segments().unwrap_or_default() {
        match it.kind {
            PT_LOAD if segments.len() < MAX_SEGMENTS => {
                let segment = MappedSegment::within(
                    bytes,
                    it.address,
                    it.offset,
                    it.file_size,
                    it.memory_size,
                );
                segments.extend(segment.map(|segment| MappedSegment {
                    executable: it.flags & PF_X != 0,
                    writable: it.flags & PF_W != 0,
                    ..segment
                }));
            }
            PT_DYNAMIC => {
                let size = it.file_size;
                dynamic = MappedSegment::within(bytes, it.address, it.offset, size, size);
            }
            PT_INTERP => found.has_interpreter = true,
            PT_GNU_EH_FRAME => found.eh_frame_hdr = Some(it.address),
            _ => {}
        }
    }
    let mut memory = AddressSpace {
        bytes,
        segments,
        pointers: Vec::new(),
        encoding,
        form: PointerForm::Plain,
        elf: None,
    };
    if let Some(part) = dynamic {
        let section = bytes.get(part.offset..part.offset + part.file_size).unwrap_or_default();
        let tables = DynamicTables::of(entries(section, encoding));
        (found.symbols, found.strings) = (tables.symbols.unwrap_or(0), tables.strings);
        found.constructors = vec![tables.preinit_array, tables.init_array];
        apply(&tables, &mut memory, &mut found);
    } else {
        found.constructors = arrays_of_sections(&raw);
    }
    found.constructors.retain(|array| array.1 > 0);
    memory.elf = Some(found);
    Some(memory)
}

/// Notes what each relocation writes. Where two write to one slot, the last one counts, as
/// in the loader.
fn apply(tables: &DynamicTables, memory: &mut AddressSpace<'_>, elf: &mut ElfTables) {
    let mut pointers = Vec::new();
    let all = [(tables.rela, true), (tables.rel, false), (tables.plt, tables.plt_has_addends)];
    for ((address, size), with_addend) in all {
        let part = memory.tail(address);
        let part = &part[..part.len().min(usize::try_from(size).unwrap_or(usize::MAX))];
        let entry_size = memory.encoding.size() * if with_addend { 3 } else { 2 };
        pointers.reserve((part.len() / entry_size).min(MAX_POINTERS - pointers.len()));
        for entry in part.chunks_exact(entry_size) {
            if pointers.len() + elf.imports.len() >= MAX_POINTERS {
                break;
            }
            let Some(relocation) = Relocation::read(entry, memory.encoding, elf.machine) else {
                break;
            };
            relocation.note(memory, elf, &mut pointers);
        }
    }
    packed(tables.relr, memory, &mut pointers);
    if !pointers.is_sorted_by(|before, after| before.slot < after.slot) {
        pointers.sort_by_key(|pointer| pointer.slot);
        pointers.reverse();
        pointers.dedup_by_key(|pointer| pointer.slot);
        pointers.reverse();
    }
    elf.imports.sort_unstable();
    memory.pointers = pointers;
}

/// Expands RELR: an even word is the address of a pointer, an odd one is a bitmap of the 31
/// or 63 words after it.
fn packed(relr: (u64, u64), memory: &AddressSpace<'_>, pointers: &mut Vec<Pointer>) {
    let size = memory.encoding.size();
    let part = memory.tail(relr.0);
    let part = &part[..part.len().min(usize::try_from(relr.1).unwrap_or(usize::MAX))];
    let mut next = 0u64;
    let mut note = |slot: u64| {
        if pointers.len() < MAX_POINTERS {
            let value = memory.encoding.word(memory.tail(slot), 0);
            pointers.extend(value.map(|value| Pointer { slot, value }));
        }
    };
    for entry in part.chunks_exact(size) {
        let Some(word) = memory.encoding.word(entry, 0) else { break };
        if word & 1 == 0 {
            note(word);
            next = word.wrapping_add(size as u64);
        } else {
            let mut bits = word >> 1;
            while bits != 0 {
                note(next.wrapping_add(u64::from(bits.trailing_zeros()) * size as u64));
                bits &= bits - 1;
            }
            next = next.wrapping_add((size as u64 * 8 - 1) * size as u64);
        }
    }
}

impl Relocation {
    fn read(entry: &[u8], encoding: Encoding, machine: u16) -> Option<Relocation> {
        let size = encoding.size();
        let slot = encoding.word(entry, 0)?;
        let addend = (entry.len() > 2 * size).then(|| encoding.word(entry, 2 * size)).flatten();
        let (symbol, kind) = relocation(entry, machine, encoding)?;
        Some(Relocation { slot, symbol, kind, addend })
    }

    /// Without a symbol, the addend is the address, whatever the machine calls that kind of
    /// relocation; the exceptions are those of thread-local storage.
    fn note(&self, memory: &AddressSpace<'_>, elf: &mut ElfTables, pointers: &mut Vec<Pointer>) {
        if self.symbol == 0 {
            let thread_local = match elf.machine {
                X86_64 => matches!(self.kind, 16..=18 | 36),
                AARCH64 => matches!(self.kind, 1028..=1031),
                _ => false,
            };
            let in_place = || memory.encoding.word(memory.tail(self.slot), 0);
            if !thread_local && let Some(value) = self.addend.or_else(in_place) {
                pointers.push(Pointer { slot: self.slot, value });
            }
        } else if let Some(value) = elf.symbol_value(memory, self.symbol) {
            let address = value.wrapping_add(self.addend.unwrap_or(0));
            pointers.push(Pointer { slot: self.slot, value: address });
        } else {
            elf.imports.push((self.slot, self.symbol));
        }
    }
}

impl ElfTables {
    /// `ET_DYN`: the loader chooses the address, and relocations write every pointer.
    pub fn is_relocatable(&self) -> bool {
        self.kind == 3
    }

    /// The symbol whose address the loader writes at `slot`, where it comes from another file.
    pub fn import<'a>(&self, memory: &AddressSpace<'a>, slot: u64) -> Option<&'a [u8]> {
        let at = self.imports.binary_search_by_key(&slot, |import| import.0).ok()?;
        let entry_size = if memory.encoding.wide { 24 } else { 16 };
        let entry =
            memory.tail(self.symbols.checked_add(u64::from(self.imports[at].1) * entry_size)?);
        let name = u64::from(memory.encoding.u32(entry, 0)?);
        let name = memory.tail(self.strings.checked_add(name)?);
        let name = &name[..name.len().min(MAX_SYMBOL_NAME)];
        Some(&name[..memchr::memchr(0, name)?])
    }

    /// The address of a symbol of this file; `None` when it comes from another.
    fn symbol_value(&self, memory: &AddressSpace<'_>, symbol: u32) -> Option<u64> {
        let entry_size = if memory.encoding.wide { 24 } else { 16 };
        let entry = memory.tail(self.symbols.checked_add(u64::from(symbol) * entry_size)?);
        let value = memory.encoding.word(entry, if memory.encoding.wide { 8 } else { 4 })?;
        (value != 0).then_some(value)
    }
}
