//! Where a layer's bytes come from: a stretch of a file that can be skipped in, or a stream that is hashed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::digest::{Digest, Hasher};
use super::tar::Source;

const BUFFER: usize = 64 << 10;

/// A stretch of a file, read by position, so that threads can share the file.
#[derive(Debug, Clone)]
pub struct Span {
    file: Arc<File>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Span {
    /// The bytes from `start` on, `length` of them.
    pub fn new(file: Arc<File>, start: u64, length: u64) -> Span {
        Span { file, at: start, end: start.saturating_add(length), buffer: Vec::new(), used: 0 }
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

impl Read for Span {
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

impl Source for Span {
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

type Refill<'a> = Box<dyn FnMut(&mut Vec<u8>) -> io::Result<()> + Send + 'a>;

/// A stream that arrives in pieces and is hashed as they arrive.
pub struct Stream<'a> {
    /// Fills the next piece; an empty one is the end.
    refill: Refill<'a>,
    piece: Vec<u8>,
    used: usize,
    hasher: Hasher,
}

impl<'a> Stream<'a> {
    /// A stream over pieces, hashed by the algorithm of `like`.
    pub fn new(
        like: Option<&Digest>,
        refill: impl FnMut(&mut Vec<u8>) -> io::Result<()> + Send + 'a,
    ) -> Stream<'a> {
        Stream { refill: Box::new(refill), piece: Vec::new(), used: 0, hasher: Hasher::new(like) }
    }

    /// Passes over the rest and gives the digest and the size of the whole.
    pub fn finish(mut self) -> io::Result<(Digest, u64)> {
        while self.fill()? {
            self.used = self.piece.len();
        }
        let size = self.hasher.size();
        Ok((self.hasher.finish(), size))
    }

    fn rest(&self) -> &[u8] {
        self.piece.get(self.used..).unwrap_or_default()
    }

    /// Makes sure that there is something to take; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.rest().is_empty() {
            (self.refill)(&mut self.piece)?;
            self.used = 0;
            self.hasher.update(&self.piece);
        }
        Ok(!self.piece.is_empty())
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.fill()? {
            return Ok(0);
        }
        let count = self.rest().len().min(buffer.len());
        let (Some(to), Some(from)) = (buffer.get_mut(..count), self.rest().get(..count)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.used += count;
        Ok(count)
    }
}

impl Source for Stream<'_> {
    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = (self.rest().len() as u64).min(count);
            self.used += usize::try_from(step).unwrap_or(usize::MAX);
            count -= step;
        }
        Ok(())
    }
}

/// Reads the next piece of a plain reader.
pub fn read_piece(reader: &mut impl Read, piece: &mut Vec<u8>, size: usize) -> io::Result<()> {
    piece.resize(size, 0);
    let mut filled = 0;
    while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(())
}
