//! The DSSE envelope (Dead Simple Signing Envelope 1.0.2): sign, read, verify.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use crate::provenance::error::ProvenanceError;
use crate::provenance::keys::{PublicKey, SecretKey};
use crate::provenance::statement::PAYLOAD_TYPE;
use crate::provenance::strict_json;

/// Bytes, their type, and who vouches for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The signed bytes, exactly as they were signed.
    payload: Vec<u8>,
    /// The media type of the payload; part of what is signed.
    pub payload_type: String,
    /// In the order of the file.
    pub signatures: Vec<DsseSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DsseSignature {
    /// A hint which key to try first. Nothing is ever decided by it.
    pub keyid: Option<String>,
    /// The raw signature.
    pub sig: Vec<u8>,
}

/// The JSON of an envelope; fields that the specification does not know are ignored, as it asks.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeJson {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
struct SignatureJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

/// More signatures than this in one envelope are a denial of service, not a policy.
const MAX_SIGNATURES: usize = 64;

/// The bytes that a signature covers ("pre-authentication encoding"), so that a payload can
/// never be passed off under another type.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// Signs the statement's bytes.
    pub fn sign(statement: Vec<u8>, key: &SecretKey) -> Envelope {
        let sig = key.sign(&pae(PAYLOAD_TYPE, &statement));
        Envelope {
            payload: statement,
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![DsseSignature { keyid: Some(key.public().keyid()), sig }],
        }
    }

    /// Reads an envelope. Both base64 alphabets are taken, with and without padding.
    ///
    /// # Errors
    /// What is no envelope, is cut off, or is too large.
    pub fn from_json(bytes: &[u8]) -> Result<Envelope, ProvenanceError> {
        if bytes.len() > crate::provenance::error::MAX_BYTES {
            return Err(ProvenanceError::TooLarge { size: bytes.len() });
        }
        let malformed = |reason: String| ProvenanceError::malformed("a DSSE envelope", reason);
        let json: EnvelopeJson = serde_json::from_slice(bytes)
            .and_then(|value: serde_json::Value| strict_json::read(&value))
            .map_err(|error| malformed(error.to_string()))?;
        if json.signatures.len() > MAX_SIGNATURES {
            return Err(malformed(format!("{} signatures", json.signatures.len())));
        }
        let field = |what: &str, text: &str| {
            decode(text).ok_or_else(|| malformed(format!("the {what} is not base64")))
        };
        Ok(Envelope {
            payload: field("payload", &json.payload)?,
            payload_type: json.payload_type,
            signatures: json
                .signatures
                .into_iter()
                .map(|signature| {
                    let sig = field("signature", &signature.sig)?;
                    Ok(DsseSignature { keyid: signature.keyid, sig })
                })
                .collect::<Result<_, ProvenanceError>>()?,
        })
    }

    /// The envelope as JSON on one line, without a line break at the end.
    pub fn to_json(&self) -> String {
        // Strings only: nothing that serialising can refuse.
        serde_json::to_string(&self.json()).unwrap_or_default()
    }

    /// The envelope as a JSON value, for a bundle around it.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self.json()).unwrap_or_default()
    }

    fn json(&self) -> EnvelopeJson {
        EnvelopeJson {
            payload: encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self
                .signatures
                .iter()
                .map(|signature| SignatureJson {
                    keyid: signature.keyid.clone(),
                    sig: encode(&signature.sig),
                })
                .collect(),
        }
    }

    /// The payload, if the envelope carries exactly one signature and one of the keys made it;
    /// with it the key's identity. The caller reads these bytes and no others.
    ///
    /// A record is made by one builder, so a second signature is either a mistake or somebody
    /// hoping that only the first is looked at (the Sigstore bundle draws the same line).
    ///
    /// # Errors
    /// Another payload type, none or several signatures, another key.
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(&[u8], String), ProvenanceError> {
        let payload = self.unverified_payload()?;
        let [signature] = self.signatures.as_slice() else {
            return Err(ProvenanceError::NotOneSignature { found: self.signatures.len() });
        };
        let signed = pae(&self.payload_type, payload);
        match keys.iter().find(|key| key.verify(&signed, &signature.sig)) {
            Some(key) => Ok((payload, key.keyid())),
            None => Err(ProvenanceError::WrongKey {
                keyid: signature.keyid.iter().flat_map(|id| id.chars()).take(16).collect(),
            }),
        }
    }

    /// The payload whoever signed it.
    ///
    /// # Errors
    /// A payload that does not call itself an in-toto statement.
    pub fn unverified_payload(&self) -> Result<&[u8], ProvenanceError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(ProvenanceError::UnknownType {
                what: "payload type",
                found: self.payload_type.clone(),
                expected: PAYLOAD_TYPE,
            });
        }
        Ok(&self.payload)
    }
}

