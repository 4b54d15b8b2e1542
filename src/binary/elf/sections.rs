//! What an ELF file says beside what its loader reads: sections, notes, `.comment`, attributes.

use object::ReadRef;
use object::elf;

use crate::binary::SectionSize;
use crate::binary::elf::reader::ElfBytes;
use crate::binary::elf::{DynamicInfo, PT_NOTE};
use crate::binary::encoding::Encoding;

/// A section name, an interpreter: what the kernel would take (`PATH_MAX`).
const MAX_NAME: u64 = 4096;
/// All notes of a segment, all of `.comment`, all of `.ARM.attributes`.
const MAX_SMALL: u64 = 64 * 1024;

/// What sections and notes say. Nothing here is larger than the caps above, whatever the file
/// says.
#[derive(Debug, Default)]
pub(crate) struct SectionFacts {
    pub sections: Vec<NamedSection>,
    pub notes: Vec<Note>,
    /// The strings of `.comment`: the compilers and linkers that had a part in the file.
    pub comment: Vec<String>,
    /// The bytes of `.ARM.attributes`.
    pub arm_attributes: Vec<u8>,
    /// What lies outside the file or contradicts itself.
    pub damage: Vec<String>,
    little_endian: bool,
}

/// One section header.
#[derive(Debug, Clone)]
pub(crate) struct NamedSection {
    pub name: String,
    pub kind: u32,
    pub flags: u64,
    pub offset: u64,
    pub size: u64,
    pub entry_size: u64,
}

/// One note of a `PT_NOTE` segment, or of a note section where there are no segments.
#[derive(Debug)]
pub(crate) struct Note {
    pub name: String,
    pub kind: u32,
    pub desc: Vec<u8>,
}

impl SectionFacts {
    /// Reads what is there of a file whose `linking` was read before.
    pub fn read<'data, R: ReadRef<'data>>(data: R, linking: &DynamicInfo) -> SectionFacts {
        let mut headers =
            SectionFacts { little_endian: linking.is_little_endian(), ..SectionFacts::default() };
        let length = linking.file_size;
        let past_the_end =
            |offset: u64, size: u64| offset.checked_add(size).is_none_or(|end| end > length);
        let of_bytes = linking.segments.iter().filter(|it| it.file_size > 0);
        match of_bytes.filter(|it| past_the_end(it.offset, it.file_size)).count() {
            0 => {}
            cut => headers.damage.push(format!(
                "{cut} of {} segments reach past the end of the file",
                linking.segments.len()
            )),
        }
        read_sections(data, &mut headers);
        read_small(data, linking, &mut headers);
        headers
    }

    /// The section of this name, where it holds bytes of the file.
    pub fn section(&self, name: &str) -> Option<&NamedSection> {
        self.sections.iter().find(|s| s.name == name && s.kind != elf::SHT_NOBITS.0 && s.size > 0)
    }

    /// What takes bytes of the file, the largest first.
    pub fn sizes(&self) -> Vec<SectionSize> {
        const MOST: usize = 64;
        let in_file = |it: &&NamedSection| it.kind != elf::SHT_NOBITS.0 && it.size > 0;
        let sizes = self.sections.iter().filter(in_file);
        let mut sizes: Vec<_> =
            sizes.map(|it| SectionSize { name: it.name.clone(), size: it.size }).collect();
        sizes.sort_by_key(|it| std::cmp::Reverse(it.size));
        sizes.truncate(MOST);
        sizes
    }

    /// The first note of this owner and type.
    pub fn note(&self, name: &str, kind: u32) -> Option<&Note> {
        self.notes.iter().find(|note| note.kind == kind && note.name == name)
    }

    /// A 32-bit word in the file's own byte order.
    pub fn word(&self, bytes: &[u8]) -> Option<u32> {
        let encoding = Encoding { wide: false, little_endian: self.little_endian };
        encoding.u32(bytes, 0)
    }
}

impl NamedSection {
    /// The section's bytes in the file, clipped to what is there.
    pub fn bytes<'data, R: ReadRef<'data>>(&self, data: R, cap: u64) -> Option<&'data [u8]> {
        let there = data.len().ok()?.checked_sub(self.offset)?;
        data.read_bytes_at(self.offset, self.size.min(there).min(cap)).ok()
    }
}

