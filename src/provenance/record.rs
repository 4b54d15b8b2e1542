//! A provenance record: what it claims, who signed it, and how it differs from the build at hand.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::binary::Binary;
use crate::binary::{CrateSource, NamedCrate};
use crate::provenance::attestation::Attestation;
use crate::provenance::buildkit::ImageBuild;
use crate::provenance::keys::PublicKey;
use crate::provenance::slsa::Provenance;
use crate::provenance::statement::ResourceDescriptor;
use crate::provenance::statement::Statement;

use crate::provenance::build_facts::BuildRequest;
use crate::provenance::subject_match::MatchedProgram;

/// A record of the subject's build, read beside what is true now.
#[derive(Debug, Clone, Default)]
pub struct RecordFacts {
    /// Where it was read: a path, or the program itself.
    pub origin: String,
    /// Whether it was inside the program.
    pub embedded: bool,
    /// Who vouches for it.
    pub signature: SignatureState,
    /// What was asked for, what went in, who did it.
    pub provenance: Provenance,
    /// Fields that no record of this kind has, by their paths.
    pub unknown: Vec<String>,
    /// Every program that the record is about.
    pub subjects: Vec<ResourceDescriptor>,
    /// The linted program, as the record knows it.
    pub subject: MatchedProgram,
    /// Field by field, what the workspace says today; `None`: no workspace was given.
    pub differences: Option<Vec<FieldDifference>>,
    /// Fields that could not be compared with the workspace, and why.
    pub not_compared: Vec<String>,
    /// What BuildKit says of the image that carries the subject.
    pub image_build: Option<ImageBuild>,
    /// The Dockerfile that the image should have been built from.
    pub dockerfile: Option<ComparedDockerfile>,
}

/// Who vouches for a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignatureState {
    /// Nobody.
    #[default]
    None,
    /// Somebody; no key was given to check it with.
    NotChecked {
        /// The envelope's hint.
        keyid: String,
    },
    /// The owner of one of the given keys.
    Good {
        /// securesystemslib's identity of the key.
        keyid: String,
    },
    /// A key was given, and the record is not by its owner.
    Bad {
        /// Why, as the end of "the record …".
        why: String,
    },
}

/// A field that the record and the workspace do not agree on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldDifference {
    /// `buildDefinition.externalParameters.profile`,
    /// `buildDefinition.resolvedDependencies[src/main.rs]`.
    pub field: String,
    /// What the record says; `None`: nothing.
    pub recorded: Option<String>,
    /// What is true now; `None`: there is no such thing.
    pub now: Option<String>,
    /// Why the record may be right all the same.
    pub doubt: Option<&'static str>,
}

