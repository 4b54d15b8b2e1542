//! What `build`, `record` and `verify` share: the facts of a build, and how a record is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::binary::Binary;
use crate::binary::elf::record_section;
use crate::cargo::build::Build;
use crate::cargo::build_command::BuiltCrate;
use crate::cargo::compare_program::ProgramComparisons;
use crate::cargo::compared;
use crate::cargo::freshen_state::UnitVerdict;
use crate::cargo::target_dir::outputs::{BuiltBinary, Outputs};
use crate::cargo::toolchain::BuildEnvironment;
use crate::cargo::workspace::git;
use crate::cargo::workspace::git::Git;
use crate::cargo::workspace::{Query, Workspace};
use crate::cargo::{fs, toolchain};
use crate::digest::sha256_hex;
use crate::provenance::attestation;
use crate::provenance::build_facts::BuildFacts;
use crate::provenance::build_facts::{BuildRequest, places_of_sources};
use crate::provenance::create;
use crate::provenance::dsse::Envelope;
use crate::provenance::fs::HashedSources;
use crate::provenance::keys::{PublicKey, SecretKey};
use crate::provenance::record::RecordFacts;
use crate::provenance::sigstore;
use crate::provenance::source_proof;
use crate::provenance::source_proof::{EarlierRecord, ProofInputs, SourceProof, SourceProofs};
use crate::provenance::subject_match::SubjectMatch;
use crate::provenance::{fs as files, key_file};
use crate::session::Error;
use crate::subject::Subject;

/// What is appended to a program's name for its record.
const BESIDE: &str = ".intoto.jsonl";
/// What is appended to a program's name for a record that is no longer the one of its sources.
const EARLIER: &str = ".intoto.earlier.jsonl";
/// What is appended to a program's name for its Sigstore bundle.
const BUNDLE: &str = ".sigstore.json";

/// How a record is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordOptions {
    /// Write the record into the program too, as a section that nothing loads.
    pub embed: bool,
    /// Sign with this private key: ed25519 or P-256, PKCS#8 in PEM.
    pub key: Option<PathBuf>,
    /// Write a Sigstore bundle beside the record too; it wants a key.
    pub bundle: bool,
}

impl RecordOptions {
    /// Whether the key can be used: said before a build that takes long, not after it.
    ///
    /// # Errors
    /// A file that holds no usable key.
    pub fn ready(&self) -> Result<(), Error> {
        self.key.as_deref().map_or(Ok(()), |key| secret_key(key).map(drop))
    }
}

/// Everything that a record of one program is written from.
pub struct RecordInputs<'a> {
    build: Build,
    request: BuildRequest,
    stage: BuildEnvironment,
    sources: HashedSources,
    lockfile: Option<String>,
    git: Option<Git>,
    epoch: Option<u64>,
    program: ProgramFile<'a>,
}

/// The program that a record is about.
#[derive(Clone, Copy)]
pub struct ProgramFile<'a> {
    /// Where cargo handed it out, when it is looked at there.
    pub path: Option<&'a Path>,
    /// The file as it is, with or without a record inside.
    pub bytes: &'a [u8],
    /// What its bytes say.
    pub binary: &'a Binary,
}

/// Why there is no record of a program: it was not compiled from these sources.
#[derive(Debug, thiserror::Error)]
#[error(
    "no record of {}: {why}; `cargo binlint build --ensure-fresh` builds and records it",
    path.display()
)]
pub struct RecordRefused {
    /// The program.
    path: PathBuf,
    /// The evidence.
    why: Unproven,
}

/// Why sources are not those of a program.
#[derive(Debug, thiserror::Error)]
enum Unproven {
    #[error("{reason}")]
    Contradicted { reason: String },
    #[error("none of its sources is known: {why}")]
    NoSources { why: String },
    #[error("{path} was written after it was built")]
    Newer { path: String },
}

