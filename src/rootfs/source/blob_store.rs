//! Where an image's blobs lie: in a layout's directory, in an archive that can be skipped in, or in a stream that passes once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use crate::rootfs::document::digest::Digest;
use crate::rootfs::layer::decompress::{Compression, Decoder};
use crate::rootfs::layer::pipeline::{Cut, Received, Stream, ahead};
use crate::rootfs::layer::tar::{EntryKind, Reader};
use crate::rootfs::layer::{
    Expected, HEAD, Interest, Layer, read_changes, read_span, read_stream, verify,
};
use crate::rootfs::source::byte_range::Span;
use crate::rootfs::source::oci_layout::Blobs;
use crate::rootfs::spill::Spill;
use crate::rootfs::{
    MAX_MEMBERS, MAX_STATEMENT, MAX_TRAILING, Payload, Why, join, normalise, parent,
};

/// All documents of one stream together, in bytes; a stream's documents are kept until the one
/// that names them has passed.
const MAX_KEPT: u64 = 256 << 20;

/// The blobs of one or more images, by their path in the layout or archive.
pub enum Store {
    /// A layout or a copy.
    Directory(Blobs),
    /// A file whose members are known by their place.
    Archive(Archive),
    /// What one pass over a stream left.
    Stream(Stock),
}

/// The members of an archive, by normalised path.
pub struct Archive {
    file: Arc<File>,
    members: BTreeMap<Vec<u8>, Place>,
}

#[derive(Debug, Clone)]
enum Place {
    /// Offset and length, in bytes.
    At(u64, u64),
    /// The path that a link of the archive leads to: an engine stores equal layers once.
    Link(Vec<u8>),
}

/// The members of a stream that has passed, by normalised path.
pub struct Stock {
    /// The documents.
    spill: Spill,
    members: BTreeMap<Vec<u8>, Passed>,
}

/// A member of a stream that has passed.
pub enum Passed {
    /// A document, whole, and its length in bytes.
    Document(Payload, u64),
    /// A layer, reduced.
    Layer(Layer),
    /// Neither, and why; only wrong if a manifest names it.
    Neither(Why),
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

impl Store {
    /// An archive, or standard input for `-`. A file that is not compressed as a whole is only
    /// looked at where something is wanted; anything else passes once.
    pub fn open_archive(path: &Path, interest: &Interest<'_>) -> Result<Store, Why> {
        if path == Path::new("-") {
            return Store::pass(Box::new(io::stdin()), interest);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Store::pass(Box::new(file), interest);
        }
        let file = Arc::new(file);
        let span = Span::new(file.clone(), 0, metadata.len());
        let mut head = [0; 8];
        let count = span.head(&mut head)?;
        match Compression::of(head.get(..count).unwrap_or_default()) {
            Compression::Plain => Ok(Store::Archive(Archive::index(file, metadata.len())?)),
            _ => Store::pass(Box::new(span), interest),
        }
    }

    /// Takes in a whole archive that passes once: documents are kept, everything that looks like
    /// a layer is reduced at once, because which layers are needed is said at the end.
    pub fn pass(reader: Box<dyn Read + Send>, interest: &Interest<'_>) -> Result<Store, Why> {
        std::thread::scope(|scope| {
            let (pieces, _) = ahead(scope, Cut(reader));
            let mut stream = Stream::new(pieces);
            let spill = Spill::default();
            let members = match Compression::of(stream.fill_buf()?) {
                Compression::Plain => take_members(stream, interest, &spill)?,
                Compression::Gzip => {
                    let (plain, _) =
                        ahead(scope, Cut(Decoder::gzip(stream, interest.inflated.clone())));
                    take_members(Stream::new(plain), interest, &spill)?
                }
                Compression::Zstd => {
                    let (plain, _) =
                        ahead(scope, Cut(Decoder::zstd(stream, interest.inflated.clone())));
                    take_members(Stream::new(plain), interest, &spill)?
                }
                Compression::Other(name) => {
                    return Err(Why::new(format!(
                        "the archive is compressed with {name}; unpack it first: `{name} -dc FILE | … --image -`"
                    )));
                }
            };
            Ok(Store::Stream(Stock { spill, members }))
        })
    }

