//! One layer, read once: what it puts, links and hides, with file contents reduced as they pass by.

pub mod apply;
pub mod changes;
pub mod decompress;
pub mod ordered_parallel;
pub mod pipeline;
pub mod tar;

use std::io::Read;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use crate::rootfs::budget::Budget;
use crate::rootfs::document::digest::Digest;
use crate::rootfs::error::ImageError;
use crate::rootfs::layer::changes::{LayerChanges, PathAction};
use crate::rootfs::layer::decompress::{Compression, Decoder};
use crate::rootfs::layer::pipeline::{ChunkReader, ChunkSource, Chunked, HashedChunks, read_ahead};
use crate::rootfs::layer::tar::{EntryKind, TarHeader, TarReader, TarSource};
use crate::rootfs::source::byte_range::ByteRange;
use crate::rootfs::{
    FileEntry, FileKind, MAX_CONTENTS, MAX_ENTRIES, MAX_PATH, Payload, VERIFY_PLAIN, join, name,
    normalise, parent,
};

/// First bytes of a file by which it is decided whether more are wanted.
pub const HEAD: usize = 512;
/// Bytes of one layer's files that have to stay; no image comes near it.
pub const MAX_KEPT: u64 = 32 << 20;
/// Bytes of one layer's other files that may stay, whole. Debian's scripts come to 2 MB.
const ROOM: u64 = 6 << 20;
/// As `ROOM`, with those of which only the first bytes stay: a context that was copied from
/// Windows makes every file one that may be executed.
const ROOM_FOR_HEADS: u64 = 8 << 20;
/// Files beyond this size are read one at a time, whatever the number of threads.
const LARGE: u64 = 4 << 20;
/// Room for such a file: beyond glibc's highest `M_MMAP_THRESHOLD` (mallopt(3): 32 MiB), so that
/// what it took is the system's again at once, and not kept for the next one.
const APART: usize = 33 << 20;

/// A regular file that passes by.
#[derive(Debug)]
pub struct Member<'a> {
    /// Normalised.
    pub path: &'a [u8],
    /// What it is.
    pub entry: &'a FileEntry,
    /// In bytes.
    pub size: u64,
}

/// How many of a file's bytes are wanted, and whether they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// None.
    Nothing,
    /// Up to so many, of which little stays.
    Look(u64),
    /// Up to so many, which stay. A layer may have [`MAX_KEPT`] of them.
    Keep(u64),
    /// Up to so many, which stay; [`HEAD`] will do where the layer has had many of them already,
    /// and none where it has had very many.
    IfRoom(u64),
}

/// What a caller makes of a file's bytes: it keeps what it needs, and says where.
pub type Extract<'a> = dyn Fn(&Member<'_>, &[u8]) -> Result<Payload, ImageError> + Sync + 'a;

/// What the reader of an image wants to know of the files in it.
pub struct FileSelector<'a> {
    /// What is wanted of a file, by its path and its first [`HEAD`] bytes.
    pub wanted: &'a (dyn Fn(&Member<'_>, &[u8]) -> Retention + Sync),
    /// What is kept of those bytes.
    pub reduce: &'a Extract<'a>,
    /// What the paths are charged to.
    pub budget: Arc<Budget>,
    /// What all compressed streams have come to so far, in bytes.
    pub inflated: Arc<AtomicU64>,
    large: Mutex<()>,
}

impl<'a> FileSelector<'a> {
    /// An interest of two functions.
    pub fn new(
        wanted: &'a (dyn Fn(&Member<'_>, &[u8]) -> Retention + Sync),
        reduce: &'a Extract<'a>,
    ) -> FileSelector<'a> {
        let (budget, inflated, large) = (Arc::default(), Arc::default(), Mutex::new(()));
        FileSelector { wanted, reduce, budget, inflated, large }
    }
}

/// A layer's changes, in its own order.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The changes.
    pub changes: LayerChanges,
    /// Digest and size of the blob as it lies; `None` where it was not read whole.
    pub blob: Option<(Digest, u64)>,
    /// Digest of the tar stream; `None` where it was not read whole.
    pub diff_id: Option<Digest>,
}

