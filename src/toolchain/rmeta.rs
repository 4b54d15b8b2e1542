//! The digests of its sources that rustc keeps in a library's metadata.
//!
//! Every `.rmeta`, `.rlib` and proc-macro carries, for each of its source files, the path as it
//! was given to rustc and the MD5 of the bytes that were read (SHA-256 on MSVC), so that a
//! debugger can tell whether it shows the right text. It is the one content hash that stable
//! Cargo leaves behind. Read by what surrounds it, not by the format, which changes with every
//! release: the path, the end mark of a string (0xC1), a few small numbers, then 32 bytes of
//! digest of which MD5 fills the first half (seen in 1.95 and a nightly).

use memchr::memmem;

/// What the metadata says of one source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// This is the MD5 of what was compiled.
    Md5([u8; 16]),
    /// The file is not named, or not with a digest of a kind that is known.
    Unknown,
}

/// rustc's end mark after every string in its metadata: a byte that no UTF-8 text has.
const STRING_END: u8 = 0xc1;

/// How many bytes may lie between the end of the path and its digest.
const GAP: usize = 6;

/// The digest recorded for a source file, by the path that rustc was given (`lib/src/lib.rs`).
pub fn recorded_digest(metadata: &[u8], path: &str) -> Recorded {
    let mut needle = path.as_bytes().to_vec();
    needle.push(STRING_END);
    // The name is there as given and as an absolute path; the digest follows the latter.
    for at in memmem::find_iter(metadata, &needle) {
        let after = &metadata[at + needle.len()..];
        for gap in 1..=GAP {
            let Some(window) = after.get(gap..gap + 32) else { break };
            // The kind (0: MD5) comes first, then in newer compilers the length 32.
            let kind_is_md5 = match after[..gap] {
                [.., 0, 32] => true,
                [.., 0] => window[0] != 32,
                _ => false,
            };
            let (digest, padding) = window.split_at(16);
            let is_padded = padding.iter().all(|byte| *byte == 0);
            if kind_is_md5 && is_padded && looks_random(digest) {
                let mut md5 = [0; 16];
                md5.copy_from_slice(digest);
                return Recorded::Md5(md5);
            }
        }
    }
    Recorded::Unknown
}

/// A digest has at most two zero bytes but for one in 50 000 files, and none of the small numbers
/// of other tables has sixteen bytes in a row.
fn looks_random(digest: &[u8]) -> bool {
    digest.iter().filter(|byte| **byte == 0).count() <= 2 && digest[0] != 0 && digest[15] != 0
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
            assert_eq!(found, Recorded::Md5(DIGEST), "{length:?}");
        }
    }

    #[test]
    fn another_path_another_kind_and_a_cut_are_unknown() {
        let sample = sample(&[32]);
        assert_eq!(recorded_digest(&sample, "src/main.rs"), Recorded::Unknown);
        assert_eq!(recorded_digest(&sample[..50], "lib/src/lib.rs"), Recorded::Unknown);
        let end = sample.iter().rposition(|byte| *byte == 32).unwrap();
        let mut sha256 = sample.clone();
        sha256[end - 1] = 2;
        sha256[end + 17..end + 33].fill(7);
        assert_eq!(recorded_digest(&sha256, "lib/src/lib.rs"), Recorded::Unknown);
    }
}
