//! For each crate of a program: how strongly its record can claim that it was compiled from the
//! listed sources.
//!
//! Cargo decides by mtimes, so "fresh" says nothing of contents. A record claims of each crate no
//! more than was seen: compiled by the build that wrote the record, proven by contents, or neither.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cargo_metadata::TargetKind;

use crate::cargo::build::Build;
use crate::cargo::build_command::BuiltCrate;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::file_time::FileTime;
use crate::cargo::fix_commands;
use crate::cargo::freshen_state;
use crate::cargo::freshen_state::UnitVerdict;
use crate::cargo::freshness::ProgramOrigin;
use crate::cargo::target_dir::units::UnitKind;
use crate::provenance::attestation;
use crate::provenance::fs::HashedFile;
use crate::provenance::slsa::Provenance;
use crate::provenance::statement::Statement;

/// The internal parameter that holds the proofs.
pub const COMPILED: &str = "compiled";

/// How strongly it is shown that a crate was compiled from its sources; the strongest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceProof {
    /// The build that wrote the record compiled it, and its sources were not written to since.
    InThisBuild,
    /// Cargo called it fresh, and contents prove it: digests, or inodes that nothing touched.
    Proven,
    /// Cargo called it fresh. Nothing contradicts that, and nothing proves it.
    Open,
}

impl SourceProof {
    /// Each of them.
    pub const ALL: [SourceProof; 3] =
        [SourceProof::InThisBuild, SourceProof::Proven, SourceProof::Open];

    /// As a record has it.
    pub const fn word(self) -> &'static str {
        match self {
            SourceProof::InThisBuild => "in-this-build",
            SourceProof::Proven => "proven",
            SourceProof::Open => "open",
        }
    }

    /// Of a record's word.
    pub fn of(word: &str) -> Option<SourceProof> {
        SourceProof::ALL.into_iter().find(|proof| proof.word() == word)
    }
}

/// The crates of a program that lie in directories: `bin shop`, `lib till`, `build-script till`.
pub type SourceProofs = BTreeMap<String, SourceProof>;

/// What was seen beside the sources and the target directory.
#[derive(Debug, Default)]
pub struct ProofInputs {
    /// What cargo said of each crate; empty where it was not run.
    pub crates: Vec<BuiltCrate>,
    /// What is known of each unit, by its name in the ledger.
    pub units: BTreeMap<String, UnitVerdict>,
    /// Records that earlier builds wrote of these very bytes.
    pub earlier: Vec<EarlierRecord>,
}

/// A record that an earlier build wrote of the same program.
#[derive(Debug, Clone)]
pub struct EarlierRecord {
    proofs: SourceProofs,
    files: BTreeMap<String, String>,
    written: FileTime,
}

impl EarlierRecord {
    /// Reads a record that lies beside the program; `None` when it is about other bytes. Who
    /// signed it is not asked: it lies where cargo keeps what it knows.
    pub fn read(record: &[u8], written: FileTime, sha256: &str) -> Option<EarlierRecord> {
        let attestation = attestation::read(record).ok()?;
        let statement = Statement::from_json(attestation.unverified_payload().ok()?).ok()?;
        let own = statement.subject.iter().any(|subject| subject.sha256() == Some(sha256));
        let definition = Provenance::from_statement(&statement).ok()?.build_definition;
        let proofs =
            definition.internal_parameters.get(COMPILED).and_then(|proofs| proofs.as_object());
        let proof = |(name, word): (&String, &serde_json::Value)| {
            Some((name.clone(), SourceProof::of(word.as_str()?)?))
        };
        let files = definition.resolved_dependencies.iter().filter(|it| it.is_source_file());
        let files = files.filter_map(|file| Some((file.name.clone()?, file.sha256()?.to_owned())));
        let proofs = proofs.into_iter().flatten().filter_map(proof).collect();
        own.then(|| EarlierRecord { proofs, files: files.collect(), written })
    }

    fn names_the_same(&self, files: &[HashedFile]) -> bool {
        self.files.len() == files.len()
            && files.iter().all(|file| self.files.get(&file.path) == Some(&file.sha256))
    }

