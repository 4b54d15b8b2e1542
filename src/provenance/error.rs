//! Why bytes are no attestation, or not one that can be believed.

use std::fmt;

/// No attestation that is read may be larger, in bytes. A statement that lists 40,000 source
/// files has about 8 MiB.
pub const MAX_BYTES: usize = 64 << 20;

/// Why bytes are no attestation, or not one that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// Larger than [`MAX_BYTES`].
    #[error("is {size} bytes long; an attestation has at most {MAX_BYTES}")]
    TooLarge {
        /// In bytes.
        size: usize,
    },
    /// No JSON, or JSON without the fields that the format demands.
    #[error("is not {expected}: {reason}")]
    Malformed {
        /// What the bytes should have been.
        expected: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// A type that this program cannot judge.
    #[error("has the {what} {found:?}; this program reads {expected:?}")]
    UnknownType {
        /// Which type field.
        what: &'static str,
        /// Its value.
        found: String,
        /// The value that would have been read.
        expected: &'static str,
    },
    /// A statement about nothing.
    #[error("names no subject, so it says nothing about any program")]
    NoSubject,
    /// The number of signatures is not one.
    #[error("carries {found} signatures; a record carries exactly one")]
    NotOneSignature {
        /// How many there are.
        found: usize,
    },
    /// None of the keys made the signature.
    #[error("was not signed by any of the given keys ({})", named(.keyid))]
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
        "" => "it names none".to_owned(),
        keyid => format!("it names the key {keyid:?}"),
    }
}

impl ProvenanceError {
    pub(crate) fn malformed(expected: &'static str, reason: impl fmt::Display) -> ProvenanceError {
        ProvenanceError::Malformed { expected, reason: reason.to_string() }
    }
}
