//! A program as the loader lays it out: addresses to bytes, and the pointers that relocations write.
//!
//! Needs no section header and no symbol, because neither survives every `strip`.

use object::{Object, ObjectSegment};

use crate::binary::address_space::elf::ElfTables;
use crate::binary::encoding::Encoding;

pub mod elf;

/// Most segments that are looked at; real programs have up to about twenty.
pub(crate) const MAX_SEGMENTS: usize = 64;

/// Most pointers that relocations may write; a program of 500 MB has about a million.
pub(crate) const MAX_POINTERS: usize = 4 << 20;

/// The file's bytes by address.
#[derive(Debug)]
pub struct AddressSpace<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) segments: Vec<MappedSegment>,
    /// What relocations write, in order of slots, each slot once.
    pub(crate) pointers: Vec<Pointer>,
    pub(crate) encoding: Encoding,
    pub(crate) form: PointerForm,
    /// What only ELF says; `None` for the other formats.
    pub elf: Option<ElfTables>,
}

/// A part of the file that is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedSegment {
    /// Address of the first byte.
    pub address: u64,
    /// Where that byte is in the file.
    pub offset: usize,
    /// Bytes that come from the file; never more than the file has.
    pub file_size: usize,
    /// Bytes in memory; the rest is zero.
    pub memory_size: u64,
    /// Mapped for execution.
    pub executable: bool,
    /// Mapped for writing when the program starts.
    pub writable: bool,
}

/// A word that holds an address once the loader is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    /// Where the word is.
    pub slot: u64,
    /// What it points at.
    pub value: u64,
}

/// How a pointer looks in the file, where no relocation replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PointerForm {
    /// The address itself.
    Plain,
    /// Perhaps a link of dyld's chain: the low 36 bits are an address, or an offset from the
    /// image's base, and the highest bit marks an import (`mach-o/fixup-chains.h`).
    Chained { base: u64 },
}

impl<'a> AddressSpace<'a> {
    /// Lays out an ELF, PE or thin Mach-O file; `None` when the bytes are none of these or their
    /// headers are cut off. Damage further in shortens what can be seen and is never an error.
    pub fn read(bytes: &'a [u8]) -> Option<AddressSpace<'a>> {
        if bytes.starts_with(b"\x7fELF") {
            return crate::binary::address_space::elf::read(bytes);
        }
        let file = object::File::parse(bytes).ok()?;
        let is_macho = match &file {
            object::File::MachO32(_) | object::File::MachO64(_) => true,
            object::File::Pe32(_) | object::File::Pe64(_) => false,
            _ => return None,
        };
        let encoding = Encoding { wide: file.is_64(), little_endian: file.is_little_endian() };
        let segments = file.segments().filter_map(|segment| {
            let (offset, file_size) = segment.file_range();
            let (address, memory_size) = (segment.address(), segment.size());
            let permissions = segment.permissions();
            let plain = MappedSegment::within(bytes, address, offset, file_size, memory_size)?;
            Some(MappedSegment {
                executable: permissions.executable(),
                writable: permissions.writable(),
                ..plain
            })
        });
        let segments: Vec<MappedSegment> = segments.take(MAX_SEGMENTS).collect();
        // The image's base is where its header is mapped: offset 0 of the file.
        let header = segments.iter().find(|segment| segment.offset == 0 && segment.file_size > 0);
        let form = match header {
            Some(header) if is_macho => PointerForm::Chained { base: header.address },
            _ => PointerForm::Plain,
        };
        Some(AddressSpace { bytes, segments, pointers: Vec::new(), encoding, form, elf: None })
    }

    /// The whole file.
    pub fn file(&self) -> &'a [u8] {
        self.bytes
    }

    /// The mapped parts, in file order.
    pub fn segments(&self) -> &[MappedSegment] {
        &self.segments
    }

