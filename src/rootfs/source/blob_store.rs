//! Where an image's blobs lie: in a layout's directory, in an archive that can be skipped in, or in a stream that passes once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use crate::rootfs::document::digest::Digest;
use crate::rootfs::error::ImageError;
use crate::rootfs::layer::decompress::{Compression, Decoder};
use crate::rootfs::layer::pipeline::{ChunkReader, ChunkReceiver, Chunked, read_ahead};
use crate::rootfs::layer::tar::{EntryKind, TarReader};
use crate::rootfs::layer::{
    ExpectedBlob, FileSelector, HEAD, Layer, read_changes, read_span, read_stream, verify,
};
use crate::rootfs::source::byte_range::ByteRange;
use crate::rootfs::source::layout_blobs::LayoutBlobs;
use crate::rootfs::spill::Spill;
use crate::rootfs::{MAX_MEMBERS, MAX_STATEMENT, MAX_TRAILING, Payload, join, normalise, parent};

/// All documents of one stream together, in bytes; a stream's documents are kept until the one
/// that names them has passed.
const MAX_KEPT: u64 = 256 << 20;

/// The blobs of one or more images, by their path in the layout or archive.
pub enum BlobStore {
    /// A layout or a copy.
    Directory(LayoutBlobs),
    /// A file whose members are known by their place.
    Archive(ArchiveBlobs),
    /// What one pass over a stream left.
    Stream(StreamBlobs),
}

/// The members of an archive, by normalised path.
pub struct ArchiveBlobs {
    file: Arc<File>,
    members: BTreeMap<Vec<u8>, MemberLocation>,
}

#[derive(Debug, Clone)]
enum MemberLocation {
    /// Offset and length, in bytes.
    At(u64, u64),
    /// The path that a link of the archive leads to: an engine stores equal layers once.
    Link(Vec<u8>),
}

/// The members of a stream that has passed, by normalised path.
pub struct StreamBlobs {
    /// The documents.
    spill: Spill,
    members: BTreeMap<Vec<u8>, StreamMember>,
}

/// A member of a stream that has passed.
pub enum StreamMember {
    /// A document, whole, and its length in bytes.
    Document(Payload, u64),
    /// A layer, reduced.
    Layer(Layer),
    /// Neither, and why; only wrong if a manifest names it.
    Neither(ImageError),
    /// The path that a link leads to.
    Link(Vec<u8>),
}

fn follow(directory: &[u8], target: &[u8]) -> Vec<u8> {
    if target.first() == Some(&b'/') {
        normalise(target)
    } else {
        normalise(&join(&[directory, target]))
    }
}

impl BlobStore {
    /// An archive, or standard input for `-`. A file that is not compressed as a whole is only
    /// looked at where something is wanted; anything else passes once.
    pub fn open_archive(path: &Path, interest: &FileSelector<'_>) -> Result<BlobStore, ImageError> {
        if path == Path::new("-") {
            return BlobStore::pass(Box::new(io::stdin()), interest);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return BlobStore::pass(Box::new(file), interest);
        }
        let file = Arc::new(file);
        let span = ByteRange::new(file.clone(), 0, metadata.len());
        let mut head = [0; 8];
        let count = span.head(&mut head)?;
        match Compression::of(head.get(..count).unwrap_or_default()) {
            Compression::Plain => {
                Ok(BlobStore::Archive(ArchiveBlobs::index(file, metadata.len())?))
            }
            _ => BlobStore::pass(Box::new(span), interest),
        }
    }

    /// Takes in a whole archive that passes once: documents are kept, everything that looks like
    /// a layer is reduced at once, because which layers are needed is said at the end.
    pub fn pass(
        reader: Box<dyn Read + Send>,
        interest: &FileSelector<'_>,
    ) -> Result<BlobStore, ImageError> {
        std::thread::scope(|scope| {
            let (chunks, _) = read_ahead(scope, Chunked(reader));
            let mut stream = ChunkReader::new(chunks);
            if stream.fill_buf()?.is_empty() {
                return Err(ImageError::NotAnImage(
                    "the archive is empty: 0 bytes were read; pipe `docker save NAME` into `--image -`"
                        .to_owned(),
                ));
            }
            let spill = Spill::default();
            let members = match Compression::of(stream.fill_buf()?) {
                Compression::Plain => take_members(stream, interest, &spill)?,
                Compression::Gzip => {
                    let (plain, _) = read_ahead(
                        scope,
                        Chunked(Decoder::gzip(stream, interest.inflated.clone())),
                    );
                    take_members(ChunkReader::new(plain), interest, &spill)?
                }
                Compression::Zstd => {
                    let (plain, _) = read_ahead(
                        scope,
                        Chunked(Decoder::zstd(stream, interest.inflated.clone())),
                    );
                    take_members(ChunkReader::new(plain), interest, &spill)?
                }
                Compression::Other(name) => {
                    return Err(ImageError::Unsupported(format!(
                        "the archive is compressed with {name}; unpack it first: `{name} -dc FILE | … --image -`"
                    )));
                }
            };
            Ok(BlobStore::Stream(StreamBlobs { spill, members }))
        })
    }