    /// A file that both lists have with another digest. Manifests change without a compilation.
    fn other<'a>(&self, files: &'a [HashedFile]) -> Option<&'a HashedFile> {
        let is_code = |file: &&HashedFile| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            !["Cargo.toml", "config.toml", "config"].contains(&name)
                && !name.starts_with("rust-toolchain")
        };
        files.iter().filter(is_code).find(|file| {
            self.files.get(&file.path).is_some_and(|recorded| *recorded != file.sha256)
        })
    }
}

/// Evidence that a program was compiled from other sources than those that lie there: a record of
/// it would be false.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherSources {
    /// The program is not the output of the build that is recorded.
    #[error("the program is not what cargo made, which is {}", output.display())]
    OtherProgram {
        /// Cargo's own output.
        output: PathBuf,
    },
    /// A source was written after its crate was compiled.
    #[error("{file} was written after {crate_name} was compiled")]
    WrittenLater {
        /// The source.
        file: String,
        /// The crate.
        crate_name: String,
    },
    /// Cargo calls a crate fresh that other evidence shows to be stale.
    #[error("cargo calls {crate_name} fresh, yet {evidence}")]
    Stale {
        /// The crate.
        crate_name: String,
        /// What contradicts Cargo.
        evidence: String,
    },
    /// The program's own earlier record names other contents.
    #[error("an earlier record of the same program names other contents of {path}")]
    OtherRecord {
        /// The source.
        path: String,
    },
}

/// How strongly a record can claim of each crate that it was compiled from the listed sources.
///
/// # Errors
/// The evidence says that the program was compiled from other sources.
pub fn prove_sources(
    build: &Build,
    files: &[HashedFile],
    seen: &ProofInputs,
) -> Result<SourceProofs, OtherSources> {
    let freshness = &build.freshness;
    let mut proofs = SourceProofs::from([(format!("bin {}", build.bin), SourceProof::Open)]);
    if let ProgramOrigin::Differs { same_build_id: Some(false), output, .. } = &freshness.origin {
        return Err(OtherSources::OtherProgram { output: output.clone() });
    }
    let found = freshness.crates.iter().filter(|state| state.unit.is_some());
    for state in found {
        let mut proof = of_crate(state, build, seen)?;
        if state.role == CrateRole::Program {
            // Somebody changed the file since: what cargo compiled says less of it.
            if freshness.origin != ProgramOrigin::Output {
                proof = SourceProof::Open;
            }
            proofs.clear();
        }
        let worst = proofs.entry(name(state)).or_insert(proof);
        *worst = proof.max(*worst);
    }
    let made_now = proofs.get(&format!("bin {}", build.bin)) == Some(&SourceProof::InThisBuild);
    let anchor = freshness.program().and_then(|program| program.unit.as_ref()?.anchor);
    for earlier in seen.earlier.iter().filter(|_| !made_now) {
        if earlier.names_the_same(files) {
            for (name, proof) in &mut proofs {
                *proof = earlier.proofs.get(name).map_or(*proof, |known| (*proof).min(*known));
            }
        } else if let Some(file) = earlier.other(files)
            && anchor.is_some_and(|anchor| earlier.written > anchor)
        {
            return Err(OtherSources::OtherRecord { path: file.path.clone() });
        }
    }
    Ok(proofs)
}

/// What a record of this program calls its crates; `None`: its unit is not known.
pub fn names(build: &Build) -> Option<Vec<String>> {
    let units = build.freshness.crates.iter().filter(|state| state.unit.is_some());
    build.is_compiled().then(|| units.map(name).collect())
}