    /// Whether there is such a blob.
    pub fn has(&self, path: &str) -> bool {
        match self {
            Store::Directory(blobs) => matches!(blobs.find(path), Ok(Some(_))),
            Store::Archive(archive) => archive.find(path).is_some(),
            Store::Stream(stock) => stock.find(path).is_some(),
        }
    }

    /// A document of at most `limit` bytes; `None` where there is none.
    pub fn document(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Why> {
        let span = match self {
            Store::Directory(blobs) => match (blobs.index(), blobs.find(path)?) {
                (Some(index), _) if path == "index.json" => return Ok(Some(index.to_vec())),
                (_, Some(span)) => span,
                (_, None) => return Ok(None),
            },
            Store::Archive(archive) => match archive.find(path) {
                Some(span) => span,
                None => return Ok(None),
            },
            Store::Stream(stock) => {
                return match stock.find(path) {
                    None => Ok(None),
                    Some(Passed::Document(bytes, length)) if *length <= limit => {
                        Ok(Some(stock.spill.get(*bytes)?))
                    }
                    Some(Passed::Document(..)) => {
                        Err(Why::new(format!("{path} has more than {limit} bytes")))
                    }
                    Some(_) => Err(Why::new(format!("{path} is no JSON document"))),
                };
            }
        };
        if span.remaining() > limit {
            return Err(Why::new(format!(
                "{path} has {} bytes, more than a document has",
                span.remaining()
            )));
        }
        let size = span.remaining();
        let mut bytes = Vec::new();
        let mut span = span;
        span.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(Why::new(format!("{path} is cut off")));
        }
        Ok(Some(bytes))
    }

    /// A layer, verified as far as its bytes are read.
    pub fn layer(
        &self,
        path: &str,
        expected: &Expected,
        interest: &Interest<'_>,
    ) -> Result<Layer, Why> {
        let missing = || Why::new(format!("the blob {path} is missing"));
        match self {
            Store::Directory(blobs) => {
                read_span(blobs.find(path)?.ok_or_else(missing)?, expected, interest)
            }
            Store::Archive(archive) => {
                read_span(archive.find(path).ok_or_else(missing)?, expected, interest)
            }
            Store::Stream(stock) => match stock.find(path).ok_or_else(missing)? {
                Passed::Layer(layer) => {
                    verify(layer, expected)?;
                    Ok(layer.clone())
                }
                Passed::Neither(why) => Err(Why::new(why.to_string())),
                // A packed layer can be as short as a document.
                Passed::Document(bytes, _) => {
                    let bytes = stock.spill.get(*bytes)?;
                    read_stream(&bytes[..], Compression::of(&bytes), expected, interest)
                }
                Passed::Link(_) => Err(Why::new(format!("{path} is no layer"))),
            },
        }
    }

    /// The whole archive as one layer: a root file system that was packed without an image around it.
    pub fn as_root(&self, path: &Path, interest: &Interest<'_>) -> Result<Option<Layer>, Why> {
        let Store::Archive(archive) = self else { return Ok(None) };
        let file = File::open(path)?;
        let length = file.metadata()?.len();
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
        let mut reader = Reader::new(Span::new(Arc::new(file), 0, length));
        let changes = read_changes(&mut reader, interest)?;
        Ok(Some(Layer { changes, blob: None, diff_id: None }))
    }
}

impl Archive {
    fn index(file: Arc<File>, length: u64) -> Result<Archive, Why> {
        let mut reader = Reader::new(Span::new(file.clone(), 0, length));
        let mut members = BTreeMap::new();
        let mut entries = 0;
        while let Some(header) = reader.next_entry()? {
            entries += 1;
            let path = normalise(&header.name);
            let place = match header.kind {
                EntryKind::File => Place::At(header.offset, header.size),
                EntryKind::Symlink => Place::Link(follow(parent(&path), &header.link)),
                EntryKind::HardLink => Place::Link(normalise(&header.link)),
                EntryKind::Directory => {
                    // Only so that a packed root file system can be told from an empty archive.
                    Place::Link(b"/".to_vec())
                }
                _ if entries < 2 * MAX_MEMBERS => continue,
                _ => break,
            };
            if header.sparse {
                return Err(Why::new(format!("{} is stored with holes", path.escape_ascii())));
            }
            members.insert(path, place);
            // What has more is no archive of images. It may be a packed root file system, of
            // which the first directories tell.
            if members.len() == MAX_MEMBERS || entries >= 2 * MAX_MEMBERS {
                break;
            }
        }
        Ok(Archive { file, members })
    }