impl<'a> RecordInputs<'a> {
    /// Asks cargo, the machine, git and the sources. `recorded` are the sources that a record to
    /// compare with names.
    ///
    /// # Errors
    /// A `SOURCE_DATE_EPOCH` that is no number.
    pub fn new(
        query: &Query,
        workspace: &Workspace,
        (outputs, output): (&Outputs, &BuiltBinary),
        request: BuildRequest,
        program: ProgramFile<'a>,
        recorded: &[String],
    ) -> Result<RecordInputs<'a>, Error> {
        let mut build = Build::new(workspace, outputs, output);
        build.freshness = ProgramComparisons::new(workspace).of(
            &build,
            compared::ProgramBytes {
                path: program.path,
                bytes: program.bytes,
                packed: program.binary.packer.is_some(),
                build_id: program.binary.build_id.as_deref(),
            },
        );
        let linker = build.rustflags.iter().rev().find_map(|flag| {
            let option = flag.word.strip_prefix("-C").unwrap_or(&flag.word);
            option.trim_start().strip_prefix("linker=")
        });
        let stage = toolchain::stage(query, workspace, build.triple().unwrap_or_default(), linker);
        let manifests: Vec<PathBuf> =
            build.path_packages.iter().map(|package| package.manifest.clone()).collect();
        // Cargo's own list is exact where the unit is known; a record's list helps where it is not.
        let is_compiled = build.is_compiled();
        let sources = files::sources(files::SourceQuery {
            root: &build.workspace_root,
            executable: &build.executable,
            generated: [&build.target_dir, &build.build_dir],
            manifests: &manifests,
            known: &places_of_sources(&build),
            recorded: if is_compiled { &[] } else { recorded },
        });
        let epoch = match query.env.get("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => {
                let seconds = text.parse().ok().filter(|seconds| *seconds <= create::LATEST);
                Some(seconds.ok_or_else(|| {
                    Error::Usage(format!(
                        "SOURCE_DATE_EPOCH is {text:?}, not a number of seconds before the year 10000"
                    ))
                })?)
            }
        };
        Ok(RecordInputs {
            lockfile: workspace.lock.as_ref().map(|file| sha256_hex(file.text.as_bytes())),
            git: commit(&build, &sources),
            build,
            request,
            stage,
            sources,
            epoch,
            program,
        })
    }

    /// The build.
    pub fn build(&self) -> &Build {
        &self.build
    }

    /// The facts, for `record`; without ties nothing is claimed of how the sources are known.
    pub fn build_facts<'b>(&'b self, proofs: Option<&'b SourceProofs>) -> BuildFacts<'b> {
        BuildFacts {
            build: &self.build,
            request: &self.request,
            stage: &self.stage,
            sources: &self.sources,
            lockfile: self.lockfile.as_deref(),
            git: self.git.as_ref(),
            proofs,
            epoch: self.epoch,
        }
    }

    /// What could not be read, one sentence each.
    fn notes(&self) -> impl Iterator<Item = &String> {
        self.sources.notes.iter().chain(&self.build.notes)
    }

    /// Writes the record of the program beside it or to another file, and into it where that was
    /// asked for, and returns what the reader of the record should know. Where the evidence says that
    /// the program was not compiled from these sources, there is no record, an older one does not
    /// stay as if it were of this build, and the answer is why.
    ///
    /// # Errors
    /// An unusable key, a program that cannot carry a record, a file that cannot be written.
    pub fn record(
        &self,
        crates: &[BuiltCrate],
        units: &BTreeMap<String, UnitVerdict>,
        to: &Path,
        words: &RecordOptions,
    ) -> Result<Result<Vec<String>, RecordRefused>, Error> {
        let seen =
            ProofInputs { crates: crates.to_vec(), units: units.clone(), earlier: self.earlier() };
        let proofs = match self.proofs(&seen) {
            Ok(proofs) => proofs,
            Err(why) => {
                self.put_aside(to)?;
                let path = self.build.executable.clone();
                return Ok(Err(RecordRefused { path, why }));
            }
        };
        self.write(&proofs, to, words)?;
        let mut notes: Vec<String> = self.notes().cloned().collect();
        let open = proofs.iter().filter(|(_, proof)| **proof == SourceProof::Open);
        let open: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
        if !open.is_empty() {
            let open = open.join(", ");
            notes.push(format!("nothing proves that these sources were compiled to {open}"));
        }
        Ok(Ok(notes))
    }

    fn proofs(&self, seen: &ProofInputs) -> Result<SourceProofs, Unproven> {
        let proofs = source_proof::prove_sources(&self.build, &self.sources.files, seen)
            .map_err(|error| Unproven::Contradicted { reason: error.to_string() })?;
        if self.sources.files.is_empty() {
            let why = self.sources.notes.first().map_or("cargo lists none", String::as_str);
            return Err(Unproven::NoSources { why: why.to_owned() });
        }
        match self.sources.newer.first() {
            Some(newer) => Err(Unproven::Newer { path: newer.to_string() }),
            None => Ok(proofs),
        }
    }

    /// The records that earlier builds left beside the program, as far as they are about it.
    fn earlier(&self) -> Vec<EarlierRecord> {
        let original = record_section::without(self.program.bytes);
        let sha256 = sha256_hex(original.as_deref().unwrap_or(self.program.bytes));
        [BESIDE, EARLIER]
            .into_iter()
            .filter_map(|suffix| {
                let path = with_suffix(&self.build.executable, suffix);
                let written = files::written(&path)?;
                EarlierRecord::read(&files::attestation(&path).ok()?, written, &sha256)
            })
            .collect()
    }

    /// What an earlier record says of these bytes is still evidence, but no record of this build.
    fn put_aside(&self, to: &Path) -> Result<(), Error> {
        let path = &self.build.executable;
        files::remove(&with_suffix(path, BUNDLE))?;
        let beside = beside(path);
        if to != beside {
            files::remove(to)?;
        }
        match self.earlier().is_empty() {
            true => files::remove(&beside)?,
            false => files::rename(&beside, &with_suffix(path, EARLIER))?,
        }
        if let Some(original) = record_section::without(self.program.bytes) {
            files::write(path, &original)?;
        }
        Ok(())
    }

    fn write(&self, proofs: &SourceProofs, to: &Path, words: &RecordOptions) -> Result<(), Error> {
        let key = words.key.as_deref().map(secret_key).transpose()?;
        let path = &self.build.executable;
        let program = self.program.bytes;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let build_facts = self.build_facts(Some(proofs));
        let statement = create::statement(build_facts, &name, program, words.embed).to_json();
        let (mut content, bundle) = match key {
            None => (statement, None),
            Some(key) => {
                let envelope = Envelope::sign(statement, &key);
                let bundle = words.bundle.then(|| sigstore::bundle(&envelope));
                (envelope.to_json().into_bytes(), bundle)
            }
        };
        if words.embed {
            let carrying = record_section::embed(program, &content).ok_or_else(|| {
                let path = path.display();
                Error::Usage(format!(
                    "{path} cannot carry a record: only an ELF file with fewer than 65279 \
                     sections can"
                ))
            })?;
            files::write(path, &carrying)?;
        }
        content.push(b'\n');
        files::write(to, &content)?;
        files::remove(&with_suffix(path, EARLIER))?;
        match bundle {
            Some(bundle) => files::write(&with_suffix(path, BUNDLE), bundle.as_bytes())?,
            // One that an earlier build left would be about other bytes.
            None => files::remove(&with_suffix(path, BUNDLE))?,
        }
        Ok(())
    }
}