    /// The file as far as a loader maps it: what lies behind is for debuggers, and no text of the
    /// code is there.
    pub fn mapped(&self) -> &'a [u8] {
        let end = self.segments.iter().map(|it| it.offset.saturating_add(it.file_size)).max();
        end.and_then(|end| self.bytes.get(..end)).unwrap_or(self.bytes)
    }

    /// What relocations write, in order of slots.
    pub fn pointers(&self) -> &[Pointer] {
        &self.pointers
    }

    /// Width and byte order of a word.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The segment that has this address, counting memory that is zero at the start.
    pub fn segment(&self, address: u64) -> Option<&MappedSegment> {
        self.segments.iter().find(|segment| {
            address.checked_sub(segment.address).is_some_and(|at| at < segment.memory_size)
        })
    }

    /// Where in the file this address comes from.
    pub fn offset(&self, address: u64) -> Option<usize> {
        self.segments.iter().find_map(|segment| {
            let at = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            (at < segment.file_size).then(|| segment.offset + at)
        })
    }

    /// The bytes from this address to the end of its segment's part of the file.
    pub fn tail(&self, address: u64) -> &'a [u8] {
        let found = self.segments.iter().find_map(|segment| {
            let at = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            let whole = self.bytes.get(segment.offset..segment.offset + segment.file_size)?;
            whole.get(at..).filter(|rest| !rest.is_empty())
        });
        found.unwrap_or_default()
    }

    /// Exactly `length` bytes from this address, all of one segment.
    pub fn bytes(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        self.tail(address).get(..length)
    }

    /// Whether the address is mapped for execution.
    pub fn is_executable(&self, address: u64) -> bool {
        self.segment(address).is_some_and(|segment| segment.executable)
    }

    /// What a relocation writes at this address; `None` where none does.
    pub fn relocated(&self, slot: u64) -> Option<u64> {
        let at = self.pointers.binary_search_by_key(&slot, |pointer| pointer.slot).ok()?;
        Some(self.pointers[at].value)
    }

    /// The word at this address once the loader is done.
    pub fn word(&self, address: u64) -> Option<u64> {
        self.relocated(address).or_else(|| self.encoding.word(self.tail(address), 0))
    }

    /// The address that a word of the file stands for, where no relocation replaces it.
    pub(crate) fn resolve(&self, word: u64) -> u64 {
        match self.form {
            PointerForm::Chained { base } if self.segment(word).is_none() && word >> 63 == 0 => {
                let target = word & ((1 << 36) - 1);
                if self.segment(target).is_some() { target } else { base.wrapping_add(target) }
            }
            PointerForm::Plain | PointerForm::Chained { .. } => word,
        }
    }
}

