//! Compressed layers, recognised by their first bytes: gzip with all its members, zstd with all its frames.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::rootfs::error::ImageError;
use crate::rootfs::{FREE_INFLATION, MAX_INFLATED, MAX_RATIO};

const BUFFER: usize = 128 << 10;

/// How a blob is compressed. Its media type and its name are not asked: an engine's own archives
/// name gzip blobs where the format asks for plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, as far as the first bytes tell.
    Plain,
    /// RFC 1952; more than one member is one stream (estargz has a member a file).
    Gzip,
    /// RFC 8878; more than one frame is one stream (zstd:chunked), skippable frames are passed over.
    Zstd,
    /// A format that no engine of today writes and this program does not read.
    Other(&'static str),
}

impl Compression {
    /// What the first (at least six) bytes say.
    pub fn of(head: &[u8]) -> Compression {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Other("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', ..] => Compression::Other("bzip2"),
            _ => Compression::Plain,
        }
    }
}

/// The plain bytes of a compressed stream, up to the limits on inflation.
pub struct Decoder<R> {
    stream: Codec<CountedReader<R>>,
    inflated: u64,
    total: Arc<AtomicU64>,
}

/// The decoder of one format.
enum Codec<R> {
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<ZstdFrames<R>>),
}

impl<R: BufRead> Decoder<R> {
    /// Every member of a gzip stream. `total` is what all streams of an image have inflated to.
    pub fn gzip(reader: R, total: Arc<AtomicU64>) -> Decoder<R> {
        let reader = CountedReader { reader, count: 0 };
        let stream = Codec::Gzip(Box::new(MultiGzDecoder::new(reader)));
        Decoder { stream, inflated: 0, total }
    }

    /// Every frame of a zstd stream. `total` is what all streams of an image have inflated to.
    pub fn zstd(reader: R, total: Arc<AtomicU64>) -> Decoder<R> {
        let reader = CountedReader { reader, count: 0 };
        Decoder { stream: Codec::Zstd(Box::new(ZstdFrames::new(reader))), inflated: 0, total }
    }

    fn compressed(&self) -> u64 {
        match &self.stream {
            Codec::Gzip(decoder) => decoder.get_ref().count,
            Codec::Zstd(frames) => frames.reader.count,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Codec::Gzip(decoder) => decoder.read(buffer).map_err(damaged_gzip)?,
            Codec::Zstd(frames) => frames.read(buffer)?,
        };
        self.inflated += count as u64;
        let total = self.total.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        let too_dense =
            self.inflated > FREE_INFLATION && self.inflated / MAX_RATIO > self.compressed();
        if too_dense || total > MAX_INFLATED {
            return Err(ImageError::LimitExceeded(format!(
                "{} bytes inflate to more than {}, {total} in all: a decompression bomb",
                self.compressed(),
                self.inflated
            ))
            .into());
        }
        Ok(count)
    }
}

fn damaged(text: String) -> io::Error {
    ImageError::Damaged(text).into()
}

/// What the decoder says of the bytes is damage; all else is the stream's own error.
fn damaged_gzip(error: io::Error) -> io::Error {
    match (error.kind(), error.get_ref().and_then(|it| it.downcast_ref::<ImageError>())) {
        (io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData, None) => {
            damaged(error.to_string())
        }
        _ => error,
    }
}

struct CountedReader<R> {
    reader: R,
    count: u64,
}

impl<R: BufRead> Read for CountedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for CountedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.reader.consume(count);
    }
}

/// Every frame of a zstd stream, one after the other.
struct ZstdFrames<R> {
    reader: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(reader: R) -> ZstdFrames<R> {
        ZstdFrames { reader, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Goes to the next frame with contents; false at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.reader.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; 4];
            self.reader.read_exact(&mut magic)?;
            let number = u32::from_le_bytes(magic);
            if number & 0xffff_fff0 == 0x184d_2a50 {
                let mut length = [0; 4];
                self.reader.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                let passed = io::copy(&mut self.reader.by_ref().take(length), &mut io::sink())?;
                if passed != length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            let frame = magic.as_slice().chain(&mut self.reader);
            self.decoder.init(frame).map_err(|error| damaged(format!("zstd: {error}")))?;
            self.in_frame = true;
            return Ok(true);
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBytes(BUFFER);
                self.decoder
                    .decode_blocks(&mut self.reader, step)
                    .map_err(|error| damaged(format!("zstd: {error}")))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if self.decoder.is_finished() && self.decoder.can_collect() == 0 {
                let (want, got) =
                    (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
                if want.is_some() && want != got {
                    return Err(damaged("zstd: the checksum of a frame does not fit".to_owned()));
                }
                self.in_frame = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn decode(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        match Compression::of(bytes) {
            Compression::Gzip => Decoder::gzip(bytes, Arc::default()).read_to_end(&mut plain)?,
            Compression::Zstd => Decoder::zstd(bytes, Arc::default()).read_to_end(&mut plain)?,
            other => panic!("{other:?}"),
        };
        Ok(plain)
    }

    #[test]
    fn every_member_and_every_frame_is_read() {
        assert_eq!(decode(&[gzip(b"one "), gzip(b""), gzip(b"two")].concat()).unwrap(), b"one two");
        let skippable = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        let frames =
            [skippable, &zstd(b"one ")[..], skippable, &zstd(&[b'x'; 300_000])[..], skippable];
        let plain = decode(&frames.concat()).unwrap();
        assert_eq!((&plain[..4], plain.len()), (&b"one "[..], 300_004));
    }

    #[test]
    fn a_damaged_stream_is_an_error() {
        let good = gzip(&[7; 5000]);
        assert!(decode(&good[..good.len() - 9]).is_err(), "cut off");
        assert!(decode(&[&good[..], b"GARBAGE"].concat()).is_err(), "trailing bytes");
        let good = zstd(&[7; 5000]);
        assert!(decode(&good[..good.len() - 3]).is_err());
        assert!(
            decode(b"\x50\x2a\x4d\x18\xff\0\0\0abc").is_err(),
            "a skippable frame that is cut off"
        );
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = gzip(&vec![0; 1 << 20]);
        let mut decoder = Decoder::gzip(&zeros[..], Arc::default());
        decoder.total.store(MAX_INFLATED - 10, Ordering::Relaxed);
        assert!(io::copy(&mut decoder, &mut io::sink()).is_err(), "too much");
        let mut decoder = Decoder::gzip(&zeros[..], Arc::default());
        decoder.inflated = zeros.len() as u64 * MAX_RATIO * 2 + FREE_INFLATION;
        assert!(io::copy(&mut decoder, &mut io::sink()).is_err(), "too dense");
        let mut decoder = Decoder::gzip(&zeros[..], Arc::default());
        assert_eq!(io::copy(&mut decoder, &mut io::sink()).unwrap(), 1 << 20);
    }
}
