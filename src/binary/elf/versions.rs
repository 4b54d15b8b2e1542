//! Symbol versions: what a file requires of others (`DT_VERNEED`) and what it defines (`DT_VERDEF`).

use object::read::ReadRef;

use crate::binary::elf::reader::MappedFile;

/// One version that a file requires of one library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library, as `DT_NEEDED` names it (`vn_file`).
    pub library: String,
    /// The version (`vna_name`).
    pub name: String,
    /// The ELF hash that the file gives for it (`vna_hash`).
    pub hash: u32,
    /// The loader does not insist on it (`VER_FLG_WEAK`).
    pub weak: bool,
    /// Its index in `DT_VERSYM`.
    pub index: u16,
    /// Only a definition of this very version will do (bit 15 of `vna_other`).
    pub hidden: bool,
}

/// One version that a file defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionDefinition {
    /// The version (`vda_name` of the first entry).
    pub name: String,
    /// The ELF hash that the file gives for it (`vd_hash`).
    pub hash: u32,
    /// The file's own name and not a version (`VER_FLG_BASE`).
    pub base: bool,
    /// Its index in `DT_VERSYM`.
    pub index: u16,
}

/// No library of the field has a hundredth of this many.
const MAX_VERSIONS: usize = 16_384;

/// Reads `DT_VERNEED`; the loader follows `vn_next` and `vna_next` until they are zero.
pub(crate) fn needs<'data, R: ReadRef<'data>>(
    memory: &MappedFile<'_, 'data, R>,
    strings: u64,
    mut at: u64,
) -> Vec<VersionNeed> {
    let raw = memory.raw;
    let text = |offset: u32| text(memory, strings, offset);
    let mut needs = Vec::new();
    let mut steps = 0;
    while let Some(file) = memory.bytes(at, 16) {
        let library = text(raw.u32(file, 4));
        let mut entry_at = at.saturating_add(u64::from(raw.u32(file, 8)));
        while let Some(entry) = memory.bytes(entry_at, 16) {
            let other = raw.u16(entry, 6);
            needs.push(VersionNeed {
                library: library.clone(),
                name: text(raw.u32(entry, 8)),
                hash: raw.u32(entry, 0),
                weak: raw.u16(entry, 4) & 2 != 0,
                index: other & 0x7fff,
                hidden: other & 0x8000 != 0,
            });
            let next = raw.u32(entry, 12);
            if next == 0 || needs.len() >= MAX_VERSIONS {
                break;
            }
            entry_at = entry_at.saturating_add(u64::from(next));
        }
        steps += 1;
        let next = raw.u32(file, 12);
        if next == 0 || steps >= MAX_VERSIONS || needs.len() >= MAX_VERSIONS {
            break;
        }
        at = at.saturating_add(u64::from(next));
    }
    needs
}

/// Reads `DT_VERDEF`; the first auxiliary entry of each definition is its name.
pub(crate) fn definitions<'data, R: ReadRef<'data>>(
    memory: &MappedFile<'_, 'data, R>,
    strings: u64,
    mut at: u64,
) -> Vec<VersionDefinition> {
    let raw = memory.raw;
    let mut definitions = Vec::new();
    while let Some(entry) = memory.bytes(at, 20) {
        let name_at = at.saturating_add(u64::from(raw.u32(entry, 12)));
        let name = memory.bytes(name_at, 8).map(|it| text(memory, strings, raw.u32(it, 0)));
        definitions.push(VersionDefinition {
            name: name.unwrap_or_default(),
            hash: raw.u32(entry, 8),
            base: raw.u16(entry, 2) & 1 != 0,
            index: raw.u16(entry, 4) & 0x7fff,
        });
        let next = raw.u32(entry, 16);
        if next == 0 || definitions.len() >= MAX_VERSIONS {
            break;
        }
        at = at.saturating_add(u64::from(next));
    }
    definitions
}

fn text<'data, R: ReadRef<'data>>(
    memory: &MappedFile<'_, 'data, R>,
    strings: u64,
    offset: u32,
) -> String {
    let bytes = memory.string(strings.saturating_add(u64::from(offset))).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}
