//! Why bytes are not an attestation, or not one to rely on.

use std::fmt;

/// The largest attestation that is read, in bytes. A statement that lists 40,000 source
/// files has about 8 MiB.
pub const MAX_BYTES: usize = 64 << 20;

/// Why bytes are not an attestation, or not one to rely on. Every variant prints a complete message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// Larger than [`MAX_BYTES`].
    #[error("the attestation has {size} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// In bytes.
        size: usize,
    },
    /// Not JSON, or JSON without the fields that the format demands.
    #[error("this is not {expected}: {reason}")]
    Malformed {
        /// What the bytes should have been.
        expected: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// A type that is not read.
    #[error("the {what} is {found:?}; only {expected:?} is read")]
    UnknownType {
        /// Which type field.
        what: &'static str,
        /// Its value.
        found: String,
        /// The value that would have been read.
        expected: &'static str,
    },
    /// A statement about nothing.
    #[error("the statement names no subject, so it is about no program")]
    NoSubject,
    /// The number of signatures is not one.
    #[error("the envelope has {found} signatures; a record has exactly one")]
    NotOneSignature {
        /// How many there are.
        found: usize,
    },
    /// None of the keys made the signature.
    #[error("none of the given keys signed it ({})", named(.keyid))]
    WrongKey {
        /// The envelope's own hint, shortened; empty where it has none.
        keyid: String,
    },
    /// The key cannot be used.
    #[error("{0}")]
    Key(String),
}

fn named(keyid: &str) -> String {
    match keyid {
        "" => "the envelope names no key".to_owned(),
        keyid => format!("the envelope names the key {keyid:?}"),
    }
}

impl ProvenanceError {
    pub(crate) fn malformed(expected: &'static str, reason: impl fmt::Display) -> ProvenanceError {
        ProvenanceError::Malformed { expected, reason: reason.to_string() }
    }
}