/// The commit of the workspace, and whether it holds these sources.
fn commit(build: &Build, sources: &HashedSources) -> Option<Git> {
    let root = &build.workspace_root;
    let sources: Vec<&str> = sources.files.iter().map(|file| file.path.as_str()).collect();
    let generated = [&build.target_dir, &build.build_dir];
    let generated = generated.into_iter().filter_map(|path| path.strip_prefix(root).ok()?.to_str());
    let generated: Vec<&str> = generated.filter(|path| !path.is_empty()).collect();
    git::git(root, git::WorkTree { sources: &sources, generated: &generated })
}

/// The program that cargo handed out, and what its bytes say.
///
/// # Errors
/// No regular file, or one that is no program.
pub fn read_program(path: &Path) -> Result<(Vec<u8>, Binary), Error> {
    let shown = path.display().to_string();
    let bytes = fs::read(path)?;
    let binary = Binary::full(&shown, &bytes, true)
        .map_err(|error| Error::Usage(format!("{shown}: {error}")))?;
    Ok((bytes, binary))
}

/// Where the record of a program lies: beside it.
pub fn beside(program: &Path) -> PathBuf {
    with_suffix(program, BESIDE)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// The key that signs.
///
/// # Errors
/// A file that holds no usable key.
pub fn secret_key(path: &Path) -> Result<SecretKey, Error> {
    SecretKey::from_pem(&pem(path)?).map_err(|error| unusable(path, &error))
}

/// Reads the keys that a signature may be by.
///
/// # Errors
/// A file that holds no usable key.
pub fn public_keys(paths: &[PathBuf]) -> Result<Vec<PublicKey>, Error> {
    let read =
        |path: &PathBuf| PublicKey::from_pem(&pem(path)?).map_err(|error| unusable(path, &error));
    paths.iter().map(read).collect()
}

fn pem(path: &Path) -> Result<String, Error> {
    key_file::key(path).map_err(|error| Error::from(error).expecting("--key", "a key in PEM"))
}

fn unusable(path: &Path, error: &crate::provenance::error::ProvenanceError) -> Error {
    Error::Usage(format!("{}: {error}", path.display()))
}

/// The record of a program: the named one, else the one inside, else the one beside, each with
/// where it was found.
///
/// # Errors
/// A record that is none.
pub fn find(
    program: &[u8],
    named: Option<(String, Vec<u8>)>,
    beside: impl FnOnce() -> Result<Option<(String, Vec<u8>)>, Error>,
    keys: &[PublicKey],
) -> Result<Option<RecordFacts>, Error> {
    let read = |(origin, bytes): (String, Vec<u8>)| -> Result<RecordFacts, Error> {
        let attestation = attestation::read(&bytes);
        let record =
            attestation.and_then(|it| RecordFacts::read(origin.clone(), &it, keys, program));
        record.map_err(|error| Error::Usage(format!("{origin}: {error}")))
    };
    if let Some(named) = named {
        return read(named).map(Some);
    }
    if let Some(inside) = record_section::find(program) {
        let origin = format!("the record in section {}", record_section::SECTION);
        return Ok(Some(RecordFacts { embedded: true, ..read((origin, inside.to_vec()))? }));
    }
    beside()?.map(read).transpose()
}

/// Gives each program of this machine its record, for a check that was asked for no verdict on
/// it: the named one, else the one inside, else the one beside if it is about this program. One
/// that an earlier build left there is no record of this one. Nothing is looked up here for a
/// program of an image, whatever path it bears.
///
/// # Errors
/// A named record that is none, or one for several programs or for one of an image.
pub fn load_records(subjects: &mut [Subject], named: Option<&Path>) -> Result<(), Error> {
    if let (Some(named), 2..) = (named, subjects.len()) {
        let named = named.display();
        return Err(Error::Usage(format!(
            "--record {named} is the record of one binary; select it with --bin"
        )));
    }
    for Subject { name, origin, facts } in subjects {
        let Some(binary) = &facts.binary else { continue };
        let Some(path) = origin.on_this_machine() else {
            let Some(named) = named else { continue };
            return Err(Error::Usage(format!(
                "--record {}: {name} lies in an image; `verify IMAGE --record FILE --at {name}` \
                 verifies it against a record",
                named.display()
            )));
        };
        let beside_it = beside(path);
        let is_beside = files::is_file(&beside_it);
        if named.is_none() && binary.record.is_none() && !is_beside {
            continue;
        }
        // The file may have been written anew since.
        let program = fs::read(path).unwrap_or_default();
        if binary.sha256.as_deref() != Some(sha256_hex(&program).as_str()) {
            continue;
        }
        let wanted = named.map(file_of_this_machine).transpose()?;
        let is_named = wanted.is_some();
        let beside = || is_beside.then(|| file_of_this_machine(&beside_it)).transpose();
        match find(&program, wanted, beside, &[]) {
            Ok(record) => {
                let is_its_own = |record: &RecordFacts| {
                    is_named
                        || record.embedded
                        || matches!(
                            record.subject.state,
                            SubjectMatch::Same | SubjectMatch::Stripped
                        )
                };
                facts.record = record.filter(is_its_own);
            }
            Err(error) if is_named => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

/// A record of this machine, and its path.
///
/// # Errors
/// No regular file, or one that may not be read.
pub fn file_of_this_machine(path: &Path) -> Result<(String, Vec<u8>), Error> {
    let read = files::attestation(path).map_err(Error::from);
    let bytes = read.map_err(|it| it.expecting("--record", "a provenance record"))?;
    Ok((path.display().to_string(), bytes))
}
