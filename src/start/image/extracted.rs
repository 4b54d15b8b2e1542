//! What is kept of an image's files, by the numbers that their nodes have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::binary::Binary;
use crate::binary::elf::{DynamicInfo, ElfError};
use crate::rootfs::Payload;
use crate::rootfs::error::ImageError;
use crate::rootfs::spill::Spill;

/// What a loader reads of a file, or why it reads nothing.
pub type ElfResult = Result<Arc<DynamicInfo>, ElfError>;

/// What is kept.
#[derive(Debug, Clone)]
pub enum Extracted {
    /// The bytes, or the first of them, by their place among the table's texts.
    Text(Payload),
    /// What a loader reads.
    Elf(ElfResult),
    /// What it reads of a Rust executable, and the other facts.
    Program(Arc<DynamicInfo>, Arc<Binary>),
}

/// Bytes of memory that what loaders read of an image's files may take, with those of the same
/// image for other platforms. A library takes some kilobytes; an image of 11 GB with 3 000 of them
/// needs a tenth of it.
pub const MAX_LINKING_BYTES: usize = 128 << 20;

/// What is kept of an image's files, by the numbers that their nodes have.
#[derive(Debug, Default)]
pub struct ExtractedTable {
    kept: Mutex<TableContents>,
    texts: Spill,
}

#[derive(Debug, Default)]
struct TableContents {
    kept: Vec<Extracted>,
    /// What loaders read, in bytes.
    linking: usize,
    has_programs: bool,
}

impl ExtractedTable {
    /// Keeps something.
    ///
    /// # Errors
    ///
    /// The image has too much of it.
    pub fn add(&self, kept: Extracted) -> Result<Payload, ImageError> {
        let mut all = self.lock();
        let linking = match &kept {
            Extracted::Text(_) | Extracted::Elf(Err(_)) => 0,
            Extracted::Elf(Ok(linking)) | Extracted::Program(linking, _) => linking.memory(),
        };
        if all.linking + linking > MAX_LINKING_BYTES {
            return Err(ImageError::LimitExceeded(format!(
                "what loaders read of its libraries needs more than {MAX_LINKING_BYTES} bytes of memory"
            )));
        }
        all.linking += linking;
        all.has_programs |= matches!(kept, Extracted::Program(..));
        let payload = Payload::new(all.kept.len())?;
        all.kept.push(kept);
        Ok(payload)
    }

    /// Keeps the bytes of a file, or the first of them.
    ///
    /// # Errors
    ///
    /// There is no room for them.
    pub fn add_text(&self, bytes: &[u8]) -> Result<Payload, ImageError> {
        self.add(Extracted::Text(self.texts.put(bytes)?))
    }

    /// What was kept.
    pub fn get(&self, payload: Payload) -> Option<Extracted> {
        self.lock().kept.get(payload.index()).cloned()
    }

    /// Whether a program is among it.
    pub(super) fn has_programs(&self) -> bool {
        self.lock().has_programs
    }

    fn lock(&self) -> MutexGuard<'_, TableContents> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a [`Extracted::Text`].
    pub fn text(&self, text: Payload) -> Option<Vec<u8>> {
        self.texts.get(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_gives_back_what_it_got() {
        let table = ExtractedTable::default();
        let linking =
            Arc::new(DynamicInfo { soname: Some("liba.so".to_owned()), ..DynamicInfo::default() });
        let elf = table.add(Extracted::Elf(Ok(linking.clone()))).unwrap();
        let text = table.add_text(b"#!/bin/sh").unwrap();
        let Some(Extracted::Text(there)) = table.get(text) else { unreachable!() };
        assert_eq!(table.text(there).as_deref(), Some(&b"#!/bin/sh"[..]));
        assert!(matches!(table.get(elf), Some(Extracted::Elf(Ok(it))) if it == linking));
        assert!(table.get(Payload::new(2).unwrap()).is_none());
    }

    #[test]
    fn what_loaders_read_is_bounded() {
        let table = ExtractedTable::default();
        let soname = |length| Some("x".repeat(length));
        let linking = |length| DynamicInfo { soname: soname(length), ..DynamicInfo::default() };
        let long = Arc::new(linking(MAX_LINKING_BYTES / 4));
        let one = |linking: &Arc<DynamicInfo>| table.add(Extracted::Elf(Ok(linking.clone())));
        (0..3).for_each(|_| assert!(one(&long).is_ok()));
        let why = one(&long).unwrap_err().to_string();
        assert!(why.contains("loaders read of its libraries"), "{why}");
        assert!(one(&Arc::new(linking(9))).is_ok(), "what is refused takes nothing");
    }
}
