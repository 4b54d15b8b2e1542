//! The statement that a program was rebuilt: written by `record --rebuild`, read by `verify`.

use std::path::{Path, PathBuf};

use crate::binary::elf::record_section;
use crate::cargo::rebuild::{Rebuild, RebuildOutcome};
use crate::cargo::workspace::Workspace;
use crate::digest::sha256_hex;
use crate::provenance::attestation::{self, Attestation};
use crate::provenance::dsse::Envelope;
use crate::provenance::keys::PublicKey;
use crate::provenance::statement::Statement;
use crate::provenance::{fs as files, reproduced};
use crate::session::Error;
use crate::session::rebuild::RebuildOptions;
use crate::session::records::{self, RecordInputs};
use crate::subject::{Facts, Origin, Subject};

/// What is appended to a program's name.
const BESIDE: &str = ".reproduced.intoto.jsonl";

/// Rebuilds a program that cargo made and writes the statement beside it, signed by the same key as
/// its record. Returns where it is, and whether the program was reproduced or could not be told.
///
/// # Errors
/// An unusable key, a file that cannot be written.
pub fn write(
    options: RebuildOptions,
    workspace: &Workspace,
    gathered: &RecordInputs<'_>,
    key: Option<&Path>,
) -> Result<(PathBuf, Rebuild), Error> {
    let build = gathered.build();
    // A record may just have been written into it.
    let (program, binary) = records::read_program(&build.executable)?;
    let facts = Facts { binary: Some(binary), build: Some(build.clone()), ..Facts::default() };
    let origin = Origin::Host(build.executable.clone());
    let mut subjects = [Subject { name: build.bin.clone(), origin, facts }];
    options.run(&mut subjects, workspace, None)?;
    let [subject] = subjects;
    let rebuild = subject.facts.build.and_then(|it| it.rebuild);
    let rebuild = rebuild.unwrap_or_else(|| Rebuild::not_possible("nothing was compiled"));
    let name = build.executable.file_name().unwrap_or_default().to_string_lossy();
    let lockfile = workspace.lock.as_ref().map(|file| sha256_hex(file.text.as_bytes()));
    let digest = digest(&program);
    let statement =
        reproduced::statement(&name, &digest, &rebuild, &build.rustc, lockfile.as_deref());
    let mut content = match key {
        None => statement.to_json(),
        Some(key) => {
            let key = records::secret_key(key)?;
            Envelope::sign(statement.to_json(), &key).to_json().into_bytes()
        }
    };
    content.push(b'\n');
    let path = beside(&build.executable);
    files::write(&path, &content)?;
    Ok((path, rebuild))
}

/// What a statement beside a program says of it, in one line; `None` where there is none. With
/// keys, one that none of them signed is told and not believed.
///
/// # Errors
/// A file that is no statement.
pub fn read(path: &Path, program: &[u8], keys: &[PublicKey]) -> Result<Option<String>, Error> {
    let path = beside(path);
    if !files::is_file(&path) {
        return Ok(None);
    }
    let shown = path.display();
    let wrong = |error: crate::provenance::error::ProvenanceError| {
        Error::Usage(format!("{shown}: {error}"))
    };
    let bytes = files::attestation(&path)?;
    let attestation = attestation::read(&bytes).map_err(wrong)?;
    let signed = attestation.envelope().map(|envelope| envelope.verify(keys));
    let doubt = match (&signed, keys.is_empty()) {
        (_, true) => match attestation {
            Attestation::Bare(_) => " (unsigned)",
            _ => " (signature not verified: no --key)",
        },
        (Some(Ok(_)), false) => "",
        (_, false) => return Ok(Some(format!("{shown}: none of the keys signed it"))),
    };
    let payload = attestation.unverified_payload().map_err(wrong)?;
    let statement = Statement::from_json(payload).map_err(wrong)?;
    let said = reproduced::summary(&statement, &digest(program));
    Ok(Some(match said {
        Some(said) => format!("{shown}: {said}{doubt}"),
        None => format!("{shown}: it is about another program"),
    }))
}

/// Whether the answer fails a command that asked for it.
pub fn is_denied(rebuild: &Rebuild) -> bool {
    rebuild.outcome == RebuildOutcome::Different
}

fn beside(program: &Path) -> PathBuf {
    let mut name = program.file_name().unwrap_or_default().to_owned();
    name.push(BESIDE);
    program.with_file_name(name)
}

/// Over the program without a record inside.
fn digest(program: &[u8]) -> String {
    sha256_hex(record_section::without(program).as_deref().unwrap_or(program))
}
