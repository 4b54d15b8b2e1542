//! What is put aside while an image is read: a little in memory, the rest in a file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Why;

/// Bytes that stay in memory.
const ROOM: usize = 4 << 20;
/// Bytes that one image may put aside; real ones come to tens of megabytes.
const MOST: u64 = 8 << 30;

/// Bytes that are added and read back, never changed. Where there is no directory for temporary
/// files, or no room in it, memory has to do.
#[derive(Debug, Default)]
pub struct Spool(Mutex<Regions>);

/// Where bytes lie in the spool that took them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spooled {
    /// Of the first one.
    pub at: u64,
    /// How many.
    pub length: u64,
}

/// One after the other.
#[derive(Debug, Default)]
struct Regions {
    first: Vec<u8>,
    file: Option<File>,
    in_file: u64,
    /// What comes after the file could not be written to any more.
    last: Vec<u8>,
    no_file: bool,
}

impl Spool {
    /// Adds bytes.
    pub fn put(&self, bytes: &[u8]) -> Result<Spooled, Why> {
        let mut regions = self.lock();
        let at = regions.length();
        let length = bytes.len() as u64;
        if at + length > MOST {
            return Err(Why::new(format!("more than {MOST} bytes of it would have to be kept")));
        }
        if at + length <= ROOM as u64 {
            regions.first.extend_from_slice(bytes);
        } else if regions.no_file || regions.write(bytes).is_err() {
            regions.no_file = true;
            regions.last.extend_from_slice(bytes);
        }
        Ok(Spooled { at, length })
    }

    /// The bytes that were added.
    pub fn get(&self, spooled: Spooled) -> io::Result<Vec<u8>> {
        self.lock().read(spooled)
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

    fn read(&self, Spooled { at, length }: Spooled) -> io::Result<Vec<u8>> {
        let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
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
            let spool = Spool::default();
            spool.lock().no_file = no_file;
            let all: Vec<Spooled> =
                pieces().iter().map(|piece| spool.put(piece).unwrap()).collect();
            assert_eq!(spool.lock().file.is_none(), no_file);
            assert_eq!(spool.lock().last.is_empty(), !no_file);
            for (piece, spooled) in pieces().iter().zip(all).rev() {
                assert!(*piece == spool.get(spooled).unwrap(), "{spooled:?}");
            }
        }
    }

    #[test]
    fn a_file_that_takes_no_more_leaves_memory() {
        let spool = Spool::default();
        let mut all = Vec::new();
        for (index, piece) in pieces().iter().enumerate() {
            spool.lock().no_file |= index == 8;
            all.push(spool.put(piece).unwrap());
        }
        assert!(spool.lock().in_file > 0 && spool.lock().last.len() == 70_003);
        for (piece, spooled) in pieces().iter().zip(all) {
            assert!(*piece == spool.get(spooled).unwrap(), "{spooled:?}");
        }
        assert!(spool.get(Spooled { at: 1 << 40, length: 1 }).is_err());
    }
}