fn of_crate(
    state: &CrateFreshness,
    build: &Build,
    seen: &ProofInputs,
) -> Result<SourceProof, OtherSources> {
    let crate_name = fix_commands::name(state);
    if let Some((file, _)) = state.mtime_after.first() {
        return Err(OtherSources::WrittenLater { file: file.clone(), crate_name });
    }
    if in_this_build(state, build, &seen.crates) {
        return Ok(SourceProof::InThisBuild);
    }
    if let Some(mismatch) = state.mismatches.first() {
        return Err(OtherSources::Stale { crate_name, evidence: mismatch.describe() });
    }
    let verdict = state.unit.as_ref().and_then(|unit| seen.units.get(&freshen_state::key(unit)));
    match verdict {
        Some(UnitVerdict::Changed(why)) => {
            Err(OtherSources::Stale { crate_name, evidence: why.clone() })
        }
        Some(UnitVerdict::Matches(_)) => Ok(SourceProof::Proven),
        _ if state.proven => Ok(SourceProof::Proven),
        Some(UnitVerdict::CargoSees(_) | UnitVerdict::Unproven(_)) | None => Ok(SourceProof::Open),
    }
}

/// Whether cargo compiled every unit of this crate just now.
fn in_this_build(state: &CrateFreshness, build: &Build, crates: &[BuiltCrate]) -> bool {
    let packages = build.path_packages.iter();
    let of_package: Vec<&str> = packages
        .filter(|package| package.root == state.directory)
        .map(|package| package.id.as_str())
        .collect();
    let is_it = |made: &&BuiltCrate| {
        let library = [
            TargetKind::Lib,
            TargetKind::RLib,
            TargetKind::DyLib,
            TargetKind::CDyLib,
            TargetKind::StaticLib,
            TargetKind::ProcMacro,
        ];
        of_package.contains(&made.package.repr.as_str())
            && match state.role {
                CrateRole::Program => {
                    made.kinds.contains(&TargetKind::Bin) && made.name == build.bin
                }
                CrateRole::OwnLibrary | CrateRole::Member => {
                    library.iter().any(|it| made.kinds.contains(it))
                }
                // A script that was compiled just now ran just now.
                CrateRole::BuildScript | CrateRole::BuildScriptRun => {
                    made.kinds.contains(&TargetKind::CustomBuild)
                }
            }
    };
    let mut own = crates.iter().filter(is_it).peekable();
    own.peek().is_some() && own.all(|made| !made.fresh)
}