impl MappedSegment {
    /// A segment whose part of the file really is in the file; neither writable nor executable.
    pub(crate) fn within(
        bytes: &[u8],
        address: u64,
        offset: u64,
        file_size: u64,
        memory_size: u64,
    ) -> Option<MappedSegment> {
        let offset = usize::try_from(offset).ok()?;
        let available = bytes.len().checked_sub(offset)?;
        let file_size = usize::try_from(file_size).unwrap_or(usize::MAX).min(available);
        // An address range that wraps around is nothing a loader would map.
        address.checked_add(memory_size.max(file_size as u64))?;
        let memory_size = memory_size.max(file_size as u64);
        Some(MappedSegment {
            address,
            offset,
            file_size,
            memory_size,
            executable: false,
            writable: false,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A minimal program in one class and byte order.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct TestProgram {
        pub(crate) wide: bool,
        pub(crate) little_endian: bool,
    }

    impl TestProgram {
        pub(crate) const ALL: [TestProgram; 4] = [
            TestProgram { wide: true, little_endian: true },
            TestProgram { wide: true, little_endian: false },
            TestProgram { wide: false, little_endian: true },
            TestProgram { wide: false, little_endian: false },
        ];

        pub(crate) fn word_size(self) -> usize {
            if self.wide { 8 } else { 4 }
        }

        /// Where the data of [`TestProgram::elf`] is mapped.
        pub(crate) fn data_address(self) -> u64 {
            0x40_0000 + self.headers() as u64
        }

        fn headers(self) -> usize {
            if self.wide { 64 + 2 * 56 } else { 56 + 2 * 32 }
        }

        pub(crate) fn push_u32(self, to: &mut Vec<u8>, value: u32) {
            to.extend(if self.little_endian { value.to_le_bytes() } else { value.to_be_bytes() });
        }

        pub(crate) fn push_word(self, to: &mut Vec<u8>, value: u64) {
            if !self.wide {
                self.push_u32(to, value as u32);
            } else if self.little_endian {
                to.extend(value.to_le_bytes());
            } else {
                to.extend(value.to_be_bytes());
            }
        }

        /// A fixed-address program whose one segment holds the headers and `data`.
        pub(crate) fn elf(self, data: &[u8]) -> Vec<u8> {
            self.with_dynamic(2, data, 0)
        }

        /// The same with `e_type`, and with the last `dynamic` bytes of the data as `PT_DYNAMIC`.
        pub(crate) fn with_dynamic(self, kind: u16, data: &[u8], dynamic: usize) -> Vec<u8> {
            let half = |value: u16| {
                if self.little_endian { value.to_le_bytes() } else { value.to_be_bytes() }
            };
            let mut file = b"\x7fELF".to_vec();
            file.extend([1 + u8::from(self.wide), 2 - u8::from(self.little_endian), 1]);
            file.resize(16, 0);
            file.extend([half(kind), half(62)].concat());
            self.push_u32(&mut file, 1);
            let headers = if self.wide { 64 } else { 56 };
            for word in [self.data_address(), headers, 0] {
                self.push_word(&mut file, word);
            }
            self.push_u32(&mut file, 0);
            let (own, entry) = if self.wide { (64, 56) } else { (52, 32) };
            file.extend([half(own), half(entry), half(2)].concat());
            file.resize(headers as usize, 0);
            let size = (self.headers() + data.len()) as u64;
            let start = size - dynamic as u64;
            for (kind, offset, size) in [(1, 0, size), (2, start, dynamic as u64)] {
                let address = 0x40_0000 + offset;
                self.push_u32(&mut file, kind);
                if self.wide {
                    self.push_u32(&mut file, 6);
                }
                for word in [offset, address, address, size, size] {
                    self.push_word(&mut file, word);
                }
                if !self.wide {
                    self.push_u32(&mut file, 6);
                }
                self.push_word(&mut file, 8);
            }
            file.extend(data);
            file
        }
    }

    /// Data, then a table, then a dynamic section that names the table.
    fn relocated(sketch: TestProgram, tags: [u64; 2], data: &[u64], table: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in data.iter().chain(table) {
            sketch.push_word(&mut bytes, *word);
        }
        let size = sketch.word_size() as u64;
        let at = sketch.data_address() + data.len() as u64 * size;
        for word in [tags[0], at, tags[1], table.len() as u64 * size, 0, 0] {
            sketch.push_word(&mut bytes, word);
        }
        sketch.with_dynamic(3, &bytes, 6 * sketch.word_size())
    }

    #[test]
    fn a_relocation_writes_its_addend() {
        for sketch in TestProgram::ALL {
            let start = sketch.data_address();
            let file = relocated(sketch, [7, 8], &[0, 0], &[start, 8, 0x1234, start + 8, 8, 9]);
            let memory = AddressSpace::read(&file).unwrap();
            assert_eq!(memory.word(start), Some(0x1234), "{sketch:?}");
            assert_eq!(memory.pointers().len(), 2);
            assert_eq!(memory.relocated(start + 1), None);
        }
    }

    #[test]
    fn a_bitmap_names_the_words_after_the_last_address() {
        for sketch in TestProgram::ALL {
            let (start, size) = (sketch.data_address(), sketch.word_size() as u64);
            let file = relocated(sketch, [36, 35], &[5, 6, 7, 8], &[start, 0b1011]);
            let memory = AddressSpace::read(&file).unwrap();
            let seen: Vec<(u64, u64)> = memory
                .pointers()
                .iter()
                .map(|pointer| ((pointer.slot - start) / size, pointer.value))
                .collect();
            assert_eq!(seen, [(0, 5), (1, 6), (3, 8)], "{sketch:?}");
        }
    }

    #[test]
    fn the_last_of_two_relocations_counts() {
        let sketch = TestProgram::ALL[0];
        let start = sketch.data_address();
        let table = [start + 8, 8, 3, start, 8, 1, start, 8, 2];
        let file = relocated(sketch, [7, 8], &[0, 0], &table);
        let memory = AddressSpace::read(&file).unwrap();
        assert_eq!((memory.word(start), memory.word(start + 8)), (Some(2), Some(3)));
    }

    #[test]
    fn damage_shortens_and_never_panics() {
        for sketch in TestProgram::ALL {
            let start = sketch.data_address();
            let file = relocated(sketch, [7, 8], &[0, 0], &[start, 8, 0x1234]);
            for length in 0..file.len() {
                if let Some(memory) = AddressSpace::read(&file[..length]) {
                    assert!(memory.tail(start).len() <= length);
                    let _ = memory.word(u64::MAX);
                }
            }
        }
    }
}
