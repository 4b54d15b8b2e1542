//! The dynamic section: the entries that a loader obeys.

use object::read::ReadRef;

use crate::binary::elf::dynamic_tables::{
    DF_1_NOW, DF_BIND_NOW, DF_TEXTREL, DT_AUXILIARY, DT_BIND_NOW, DT_FILTER, DT_FLAGS, DT_FLAGS_1,
    DT_NEEDED, DT_RELR, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_TEXTREL, DT_VERDEF, DT_VERNEED,
    DynamicTables, entries,
};
use crate::binary::elf::reader::{ElfBytes, MappedFile};
use crate::binary::elf::{Depth, DynamicInfo, PT_DYNAMIC, symbols, versions};

/// Entries of the dynamic section that are read at most.
const MAX_ENTRIES: u64 = 65_536;

/// Fills in all that the dynamic section leads to.
pub(crate) fn read<'data, R: ReadRef<'data>>(
    raw: &ElfBytes<'data, R>,
    linking: &mut DynamicInfo,
    depth: Depth,
) {
    let Some(&segment) = linking.segment(PT_DYNAMIC) else { return };
    linking.dynamic = true;
    let segments = linking.segments.clone();
    let memory = MappedFile { raw, segments: &segments };
    let record = raw.word_size() * 2;
    let size = segment.file_size.max(segment.memory_size).min(MAX_ENTRIES * record);
    let mut bytes = memory.records(segment.address, size, record);
    if bytes.is_empty() {
        bytes = raw.bytes(segment.offset, segment.file_size).unwrap_or_default();
    }
    if bytes.is_empty() {
        linking.notes.push("the dynamic section lies outside the file".to_string());
        return;
    }
    let entries: Vec<(u64, u64)> = entries(bytes, raw.encoding).collect();
    let tables = DynamicTables::of(entries.iter().copied());
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

fn strings<'data, R: ReadRef<'data>>(
    memory: &MappedFile<'_, 'data, R>,
    linking: &mut DynamicInfo,
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

fn flags(linking: &mut DynamicInfo, entries: &[(u64, u64)]) {
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
