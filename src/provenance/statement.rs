//! The in-toto Statement v1 and its resource descriptors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provenance::error::ProvenanceError;
use crate::provenance::strict_json;

/// `_type` of a statement (in-toto attestation spec v1, "Statement").
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// `_type` of the older statement that BuildKit before 0.28 and cosign 2 write.
pub const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// The media type of a statement inside an envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Somebody says something about some files: `subject`, and the predicate as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Always [`STATEMENT_V1`] in what this program writes.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What the predicate is about; matched by digest alone.
    pub subject: Vec<ResourceDescriptor>,
    /// Which predicate it is.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The predicate; its keys are sorted, so that equal values have equal bytes.
    #[serde(default)]
    pub predicate: Value,
}

/// A file, package or commit (in-toto's ResourceDescriptor).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// For people and for look-ups inside one statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it comes from, or its purl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Algorithm to lower-case hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Base64 of the resource itself, for small ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Anything else that its producer says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl ResourceDescriptor {
    /// The SHA-256, lower-case hex.
    pub fn sha256(&self) -> Option<&str> {
        self.digest.get("sha256").map(String::as_str)
    }

    /// A descriptor with a name and a SHA-256.
    pub fn named(name: impl Into<String>, sha256: impl Into<String>) -> ResourceDescriptor {
        ResourceDescriptor {
            name: Some(name.into()),
            digest: BTreeMap::from([("sha256".to_owned(), sha256.into())]),
            ..ResourceDescriptor::default()
        }
    }
}

impl Statement {
    /// Reads a statement as its specification has it: v1, at least one subject, each with a
    /// digest in lower-case hex.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_json(bytes: &[u8]) -> Result<Statement, ProvenanceError> {
        let statement = Statement::from_json_leniently(bytes)?;
        if statement.kind != STATEMENT_V1 {
            return Err(ProvenanceError::UnknownType {
                what: "statement type",
                found: statement.kind,
                expected: STATEMENT_V1,
            });
        }
        if statement.subject.is_empty() {
            return Err(ProvenanceError::NoSubject);
        }
        for (place, subject) in statement.subject.iter().enumerate() {
            let described = |why: &str| {
                let name = subject.name.as_deref().unwrap_or("without a name");
                ProvenanceError::malformed(
                    "an in-toto statement",
                    format!("subject {place} ({name}) {why}"),
                )
            };
            if subject.digest.is_empty() {
                return Err(described("has no digest"));
            }
            if subject.sha256().is_some_and(|digest| !is_sha256(digest)) {
                return Err(described("has a sha256 that is not 64 lower-case hex digits"));
            }
        }
        Ok(statement)
    }

    /// Reads a statement of either version, with or without subjects, as BuildKit writes them.
    ///
    /// # Errors
    /// What is no statement at all, or too large.
    pub fn from_json_leniently(bytes: &[u8]) -> Result<Statement, ProvenanceError> {
        if bytes.len() > crate::provenance::error::MAX_BYTES {
            return Err(ProvenanceError::TooLarge { size: bytes.len() });
        }
        let malformed = |error| ProvenanceError::malformed("an in-toto statement", error);
        strict_json::check(bytes).map_err(malformed)?;
        let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
        let statement: Statement = strict_json::read(&value).map_err(malformed)?;
        if statement.kind != STATEMENT_V1 && statement.kind != STATEMENT_V0_1 {
            return Err(ProvenanceError::UnknownType {
                what: "statement type",
                found: statement.kind,
                expected: STATEMENT_V1,
            });
        }
        Ok(statement)
    }

    /// The statement's bytes: compact JSON on one line, the fields in the specification's order,
    /// the keys of every map sorted. Equal statements have equal bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys: nothing that serialising can refuse.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// 64 lower-case hex digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn json(subject: &str) -> String {
        format!(
            r#"{{"_type":"{STATEMENT_V1}","subject":{subject},"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"b":1,"a":2}}}}"#
        )
    }

    #[test]
    fn bytes_come_back_sorted_and_equal() {
        let text = json(&format!(r#"[{{"name":"app","digest":{{"sha256":"{DIGEST}"}}}}]"#));
        let statement = Statement::from_json(text.as_bytes()).unwrap();
        let once = statement.to_json();
        assert_eq!(Statement::from_json(&once).unwrap().to_json(), once);
        assert!(String::from_utf8(once).unwrap().ends_with(r#""predicate":{"a":2,"b":1}}"#));
    }

    #[test]
    fn a_statement_about_nothing_is_refused() {
        assert_eq!(Statement::from_json(json("[]").as_bytes()), Err(ProvenanceError::NoSubject));
        assert!(Statement::from_json_leniently(json("[]").as_bytes()).is_ok());
        assert!(Statement::from_json(json(r#"[{"name":"app"}]"#).as_bytes()).is_err());
        let upper = json(&format!(r#"[{{"digest":{{"sha256":"{}"}}}}]"#, DIGEST.to_uppercase()));
        assert!(Statement::from_json(upper.as_bytes()).is_err());
    }

    #[test]
    fn another_version_is_not_read_as_this_one() {
        let old =
            json(&format!(r#"[{{"digest":{{"sha256":"{DIGEST}"}}}}]"#)).replace("/v1\"", "/v0.1\"");
        assert!(matches!(
            Statement::from_json(old.as_bytes()),
            Err(ProvenanceError::UnknownType { .. })
        ));
        assert!(Statement::from_json(old.replace("v0.1", "v9").as_bytes()).is_err());
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        for (once, twice) in
            [("\"subject\":[]", "\"subject\":[],\"subject\":[]"), ("\"b\":1", "\"b\":1,\"b\":2")]
        {
            let twice = json("[]").replace(once, twice);
            assert!(Statement::from_json_leniently(twice.as_bytes()).is_err());
        }
    }
}