/// A change and its path, normalised.
type PathChange = (Vec<u8>, PathAction);

/// What the image's documents say of a blob.
#[derive(Debug, Clone, Default)]
pub struct ExpectedBlob {
    /// Of the blob as it lies.
    pub digest: Option<Digest>,
    /// Of the blob as it lies, in bytes.
    pub size: Option<u64>,
    /// Of the tar stream.
    pub diff_id: Option<Digest>,
}

/// Reads a layer that lies in a file. A plain one is passed over where its contents are not
/// wanted, unless it is small enough to be verified in a few milliseconds.
pub fn read_span(
    span: ByteRange,
    expected: &ExpectedBlob,
    interest: &FileSelector<'_>,
) -> Result<Layer, ImageError> {
    let size = span.remaining();
    if let Some(want) = expected.size.filter(|want| *want != size) {
        return Err(ImageError::SizeMismatch {
            blob: "the blob".to_owned(),
            found: size,
            stated: want,
        });
    }
    let mut head = [0; 8];
    let count = span.head(&mut head)?;
    let compression = Compression::of(head.get(..count).unwrap_or_default());
    if compression == Compression::Plain && size > VERIFY_PLAIN {
        let mut reader = TarReader::new(span);
        let changes = read_changes(&mut reader, interest)?;
        return Ok(Layer { changes, blob: None, diff_id: None });
    }
    read_stream(span, compression, expected, interest)
}

/// Reads a layer from a stream, whole, and verifies its digests.
///
/// Inflating is the bound of a compressed layer, so it has a thread to itself; reading and hashing
/// the blob, hashing the plain bytes, and reading the tar stream go on beside it.
pub fn read_stream(
    reader: impl Read + Send,
    compression: Compression,
    expected: &ExpectedBlob,
    interest: &FileSelector<'_>,
) -> Result<Layer, ImageError> {
    let blob_like = expected.digest.as_ref().or(expected.diff_id.as_ref());
    let plain_like = expected.diff_id.as_ref();
    let inflated = || interest.inflated.clone();
    std::thread::scope(|scope| {
        let (blob, hashing) = read_ahead(scope, HashedChunks::new(Chunked(reader), blob_like));
        let read = match compression {
            Compression::Plain if Digest::are_alike(blob_like, plain_like) => {
                read_pieces(blob, interest).map(|changes| (changes, None))
            }
            Compression::Plain => read_hashed(scope, blob, plain_like, interest),
            Compression::Gzip => {
                let (plain, _) =
                    read_ahead(scope, Chunked(Decoder::gzip(ChunkReader::new(blob), inflated())));
                read_hashed(scope, plain, plain_like, interest)
            }
            Compression::Zstd => {
                let (plain, _) =
                    read_ahead(scope, Chunked(Decoder::zstd(ChunkReader::new(blob), inflated())));
                read_hashed(scope, plain, plain_like, interest)
            }
            Compression::Other(name) => Err(ImageError::Unsupported(format!(
                "the layer is compressed with {name}, which is not read here"
            ))),
        };
        let hashed =
            hashing.join().map_err(|_| ImageError::Internal("the thread that hashes died"))?;
        let blob = hashed.finish();
        // A blob that is not the one that was meant says more than what is wrong inside it.
        if let Ok(blob) = &blob {
            verify_blob(blob, expected)?;
        }
        let (changes, diff_id) = read?;
        let blob = blob?;
        let diff_id = diff_id.unwrap_or_else(|| blob.0.clone());
        let layer = Layer { changes, blob: Some(blob), diff_id: Some(diff_id) };
        verify(&layer, expected)?;
        Ok(layer)
    })
}

/// Whether what was read is what the documents say.
pub fn verify(layer: &Layer, expected: &ExpectedBlob) -> Result<(), ImageError> {
    if let Some(blob) = &layer.blob {
        verify_blob(blob, expected)?;
    }
    match (&layer.diff_id, &expected.diff_id) {
        (Some(got), Some(want)) if got != want => Err(ImageError::DigestMismatch {
            what: "the layer's diff id",
            found: got.to_string().into(),
            stated_by: "the image's configuration",
            stated: want.to_string().into(),
        }),
        _ => Ok(()),
    }
}