/// Padding as it comes: the specification asks for base64 and leaves both open.
const RELAXED: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Standard base64 with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Base64 of either alphabet.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let standard = GeneralPurpose::new(&alphabet::STANDARD, RELAXED);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, RELAXED);
    standard.decode(text).or_else(|_| url_safe.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::provenance::keys::tests::both;

    fn signed() -> (Envelope, PublicKey) {
        let [key, _] = both();
        (Envelope::sign(b"{}".to_vec(), &key), key.public())
    }

    #[test]
    fn the_specification_s_own_encoding() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn what_was_signed_comes_back() {
        for key in both() {
            let envelope = Envelope::sign(b"{\"a\":1}".to_vec(), &key);
            let read = Envelope::from_json(envelope.to_json().as_bytes()).unwrap();
            assert_eq!(read, envelope);
            let (payload, keyid) = read.verify(&[key.public()]).unwrap();
            assert_eq!(payload, b"{\"a\":1}");
            assert_eq!(keyid, key.public().keyid());
        }
    }

    #[test]
    fn signing_is_deterministic() {
        for key in both() {
            let sign = || Envelope::sign(b"{}".to_vec(), &key);
            assert_eq!(sign(), sign());
        }
    }

    #[test]
    fn both_alphabets_and_unknown_fields_are_read() {
        let [key, _] = both();
        let envelope = Envelope::sign(vec![0xfb, 0xff, 0xfe], &key);
        let text = envelope.to_json();
        let url_safe = text.replace("+//+", "-__-").replace('=', "");
        let more = text.replacen('{', "{\"future\":[1],", 1);
        assert_eq!(Envelope::from_json(more.as_bytes()).unwrap(), envelope);
        let read = Envelope::from_json(url_safe.as_bytes()).unwrap();
        assert_eq!(read.payload, envelope.payload);
    }

    #[test]
    fn a_hint_decides_nothing() {
        let (mut envelope, public) = signed();
        envelope.signatures[0].keyid = None;
        assert!(envelope.verify(std::slice::from_ref(&public)).is_ok());
        let other = both()[1].public();
        envelope.signatures[0].keyid = Some(other.keyid());
        assert!(matches!(envelope.verify(&[other]), Err(ProvenanceError::WrongKey { .. })));
        assert!(envelope.verify(&[public]).is_ok());
    }

    #[test]
    fn every_damaged_byte_of_payload_type_and_signature_is_caught() {
        let (envelope, public) = signed();
        let keys = [public];
        for at in 0..envelope.payload.len() {
            let mut damaged = envelope.clone();
            damaged.payload[at] ^= 1;
            assert!(damaged.verify(&keys).is_err());
        }
        for at in 0..envelope.signatures[0].sig.len() {
            let mut damaged = envelope.clone();
            damaged.signatures[0].sig[at] ^= 1;
            assert!(damaged.verify(&keys).is_err());
        }
        let mut damaged = envelope.clone();
        damaged.payload_type.push('x');
        assert!(matches!(damaged.verify(&keys), Err(ProvenanceError::UnknownType { .. })));
        assert!(envelope.verify(&[]).is_err());
    }

    #[test]
    fn none_or_two_signatures_are_refused() {
        let (mut envelope, public) = signed();
        envelope.signatures.push(envelope.signatures[0].clone());
        let keys = [public];
        assert_eq!(envelope.verify(&keys), Err(ProvenanceError::NotOneSignature { found: 2 }));
        envelope.signatures.clear();
        assert_eq!(envelope.verify(&keys), Err(ProvenanceError::NotOneSignature { found: 0 }));
    }

    #[test]
    fn every_truncation_is_refused() {
        let text = signed().0.to_json();
        for end in 0..text.len() {
            assert!(Envelope::from_json(&text.as_bytes()[..end]).is_err());
        }
    }
}
