//! Numbers in a file's own width and byte order; every read may fail, none panics.

/// Width and byte order of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Words of 8 bytes rather than 4.
    pub wide: bool,
    /// Least significant byte first.
    pub little_endian: bool,
}

impl Encoding {
    /// Bytes of a word.
    pub const fn size(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// The 16-bit number at `offset`.
    pub fn u16(self, bytes: &[u8], offset: usize) -> Option<u16> {
        let raw = *bytes.get(offset..)?.first_chunk()?;
        Some(if self.little_endian { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    /// The 32-bit number at `offset`.
    pub fn u32(self, bytes: &[u8], offset: usize) -> Option<u32> {
        let raw = *bytes.get(offset..)?.first_chunk()?;
        Some(if self.little_endian { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    /// The 64-bit number at `offset`.
    pub fn u64(self, bytes: &[u8], offset: usize) -> Option<u64> {
        let raw = *bytes.get(offset..)?.first_chunk()?;
        Some(if self.little_endian { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }

    /// The word at `offset`.
    pub fn word(self, bytes: &[u8], offset: usize) -> Option<u64> {
        if self.wide { self.u64(bytes, offset) } else { self.u32(bytes, offset).map(u64::from) }
    }
}
