//! A stretch of a file that can be skipped in: where a layer lies.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::rootfs::layer::tar::TarSource;

const BUFFER: usize = 64 << 10;

/// A stretch of a file, read by position, so that threads can share the file.
#[derive(Debug, Clone)]
pub struct ByteRange {
    file: Arc<File>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl ByteRange {
    /// The bytes from `start` on, `length` of them.
    pub fn new(file: Arc<File>, start: u64, length: u64) -> ByteRange {
        ByteRange {
            file,
            at: start,
            end: start.saturating_add(length),
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// Bytes still to come.
    pub fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.at) + self.buffered().len() as u64
    }

    /// The first bytes, without taking them.
    pub fn head(&self, head: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = most.min(head.len());
        let mut filled = 0;
        while let Some(rest) = head.get_mut(filled..most).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.at + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    fn read_direct(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Read for ByteRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() {
            if buffer.len() >= BUFFER {
                return self.read_direct(buffer);
            }
            let mut own = std::mem::take(&mut self.buffer);
            own.resize(BUFFER, 0);
            let count = self.read_direct(&mut own);
            own.truncate(*count.as_ref().unwrap_or(&0));
            (self.buffer, self.used) = (own, 0);
            count?;
        }
        let count = self.buffered().len().min(buffer.len());
        let (Some(to), Some(from)) = (buffer.get_mut(..count), self.buffered().get(..count)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.used += count;
        Ok(count)
    }
}

impl TarSource for ByteRange {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let buffered = self.buffered().len() as u64;
        if count <= buffered {
            self.used += usize::try_from(count).unwrap_or(usize::MAX);
            return Ok(());
        }
        self.used = self.buffer.len();
        let direct = count - buffered;
        if direct > self.end.saturating_sub(self.at) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += direct;
        Ok(())
    }
}
