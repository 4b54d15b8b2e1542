//! The SLSA provenance predicate: version 1 as written, 0.2 and 0.1 as BuildKit still writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::provenance::error::ProvenanceError;
use crate::provenance::statement::{ResourceDescriptor, Statement};
use crate::provenance::strict_json;

/// `predicateType` of what this program writes.
pub const PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// `predicateType` that BuildKit before 0.28 writes.
pub const PROVENANCE_V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// `predicateType` of the oldest form.
pub const PROVENANCE_V0_1: &str = "https://slsa.dev/provenance/v0.1";

/// How something was built, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was asked for and what went in.
    pub build_definition: BuildDefinition,
    /// Who did it, and when.
    pub run_details: RunDetails,
}

/// What was asked for and what went in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// What the parameters mean: a URI.
    pub build_type: String,
    /// What the person who started the build chose.
    pub external_parameters: Map<String, Value>,
    /// What the machine that ran it added.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub internal_parameters: Map<String, Value>,
    /// What was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

/// Who did it, and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// Whom a reader has to trust.
    pub builder: Builder,
    /// The run.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Whom a reader has to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// A URI.
    pub id: String,
    /// The builder's parts and their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub version: BTreeMap<String, String>,
}

impl Provenance {
    /// Reads a version 1 predicate.
    ///
    /// # Errors
    /// Another predicate, or one without the fields that the specification demands.
    pub fn from_statement(statement: &Statement) -> Result<Provenance, ProvenanceError> {
        if statement.predicate_type != PROVENANCE_V1 {
            return Err(ProvenanceError::UnknownType {
                what: "predicate type",
                found: statement.predicate_type.clone(),
                expected: PROVENANCE_V1,
            });
        }
        strict_json::read(&statement.predicate)
            .map_err(|error| ProvenanceError::malformed("SLSA provenance v1", error))
    }

    /// The predicate as a JSON value with sorted keys.
    pub fn to_value(&self) -> Value {
        // Strings and maps with string keys: nothing that serialising can refuse.
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predicate_without_its_demanded_fields_is_refused() {
        let statement = |predicate: Value| Statement {
            kind: crate::provenance::statement::STATEMENT_V1.to_owned(),
            subject: Vec::new(),
            predicate_type: PROVENANCE_V1.to_owned(),
            predicate,
        };
        let whole = Provenance::default().to_value();
        assert!(Provenance::from_statement(&statement(whole.clone())).is_ok());
        for (outer, inner) in [
            ("buildDefinition", "buildType"),
            ("buildDefinition", "externalParameters"),
            ("runDetails", "builder"),
        ] {
            let mut less = whole.clone();
            less[outer].as_object_mut().unwrap().remove(inner);
            assert!(Provenance::from_statement(&statement(less)).is_err(), "{inner}");
        }
        let mut other = statement(whole);
        other.predicate_type = PROVENANCE_V0_2.to_owned();
        assert!(Provenance::from_statement(&other).is_err());
    }
}