    /// Whether there is such a blob.
    pub fn has(&self, path: &str) -> bool {
        match self {
            BlobStore::Directory(blobs) => matches!(blobs.find(path), Ok(Some(_))),
            BlobStore::Archive(archive) => archive.find(path).is_some(),
            BlobStore::Stream(stock) => stock.find(path).is_some(),
        }
    }

    /// A document of at most `limit` bytes; `None` where there is none.
    pub fn document(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, ImageError> {
        let span = match self {
            BlobStore::Directory(blobs) => match (blobs.index(), blobs.find(path)?) {
                (Some(index), _) if path == "index.json" => return Ok(Some(index.to_vec())),
                (_, Some(span)) => span,
                (_, None) => return Ok(None),
            },
            BlobStore::Archive(archive) => match archive.find(path) {
                Some(span) => span,
                None => return Ok(None),
            },
            BlobStore::Stream(stock) => {
                return match stock.find(path) {
                    None => Ok(None),
                    Some(StreamMember::Document(bytes, length)) if *length <= limit => {
                        Ok(Some(stock.spill.get(*bytes)?))
                    }
                    Some(StreamMember::Document(..)) => Err(ImageError::LimitExceeded(format!(
                        "{path} has more than {limit} bytes"
                    ))),
                    Some(_) => Err(ImageError::Damaged(format!("{path} is not a JSON document"))),
                };
            }
        };
        if span.remaining() > limit {
            return Err(ImageError::LimitExceeded(format!(
                "{path} has {} bytes, more than a document has",
                span.remaining()
            )));
        }
        let size = span.remaining();
        let mut bytes = Vec::new();
        let mut span = span;
        span.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(ImageError::Damaged(format!("{path} is cut off")));
        }
        Ok(Some(bytes))
    }

    /// A layer, verified as far as its bytes are read.
    pub fn layer(
        &self,
        path: &str,
        expected: &ExpectedBlob,
        interest: &FileSelector<'_>,
    ) -> Result<Layer, ImageError> {
        let missing = || ImageError::MissingBlob { blob: path.to_owned() };
        match self {
            BlobStore::Directory(blobs) => {
                read_span(blobs.find(path)?.ok_or_else(missing)?, expected, interest)
            }
            BlobStore::Archive(archive) => {
                read_span(archive.find(path).ok_or_else(missing)?, expected, interest)
            }
            BlobStore::Stream(stock) => match stock.find(path).ok_or_else(missing)? {
                StreamMember::Layer(layer) => {
                    verify(layer, expected)?;
                    Ok(layer.clone())
                }
                StreamMember::Neither(error) => Err(error.clone()),
                // A packed layer can be as short as a document.
                StreamMember::Document(bytes, _) => {
                    let bytes = stock.spill.get(*bytes)?;
                    read_stream(&bytes[..], Compression::of(&bytes), expected, interest)
                }
                StreamMember::Link(_) => Err(ImageError::Damaged(format!("{path} is not a layer"))),
            },
        }
    }

    /// The whole archive as one layer: a root file system that was packed without an image around it.
    pub fn as_root(&self, interest: &FileSelector<'_>) -> Result<Option<Layer>, ImageError> {
        let BlobStore::Archive(archive) = self else { return Ok(None) };
        let length = archive.file.metadata()?.len();
        let looks_like_root = ["etc", "usr", "bin", "dev", "lib"].iter().any(|name| {
            archive.members.keys().any(|path| {
                path.get(1..).is_some_and(|rest| {
                    rest.strip_prefix(name.as_bytes())
                        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
                })
            })
        });
        if !looks_like_root {
            return Ok(None);
        }
        let mut reader = TarReader::new(ByteRange::new(archive.file.clone(), 0, length));
        let changes = read_changes(&mut reader, interest)?;
        Ok(Some(Layer { changes, blob: None, diff_id: None }))
    }
}

impl ArchiveBlobs {
    fn index(file: Arc<File>, length: u64) -> Result<ArchiveBlobs, ImageError> {
        let mut reader = TarReader::new(ByteRange::new(file.clone(), 0, length));
        let mut members = BTreeMap::new();
        let mut entries = 0;
        while let Some(header) = reader.next_entry()? {
            entries += 1;
            let path = normalise(&header.name);
            let place = match header.kind {
                EntryKind::File => MemberLocation::At(header.offset, header.size),
                EntryKind::Symlink => MemberLocation::Link(follow(parent(&path), &header.link)),
                EntryKind::HardLink => MemberLocation::Link(normalise(&header.link)),
                EntryKind::Directory => {
                    // Only to distinguish a packed root file system from an empty archive.
                    MemberLocation::Link(b"/".to_vec())
                }
                _ if entries < 2 * MAX_MEMBERS => continue,
                _ => break,
            };
            if header.sparse {
                return Err(ImageError::Unsupported(format!(
                    "{} is stored with holes",
                    path.escape_ascii()
                )));
            }
            members.insert(path, place);
            // What has more is no archive of images. It may be a packed root file system, of
            // which the first directories tell.
            if members.len() == MAX_MEMBERS || entries >= 2 * MAX_MEMBERS {
                break;
            }
        }
        Ok(ArchiveBlobs { file, members })
    }