/// What a record calls a crate: `bin shop`, `lib till`, `build-script till`.
fn name(state: &CrateFreshness) -> String {
    let package = &state.package;
    match (state.role, state.unit.as_ref().map(|unit| &unit.kind)) {
        (CrateRole::Program, Some(UnitKind::Bin(name))) => format!("bin {name}"),
        (CrateRole::Program, _) => format!("bin {package}"),
        (CrateRole::OwnLibrary | CrateRole::Member, _) => format!("lib {package}"),
        (CrateRole::BuildScript, _) => format!("build-script {package}"),
        (CrateRole::BuildScriptRun, _) => format!("build-script-run {package}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind};
    use crate::cargo::freshness::FileLocation;
    use crate::cargo::test_support::{build_of, state};
    use serde_json::json;

    fn file(sha256: &str) -> HashedFile {
        HashedFile { path: "src/main.rs".into(), sha256: sha256.into() }
    }

    fn of(state: CrateFreshness, seen: &ProofInputs) -> Result<Vec<SourceProof>, OtherSources> {
        let proofs = prove_sources(&build_of(vec![state]), &[file("a")], seen)?;
        Ok(proofs.into_values().collect())
    }

    fn known(state: &CrateFreshness, verdict: UnitVerdict) -> ProofInputs {
        let key = freshen_state::key(state.unit.as_ref().unwrap());
        ProofInputs { units: BTreeMap::from([(key, verdict)]), ..ProofInputs::default() }
    }

    fn earlier(sha256: &str, second: i64) -> ProofInputs {
        let digest = "ab".repeat(32);
        let record = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "app", "digest": { "sha256": digest } }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "x",
                    "externalParameters": {},
                    "internalParameters": { "compiled": { "bin app": "in-this-build" } },
                    "resolvedDependencies": [
                        { "name": "src/main.rs", "digest": { "sha256": sha256 } },
                        { "name": "sources", "digest": { "sha256": digest } },
                    ],
                },
                "runDetails": { "builder": { "id": "x" } },
            },
        });
        let written = FileTime::new(second, 0);
        assert!(EarlierRecord::read(record.to_string().as_bytes(), written, "other").is_none());
        let earlier = EarlierRecord::read(record.to_string().as_bytes(), written, &digest).unwrap();
        ProofInputs { earlier: vec![earlier], ..ProofInputs::default() }
    }

    #[test]
    fn what_was_seen_is_what_is_said() {
        let program = || state(CrateRole::Program);
        assert_eq!(of(program(), &ProofInputs::default()), Ok(vec![SourceProof::Open]));
        let matches = known(&program(), UnitVerdict::Matches("test"));
        assert_eq!(of(program(), &matches), Ok(vec![SourceProof::Proven]));
        let unproven = known(&program(), UnitVerdict::Unproven("test".into()));
        assert_eq!(of(program(), &unproven), Ok(vec![SourceProof::Open]));
        let changed = known(&program(), UnitVerdict::Changed("src/main.rs changed".into()));
        assert!(of(program(), &changed).unwrap_err().to_string().contains("src/main.rs changed"));
    }

    #[test]
    fn what_cargo_just_compiled_is_in_this_build() {
        let package = cargo_metadata::PackageId { repr: "app".into() };
        let made = |fresh| BuiltCrate {
            package: package.clone(),
            kinds: vec![TargetKind::Bin],
            name: "app".into(),
            fresh,
        };
        let of = |crates: Vec<BuiltCrate>, state: CrateFreshness| {
            let mut build = build_of(vec![state]);
            let root = std::path::PathBuf::from("/ws");
            build.path_packages.push(crate::cargo::build::PackageLocation {
                id: "app".into(),
                root,
                ..Default::default()
            });
            let seen = ProofInputs { crates, ..ProofInputs::default() };
            prove_sources(&build, &[], &seen).map(|proofs| proofs["bin app"])
        };
        assert_eq!(of(vec![made(false)], state(CrateRole::Program)), Ok(SourceProof::InThisBuild));
        assert_eq!(of(vec![made(true)], state(CrateRole::Program)), Ok(SourceProof::Open));
        let mut edited = state(CrateRole::Program);
        edited.mtime_after.push(("src/main.rs".into(), FileTime::new(9, 0)));
        assert!(
            of(vec![made(false)], edited).unwrap_err().to_string().contains("was written after")
        );
    }

    #[test]
    fn what_the_evidence_contradicts_is_refused() {
        let mut stub = state(CrateRole::Program);
        let kind = MismatchKind::NotCompiled;
        stub.mismatches.push(Mismatch { path: "src/server.rs".into(), line: None, kind });
        assert!(
            of(stub, &ProofInputs::default()).unwrap_err().to_string().contains("src/server.rs")
        );
        let mut foreign = build_of(vec![state(CrateRole::Program)]);
        let differs = |same: bool| ProgramOrigin::Differs {
            same_build_id: Some(same),
            output: "deps/app".into(),
            location: FileLocation::OnThisMachine,
        };
        foreign.freshness.origin = differs(false);
        assert!(prove_sources(&foreign, &[], &ProofInputs::default()).is_err());
        foreign.freshness.origin = differs(true);
        let stripped = prove_sources(&foreign, &[], &ProofInputs::default()).unwrap();
        assert_eq!(stripped["bin app"], SourceProof::Open);
    }

    #[test]
    fn an_earlier_record_of_these_bytes_proves_and_refutes() {
        let program = || state(CrateRole::Program);
        // The unit of the tests was compiled in second 5.
        assert_eq!(of(program(), &earlier("a", 9)), Ok(vec![SourceProof::InThisBuild]));
        assert!(of(program(), &earlier("b", 9)).unwrap_err().to_string().contains("src/main.rs"));
        // Written before the compilation, it may be about one that gave the same bytes.
        assert_eq!(of(program(), &earlier("b", 3)), Ok(vec![SourceProof::Open]));
    }

    #[test]
    fn a_program_whose_unit_is_not_known_is_open() {
        let proofs = prove_sources(&build_of(Vec::new()), &[], &ProofInputs::default());
        assert_eq!(proofs, Ok(SourceProofs::from([("bin app".to_owned(), SourceProof::Open)])));
    }
}