fn read_sections<'data, R: ReadRef<'data>>(data: R, to: &mut SectionFacts) {
    let Ok(raw) = ElfBytes::open(data) else { return };
    let table = match raw.sections() {
        Ok(table) => table,
        Err(why) => return to.damage.push(why.to_string()),
    };
    // One read for all names: they are small, and a file may be read through a cache.
    let names = table.names.and_then(|names| {
        let there = raw.len().checked_sub(names.offset)?;
        raw.bytes(names.offset, names.size.min(there).min(64 * MAX_SMALL))
    });
    let names = names.unwrap_or_default();
    if names.is_empty() && !table.headers.is_empty() {
        to.damage.push("the section names lie outside the file".to_string());
    }
    to.sections.extend(table.headers.iter().map(|section| NamedSection {
        name: c_string(names.get(section.name as usize..).unwrap_or_default()),
        kind: section.kind,
        flags: section.flags,
        offset: section.offset,
        size: section.size,
        entry_size: section.entry_size,
    }));
}

/// The small contents that belong to the headers: interpreter, notes, `.comment`, attributes.
fn read_small<'data, R: ReadRef<'data>>(data: R, linking: &DynamicInfo, to: &mut SectionFacts) {
    let mut ranges: Vec<(u64, u64, u64)> = linking
        .segments
        .iter()
        .filter(|segment| segment.kind == PT_NOTE)
        .map(|segment| (segment.offset, segment.file_size, segment.align))
        .collect();
    // Some systems' linkers leave their notes without a segment, and objects have no segments.
    ranges.extend(to.sections.iter().filter(|section| section.kind == elf::SHT_NOTE.0).map(
        |section| {
            (section.offset, section.size, if section.name == ".note.gnu.property" { 8 } else { 4 })
        },
    ));
    ranges.truncate(64);
    for (offset, size, align) in ranges {
        let bytes = data.read_bytes_at(offset, size.min(MAX_SMALL)).unwrap_or_default();
        read_notes(bytes, align, to);
    }
    if let Some(bytes) = to.section(".comment").and_then(|s| s.bytes(data, MAX_SMALL)) {
        let mut comment: Vec<String> =
            bytes.split(|&b| b == 0).filter(|s| !s.is_empty()).map(text).collect();
        comment.sort();
        comment.dedup();
        to.comment = comment;
    }
    if linking.machine == elf::EM_ARM.0 {
        let bytes = to.section(".ARM.attributes").and_then(|s| s.bytes(data, MAX_SMALL));
        to.arm_attributes = bytes.unwrap_or_default().to_vec();
    }
}

/// gABI, "Note Section": three words, the name and the descriptor, each padded.
fn read_notes(mut bytes: &[u8], align: u64, to: &mut SectionFacts) {
    let align = if align == 8 { 8 } else { 4 };
    for _ in 0..256 {
        let (Some(name_size), Some(desc_size), Some(kind)) = (
            to.word(bytes),
            to.word(bytes.get(4..).unwrap_or_default()),
            to.word(bytes.get(8..).unwrap_or_default()),
        ) else {
            return;
        };
        let name_end = 12usize.saturating_add(name_size as usize);
        let desc_start = name_end.checked_next_multiple_of(align).unwrap_or(usize::MAX);
        let desc_end = desc_start.saturating_add(desc_size as usize);
        let (Some(name), Some(desc)) = (bytes.get(12..name_end), bytes.get(desc_start..desc_end))
        else {
            return;
        };
        let note = Note { name: c_string(name), kind, desc: desc.to_vec() };
        if !to
            .notes
            .iter()
            .any(|n| n.kind == note.kind && n.name == note.name && n.desc == note.desc)
        {
            to.notes.push(note);
        }
        let next = desc_end.checked_next_multiple_of(align).unwrap_or(usize::MAX);
        bytes = bytes.get(next..).unwrap_or_default();
    }
}

/// Text up to the first NUL; what is not UTF-8 is replaced, as it is only ever shown.
pub(crate) fn c_string(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len()).min(MAX_NAME as usize);
    text(&bytes[..end])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