/// A Dockerfile to compare with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedDockerfile {
    /// As the user would type it.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl RecordFacts {
    /// Reads an attestation as a record of this program.
    ///
    /// With keys, only the bytes that one of them signed are read; when none did, the record is
    /// read all the same, so that a report can say what it claims, and marked [`SignatureState::Bad`].
    ///
    /// # Errors
    /// What is no SLSA provenance v1 about some subject.
    pub fn read(
        origin: String,
        attestation: &Attestation,
        keys: &[PublicKey],
        program: &[u8],
    ) -> Result<RecordFacts, crate::provenance::error::ProvenanceError> {
        let mut payload = attestation.unverified_payload()?;
        let keyid = |envelope: &crate::provenance::dsse::Envelope| {
            let first = envelope.signatures.first();
            first.and_then(|signature| signature.keyid.clone()).unwrap_or_default()
        };
        let signature = match attestation.envelope() {
            None if keys.is_empty() => SignatureState::None,
            None => SignatureState::Bad { why: "it has no signature".to_owned() },
            Some(envelope) if keys.is_empty() => match envelope.signatures.len() {
                1 => SignatureState::NotChecked { keyid: keyid(envelope) },
                found => {
                    return Err(crate::provenance::error::ProvenanceError::NotOneSignature {
                        found,
                    });
                }
            },
            Some(envelope) => match envelope.verify(keys) {
                Ok((signed, keyid)) => {
                    payload = signed;
                    SignatureState::Good { keyid }
                }
                Err(error) => SignatureState::Bad { why: error.to_string() },
            },
        };
        let statement = Statement::from_json(payload)?;
        let provenance = Provenance::from_statement(&statement)?;
        Ok(RecordFacts {
            origin,
            signature,
            unknown: unknown_fields(payload, &statement, &provenance),
            provenance,
            subject: MatchedProgram::read(&statement.subject, program),
            subjects: statement.subject,
            ..RecordFacts::default()
        })
    }

    /// The dependency of this name.
    pub fn dependency(&self, name: &str) -> Option<&ResourceDescriptor> {
        let mut all = self.provenance.build_definition.resolved_dependencies.iter();
        all.find(|dependency| dependency.name.as_deref() == Some(name))
    }

    /// What was asked for beside package, binary, profile and target; words that are none are left
    /// out.
    pub fn request(&self) -> BuildRequest {
        let external = &self.provenance.build_definition.external_parameters;
        let list = |name: &str| {
            let words = external.get(name).and_then(|it| it.as_array()).into_iter().flatten();
            words.filter_map(|word| Some(word.as_str()?.to_owned())).collect()
        };
        let is = |name: &str| external.get(name).and_then(Value::as_bool);
        BuildRequest {
            features: list("features"),
            all_features: is("allFeatures") == Some(true),
            no_default_features: is("defaultFeatures") == Some(false),
            config: list("config"),
        }
    }

    /// The name of the binary.
    pub fn bin(&self) -> Option<&str> {
        self.provenance.build_definition.external_parameters.get("bins")?.get(0)?.as_str()
    }

    /// Packages in the program's `.dep-v0` that the record does not name; `None`: it has no such list.
    pub fn unrecorded<'a>(&self, binary: &'a Binary) -> Option<Vec<&'a NamedCrate>> {
        let inside = binary.crates.iter().filter(|it| it.from == CrateSource::DepV0);
        let mut inside = inside.peekable();
        inside.peek()?;
        let packages = &self.provenance.build_definition.resolved_dependencies;
        let purls: HashSet<&str> = packages
            .iter()
            .filter_map(|package| package.uri.as_deref()?.split('?').next())
            .collect();
        let is_recorded = |it: &&NamedCrate| {
            let version = it.version.replace('+', "%2B");
            purls.contains(format!("pkg:cargo/{}@{version}", it.name).as_str())
        };
        Some(inside.filter(|it| !is_recorded(it)).collect())
    }

    /// What `.dep-v0` says of another file than the recorded one, as a sentence.
    pub fn packages_inside(&self, binary: &Binary) -> Option<String> {
        Some(match self.unrecorded(binary)?.as_slice() {
            [] => "every package in its .dep-v0 is a recorded one".to_owned(),
            [first, ..] => {
                format!("its .dep-v0 names {} {}, not recorded", first.name, first.version)
            }
        })
    }

    /// The paths of the source files, relative to the workspace's root.
    pub fn source_files(&self) -> Vec<String> {
        let all = self.provenance.build_definition.resolved_dependencies.iter();
        all.filter(|it| it.is_source_file()).filter_map(|it| it.name.clone()).collect()
    }

    /// How each crate is tied to these, by the record's own words; `None`: it does not say.
    pub fn proofs(&self) -> Option<BTreeMap<&str, &str>> {
        let internal = &self.provenance.build_definition.internal_parameters;
        let proofs = internal.get(crate::provenance::source_proof::COMPILED)?.as_object()?.iter();
        proofs.map(|(name, word)| Some((name.as_str(), word.as_str()?))).collect()
    }

    /// The fields of one part that differ; `None`: there was no workspace to compare with.
    pub fn differing(&self, part: RecordPart) -> Option<Vec<&FieldDifference>> {
        let all = self.differences.as_ref()?.iter();
        Some(all.filter(|difference| difference.part() == part).collect())
    }

    /// A parameter, external or internal, as text.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let definition = &self.provenance.build_definition;
        let external = definition.external_parameters.get(name);
        external.or_else(|| definition.internal_parameters.get(name))?.as_str()
    }
}

