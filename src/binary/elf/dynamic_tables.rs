//! Where the dynamic section says that the loader's other tables are, in which form.

use crate::binary::encoding::Encoding;

/// The addresses and sizes in the dynamic section that lead to other tables.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct DynamicTables {
    pub(crate) strings: u64,
    pub(crate) symbols: Option<u64>,
    pub(crate) hash: Option<u64>,
    pub(crate) gnu_hash: Option<u64>,
    pub(crate) versions: Option<u64>,
    /// `(address, bytes)` of `DT_RELA`, `DT_REL` and `DT_JMPREL`.
    pub(crate) rela: (u64, u64),
    pub(crate) rel: (u64, u64),
    pub(crate) plt: (u64, u64),
    /// Whether the entries of `DT_JMPREL` have addends.
    pub(crate) plt_has_addends: bool,
    /// `DT_MIPS_GOTSYM`: every symbol from here on is bound through the global offset table.
    pub(crate) mips_first_got_symbol: Option<u64>,
    /// `DT_MIPS_SYMTABNO`.
    pub(crate) mips_symbols: u64,
    /// `DT_RELR`.
    pub(crate) relr: (u64, u64),
    /// `DT_PREINIT_ARRAY` and `DT_INIT_ARRAY`.
    pub(crate) preinit_array: (u64, u64),
    pub(crate) init_array: (u64, u64),
}

/// Tag and value of each entry of a dynamic section, up to the one that ends it.
pub(crate) fn entries(section: &[u8], encoding: Encoding) -> impl Iterator<Item = (u64, u64)> {
    let size = encoding.size();
    let entries = section.chunks_exact(2 * size);
    let entry = move |it: &[u8]| Some((encoding.word(it, 0)?, encoding.word(it, size)?));
    entries.map_while(entry).take_while(|&(tag, _)| tag != 0)
}

impl DynamicTables {
    /// The last entry of a tag counts, as the loader's own table of entries has it.
    pub(crate) fn of(entries: impl Iterator<Item = (u64, u64)>) -> DynamicTables {
        let mut tables = DynamicTables::default();
        for (tag, value) in entries {
            match tag {
                DT_STRTAB => tables.strings = value,
                DT_SYMTAB => tables.symbols = Some(value),
                DT_HASH => tables.hash = Some(value),
                DT_GNU_HASH => tables.gnu_hash = Some(value),
                DT_VERSYM => tables.versions = Some(value),
                DT_RELA => tables.rela.0 = value,
                DT_RELASZ => tables.rela.1 = value,
                DT_REL => tables.rel.0 = value,
                DT_RELSZ => tables.rel.1 = value,
                DT_JMPREL => tables.plt.0 = value,
                DT_PLTRELSZ => tables.plt.1 = value,
                DT_PLTREL => tables.plt_has_addends = value == DT_RELA,
                DT_RELR | DT_ANDROID_RELR => tables.relr.0 = value,
                DT_RELRSZ | DT_ANDROID_RELRSZ => tables.relr.1 = value,
                DT_PREINIT_ARRAY => tables.preinit_array.0 = value,
                DT_PREINIT_ARRAYSZ => tables.preinit_array.1 = value,
                DT_INIT_ARRAY => tables.init_array.0 = value,
                DT_INIT_ARRAYSZ => tables.init_array.1 = value,
                DT_MIPS_GOTSYM => tables.mips_first_got_symbol = Some(value),
                DT_MIPS_SYMTABNO => tables.mips_symbols = value,
                _ => {}
            }
        }
        tables
    }
}

/// Index of the symbol and type of one relocation: `r_info`, behind the address.
pub(crate) fn relocation(entry: &[u8], machine: u16, encoding: Encoding) -> Option<(u32, u32)> {
    const MIPS: u16 = 8;
    let info = encoding.word(entry, encoding.size())?;
    if !encoding.wide {
        return Some((info as u32 >> 8, info as u32 & 0xff));
    }
    // 64-bit MIPS has the symbol first and three one-byte types, the last of them first.
    if machine == MIPS {
        return Some((encoding.u32(entry, 8)?, u32::from(*entry.get(15)?)));
    }
    Some(((info >> 32) as u32, info as u32))
}

// System V gABI, chapter 5, "Dynamic Section"; the GNU ones from binutils' include/elf/common.h.
pub(super) const DT_NEEDED: u64 = 1;
const DT_PLTRELSZ: u64 = 2;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
pub(super) const DT_SONAME: u64 = 14;
pub(super) const DT_RPATH: u64 = 15;
const DT_REL: u64 = 17;
const DT_RELSZ: u64 = 18;
const DT_PLTREL: u64 = 20;
pub(super) const DT_TEXTREL: u64 = 22;
const DT_JMPREL: u64 = 23;
pub(super) const DT_BIND_NOW: u64 = 24;
pub(super) const DT_RUNPATH: u64 = 29;
pub(super) const DT_FLAGS: u64 = 30;
const DT_INIT_ARRAY: u64 = 25;
const DT_INIT_ARRAYSZ: u64 = 27;
const DT_PREINIT_ARRAY: u64 = 32;
const DT_PREINIT_ARRAYSZ: u64 = 33;
const DT_RELRSZ: u64 = 35;
pub(super) const DT_RELR: u64 = 36;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const DT_VERSYM: u64 = 0x6fff_fff0;
pub(super) const DT_FLAGS_1: u64 = 0x6fff_fffb;
pub(super) const DT_VERDEF: u64 = 0x6fff_fffc;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_MIPS_SYMTABNO: u64 = 0x7000_0011;
const DT_MIPS_GOTSYM: u64 = 0x7000_0013;
pub(super) const DT_AUXILIARY: u64 = 0x7fff_fffd;
pub(super) const DT_FILTER: u64 = 0x7fff_ffff;
pub(super) const DF_TEXTREL: u64 = 4;
pub(super) const DF_BIND_NOW: u64 = 8;
pub(super) const DF_1_NOW: u64 = 1;
// The numbers that Android used before the gABI had them.
const DT_ANDROID_RELR: u64 = 0x6fff_e000;
const DT_ANDROID_RELRSZ: u64 = 0x6fff_e001;
