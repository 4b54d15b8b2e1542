//! The record inside the program: one more ELF section, and the program without it.
//!
//! The section is appended to the file, then the names with one name more, then the section
//! header table with one entry more, then a copy of the old file header:
//!
//! ```text
//! the program as it was   with the new table's place and size in its header
//! .binlint                the record and a line feed
//! .shstrtab               the old names and ".binlint"
//! section headers         the old ones and one more
//! the old file header     52 or 64 bytes
//! ```
//!
//! So the old program is inside unchanged and can be taken out bit for bit. Nothing that is
//! loaded moves: no program header changes, and the section has no `SHF_ALLOC`.

use crate::binary::elf::append_section::{ElfLayout, SHT_NOBITS, SHT_PROGBITS, SHT_STRTAB};

/// The section's name.
pub const SECTION: &str = ".binlint";

/// What a record that is to be embedded says of its subject's digest.
pub const DIGEST_COVERS: &str = "the file without its section .binlint";

/// The record that the program carries, as it stands in the section; `None` when there is none.
/// It is found in a stripped program too.
pub fn find(program: &[u8]) -> Option<&[u8]> {
    let elf = ElfLayout::read(program)?;
    let record = elf.section(SECTION)?.trim_ascii();
    (!record.is_empty()).then_some(record)
}

/// The program as it was before [`embed`], bit for bit: what a record's digest covers.
///
/// `None` when there is no embedded record, or when the file was written by anything else since:
/// then nothing says what the program was, and the digest has to fail.
pub fn without(program: &[u8]) -> Option<Vec<u8>> {
    let elf = ElfLayout::read(program)?;
    let place = elf.sections.iter().find(|section| section.name == SECTION.as_bytes())?;
    let record = program.get(place.range.clone())?.strip_suffix(b"\n")?;
    let header = program.len().checked_sub(elf.header_len())?;
    let mut original = program.get(..place.range.start)?.to_vec();
    original.get_mut(..elf.header_len())?.copy_from_slice(&program[header..]);
    // Whoever changed one byte of the file outside the record changed what comes out here.
    (embed_into(&original, record).as_deref() == Some(program)).then_some(original)
}

/// The program with the record inside; one that already carries a record gets this one instead.
/// `None` when the program is no ELF file with a table that can grow.
pub fn embed(program: &[u8], record: &[u8]) -> Option<Vec<u8>> {
    match without(program) {
        Some(original) => embed_into(&original, record),
        // A second section of the same name would hide the first.
        None if find(program).is_some() => None,
        None => embed_into(program, record),
    }
}

fn embed_into(program: &[u8], record: &[u8]) -> Option<Vec<u8>> {
    let elf = ElfLayout::read(program)?;
    let mut new = program.to_vec();
    let section = append(&mut new, &[record, b"\n"]);
    let old_names = elf.sections.get(elf.names).filter(|names| names.kind != SHT_NOBITS);
    let old_names = old_names.map_or(&b"\0"[..], |names| &program[names.range.clone()]);
    let names = append(&mut new, &[old_names, SECTION.as_bytes(), b"\0"]);
    let name = u32::try_from(old_names.len()).ok()?;

    let mut entries: Vec<Vec<u8>> =
        elf.table().chunks(elf.entry_len()).map(<[u8]>::to_vec).collect();
    let names_index = if entries.is_empty() {
        // A file whose table was cut off altogether gets one: the null entry, names, record.
        entries.push(vec![0; elf.entry_len()]);
        entries.push(elf.entry(0, SHT_STRTAB, &names)?);
        1
    } else {
        let entry = entries.get_mut(elf.names)?;
        *entry = elf.moved(entry, &names)?;
        elf.names
    };
    entries.push(elf.entry(name, SHT_PROGBITS, &section)?);
    let count = entries.len();
    // The table is read in place by those who map the file.
    new.resize(new.len().next_multiple_of(8), 0);
    let table = append(&mut new, &entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
    append(&mut new, &[&program[..elf.header_len()]]);
    let header = elf.header_with(table.start, count, names_index)?;
    new[..elf.header_len()].copy_from_slice(&header);
    Some(new)
}

fn append(to: &mut Vec<u8>, parts: &[&[u8]]) -> std::ops::Range<usize> {
    let start = to.len();
    parts.iter().for_each(|part| to.extend_from_slice(part));
    start..to.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::append_section::tests::sample;

    #[test]
    fn what_goes_in_comes_out_and_leaves_no_trace() {
        for (bits, little) in [(32, true), (32, false), (64, true), (64, false)] {
            let program = sample(bits, little);
            let carrying = embed(&program, b"{\"a\":1}").unwrap();
            assert_eq!(find(&carrying), Some(&b"{\"a\":1}"[..]));
            assert_eq!(without(&carrying).as_ref(), Some(&program));
            let elf = ElfLayout::read(&carrying).unwrap();
            assert_eq!(elf.section(".text"), Some(&b"code\xc3"[..]));
            assert_eq!(find(&program), None);
            assert_eq!(without(&program), None);
        }
    }

    #[test]
    fn embedding_again_replaces() {
        let program = sample(64, true);
        let once = embed(&program, b"{\"first\":1}").unwrap();
        assert_eq!(embed(&once, b"{\"first\":1}").as_ref(), Some(&once));
        let twice = embed(&once, b"{\"second\":2}").unwrap();
        assert_eq!(embed(&program, b"{\"second\":2}"), Some(twice));
    }

    #[test]
    fn a_byte_changed_anywhere_keeps_the_program_from_coming_back() {
        let program = sample(64, true);
        let carrying = embed(&program, b"{}").unwrap();
        let record = program.len()..program.len() + 2;
        for at in (0..carrying.len()).filter(|at| !record.contains(at)) {
            let mut changed = carrying.clone();
            changed[at] ^= 0x40;
            assert_ne!(without(&changed).as_ref(), Some(&program), "byte {at}");
        }
        for end in 0..carrying.len() {
            assert_eq!(without(&carrying[..end]), None);
        }
    }

    #[test]
    fn a_file_without_any_section_gets_a_table() {
        let mut program = sample(64, true);
        program[0x28..0x30].fill(0);
        program[0x3c..0x40].fill(0);
        let carrying = embed(&program, b"{}").unwrap();
        assert_eq!(find(&carrying), Some(&b"{}"[..]));
        assert_eq!(without(&carrying), Some(program));
    }

    #[test]
    fn what_is_no_elf_file_is_left_alone() {
        assert_eq!(embed(b"MZ", b"{}"), None);
        assert_eq!(embed(b"", b"{}"), None);
    }
}