fn verify_blob((digest, size): &(Digest, u64), expected: &ExpectedBlob) -> Result<(), ImageError> {
    if let Some(want) = expected.size.filter(|want| want != size) {
        return Err(ImageError::SizeMismatch {
            blob: "the blob".to_owned(),
            found: *size,
            stated: want,
        });
    }
    match &expected.digest {
        Some(want) if want != digest => Err(ImageError::DigestMismatch {
            what: "the blob's digest",
            found: digest.to_string().into(),
            stated_by: "its descriptor",
            stated: want.to_string().into(),
        }),
        _ => Ok(()),
    }
}

/// Reads a tar stream, with another thread between it and its pieces that hashes them.
fn read_hashed<'scope>(
    scope: &'scope Scope<'scope, '_>,
    chunks: impl ChunkSource + 'scope,
    like: Option<&Digest>,
    interest: &FileSelector<'_>,
) -> Result<(LayerChanges, Option<Digest>), ImageError> {
    let (chunks, hashing) = read_ahead(scope, HashedChunks::new(chunks, like));
    let changes = read_pieces(chunks, interest)?;
    // What follows the archive's end is part of the stream and of its digest.
    let hashed = hashing.join().map_err(|_| ImageError::Internal("the thread that hashes died"))?;
    Ok((changes, Some(hashed.finish()?.0)))
}

fn read_pieces(
    chunks: impl ChunkSource,
    interest: &FileSelector<'_>,
) -> Result<LayerChanges, ImageError> {
    read_changes(&mut TarReader::new(ChunkReader::new(chunks)), interest)
}

/// Reads every entry of an archive as the changes of a layer.
pub fn read_changes<S: TarSource>(
    reader: &mut TarReader<S>,
    interest: &FileSelector<'_>,
) -> Result<LayerChanges, ImageError> {
    let mut changes = LayerChanges::new(interest.budget.clone());
    let mut kept = RetainedBytes::default();
    let mut buffer = Vec::new();
    let mut entries = 0;
    while let Some(header) = reader.next_entry()? {
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(ImageError::LimitExceeded(format!(
                "the layer has more than {MAX_ENTRIES} entries"
            )));
        }
        if let Some((path, change)) = change_of(reader, &header, interest, &mut kept, &mut buffer)?
        {
            changes.push(path, &change)?;
        }
    }
    Ok(changes)
}

fn change_of<S: TarSource>(
    reader: &mut TarReader<S>,
    header: &TarHeader,
    interest: &FileSelector<'_>,
    kept: &mut RetainedBytes,
    buffer: &mut Vec<u8>,
) -> Result<Option<PathChange>, ImageError> {
    let shown = || header.name.escape_ascii().to_string();
    if header.name.len() >= MAX_PATH || header.link.len() >= MAX_PATH {
        return Err(ImageError::LimitExceeded(format!(
            "a path has {} bytes, more than the {MAX_PATH} that a kernel takes",
            header.name.len().max(header.link.len())
        )));
    }
    let path = normalise(&header.name);
    let kind = match header.kind {
        EntryKind::Global => return Ok(None),
        EntryKind::Unknown(flag) => {
            let flag = flag.escape_ascii();
            return Err(ImageError::Unsupported(format!(
                "{}: entry type '{flag}' is not one of a layer",
                shown()
            )));
        }
        EntryKind::Directory => FileKind::Directory,
        // A root that is no directory would redirect every path (CVE-2021-29136).
        _ if path == b"/" => {
            return Err(ImageError::Damaged(format!(
                "'{}' stands for the root and is no directory",
                shown()
            )));
        }
        EntryKind::File => FileKind::File { size: header.size },
        EntryKind::Symlink => FileKind::Symlink(header.link.clone()),
        EntryKind::CharacterDevice | EntryKind::BlockDevice | EntryKind::Fifo => FileKind::Other,
        EntryKind::HardLink => FileKind::Other,
    };
    if let Some(hidden) = name(&path).strip_prefix(b".wh.") {
        let directory = parent(&path);
        return match hidden {
            b".wh..opq" => Ok(Some((directory.to_vec(), PathAction::Opaque))),
            b"" | b"." | b".." => {
                Err(ImageError::Damaged(format!("{}: the whiteout names nothing", shown())))
            }
            hidden => {
                let hidden = normalise(&join(&[directory.get(1..).unwrap_or_default(), hidden]));
                Ok(Some((hidden, PathAction::Whiteout)))
            }
        };
    }
    if header.kind == EntryKind::HardLink {
        return Ok(Some((path, PathAction::HardLink(normalise(&header.link)))));
    }
    let entry = FileEntry { kind, mode: header.mode, uid: header.uid, gid: header.gid };
    let contents = match entry.kind {
        FileKind::File { size } if !header.sparse => {
            reduce(reader, &Member { path: &path, entry: &entry, size }, interest, kept, buffer)?
        }
        _ => None,
    };
    Ok(Some((path, PathAction::Put(entry, contents))))
}