    fn find(&self, path: &str) -> Option<ByteRange> {
        let mut path = normalise(path.as_bytes());
        for _ in 0..crate::rootfs::MAX_LINKS {
            match self.members.get(&path)? {
                MemberLocation::At(offset, size) => {
                    return Some(ByteRange::new(self.file.clone(), *offset, *size));
                }
                MemberLocation::Link(target) => path.clone_from(target),
            }
        }
        None
    }
}

impl StreamBlobs {
    fn find(&self, path: &str) -> Option<&StreamMember> {
        let mut path = normalise(path.as_bytes());
        for _ in 0..crate::rootfs::MAX_LINKS {
            match self.members.get(&path)? {
                StreamMember::Link(target) => path.clone_from(target),
                found => return Some(found),
            }
        }
        None
    }
}

fn take_members(
    stream: ChunkReader<ChunkReceiver>,
    interest: &FileSelector<'_>,
    spill: &Spill,
) -> Result<BTreeMap<Vec<u8>, StreamMember>, ImageError> {
    let mut members = BTreeMap::new();
    let mut reader = TarReader::new(stream);
    let mut kept = 0;
    let mut entries = 0;
    while let Some(header) = reader.next_entry()? {
        entries += 1;
        let path = normalise(&header.name);
        let passed = match header.kind {
            EntryKind::Symlink => StreamMember::Link(follow(parent(&path), &header.link)),
            EntryKind::HardLink => StreamMember::Link(normalise(&header.link)),
            EntryKind::File => {
                let into = (spill, &mut kept);
                take_member(&mut reader, &path, header.size, interest, into)?
            }
            _ => StreamMember::Neither(ImageError::Damaged("it is not a file".to_owned())),
        };
        // What is passed over unread has an end, whatever its header says.
        if reader.remaining() > MAX_TRAILING {
            let path = path.escape_ascii().to_string();
            return Err(match passed {
                StreamMember::Neither(error) => {
                    ImageError::Member { path, source: Box::new(error) }
                }
                _ => ImageError::LimitExceeded(format!(
                    "{path} goes on for more than {MAX_TRAILING} bytes"
                )),
            });
        }
        if matches!(header.kind, EntryKind::File | EntryKind::Symlink | EntryKind::HardLink) {
            members.insert(path, passed);
        }
        if entries > 2 * MAX_MEMBERS || members.len() > MAX_MEMBERS {
            return Err(ImageError::LimitExceeded(format!(
                "the archive has more than {MAX_MEMBERS} members"
            )));
        }
    }
    // A pipe that is closed early kills the engine that writes into it.
    let rest = &mut reader.into_source().take(MAX_TRAILING + 1);
    match io::copy(rest, &mut io::sink())? {
        0..=MAX_TRAILING => Ok(members),
        _ => Err(ImageError::LimitExceeded(format!(
            "more than {MAX_TRAILING} bytes follow the archive's end"
        ))),
    }
}

fn take_member(
    reader: &mut TarReader<ChunkReader<ChunkReceiver>>,
    path: &[u8],
    size: u64,
    interest: &FileSelector<'_>,
    (spill, kept): (&Spill, &mut u64),
) -> Result<StreamMember, ImageError> {
    let mut head = Vec::new();
    reader.append_contents(&mut head, HEAD as u64)?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    // JSON, or the legacy format's `VERSION`; a tar's first byte is a name's, and a layer is long.
    if size <= MAX_STATEMENT && (matches!(first, Some(b'{' | b'[')) || size < HEAD as u64) {
        *kept += size;
        if *kept > MAX_KEPT {
            return Err(ImageError::LimitExceeded(format!(
                "the archive's documents are longer than {MAX_KEPT} bytes"
            )));
        }
        reader.append_contents(&mut head, MAX_STATEMENT)?;
        return Ok(StreamMember::Document(spill.put(&head)?, head.len() as u64));
    }
    let like = path
        .strip_prefix(b"/blobs/")
        .and_then(|rest| std::str::from_utf8(rest).ok())
        .and_then(|rest| Digest::parse(&rest.replacen('/', ":", 1)));
    let compression = Compression::of(&head);
    let contents = head.as_slice().chain(reader.contents());
    let expected = ExpectedBlob { digest: like, ..ExpectedBlob::default() };
    // A member that is cut off is an error of the archive, which the next header will tell.
    Ok(match read_stream(contents, compression, &expected, interest) {
        Ok(layer) => StreamMember::Layer(layer),
        Err(error) => StreamMember::Neither(error),
    })
}