/// What the bytes say and was not understood: whoever put it there wants to be read otherwise.
fn unknown_fields(payload: &[u8], statement: &Statement, provenance: &Provenance) -> Vec<String> {
    fn walk(said: &Value, understood: Option<&Value>, at: &str, unknown: &mut Vec<String>) {
        match (said, understood) {
            (Value::Object(said), Some(Value::Object(understood))) => {
                for (key, value) in said {
                    let separator = if at.is_empty() { "" } else { "." };
                    let field = format!("{at}{separator}{key}");
                    walk(value, understood.get(key), &field, unknown);
                }
            }
            (Value::Array(said), Some(Value::Array(understood))) => {
                for (index, value) in said.iter().enumerate() {
                    walk(value, understood.get(index), &format!("{at}[{index}]"), unknown);
                }
            }
            (_, Some(_)) => {}
            (_, None) => unknown.push(at.to_owned()),
        }
    }
    let said = serde_json::from_slice(payload).unwrap_or_default();
    let mut understood = serde_json::to_value(statement).unwrap_or_default();
    understood["predicate"] = provenance.to_value();
    let mut unknown = Vec::new();
    walk(&said, Some(&understood), "", &mut unknown);
    unknown
}

impl ResourceDescriptor {
    /// Whether this is a source file among the dependencies.
    pub fn is_source_file(&self) -> bool {
        let reserved = |name: &String| {
            [
                crate::provenance::build_facts::LOCKFILE,
                crate::provenance::build_facts::SOURCES,
                crate::provenance::build_facts::COMMIT,
            ]
            .contains(&name.as_str())
        };
        self.uri.is_none() && self.name.as_ref().is_some_and(|name| !reserved(name))
    }
}

/// Which question a differing field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPart {
    /// A source file, or all of them together.
    Source,
    /// The commit or the state of the work tree.
    Commit,
    /// The lockfile or one of its packages.
    Lockfile,
    /// Compiler, linker, C library, distribution, this program's version.
    Toolchain,
    /// Who built.
    Builder,
    /// What was asked for, and everything else.
    Parameter,
}

impl FieldDifference {
    /// The part of the record that the field lies in. Every field lies in one.
    pub fn part(&self) -> RecordPart {
        let within = |prefix: &str| self.field.strip_prefix(prefix);
        if let Some(name) = within("buildDefinition.resolvedDependencies[") {
            return match name.split([']', '\'']).next().unwrap_or_default() {
                crate::provenance::build_facts::LOCKFILE => RecordPart::Lockfile,
                crate::provenance::build_facts::COMMIT => RecordPart::Commit,
                name if name.starts_with("pkg:") => RecordPart::Lockfile,
                _ => RecordPart::Source,
            };
        }
        match within("buildDefinition.internalParameters.") {
            Some(name) if name.starts_with(crate::provenance::source_proof::COMPILED) => {
                RecordPart::Parameter
            }
            Some(name) if !name.starts_with("resolvedProfile") => RecordPart::Toolchain,
            _ if within("runDetails.builder.version").is_some() => RecordPart::Toolchain,
            _ if within("runDetails.builder").is_some() => RecordPart::Builder,
            _ => RecordPart::Parameter,
        }
    }

    /// The name in the brackets: the file, package or commit.
    pub fn dependency(&self) -> Option<&str> {
        Some(self.field.split_once('[')?.1.rsplit_once(']')?.0)
    }
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.rsplit_once("Definition.").map_or(&*self.field, |(_, field)| field);
        match (&self.recorded, &self.now) {
            (Some(recorded), Some(now)) => {
                write!(f, "{field}: the record has {recorded}, now it is {now}")
            }
            (Some(recorded), None) => {
                write!(f, "{field}: the record has {recorded}, now it is gone")
            }
            (None, Some(now)) => write!(f, "{field}: is {now}, and the record has nothing of it"),
            (None, None) => write!(f, "{field}"),
        }
    }
}
