//! The digests of its sources that rustc keeps in a library's metadata.
//!
//! Every `.rmeta`, `.rlib` and proc-macro carries, for each of its source files, the path as it
//! was given to rustc and a digest of the bytes that were read, so that a debugger can tell whether
//! it shows the right text: MD5, SHA-256 on MSVC targets, or what `-Zsrc-hash-algorithm` names. It
//! is the one content hash that stable Cargo leaves behind. Read by what surrounds it, not by the
//! format, which changes with every release: the path, the end mark of a string (0xC1), a few small
//! numbers, then 32 bytes of digest, padded with zeros (seen in 1.95 and nightly 1.101).

use memchr::memmem;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The digest of one source file, as rustc keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDigest {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// As long as the algorithm makes it.
    pub bytes: Vec<u8>,
}

/// The algorithms of rustc's `SourceFileHashAlgorithm`, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Kind 0, the default of all targets but MSVC's.
    Md5,
    /// Kind 1.
    Sha1,
    /// Kind 2, the default of MSVC targets.
    Sha256,
    /// Kind 3.
    Blake3,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Blake3];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha1 => "SHA-1",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Blake3 => "BLAKE3",
        }
    }

    /// The digest of a text.
    pub fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Md5 => md5::Md5::digest(text).to_vec(),
            Algorithm::Sha1 => Sha1::digest(text).to_vec(),
            Algorithm::Sha256 => Sha256::digest(text).to_vec(),
            Algorithm::Blake3 => blake3::hash(text).as_bytes().to_vec(),
        }
    }

    /// The digests of a text by every algorithm.
    pub fn digests(text: &[u8]) -> Vec<Vec<u8>> {
        Algorithm::ALL.into_iter().map(|algorithm| algorithm.digest(text)).collect()
    }

    /// In bytes.
    fn length(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 | Algorithm::Blake3 => 32,
        }
    }

    fn of_kind(kind: u8) -> Option<Algorithm> {
        Algorithm::ALL.get(usize::from(kind)).copied()
    }
}

/// rustc's end mark after every string in its metadata: a byte that no UTF-8 text has.
const STRING_END: u8 = 0xc1;

/// How many bytes may lie between the end of the path and its digest.
const GAP: usize = 6;

/// The digest recorded for a source file, by the path that rustc was given (`lib/src/lib.rs`);
/// `None` when the file is not named, or not with a digest of a kind that is known.
pub fn recorded_digest(metadata: &[u8], path: &str) -> Option<SourceDigest> {
    let needle = ended(path);
    // The name is there as given and as an absolute path; the digest follows the latter.
    for at in memmem::find_iter(metadata, &needle) {
        let after = &metadata[at + needle.len()..];
        for gap in 1..=GAP {
            let Some(window) = after.get(gap..gap + 32) else { break };
            // The kind comes first, then in newer compilers the length 32.
            let algorithm = match after[..gap] {
                [.., kind, 32] => Algorithm::of_kind(kind),
                [.., 0] if window[0] != 32 => Some(Algorithm::Md5),
                _ => None,
            };
            let Some(algorithm) = algorithm else { continue };
            let (digest, padding) = window.split_at(algorithm.length());
            if padding.iter().all(|byte| *byte == 0) && looks_random(digest) {
                return Some(SourceDigest { algorithm, bytes: digest.to_vec() });
            }
        }
    }
    None
}

/// Whether the metadata names any source file that is called so, in whatever directory. rustc keeps
/// the name of each file that anything of the crate comes from.
pub fn names_file(metadata: &[u8], file_name: &str) -> bool {
    memmem::find(metadata, &ended(file_name)).is_some()
}

fn ended(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(STRING_END);
    bytes
}

/// A digest has at most two zero bytes in sixteen but for one in 50 000 files, and none of the small
/// numbers of other tables has sixteen bytes in a row.
fn looks_random(digest: &[u8]) -> bool {
    let zeros = digest.iter().filter(|byte| **byte == 0).count();
    zeros <= digest.len() / 8 && digest.first() != Some(&0) && digest.last() != Some(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 16] = *b"\xbd\x08\xcd\xf2\x9f\x94\x15\x56\x89\xcd\xbc\x6a\xa9\xe3\xca\xfd";

    /// As rustc 1.95 lays it out; `length` is what older ones may lack.
    fn sample(length: &[u8]) -> Vec<u8> {
        let mut bytes =
            b"\x12lib/src/lib.rs\xc1\x12/ws\xc1\x25/ws/lib/src/lib.rs\xc1\x00\x00".to_vec();
        bytes.extend(length);
        bytes.extend(DIGEST);
        bytes.extend([0; 17]);
        bytes.extend([0x39, 0x39, 1, 1, 0, 0xe4]);
        bytes
    }

    #[test]
    fn reads_the_digest_after_the_path() {
        for length in [&[32][..], &[]] {
            let found = recorded_digest(&sample(length), "lib/src/lib.rs");
            let digest = SourceDigest { algorithm: Algorithm::Md5, bytes: DIGEST.to_vec() };
            assert_eq!(found, Some(digest), "{length:?}");
        }
    }

    #[test]
    fn another_path_an_unknown_kind_and_a_cut_are_unknown() {
        let sample = sample(&[32]);
        assert_eq!(recorded_digest(&sample, "src/main.rs"), None);
        assert_eq!(recorded_digest(&sample[..50], "lib/src/lib.rs"), None);
        let end = sample.iter().rposition(|byte| *byte == 32).unwrap();
        let mut later = sample.clone();
        later[end - 1] = 4;
        assert_eq!(recorded_digest(&later, "lib/src/lib.rs"), None);
        assert!(names_file(&later, "lib.rs"));
        assert!(!names_file(&later, "main.rs"));
    }

    #[test]
    fn reads_every_kind_of_digest() {
        for (kind, algorithm) in (0..).zip(Algorithm::ALL) {
            let digest = algorithm.digest(b"pub fn index() {}\n");
            assert_eq!(digest.len(), algorithm.length());
            let mut bytes = b"/ws/lib/src/lib.rs\xc1\x00".to_vec();
            bytes.extend([kind, 32]);
            bytes.extend(&digest);
            bytes.resize(bytes.len() + 40 - digest.len(), 0);
            let found = recorded_digest(&bytes, "lib/src/lib.rs");
            assert_eq!(found, Some(SourceDigest { algorithm, bytes: digest }));
        }
    }
}
