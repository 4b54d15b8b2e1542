//! ELF's program headers, dynamic section and relocations (gABI; RELR: Rahul Chaudhry's proposal
//! of 2017, now gABI chapter 4).

use crate::binary::address_space::{
    Encoding, MAX_POINTERS, MAX_SEGMENTS, Memory, Pointer, PointerForm, Segment,
};

/// `e_machine` of x86-64.
pub const X86_64: u16 = 62;
/// `e_machine` of 64-bit ARM.
pub const AARCH64: u16 = 183;
/// `e_machine` of MIPS.
const MIPS: u16 = 8;

/// Longest symbol name that is read; no name that matters here has more than thirty bytes.
const MAX_SYMBOL_NAME: usize = 256;

/// What ELF's headers say beyond segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
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

/// The same arrays of a program without `PT_DYNAMIC`, by their sections where these are left
/// (`SHT_PREINIT_ARRAY`, `SHT_INIT_ARRAY`).
fn arrays_of_sections(bytes: &[u8], encoding: Encoding) -> Vec<(u64, u64)> {
    let at = |narrow, wide| if encoding.wide { wide } else { narrow };
    let table = encoding.word(bytes, at(32, 40)).and_then(|table| usize::try_from(table).ok());
    let entry_size = encoding.u16(bytes, at(46, 58)).map_or(0, usize::from);
    let count = encoding.u16(bytes, at(48, 60)).map_or(0, usize::from);
    let section = |index: usize| {
        let header = bytes.get(table?.checked_add(index.checked_mul(entry_size)?)?..)?;
        let kind = encoding.u32(header, 4)?;
        let address = encoding.word(header, at(12, 16))?;
        let size = encoding.word(header, at(20, 32))?;
        matches!(kind, 14 | 16).then_some((address, size))
    };
    (0..count).filter_map(section).take(4).collect()
}

/// The tables that `PT_DYNAMIC` points at: address and size.
#[derive(Debug, Default)]
struct Tables {
    rela: (u64, u64),
    rel: (u64, u64),
    plt: (u64, u64),
    plt_is_rela: bool,
    relr: (u64, u64),
    init: (u64, u64),
    preinit: (u64, u64),
    symbols: u64,
    strings: u64,
}

/// One entry of a relocation table.
struct Relocation {
    slot: u64,
    symbol: u32,
    kind: u32,
    addend: Option<u64>,
}

/// Lays out an ELF file of any class and byte order.
pub(crate) fn read(bytes: &[u8]) -> Option<Memory<'_>> {
    let encoding = Encoding { wide: *bytes.get(4)? == 2, little_endian: *bytes.get(5)? != 2 };
    let wide = encoding.wide;
    let at = |narrow_offset, wide_offset| if wide { wide_offset } else { narrow_offset };
    let mut found = Elf {
        machine: encoding.u16(bytes, 18)?,
        kind: encoding.u16(bytes, 16)?,
        entry: encoding.word(bytes, 24)?,
        has_interpreter: false,
        eh_frame_hdr: None,
        constructors: Vec::new(),
        imports: Vec::new(),
        symbols: 0,
        strings: 0,
    };
    let table = usize::try_from(encoding.word(bytes, at(28, 32))?).ok()?;
    let entry_size = usize::from(encoding.u16(bytes, at(42, 54))?);
    let count = usize::from(encoding.u16(bytes, at(44, 56))?);
    let mut segments = Vec::new();
    let mut dynamic = None;
    for index in 0..count {
        let Some(start) = table.checked_add(index * entry_size) else { break };
        let Some(header) = bytes.get(start..).filter(|rest| rest.len() >= at(32, 56)) else {
            break;
        };
        let word = |narrow, wide| encoding.word(header, at(narrow, wide)).unwrap_or(0);
        let flags = encoding.u32(header, at(24, 4)).unwrap_or(0);
        let (offset, address) = (word(4, 8), word(8, 16));
        let (file_size, memory_size) = (word(16, 32), word(20, 40));
        match encoding.u32(header, 0)? {
            1 if segments.len() < MAX_SEGMENTS => {
                let segment = Segment::within(bytes, address, offset, file_size, memory_size);
                segments.extend(segment.map(|segment| Segment {
                    executable: flags & 1 != 0,
                    writable: flags & 2 != 0,
                    ..segment
                }));
            }
            2 => dynamic = Segment::within(bytes, address, offset, file_size, file_size),
            3 => found.has_interpreter = true,
            0x6474_e550 => found.eh_frame_hdr = Some(address),
            _ => {}
        }
    }
    let mut memory = Memory {
        bytes,
        segments,
        pointers: Vec::new(),
        encoding,
        form: PointerForm::Plain,
        elf: None,
    };
    if let Some(part) = dynamic {
        let section = bytes.get(part.offset..part.offset + part.file_size).unwrap_or_default();
        let tables = Tables::read(section, encoding);
        (found.symbols, found.strings) = (tables.symbols, tables.strings);
        found.constructors = vec![tables.preinit, tables.init];
        tables.apply(&mut memory, &mut found);
    } else {
        found.constructors = arrays_of_sections(bytes, encoding);
    }
    found.constructors.retain(|array| array.1 > 0);
    memory.elf = Some(found);
    Some(memory)
}

