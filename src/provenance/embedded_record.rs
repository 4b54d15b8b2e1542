//! The record that a program carries, as the program alone shows it: nothing is verified.

use crate::provenance::attestation;
use crate::provenance::slsa::Provenance;
use crate::provenance::statement::Statement;

use crate::binary::elf::record_section;
use crate::provenance::build_facts::{COMMIT, SOURCES};
use crate::provenance::record::{RecordFacts, SignatureState};

/// A record inside a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedRecord {
    /// The statement as JSON text; `None`: what is inside is no statement.
    pub statement: Option<String>,
    /// Whether somebody signed it; by whom, only `verify` with a key can say.
    pub signed: bool,
    /// What it claims, in one sentence.
    pub summary: String,
}

impl EmbeddedRecord {
    /// What the bytes of a program's section are: a record, or what keeps them from being one.
    pub fn parse(bytes: &[u8]) -> EmbeddedRecord {
        let broken = |error: crate::provenance::error::ProvenanceError| EmbeddedRecord {
            statement: None,
            signed: false,
            summary: format!("the section {} holds no record: {error}", record_section::SECTION),
        };
        EmbeddedRecord::of(bytes).unwrap_or_else(broken)
    }

    fn of(bytes: &[u8]) -> Result<EmbeddedRecord, crate::provenance::error::ProvenanceError> {
        let attestation = attestation::read(bytes)?;
        let statement = Statement::from_json(attestation.unverified_payload()?)?;
        let signed = attestation.envelope().is_some();
        let signature = match signed {
            true => SignatureState::NotChecked { keyid: String::new() },
            false => SignatureState::None,
        };
        let provenance = Provenance::from_statement(&statement)?;
        Ok(EmbeddedRecord {
            summary: RecordFacts { provenance, signature, ..RecordFacts::default() }.summary(),
            statement: Some(String::from_utf8_lossy(&statement.to_json()).into_owned()),
            signed,
        })
    }
}

impl RecordFacts {
    /// What it claims and who vouches for it, in one sentence:
    /// `shop, profile release, commit 1234…, sources 5678…; signed by the key 9abc…`.
    pub fn summary(&self) -> String {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        let mut parts = vec![self.parameter("package").unwrap_or("an unnamed package").to_owned()];
        parts.extend(self.parameter("profile").map(|profile| format!("profile {profile}")));
        if let Some(commit) = self.dependency(COMMIT) {
            let dirty = commit.annotations.get("dirty").and_then(serde_json::Value::as_bool);
            let dirty = if dirty == Some(true) { " with changes" } else { "" };
            let name = commit.digest.get("gitCommit").map_or("unknown", String::as_str);
            parts.push(format!("commit {}{dirty}", short(name)));
        }
        let sources = self.dependency(SOURCES).and_then(|sources| sources.sha256());
        parts.extend(sources.map(|sha256| format!("sources {}", short(sha256))));
        let who = match &self.signature {
            SignatureState::None => "self-attested, unsigned".to_owned(),
            SignatureState::NotChecked { .. } => "signed, not verified".to_owned(),
            SignatureState::Good { keyid } => format!("signed by the key {}", short(keyid)),
            SignatureState::Bad { .. } => "not signed by any of the given keys".to_owned(),
        };
        format!("{}; {who}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::append_section::tests::sample;

    #[test]
    fn what_is_inside_is_told_or_called_broken() {
        let program = sample(64, true);
        let read = |program: &[u8]| record_section::find(program).map(EmbeddedRecord::parse);
        assert_eq!(read(&program), None);
        let broken = read(&record_section::embed(&program, b"{}").unwrap()).unwrap();
        assert_eq!((broken.statement, broken.signed), (None, false));
        assert!(broken.summary.contains(".binlint"), "{}", broken.summary);
        let digest = "ab".repeat(32);
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "shop", "digest": { "sha256": digest } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "x",
                    "externalParameters": { "package": "shop", "profile": "release" },
                    "resolvedDependencies": [
                        { "name": "sources", "digest": { "sha256": digest } },
                        { "name": "git", "digest": { "gitCommit": "cd" }, "annotations": { "dirty": true } },
                    ],
                },
                "runDetails": { "builder": { "id": "x" } },
            },
        });
        let carrying = record_section::embed(&program, statement.to_string().as_bytes()).unwrap();
        let carried = read(&carrying).unwrap();
        assert_eq!(
            carried.summary,
            "shop, profile release, commit cd with changes, sources abababababab; self-attested, unsigned"
        );
        assert!(carried.statement.is_some());
    }
}
