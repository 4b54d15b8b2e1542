//! Attestations as bytes: in-toto statements, DSSE envelopes, keys; knows no facts and no disk.
//!
//! [`read`] takes whatever a record file may hold (a bare statement, an envelope, a Sigstore
//! bundle) and [`Envelope::verify`] hands out the very bytes that were signed: a statement is read
//! from the bytes that the signature covers, never from a second reading of the file.

use std::fmt;

use crate::provenance::dsse::Envelope;

/// No attestation that is read may be larger, in bytes. A statement that lists 40,000 source
/// files has about 8 MiB.
pub const MAX_BYTES: usize = 64 << 20;

/// Why bytes are no attestation, or not one that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
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

impl Error {
    pub(crate) fn malformed(expected: &'static str, reason: impl fmt::Display) -> Error {
        Error::Malformed { expected, reason: reason.to_string() }
    }
}

/// What a record file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attestation {
    /// A statement that nobody signed: its bytes.
    Bare(Vec<u8>),
    /// A statement in an envelope.
    Signed(Envelope),
    /// An envelope in a Sigstore bundle.
    Bundle(Envelope),
}

/// Reads the one attestation that the bytes hold: a statement, a DSSE envelope or a Sigstore
/// bundle, alone or as the only line of a `.intoto.jsonl`.
///
/// # Errors
/// Bytes that are none of the three, are too large, or hold more than one.
pub fn read(bytes: &[u8]) -> Result<Attestation, Error> {
    const EXPECTED: &str = "a statement, a DSSE envelope or a Sigstore bundle";
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge { size: bytes.len() });
    }
    crate::provenance::strict_json::check(bytes)
        .map_err(|error| Error::malformed(EXPECTED, error))?;
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| Error::malformed(EXPECTED, error))?;
    let has = |key: &str| value.get(key).is_some();
    if has("_type") {
        Ok(Attestation::Bare(bytes.trim_ascii().to_vec()))
    } else if has("payloadType") || has("payload") {
        Ok(Attestation::Signed(Envelope::from_json(bytes)?))
    } else if has("mediaType") {
        Ok(Attestation::Bundle(crate::provenance::sigstore::envelope_of_bundle(bytes)?))
    } else {
        Err(Error::malformed(EXPECTED, "it has neither _type, payload nor mediaType"))
    }
}

impl Attestation {
    /// The statement's bytes without asking who signed them.
    ///
    /// # Errors
    /// A payload that is no in-toto statement.
    pub fn unverified_payload(&self) -> Result<&[u8], Error> {
        match self {
            Attestation::Bare(bytes) => Ok(bytes),
            Attestation::Signed(envelope) | Attestation::Bundle(envelope) => {
                envelope.unverified_payload()
            }
        }
    }

    /// The envelope, where there is one.
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Attestation::Bare(_) => None,
            Attestation::Signed(envelope) | Attestation::Bundle(envelope) => Some(envelope),
        }
    }
}

/// Lower-case hex of the SHA-256 of the bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_attestation_is_refused() {
        let line = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;
        assert!(matches!(read(line), Ok(Attestation::Bare(_))));
        let two = [line.as_slice(), b"\n", line].concat();
        assert!(read(&two).is_err());
    }

    #[test]
    fn what_is_no_attestation_is_refused() {
        for bytes in [&b""[..], b"{}", b"[]", b"null", b"\x7fELF", b"{\"_type\":"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn digests_are_lower_case_hex() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
