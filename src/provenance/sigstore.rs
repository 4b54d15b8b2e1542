//! The Sigstore bundle v0.3 around an envelope signed with a local key.

use serde_json::{Value, json};

use crate::provenance::dsse::Envelope;
use crate::provenance::error::ProvenanceError;

/// The media type of the bundle (Sigstore protobuf specs, `sigstore_bundle.proto`).
pub const BUNDLE_V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The bundle as JSON on one line. It holds a key's hint instead of a certificate and no entry
/// of a transparency log, because nothing was sent anywhere.
pub fn bundle(envelope: &Envelope) -> String {
    let hint = envelope.signatures.first().and_then(|signature| signature.keyid.clone());
    let mut inner = envelope.to_value();
    // A verifier of bundles finds the key by the hint above; keyid is not repeated.
    for signature in inner["signatures"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = signature.as_object_mut() {
            fields.remove("keyid");
        }
    }
    json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {
            "publicKey": { "hint": hint.unwrap_or_default() },
            "tlogEntries": [],
        },
        "dsseEnvelope": inner,
    })
    .to_string()
}

/// Takes the envelope out of a bundle. What a certificate or a log entry in it says is not
/// looked at: the signature is checked against the keys that the user names, or not at all.
///
/// # Errors
/// Another media type, or no DSSE envelope inside.
pub fn envelope_of_bundle(bytes: &[u8]) -> Result<Envelope, ProvenanceError> {
    let malformed = |reason: String| ProvenanceError::malformed("a Sigstore bundle", reason);
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let media_type = value["mediaType"].as_str().unwrap_or_default();
    if media_type != BUNDLE_V0_3 {
        return Err(ProvenanceError::UnknownType {
            what: "media type",
            found: media_type.to_owned(),
            expected: BUNDLE_V0_3,
        });
    }
    let envelope = value
        .get("dsseEnvelope")
        .ok_or_else(|| malformed("it holds no dsseEnvelope".to_owned()))?;
    let mut envelope = Envelope::from_json(envelope.to_string().as_bytes())?;
    let hint = value["verificationMaterial"]["publicKey"]["hint"].as_str();
    for signature in &mut envelope.signatures {
        signature.keyid = signature.keyid.take().or(hint.map(str::to_owned));
    }
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::keys::tests::both;

    #[test]
    fn an_envelope_survives_its_bundle() {
        for key in both() {
            let envelope = Envelope::sign(b"{}".to_vec(), &key);
            let text = bundle(&envelope);
            assert_eq!(envelope_of_bundle(text.as_bytes()).unwrap(), envelope);
            assert!(text.contains(&key.public().keyid()));
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let text = bundle(&Envelope::sign(b"{}".to_vec(), &both()[0]));
        assert!(envelope_of_bundle(text.replace("v0.3", "v0.1").as_bytes()).is_err());
        assert!(
            envelope_of_bundle(text.replace("dsseEnvelope", "messageSignature").as_bytes())
                .is_err()
        );
        assert!(envelope_of_bundle(b"{}").is_err());
    }
}
