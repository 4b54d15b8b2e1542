//! Bytes that are put aside while an image is read: a little in memory, the rest in a file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rootfs::Payload;
use crate::rootfs::error::ImageError;

/// Bytes that stay in memory.
const ROOM: usize = 4 << 20;
/// Bytes that may stay in memory where no temporary file can be written.
const MAX_WITHOUT_FILE: usize = 256 << 20;
/// Bytes that one image may put aside; real ones come to tens of megabytes.
const MAX_BYTES: u64 = 8 << 30;

/// Pieces of bytes that are added and read back, never changed. Where there is no directory for
/// temporary files, or no room in it, memory has to do.
#[derive(Debug, Default)]
pub struct Spill(Mutex<Regions>);

/// One behind the other.
#[derive(Debug, Default)]
struct Regions {
    /// Where each piece begins and how long it is.
    pieces: Vec<(u64, u64)>,
    first: Vec<u8>,
    file: Option<File>,
    in_file: u64,
    /// What comes after the file could not be written to any more.
    last: Vec<u8>,
    no_file: bool,
}

impl Spill {
    /// Adds a piece.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn put(&self, bytes: &[u8]) -> Result<Payload, ImageError> {
        let mut regions = self.lock();
        let payload = Payload::new(regions.pieces.len())?;
        let at = regions.length();
        let length = bytes.len() as u64;
        if at + length > MAX_BYTES {
            return Err(ImageError::LimitExceeded(format!(
                "more than {MAX_BYTES} bytes of the image would have to be kept"
            )));
        }
        if at + length <= ROOM as u64 {
            regions.first.extend_from_slice(bytes);
        } else if regions.no_file || regions.write(bytes).is_err() {
            regions.no_file = true;
            if regions.last.len() + bytes.len() > MAX_WITHOUT_FILE {
                return Err(ImageError::LimitExceeded(format!(
                    "more than {MAX_WITHOUT_FILE} bytes of the image have to be put aside, and no temporary file can be written"
                )));
            }
            regions.last.extend_from_slice(bytes);
        }
        regions.pieces.push((at, length));
        Ok(payload)
    }

    /// A piece that was added here.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn get(&self, payload: Payload) -> io::Result<Vec<u8>> {
        self.lock().read(payload)
    }

    fn lock(&self) -> MutexGuard<'_, Regions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Regions {
    fn length(&self) -> u64 {
        self.first.len() as u64 + self.in_file + self.last.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.in_file))?;
        file.write_all(bytes)?;
        self.in_file += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, payload: Payload) -> io::Result<Vec<u8>> {
        let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (at, length) = *self.pieces.get(payload.index()).ok_or_else(cut_off)?;
        let length = usize::try_from(length).map_err(|_| cut_off())?;
        let part = |region: &[u8], at: u64| {
            let at = usize::try_from(at).ok()?;
            Some(region.get(at..at.checked_add(length)?)?.to_vec())
        };
        // What was added at once lies in one region.
        let Some(at) = at.checked_sub(self.first.len() as u64) else {
            return part(&self.first, at).ok_or_else(cut_off);
        };
        match (at.checked_sub(self.in_file), &self.file) {
            (None, Some(file)) => {
                let mut file = file;
                let mut bytes = vec![0; length];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
            (None, None) => Err(cut_off()),
            (Some(at), _) => part(&self.last, at).ok_or_else(cut_off),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of many lengths, some longer than all that stays in memory.
    fn pieces() -> Vec<Vec<u8>> {
        let lengths = [0, 1, 5000, ROOM - 6000, 999, 1, ROOM + 7, 0, 3, 70_000];
        lengths.iter().enumerate().map(|(index, length)| vec![index as u8; *length]).collect()
    }

    #[test]
    fn what_was_put_aside_is_read_back() {
        for no_file in [false, true] {
            let spill = Spill::default();
            spill.lock().no_file = no_file;
            let all: Vec<Payload> =
                pieces().iter().map(|piece| spill.put(piece).unwrap()).collect();
            assert_eq!(spill.lock().file.is_none(), no_file);
            assert_eq!(spill.lock().last.is_empty(), !no_file);
            for (piece, payload) in pieces().iter().zip(all).rev() {
                assert!(*piece == spill.get(payload).unwrap(), "{payload:?}");
            }
        }
    }

    #[test]
    fn a_file_that_takes_no_more_leaves_memory() {
        let spill = Spill::default();
        let mut all = Vec::new();
        for (index, piece) in pieces().iter().enumerate() {
            spill.lock().no_file |= index == 8;
            all.push(spill.put(piece).unwrap());
        }
        assert!(spill.lock().in_file > 0 && spill.lock().last.len() == 70_003);
        for (piece, payload) in pieces().iter().zip(&all) {
            assert!(*piece == spill.get(*payload).unwrap(), "{payload:?}");
        }
        assert!(spill.get(Payload::new(all.len()).unwrap()).is_err());
    }
}
