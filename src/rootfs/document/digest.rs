//! Content digests: their grammar, and hashing while bytes pass by.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

use crate::digest::hex;
use crate::rootfs::error::ImageError;

/// A digest by one of the algorithms that the OCI image specification registers and that is in
/// use for images. Kept valid by its constructors, so it can stand in a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }
}

impl Digest {
    /// Reads `sha256:<64 lower-case hex digits>` or `sha512:<128>` (OCI descriptor, "Digests").
    pub fn parse(text: &str) -> Option<Digest> {
        let (algorithm, hex) = text.split_once(':')?;
        let algorithm = match (algorithm, hex.len()) {
            ("sha256", 64) => Algorithm::Sha256,
            ("sha512", 128) => Algorithm::Sha512,
            _ => return None,
        };
        hex.bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            .then(|| Digest { algorithm, hex: hex.to_owned() })
    }

    /// A digest that a document states.
    ///
    /// # Errors
    /// It is not one of those that [`Digest::parse`] reads.
    pub fn parse_stated(text: &str) -> Result<Digest, ImageError> {
        Digest::parse(text).ok_or_else(|| ImageError::Damaged(format!("'{text}' is no digest")))
    }

    /// The SHA-256 of these bytes.
    pub fn sha256(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(None);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whether one hashing gives both: the algorithms are the same, or nothing asks for another.
    pub fn are_alike(one: Option<&Digest>, other: Option<&Digest>) -> bool {
        let algorithm = |digest: Option<&Digest>| digest.map(|digest| digest.algorithm);
        other.is_none() || algorithm(one) == algorithm(other)
    }

    /// Where the blob lies in an OCI layout.
    pub fn blob_path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm.name(), self.hex)
    }

    /// The digits alone.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Whether the bytes have this digest.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        self.of_same_kind(bytes) == *self
    }

    /// The digest of these bytes by the algorithm of this one.
    pub fn of_same_kind(&self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(Some(self));
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// A digest in the making.
#[derive(Debug, Clone)]
pub struct Hasher {
    state: HashState,
    size: u64,
}

#[derive(Debug, Clone)]
enum HashState {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher of the algorithm that `like` has; SHA-256 where there is nothing to be like.
    pub fn new(like: Option<&Digest>) -> Hasher {
        let state = match like.map(|digest| digest.algorithm) {
            None | Some(Algorithm::Sha256) => HashState::Sha256(Sha256::new()),
            Some(Algorithm::Sha512) => HashState::Sha512(Sha512::new()),
        };
        Hasher { state, size: 0 }
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        match &mut self.state {
            HashState::Sha256(hasher) => hasher.update(bytes),
            HashState::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Bytes taken in.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        match self.state {
            HashState::Sha256(hasher) => {
                Digest { algorithm: Algorithm::Sha256, hex: hex(&hasher.finalize()) }
            }
            HashState::Sha512(hasher) => {
                Digest { algorithm: Algorithm::Sha512, hex: hex(&hasher.finalize()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_lower_case_digests_are_digests() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest = Digest::parse(empty).unwrap();
        assert!(digest.fits(b"") && !digest.fits(b"x"));
        assert_eq!(digest.to_string(), empty);
        assert_eq!(Digest::sha256(b""), digest);
        let upper = empty.replace('e', "E");
        for bad in [
            &upper,
            "sha256:",
            "sha256:../../etc/passwd",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "x",
        ] {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
        let long = format!("sha512:{}", "0".repeat(128));
        assert!(!Digest::parse(&long).unwrap().fits(b""));
    }
}
