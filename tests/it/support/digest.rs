//! SHA-256 as image documents write it.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Shown as `sha256:` and 64 hex digits.
pub struct Digest(String);

impl Digest {
    pub fn sha256(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn hex(&self) -> &str {
        &self.0
    }

    /// Where a layout keeps the blob.
    pub fn blob_path(&self) -> String {
        format!("blobs/sha256/{}", self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}
