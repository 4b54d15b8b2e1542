//! Keys: ed25519 and P-256, from PEM; sign, verify, and the identity that others compute.

use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};

use crate::digest::{hex, sha256_hex};
use crate::provenance::error::ProvenanceError;

/// A key that signs.
pub enum SecretKey {
    /// RFC 8032.
    Ed25519(ed25519_dalek::SigningKey),
    /// ECDSA over NIST P-256 with SHA-256; nonces by RFC 6979, so signatures are deterministic.
    P256(p256::ecdsa::SigningKey),
}

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RFC 8032.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// ECDSA over NIST P-256 with SHA-256.
    P256(p256::ecdsa::VerifyingKey),
}

/// No key file is larger, in bytes.
pub const MAX_KEY_BYTES: usize = 64 << 10;

impl SecretKey {
    /// Reads a PKCS#8 PEM (`BEGIN PRIVATE KEY`), as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// Another container, an encrypted key, another algorithm; the error says what to do.
    pub fn from_pem(pem: &str) -> Result<SecretKey, ProvenanceError> {
        let refused = |why: &str| Err(ProvenanceError::Key(why.to_owned()));
        let block = label(pem).unwrap_or_default();
        match block {
            "PRIVATE KEY" => {}
            "PUBLIC KEY" => return refused("this is a public key; signing needs the private key"),
            "EC PRIVATE KEY" => {
                return refused("this is a SEC1 key; convert it: openssl pkcs8 -topk8 -nocrypt");
            }
            _ if block.contains("ENCRYPTED") => {
                return refused(
                    "this key is encrypted; decrypt it: openssl pkcs8 -in KEY -out PLAIN",
                );
            }
            _ => return refused("this is no PKCS#8 private key in PEM (BEGIN PRIVATE KEY)"),
        }
        let pem = pem.trim();
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_pem(pem) {
            return Ok(SecretKey::Ed25519(key));
        }
        p256::ecdsa::SigningKey::from_pkcs8_pem(pem).map(SecretKey::P256).or_else(|_| {
            refused("this private key is neither ed25519 nor P-256, the two that are supported")
        })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        match self {
            SecretKey::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
            SecretKey::P256(key) => PublicKey::P256(*key.verifying_key()),
        }
    }

    /// Signs: 64 bytes for ed25519, ASN.1 DER for P-256 (what cosign and securesystemslib read).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            SecretKey::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            SecretKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

impl PublicKey {
    /// Reads an SPKI PEM (`BEGIN PUBLIC KEY`); a private key is taken for its public half.
    ///
    /// # Errors
    /// Another container or another algorithm.
    pub fn from_pem(pem: &str) -> Result<PublicKey, ProvenanceError> {
        if label(pem) != Some("PUBLIC KEY") {
            return SecretKey::from_pem(pem).map(|key| key.public()).map_err(|_| {
                ProvenanceError::Key("this is no public key in PEM (BEGIN PUBLIC KEY)".to_owned())
            });
        }
        let pem = pem.trim();
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_pem(pem) {
            return Ok(PublicKey::Ed25519(key));
        }
        p256::ecdsa::VerifyingKey::from_public_key_pem(pem).map(PublicKey::P256).map_err(|_| {
            ProvenanceError::Key(
                "this public key is neither ed25519 nor P-256, the two that are supported"
                    .to_owned(),
            )
        })
    }

    /// Whether this key made the signature. P-256 takes both ASN.1 DER and the raw 64 bytes
    /// `r‖s` (the DSSE specification's own example is raw); ed25519 refuses small-order keys and
    /// the signatures that verify under several.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            PublicKey::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            PublicKey::P256(key) => {
                let raw = p256::ecdsa::Signature::from_slice(signature);
                let either = raw.or_else(|_| p256::ecdsa::Signature::from_der(signature));
                either.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }

    /// securesystemslib's key identity: the SHA-256 of the key's canonical JSON. Only a hint, but
    /// one that lets that library find the key.
    pub fn keyid(&self) -> String {
        let canonical = match self {
            PublicKey::Ed25519(key) => format!(
                r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#,
                hex(key.as_bytes())
            ),
            PublicKey::P256(key) => {
                let pem = key.to_public_key_pem(LineEnding::LF).unwrap_or_default();
                format!(
                    r#"{{"keytype":"ecdsa","keyval":{{"public":"{}"}},"scheme":"ecdsa-sha2-nistp256"}}"#,
                    // With the line feed at its end, as the library's own reader of keys keeps it.
                    pem
                )
            }
        };
        sha256_hex(canonical.as_bytes())
    }
}

/// The words between `BEGIN` and the dashes.
fn label(pem: &str) -> Option<&str> {
    pem.trim_start().strip_prefix("-----BEGIN ")?.split("-----").next()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A key of each algorithm: ed25519 from any 32 bytes, and the P-256 key of the DSSE
    /// specification (`protocol.md`, "Test Vectors").
    pub(crate) fn both() -> [SecretKey; 2] {
        let mut scalar = [0; 32];
        let hex = b"d73ec437fd6346e3619c5ebfdfff0f6916804955ad32ac9ac492b0ede1f6ffb7";
        for (byte, digits) in scalar.iter_mut().zip(hex.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        }
        [
            SecretKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[7; 32])),
            SecretKey::P256(p256::ecdsa::SigningKey::from_slice(&scalar).unwrap()),
        ]
    }

    #[test]
    fn the_specification_s_own_signature_raw_and_as_der() {
        let [_, key] = both();
        let message = crate::provenance::dsse::pae("http://example.com/HelloWorld", b"hello world");
        let raw = crate::provenance::dsse::decode(
            "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==",
        )
        .unwrap();
        assert!(key.public().verify(&message, &raw));
        assert!(!key.public().verify(b"another", &raw));
        // RFC 6979: the same nonce, so the very signature of the specification, in DER.
        let der = key.sign(&message);
        assert!(key.public().verify(&message, &der));
        let parsed = p256::ecdsa::Signature::from_der(&der).unwrap();
        assert_eq!(parsed.to_bytes().as_slice(), raw);
    }

    #[test]
    fn a_key_that_cannot_be_used_says_what_to_do() {
        let error = |label: &str| {
            let pem = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
            match SecretKey::from_pem(&pem) {
                Err(ProvenanceError::Key(why)) => why,
                _ => String::new(),
            }
        };
        assert!(error("EC PRIVATE KEY").contains("openssl pkcs8"));
        assert!(error("ENCRYPTED PRIVATE KEY").contains("decrypt"));
        assert!(error("PUBLIC KEY").contains("private"));
        assert!(error("PRIVATE KEY").contains("neither"));
        assert!(error("CERTIFICATE").contains("PKCS#8"));
        assert!(SecretKey::from_pem("hello").is_err());
        assert!(PublicKey::from_pem("hello").is_err());
    }
}