fn reduce<S: TarSource>(
    reader: &mut TarReader<S>,
    member: &Member<'_>,
    interest: &FileSelector<'_>,
    kept: &mut RetainedBytes,
    buffer: &mut Vec<u8>,
) -> Result<Option<Payload>, ImageError> {
    buffer.clear();
    reader.append_contents(buffer, HEAD as u64)?;
    let wanted = kept.grant((interest.wanted)(member, buffer), member.size)?.min(MAX_CONTENTS);
    if wanted == 0 {
        return Ok(None);
    }
    let is_large = member.size.min(wanted) > LARGE;
    let _alone =
        is_large.then(|| interest.large.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    if is_large {
        let head = std::mem::replace(buffer, Vec::with_capacity(APART));
        buffer.extend(head);
    }
    reader.append_contents(buffer, wanted.saturating_sub(buffer.len() as u64))?;
    buffer.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    let payload = (interest.reduce)(member, buffer)?;
    if buffer.capacity() as u64 > LARGE {
        *buffer = Vec::new();
    }
    Ok(Some(payload))
}

/// Bytes of a layer's files that stay.
#[derive(Debug, Default)]
struct RetainedBytes {
    needed: u64,
    others: u64,
}

impl RetainedBytes {
    /// How many of a file's `size` bytes are read.
    fn grant(&mut self, want: Retention, size: u64) -> Result<u64, ImageError> {
        match want {
            Retention::Nothing => Ok(0),
            Retention::Look(most) => Ok(most),
            Retention::Keep(most) => {
                self.needed += most.min(size);
                if self.needed > MAX_KEPT {
                    return Err(ImageError::LimitExceeded(format!(
                        "the layer's configuration files are longer than {MAX_KEPT} bytes"
                    )));
                }
                Ok(most)
            }
            Retention::IfRoom(most) => {
                let whole = most.min(size);
                let head = whole.min(HEAD as u64);
                let grant = match self.others {
                    others if others + whole <= ROOM => whole,
                    others if others + head <= ROOM_FOR_HEADS => head,
                    _ => 0,
                };
                self.others += grant;
                Ok(grant)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A ustar header with its contents, for archives made by hand.
    pub fn entry(name: &str, flag: u8, link: &str, contents: &[u8]) -> Vec<u8> {
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000755");
        block[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
        block[156] = flag;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut bytes = block.to_vec();
        bytes.extend_from_slice(contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn tar() -> Vec<u8> {
        let elf = [b"\x7fELF".as_slice(), &[7; 1000]].concat();
        [
            entry("./", b'5', "", b""),
            entry("usr/bin/app", b'0', "", &elf),
            entry("usr/bin/text", b'0', "", b"not wanted"),
            entry("bin", b'2', "usr/bin", b""),
            entry("usr/bin/again", b'1', "/usr/bin/app", b""),
            entry("usr/.wh.gone", b'0', "", b""),
            entry("etc/.wh..wh..opq", b'0', "", b""),
            vec![0; 1024],
        ]
        .concat()
    }

    fn elf_sizes() -> FileSelector<'static> {
        FileSelector::new(
            &|_, head| match head.starts_with(b"\x7fELF") {
                true => Retention::Look(u64::MAX),
                false => Retention::Nothing,
            },
            &|_, bytes| Payload::new(bytes.len()),
        )
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], expected: &ExpectedBlob) -> Result<Layer, ImageError> {
        read_stream(bytes, Compression::of(bytes), expected, &elf_sizes())
    }

    #[test]
    fn a_layer_is_its_changes_and_both_digests() {
        let plain = tar();
        let packed = gzip(&plain);
        for bytes in [&plain, &packed] {
            let expected = ExpectedBlob {
                digest: Some(Digest::sha256(bytes)),
                size: Some(bytes.len() as u64),
                diff_id: Some(Digest::sha256(&plain)),
            };
            let interest = elf_sizes();
            let layer = read_stream(&bytes[..], Compression::of(bytes), &expected, &interest);
            let layer = layer.unwrap();
            let changes: Vec<_> = layer.changes.into_iter().collect();
            let paths: Vec<&[u8]> = changes.iter().map(|(path, _)| path.as_slice()).collect();
            assert_eq!(
                paths,
                [
                    &b"/"[..],
                    b"/usr/bin/app",
                    b"/usr/bin/text",
                    b"/bin",
                    b"/usr/bin/again",
                    b"/usr/gone",
                    b"/etc"
                ]
            );
            let PathAction::Put(entry, Some(contents)) = &changes[1].1 else { unreachable!() };
            assert_eq!((entry.mode, contents.index()), (0o755, 1004));
            assert!(matches!(&changes[2].1, PathAction::Put(_, None)));
            assert!(matches!(&changes[4].1, PathAction::HardLink(to) if to == b"/usr/bin/app"));
            assert!(matches!(&changes[5].1, PathAction::Whiteout));
            assert!(matches!(&changes[6].1, PathAction::Opaque));
        }
    }

    #[test]
    fn what_the_documents_say_is_verified() {
        let plain = tar();
        let packed = gzip(&plain);
        let other = Some(Digest::sha256(b"other"));
        for expected in [
            ExpectedBlob { digest: other.clone(), ..ExpectedBlob::default() },
            ExpectedBlob { diff_id: other, ..ExpectedBlob::default() },
            ExpectedBlob { size: Some(1), ..ExpectedBlob::default() },
        ] {
            assert!(read(&plain, &expected).is_err(), "{expected:?}");
            assert!(read(&packed, &expected).is_err(), "{expected:?}");
        }
        assert!(read(&packed[..packed.len() / 2], &ExpectedBlob::default()).is_err(), "cut off");
        assert!(read(&plain[..700], &ExpectedBlob::default()).is_err(), "cut off");
    }

    #[test]
    fn a_root_that_is_a_link_is_refused() {
        for name in [".", "/", "", "a/.."] {
            assert!(
                read(&entry(name, b'2', "/etc", b""), &ExpectedBlob::default()).is_err(),
                "{name:?}"
            );
        }
        for name in [".wh.", "d/.wh..", "d/.wh..."] {
            assert!(
                read(&entry(name, b'0', "", b""), &ExpectedBlob::default()).is_err(),
                "{name:?}"
            );
        }
        assert!(read(&entry("s", b'S', "", b""), &ExpectedBlob::default()).is_err());
    }

    #[test]
    fn what_stays_is_bounded() {
        let mut kept = RetainedBytes::default();
        let mut grants = Vec::new();
        loop {
            match kept.grant(Retention::IfRoom(64 << 10), 20_000).unwrap() {
                0 => break,
                grant => grants.push(grant),
            }
        }
        assert_eq!((grants.first(), grants.last()), (Some(&20_000), Some(&(HEAD as u64))));
        assert_eq!(grants.iter().sum::<u64>() / 1000, ROOM_FOR_HEADS / 1000);
        assert_eq!(kept.grant(Retention::Look(u64::MAX), 9).unwrap(), u64::MAX, "nothing stays");
        assert_eq!(kept.grant(Retention::Keep(1 << 20), 9).unwrap(), 1 << 20);
        assert!((0..40).any(|_| kept.grant(Retention::Keep(1 << 20), 1 << 20).is_err()));
    }
}
