//! Bytes on their way from thread to thread: pieces of one size, a few at a time, used again and again.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use crate::rootfs::MAX_TRAILING;
use crate::rootfs::document::digest::{Digest, Hasher};
use crate::rootfs::error::ImageError;
use crate::rootfs::layer::tar::TarSource;

/// Bytes of a piece. zlib keeps a copy of its last 32 KiB after each, so that long pieces are
/// cheaper, and a few of them still fit into a core's own cache.
const CHUNK: usize = 256 << 10;
/// Pieces that wait between two threads.
const MAX_WAITING_CHUNKS: usize = 3;

/// Something that gives its bytes piece by piece.
pub trait ChunkSource: Send {
    /// Makes the next piece out of `piece`, whatever was in it. An empty one is the end.
    fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<()>;
}

/// The pieces of a reader.
#[derive(Debug)]
pub struct Chunked<R>(pub R);

impl<R: Read + Send> ChunkSource for Chunked<R> {
    fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        chunk.resize(CHUNK, 0);
        let mut filled = 0;
        while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        chunk.truncate(filled);
        Ok(())
    }
}

/// Pieces that are hashed as they pass.
#[derive(Debug)]
pub struct HashedChunks<F> {
    chunks: F,
    hasher: Hasher,
    /// What could not be filled is missing in the digest.
    broken: bool,
}

impl<F: ChunkSource> HashedChunks<F> {
    /// Hashed by the algorithm of `like`.
    pub fn new(chunks: F, like: Option<&Digest>) -> HashedChunks<F> {
        HashedChunks { chunks, hasher: Hasher::new(like), broken: false }
    }

    /// Takes in what is left, and gives the digest and the size of the whole.
    pub fn finish(mut self) -> io::Result<(Digest, u64)> {
        let mut chunk = Vec::new();
        let mut trailing = 0;
        loop {
            if self.broken {
                return Err(io::Error::other("not everything could be read"));
            }
            self.fill(&mut chunk)?;
            trailing += chunk.len() as u64;
            if trailing > MAX_TRAILING {
                return Err(ImageError::LimitExceeded(format!(
                    "more than {MAX_TRAILING} bytes follow the archive's end"
                ))
                .into());
            }
            if chunk.is_empty() {
                let size = self.hasher.size();
                return Ok((self.hasher.finish(), size));
            }
        }
    }
}

impl<F: ChunkSource> ChunkSource for HashedChunks<F> {
    fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        let filled = self.chunks.fill(chunk);
        match &filled {
            Ok(()) => self.hasher.update(chunk),
            Err(_) => self.broken = true,
        }
        filled
    }
}

/// Pieces that another thread has filled.
#[derive(Debug)]
pub struct ChunkReceiver {
    filled: Receiver<io::Result<Vec<u8>>>,
    used: Sender<Vec<u8>>,
}

impl ChunkSource for ChunkReceiver {
    fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        // A closed channel is the end: the other thread never sends an empty piece.
        let next = self.filled.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
        let used = std::mem::replace(chunk, next);
        // Fails only once the other thread has filled its last.
        let _ = self.used.send(used);
        Ok(())
    }
}

/// Lets a thread of its own fill pieces, a few ahead of the one that takes them. The thread gives
/// its side back at the end, after an error, and as soon as nobody takes any more.
pub fn read_ahead<'scope, F: ChunkSource + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut chunks: F,
) -> (ChunkReceiver, ScopedJoinHandle<'scope, F>) {
    let (full, filled) = sync_channel(MAX_WAITING_CHUNKS);
    let (used, empty) = channel();
    let thread = scope.spawn(move || {
        loop {
            let mut chunk = empty.try_recv().unwrap_or_default();
            match chunks.fill(&mut chunk) {
                Ok(()) if chunk.is_empty() => return chunks,
                Ok(()) if full.send(Ok(chunk)).is_ok() => {}
                // Nobody takes any more.
                Ok(()) => return chunks,
                Err(error) => {
                    let _ = full.send(Err(error));
                    return chunks;
                }
            }
        }
    });
    (ChunkReceiver { filled, used }, thread)
}

/// Pieces read as one stream.
#[derive(Debug)]
pub struct ChunkReader<F> {
    chunks: F,
    chunk: Vec<u8>,
    used: usize,
}

impl<F: ChunkSource> ChunkReader<F> {
    /// From the first piece on.
    pub fn new(chunks: F) -> ChunkReader<F> {
        ChunkReader { chunks, chunk: Vec::new(), used: 0 }
    }

    /// What gave the pieces; what is left of the last one is lost.
    pub fn into_chunks(self) -> F {
        self.chunks
    }
}

impl<F: ChunkSource> BufRead for ChunkReader<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.chunk.len() {
            self.used = 0;
            // A piece that could not be filled is not there.
            if let Err(error) = self.chunks.fill(&mut self.chunk) {
                self.chunk.clear();
                return Err(error);
            }
        }
        Ok(self.chunk.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl<F: ChunkSource> Read for ChunkReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let count = rest.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<F: ChunkSource> TarSource for ChunkReader<F> {
    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let rest = self.fill_buf()?.len();
            if rest == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(rest);
            self.consume(step);
            count -= step as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        (0..3_000_001_u32).map(|number| (number % 251) as u8).collect()
    }

    #[test]
    fn what_a_thread_reads_ahead_arrives_whole_and_hashed() {
        let bytes = bytes();
        std::thread::scope(|scope| {
            let (received, thread) =
                read_ahead(scope, HashedChunks::new(Chunked(&bytes[..]), None));
            let mut stream = ChunkReader::new(received);
            stream.skip(10).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(rest == bytes[10..]);
            assert!(stream.skip(1).is_err(), "nothing is left");
            let (digest, size) = thread.join().unwrap().finish().unwrap();
            assert_eq!((digest, size), (Digest::sha256(&bytes), bytes.len() as u64));
        });
    }

    #[test]
    fn what_nobody_takes_is_hashed_all_the_same() {
        let bytes = bytes();
        std::thread::scope(|scope| {
            let (received, thread) =
                read_ahead(scope, HashedChunks::new(Chunked(&bytes[..]), None));
            drop(received);
            let (digest, size) = thread.join().unwrap().finish().unwrap();
            assert_eq!((digest, size), (Digest::sha256(&bytes), bytes.len() as u64));
        });
    }

    #[test]
    fn an_error_arrives_where_it_happened() {
        /// Says what is wrong once, and then that nothing is left.
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Ok(0);
                }
                Err(io::Error::other("broken"))
            }
        }
        std::thread::scope(|scope| {
            let reader = (&b"abc"[..]).chain(Broken(false));
            let (received, thread) = read_ahead(scope, HashedChunks::new(Chunked(reader), None));
            let error = ChunkReader::new(received).read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), "broken");
            assert!(thread.join().unwrap().finish().is_err(), "a digest of half the bytes");
        });
    }
}
