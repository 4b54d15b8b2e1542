//! Reads an ELF file's integers in its own class and byte order; every read may fail, none panics.

use object::read::ReadRef;

use crate::binary::elf::{AbiTag, LONGEST_STRING, NotElf, PT_LOAD, Segment};

/// More program headers than `e_phnum` can count are never read.
const MOST_SEGMENTS: u16 = u16::MAX - 1;

/// The longest note segment that is read, in bytes.
const LONGEST_NOTES: u64 = 64 << 10;

/// An ELF file's bytes with the class and byte order that its ident names.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'data, R: ReadRef<'data>> {
    data: R,
    len: u64,
    pub(crate) is_64: bool,
    little: bool,
    header: &'data [u8],
}

/// The fields of the ELF header that a loader looks at.
pub(crate) struct Header {
    pub(crate) ident: [u8; 16],
    pub(crate) file_type: u16,
    pub(crate) machine: u16,
    pub(crate) version: u32,
    pub(crate) flags: u32,
    pub(crate) program_header_size: u16,
}

impl<'data, R: ReadRef<'data>> Raw<'data, R> {
    pub(crate) fn open(data: R) -> Result<Self, NotElf> {
        let len = data.len().map_err(|()| NotElf::TooShort)?;
        let ident = data.read_bytes_at(0, 16).map_err(|()| NotElf::TooShort)?;
        if !ident.starts_with(b"\x7fELF") {
            return Err(NotElf::Magic);
        }
        let is_64 = match ident[4] {
            1 => false,
            2 => true,
            _ => return Err(NotElf::Ident),
        };
        let little = match ident[5] {
            1 => true,
            2 => false,
            _ => return Err(NotElf::Ident),
        };
        let size = if is_64 { 64 } else { 52 };
        let header = data.read_bytes_at(0, size).map_err(|()| NotElf::TooShort)?;
        Ok(Raw { data, len, is_64, little, header })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn bytes(&self, offset: u64, size: u64) -> Option<&'data [u8]> {
        self.data.read_bytes_at(offset, size).ok()
    }

    /// An integer of `N` bytes out of a slice; zero where the slice is too short, which callers
    /// rule out by asking for whole records.
    fn integer<const N: usize>(&self, bytes: &[u8], at: usize) -> u64 {
        let Some(bytes) = bytes.get(at..at.saturating_add(N)) else { return 0 };
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) }
    }

    pub(crate) fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        self.integer::<2>(bytes, at) as u16
    }

    pub(crate) fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        self.integer::<4>(bytes, at) as u32
    }

    pub(crate) fn u64(&self, bytes: &[u8], at: usize) -> u64 {
        self.integer::<8>(bytes, at)
    }

    /// An address or size: 8 bytes in ELFCLASS64, 4 in ELFCLASS32.
    pub(crate) fn word(&self, bytes: &[u8], at: usize) -> u64 {
        if self.is_64 { self.u64(bytes, at) } else { u64::from(self.u32(bytes, at)) }
    }

    /// The size of [`Raw::word`], in bytes.
    pub(crate) fn word_size(&self) -> u64 {
        if self.is_64 { 8 } else { 4 }
    }

    pub(crate) fn header(&self) -> Header {
        let mut ident = [0; 16];
        ident.copy_from_slice(&self.header[..16]);
        let (flags, size) = if self.is_64 { (48, 54) } else { (36, 42) };
        Header {
            ident,
            file_type: self.u16(self.header, 16),
            machine: self.u16(self.header, 18),
            version: self.u32(self.header, 20),
            flags: self.u32(self.header, flags),
            program_header_size: self.u16(self.header, size),
        }
    }

    /// Every program header, or none when the table is not wholly inside the file or its entries
    /// have another size than the class's own.
    pub(crate) fn segments(&self) -> Option<Vec<Segment>> {
        let (offset, size, count) = if self.is_64 { (32, 54, 56) } else { (28, 42, 44) };
        let own_size: u16 = if self.is_64 { 56 } else { 32 };
        let offset = self.word(self.header, offset);
        let count = self.u16(self.header, count).min(MOST_SEGMENTS);
        if count == 0 {
            return Some(Vec::new());
        }
        if self.u16(self.header, size) != own_size {
            return None;
        }
        let table = self.bytes(offset, u64::from(own_size) * u64::from(count))?;
        Some(table.chunks_exact(usize::from(own_size)).map(|it| self.segment(it)).collect())
    }

    fn segment(&self, entry: &[u8]) -> Segment {
        let word = |at| self.word(entry, at);
        let kind = self.u32(entry, 0);
        if self.is_64 {
            Segment {
                kind,
                flags: self.u32(entry, 4),
                offset: word(8),
                address: word(16),
                file_size: word(32),
                memory_size: word(40),
                align: word(48),
            }
        } else {
            Segment {
                kind,
                flags: self.u32(entry, 24),
                offset: word(4),
                address: word(8),
                file_size: word(16),
                memory_size: word(20),
                align: word(28),
            }
        }
    }

    /// Calls `note` with type and body of each note whose owner is `GNU`.
    pub(crate) fn for_each_gnu_note(&self, segment: &Segment, mut note: impl FnMut(u32, &[u8])) {
        let size = segment.file_size.min(LONGEST_NOTES);
        let Some(mut rest) = self.bytes(segment.offset, size) else { return };
        let align: usize = if segment.align == 8 { 8 } else { 4 };
        while rest.len() >= 12 {
            let name_size = self.u32(rest, 0) as usize;
            let body_size = self.u32(rest, 4) as usize;
            let kind = self.u32(rest, 8);
            let Some(body_at) = name_size.checked_add(12).map(|at| at.next_multiple_of(align))
            else {
                return;
            };
            let Some(body_end) = body_at.checked_add(body_size) else { return };
            let (Some(name), Some(body)) =
                (rest.get(12..12usize.saturating_add(name_size)), rest.get(body_at..body_end))
            else {
                return;
            };
            if name == b"GNU\0" {
                note(kind, body);
            }
            rest = rest.get(body_end.next_multiple_of(align)..).unwrap_or_default();
        }
    }

    /// `NT_GNU_ABI_TAG`: the system and three numbers.
    pub(crate) fn abi_tag(&self, body: &[u8]) -> Option<AbiTag> {
        (body.len() >= 16).then(|| AbiTag {
            system: self.u32(body, 0),
            kernel: [self.u32(body, 4), self.u32(body, 8), self.u32(body, 12)],
        })
    }

    /// `GNU_PROPERTY_X86_ISA_1_NEEDED` out of `NT_GNU_PROPERTY_TYPE_0`.
    pub(crate) fn x86_isa_needed(&self, mut body: &[u8]) -> Option<u32> {
        let align = self.word_size() as usize;
        while body.len() >= 8 {
            let size = self.u32(body, 4) as usize;
            if self.u32(body, 0) == 0xc000_8002 && size == 4 && body.len() >= 12 {
                return Some(self.u32(body, 8));
            }
            let next = size.checked_add(8)?.checked_next_multiple_of(align)?;
            body = body.get(next..)?;
        }
        None
    }
}

