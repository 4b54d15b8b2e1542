//! The dynamic section: the entries that a loader obeys.

use object::read::ReadRef;

use crate::binary::elf::dynamic_tables::Tables;
use crate::binary::elf::reader::{Memory, Raw};
use crate::binary::elf::{Depth, Linking, PT_DYNAMIC, symbols, versions};

/// Entries of the dynamic section that are read at most.
const MOST_ENTRIES: u64 = 65_536;

/// Fills in all that the dynamic section leads to.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    raw: &Raw<'data, R>,
    linking: &mut Linking,
    depth: Depth,
) {
    let Some(&segment) = linking.segment(PT_DYNAMIC) else { return };
    linking.dynamic = true;
    let segments = linking.segments.clone();
    let memory = Memory { raw, segments: &segments };
    let record = raw.word_size() * 2;
    let size = segment.file_size.max(segment.memory_size).min(MOST_ENTRIES * record);
    let mut bytes = memory.records(segment.address, size, record);
    if bytes.is_empty() {
        bytes = raw.bytes(segment.offset, segment.file_size).unwrap_or_default();
    }
    if bytes.is_empty() {
        linking.notes.push("the dynamic section lies outside the file".to_string());
        return;
    }
    let word = raw.word_size() as usize;
    let entries: Vec<(u64, u64)> = bytes
        .chunks_exact(word * 2)
        .map(|entry| (raw.word(entry, 0), raw.word(entry, word)))
        .take_while(|&(tag, _)| tag != 0)
        .collect();
    let tables = tables(&entries);
    strings(&memory, linking, &entries, tables.strings);
    flags(linking, &entries);
    let value = |tag: u64| entries.iter().rev().find(|entry| entry.0 == tag).map(|entry| entry.1);
    if let Some(at) = value(DT_VERNEED) {
        linking.version_needs = versions::needs(&memory, tables.strings, at);
    }
    if let Some(at) = value(DT_VERDEF) {
        linking.version_definitions = versions::definitions(&memory, tables.strings, at);
    }
    linking.has_versions = tables.versions.is_some();
    if depth == Depth::Symbols {
        linking.symbols = Some(symbols::read(&memory, linking.machine, &tables));
    }
}

/// The last entry of a tag counts, as the loader's own table of entries has it.
fn tables(entries: &[(u64, u64)]) -> Tables {
    let mut tables = Tables::default();
    for &(tag, value) in entries {
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
            DT_MIPS_GOTSYM => tables.mips_first_got_symbol = Some(value),
            DT_MIPS_SYMTABNO => tables.mips_symbols = value,
            _ => {}
        }
    }
    tables
}

fn strings<'data, R: ReadRef<'data>>(
    memory: &Memory<'_, 'data, R>,
    linking: &mut Linking,
    entries: &[(u64, u64)],
    table: u64,
) {
    for &(tag, value) in entries {
        if !matches!(tag, DT_NEEDED | DT_SONAME | DT_RPATH | DT_RUNPATH | DT_AUXILIARY | DT_FILTER)
        {
            continue;
        }
        let Some(bytes) = memory.string(table.saturating_add(value)) else {
            linking.notes.push(format!("dynamic entry {tag:#x}: its string is not in the file"));
            continue;
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        match tag {
            DT_NEEDED => linking.needed.push(text),
            DT_SONAME => linking.soname = Some(text),
            DT_RPATH => linking.rpath = Some(text),
            DT_RUNPATH => linking.runpath = Some(text),
            DT_AUXILIARY => linking.filters.push((text, false)),
            _ => linking.filters.push((text, true)),
        }
    }
}

fn flags(linking: &mut Linking, entries: &[(u64, u64)]) {
    for &(tag, value) in entries {
        match tag {
            DT_FLAGS => linking.dt_flags = value,
            DT_FLAGS_1 => linking.dt_flags_1 = value,
            DT_BIND_NOW => linking.bind_now = true,
            DT_TEXTREL => linking.text_relocations = true,
            DT_RELR => linking.packed_relocations = true,
            _ => {}
        }
    }
    linking.bind_now |= linking.dt_flags & DF_BIND_NOW != 0 || linking.dt_flags_1 & DF_1_NOW != 0;
    linking.text_relocations |= linking.dt_flags & DF_TEXTREL != 0;
}

// System V gABI, chapter 5, "Dynamic Section"; the GNU ones from binutils' include/elf/common.h.
const DT_NEEDED: u64 = 1;
const DT_PLTRELSZ: u64 = 2;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_REL: u64 = 17;
const DT_RELSZ: u64 = 18;
const DT_PLTREL: u64 = 20;
const DT_TEXTREL: u64 = 22;
const DT_JMPREL: u64 = 23;
const DT_BIND_NOW: u64 = 24;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS: u64 = 30;
const DT_RELR: u64 = 36;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
const DT_VERSYM: u64 = 0x6fff_fff0;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_MIPS_SYMTABNO: u64 = 0x7000_0011;
const DT_MIPS_GOTSYM: u64 = 0x7000_0013;
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;
const DF_TEXTREL: u64 = 4;
const DF_BIND_NOW: u64 = 8;
const DF_1_NOW: u64 = 1;
