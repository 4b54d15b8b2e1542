//! Attestations as bytes: in-toto statements, DSSE envelopes, keys; knows no facts and no disk.
//!
//! [`read`] takes whatever a record file may hold (a bare statement, an envelope, a Sigstore
//! bundle) and [`Envelope::verify`] hands out the very bytes that were signed: a statement is read
//! from the bytes that the signature covers, never from a second reading of the file.

use crate::provenance::dsse::Envelope;
use crate::provenance::error::{MAX_BYTES, ProvenanceError};

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
pub fn read(bytes: &[u8]) -> Result<Attestation, ProvenanceError> {
    const EXPECTED: &str = "a statement, a DSSE envelope or a Sigstore bundle";
    if bytes.len() > MAX_BYTES {
        return Err(ProvenanceError::TooLarge { size: bytes.len() });
    }
    crate::provenance::strict_json::check(bytes)
        .map_err(|error| ProvenanceError::malformed(EXPECTED, error))?;
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| ProvenanceError::malformed(EXPECTED, error))?;
    let has = |key: &str| value.get(key).is_some();
    if has("_type") {
        Ok(Attestation::Bare(bytes.trim_ascii().to_vec()))
    } else if has("payloadType") || has("payload") {
        Ok(Attestation::Signed(Envelope::from_json(bytes)?))
    } else if has("mediaType") {
        Ok(Attestation::Bundle(crate::provenance::sigstore::envelope_of_bundle(bytes)?))
    } else {
        Err(ProvenanceError::malformed(EXPECTED, "it has neither _type, payload nor mediaType"))
    }
}

impl Attestation {
    /// The statement's bytes without asking who signed them.
    ///
    /// # Errors
    /// A payload that is no in-toto statement.
    pub fn unverified_payload(&self) -> Result<&[u8], ProvenanceError> {
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
}