    fn find(&self, path: &str) -> Option<Span> {
        let mut path = normalise(path.as_bytes());
        for _ in 0..crate::rootfs::MAX_LINKS {
            match self.members.get(&path)? {
                Place::At(offset, size) => {
                    return Some(Span::new(self.file.clone(), *offset, *size));
                }
                Place::Link(target) => path.clone_from(target),
            }
        }
        None
    }
}

impl Stock {
    fn find(&self, path: &str) -> Option<&Passed> {
        let mut path = normalise(path.as_bytes());
        for _ in 0..crate::rootfs::MAX_LINKS {
            match self.members.get(&path)? {
                Passed::Link(target) => path.clone_from(target),
                found => return Some(found),
            }
        }
        None
    }
}

fn take_members(
    stream: Stream<Received>,
    interest: &Interest<'_>,
    spill: &Spill,
) -> Result<BTreeMap<Vec<u8>, Passed>, Why> {
    let mut members = BTreeMap::new();
    let mut reader = Reader::new(stream);
    let mut kept = 0;
    let mut entries = 0;
    while let Some(header) = reader.next_entry()? {
        entries += 1;
        let path = normalise(&header.name);
        let passed = match header.kind {
            EntryKind::Symlink => Passed::Link(follow(parent(&path), &header.link)),
            EntryKind::HardLink => Passed::Link(normalise(&header.link)),
            EntryKind::File => {
                let into = (spill, &mut kept);
                take_member(&mut reader, &path, header.size, interest, into)?
            }
            _ => Passed::Neither(Why::new("it is no file")),
        };
        // What is passed over unread has an end, whatever its header says.
        if reader.remaining() > MAX_TRAILING {
            let path = path.escape_ascii();
            return Err(match passed {
                Passed::Neither(why) => Why::new(format!("{path}: {why}")),
                _ => Why::new(format!("{path} goes on for more than {MAX_TRAILING} bytes")),
            });
        }
        if matches!(header.kind, EntryKind::File | EntryKind::Symlink | EntryKind::HardLink) {
            members.insert(path, passed);
        }
        if entries > 2 * MAX_MEMBERS || members.len() > MAX_MEMBERS {
            return Err(Why::new(format!("the archive has more than {MAX_MEMBERS} members")));
        }
    }
    // A pipe that is closed early kills the engine that writes into it.
    let rest = &mut reader.into_source().take(MAX_TRAILING + 1);
    match io::copy(rest, &mut io::sink())? {
        0..=MAX_TRAILING => Ok(members),
        _ => Err(Why::new(format!("more than {MAX_TRAILING} bytes follow the archive's end"))),
    }
}

fn take_member(
    reader: &mut Reader<Stream<Received>>,
    path: &[u8],
    size: u64,
    interest: &Interest<'_>,
    (spill, kept): (&Spill, &mut u64),
) -> Result<Passed, Why> {
    let mut head = Vec::new();
    reader.append_contents(&mut head, HEAD as u64)?;
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    // JSON, or the legacy format's `VERSION`; a tar's first byte is a name's, and a layer is long.
    if size <= MAX_STATEMENT && (matches!(first, Some(b'{' | b'[')) || size < HEAD as u64) {
        *kept += size;
        if *kept > MAX_KEPT {
            return Err(Why::new(format!(
                "the archive's documents are longer than {MAX_KEPT} bytes"
            )));
        }
        reader.append_contents(&mut head, MAX_STATEMENT)?;
        return Ok(Passed::Document(spill.put(&head)?, head.len() as u64));
    }
    let like = path
        .strip_prefix(b"/blobs/")
        .and_then(|rest| std::str::from_utf8(rest).ok())
        .and_then(|rest| Digest::parse(&rest.replacen('/', ":", 1)));
    let compression = Compression::of(&head);
    let contents = head.as_slice().chain(reader.contents());
    let expected = Expected { digest: like, ..Expected::default() };
    // A member that is cut off is an error of the archive, which the next header will tell.
    Ok(match read_stream(contents, compression, &expected, interest) {
        Ok(layer) => Passed::Layer(layer),
        Err(why) => Passed::Neither(why),
    })
}
