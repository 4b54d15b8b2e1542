//! Images whose documents are arbitrary: the input's pieces are the documents of an archive, and
//! `$N` in a piece stands for the digest of the piece with that number, `#N` for its size. So the
//! documents can name one another, which random bytes never would.
#![no_main]

use binlint::internals::rootfs::document::digest::Digest;
use binlint::internals::rootfs::layer::{FileSelector, Retention};
use binlint::internals::rootfs::load::load_stream;
use binlint::internals::rootfs::{MAX_CONTENTS, Payload, MAX_LAYERS};
use libfuzzer_sys::fuzz_target;

/// No text in UTF-8 holds this byte.
const NEXT: u8 = 0xff;

fuzz_target!(|bytes: &[u8]| {
    let mut pieces: Vec<Vec<u8>> =
        bytes.splitn(10, |byte| *byte == NEXT).map(<[u8]>::to_vec).collect();
    for index in (0..pieces.len()).rev() {
        let (before, after) = pieces.split_at_mut(index + 1);
        before[index] = filled(&before[index], index, after);
    }
    let mut archive = Vec::new();
    if bytes.first() != Some(&b'[') {
        member(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    }
    for (index, piece) in pieces.iter().enumerate() {
        match index {
            0 if bytes.first() == Some(&b'[') => member(&mut archive, "manifest.json", piece),
            0 => member(&mut archive, "index.json", piece),
            _ => member(&mut archive, &Digest::sha256(piece).blob_path(), piece),
        }
    }
    archive.extend([0; 1024]);
    let interest = FileSelector::new(&|_, _| Retention::Look(MAX_CONTENTS), &|_, bytes| Payload::new(bytes.len()));
    let archive = Box::new(std::io::Cursor::new(archive));
    if let Ok(loaded) = load_stream(archive, None, &interest, &mut |_| Ok(())) {
        let config = loaded.image.config.expect("every archive of documents has a configuration");
        assert!(config.diff_ids.len() <= MAX_LAYERS);
    }
});

/// The piece with the marks of later pieces replaced.
fn filled(piece: &[u8], index: usize, later: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = piece.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let named = bytes.peek().and_then(|digit| {
            later.get(usize::from(digit.checked_sub(b'0')?).checked_sub(index + 1)?)
        });
        match (byte, named) {
            (b'$', Some(blob)) => out.extend(Digest::sha256(blob).to_string().bytes()),
            (b'#', Some(blob)) => out.extend(blob.len().to_string().bytes()),
            _ => {
                out.push(byte);
                continue;
            }
        }
        bytes.next();
    }
    out
}

fn member(archive: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{:011o}", contents.len()).as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(block);
    archive.extend(contents);
    archive.resize(archive.len().next_multiple_of(512), 0);
}