impl Tables {
    fn read(section: &[u8], encoding: Encoding) -> Tables {
        let mut tables = Tables::default();
        for entry in section.chunks_exact(2 * encoding.size()) {
            let (Some(tag), Some(value)) =
                (encoding.word(entry, 0), encoding.word(entry, encoding.size()))
            else {
                break;
            };
            match tag {
                0 => break,
                2 => tables.plt.1 = value,
                5 => tables.strings = value,
                6 => tables.symbols = value,
                7 => tables.rela.0 = value,
                8 => tables.rela.1 = value,
                17 => tables.rel.0 = value,
                18 => tables.rel.1 = value,
                25 => tables.init.0 = value,
                27 => tables.init.1 = value,
                32 => tables.preinit.0 = value,
                33 => tables.preinit.1 = value,
                20 => tables.plt_is_rela = value == 7,
                23 => tables.plt.0 = value,
                // DT_RELR and DT_RELRSZ, with the numbers Android used before the gABI had them.
                36 | 0x6fff_e000 => tables.relr.0 = value,
                35 | 0x6fff_e001 => tables.relr.1 = value,
                _ => {}
            }
        }
        tables
    }

    /// Notes what each relocation writes. Where two write to one slot, the last one counts, as
    /// in the loader.
    fn apply(&self, memory: &mut Memory<'_>, elf: &mut Elf) {
        let mut pointers = Vec::new();
        let tables = [(self.rela, true), (self.rel, false), (self.plt, self.plt_is_rela)];
        for ((address, size), with_addend) in tables {
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
        self.packed(memory, &mut pointers);
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
    fn packed(&self, memory: &Memory<'_>, pointers: &mut Vec<Pointer>) {
        let size = memory.encoding.size();
        let part = memory.tail(self.relr.0);
        let part = &part[..part.len().min(usize::try_from(self.relr.1).unwrap_or(usize::MAX))];
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
}

impl Relocation {
    fn read(entry: &[u8], encoding: Encoding, machine: u16) -> Option<Relocation> {
        let size = encoding.size();
        let slot = encoding.word(entry, 0)?;
        let info = encoding.word(entry, size)?;
        let addend = (entry.len() > 2 * size).then(|| encoding.word(entry, 2 * size)).flatten();
        let (symbol, kind) = if !encoding.wide {
            (info as u32 >> 8, info as u32 & 0xff)
        } else if machine == MIPS && encoding.little_endian {
            // 64-bit MIPS splits the word into a 32-bit symbol and four single bytes.
            (info as u32, (info >> 56) as u32)
        } else {
            ((info >> 32) as u32, info as u32)
        };
        Some(Relocation { slot, symbol, kind, addend })
    }

    /// Without a symbol, the addend is the address, whatever the machine calls that kind of
    /// relocation; the exceptions are those of thread-local storage.
    fn note(&self, memory: &Memory<'_>, elf: &mut Elf, pointers: &mut Vec<Pointer>) {
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

impl Elf {
    /// `ET_DYN`: the loader chooses the address, and relocations write every pointer.
    pub fn is_relocatable(&self) -> bool {
        self.kind == 3
    }

    /// The symbol whose address the loader writes at `slot`, where it comes from another file.
    pub fn import<'a>(&self, memory: &Memory<'a>, slot: u64) -> Option<&'a [u8]> {
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
    fn symbol_value(&self, memory: &Memory<'_>, symbol: u32) -> Option<u64> {
        let entry_size = if memory.encoding.wide { 24 } else { 16 };
        let entry = memory.tail(self.symbols.checked_add(u64::from(symbol) * entry_size)?);
        let value = memory.encoding.word(entry, if memory.encoding.wide { 8 } else { 4 })?;
        (value != 0).then_some(value)
    }
}