/// The file's bytes by the addresses that its `PT_LOAD` segments give them.
pub(crate) struct Memory<'a, 'data, R: ReadRef<'data>> {
    pub(crate) raw: &'a Raw<'data, R>,
    pub(crate) segments: &'a [Segment],
}

impl<'data, R: ReadRef<'data>> Memory<'_, 'data, R> {
    /// Where an address lies in the file, and how many bytes of its segment follow it there.
    fn place(&self, address: u64) -> Option<(u64, u64)> {
        let holds = |it: &&Segment| {
            it.kind == PT_LOAD && it.address <= address && address - it.address < it.file_size
        };
        let segment = self.segments.iter().find(holds)?;
        let into = address - segment.address;
        let offset = segment.offset.checked_add(into)?;
        let in_file = self.raw.len().checked_sub(offset)?;
        Some((offset, (segment.file_size - into).min(in_file)))
    }

    /// Exactly `size` bytes.
    pub(crate) fn bytes(&self, address: u64, size: u64) -> Option<&'data [u8]> {
        let (offset, room) = self.place(address)?;
        if size <= room { self.raw.bytes(offset, size) } else { None }
    }

    /// At most `size` bytes: what of them the segment holds, in whole records of `record` bytes.
    pub(crate) fn records(&self, address: u64, size: u64, record: u64) -> &'data [u8] {
        let Some((offset, room)) = self.place(address) else { return &[] };
        let size = size.min(room);
        self.raw.bytes(offset, size - size % record.max(1)).unwrap_or_default()
    }

    /// A NUL-terminated string of at most [`LONGEST_STRING`] bytes.
    pub(crate) fn string(&self, address: u64) -> Option<&'data [u8]> {
        let (offset, room) = self.place(address)?;
        let bytes = self.raw.bytes(offset, room.min(LONGEST_STRING))?;
        let end = memchr::memchr(0, bytes)?;
        bytes.get(..end)
    }
}
