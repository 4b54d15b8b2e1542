//! `record`: writes down what the programs of a build were built from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cargo::build_command;
use crate::cargo::build_command::BuiltCrate;
use crate::cargo::freshen_state::UnitVerdict;
use crate::cargo::rebuild::Rebuild;
use crate::cargo::target_dir::outputs;
use crate::cargo::target_dir::outputs::{BuiltBinary, Outputs};
use crate::cargo::workspace;
use crate::cargo::workspace::{Query, Workspace};
use crate::provenance::build_facts::BuildRequest;
use crate::session::Error;
use crate::session::build::BuiltPrograms;
use crate::session::freshen;
use crate::session::rebuild;
use crate::session::records;
use crate::session::records::{RecordInputs, RecordOptions, beside};
use crate::session::reproduced;
use crate::session::select::Selection;

/// The programs of one build, and what their records are written from.
#[derive(Debug)]
pub struct Recorder {
    workspace: Workspace,
    request: BuildRequest,
    crates: Vec<BuiltCrate>,
    units: BTreeMap<String, UnitVerdict>,
    programs: Vec<RecordedProgram>,
}

/// One program that gets a record.
#[derive(Debug, Clone)]
pub struct RecordedProgram {
    /// The build that it is one of.
    pub outputs: Outputs,
    /// The program.
    pub output: BuiltBinary,
    /// Cargo called it fresh: it did nothing. False where cargo was not asked to build.
    pub fresh: bool,
}

/// What became of a program's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is written.
    Written {
        /// The record.
        path: PathBuf,
        /// What its reader should know, one sentence each.
        notes: Vec<String>,
    },
    /// There is none, because the program was not compiled from these sources, and why.
    Refused(String),
}

impl Recorder {
    /// The programs that lie in the target directory; `to` is the one file for the record, if any.
    ///
    /// # Errors
    /// No workspace, nothing built, several programs for one file.
    pub fn of_workspace(selection: &Selection, to: Option<&Path>) -> Result<Recorder, Error> {
        let query = selection.query()?;
        let workspace = workspace::workspace(&query)?;
        let outputs = outputs::find_outputs(&workspace, &query)?;
        if to.is_some() && outputs.built.len() > 1 {
            return Err(Error::Usage(format!(
                "--output takes one record, and {} programs are built; name one with --bin",
                outputs.built.len()
            )));
        }
        let programs = outputs.built.iter().map(|output| RecordedProgram {
            outputs: outputs.clone(),
            output: output.clone(),
            fresh: false,
        });
        let programs = programs.collect();
        Ok(Recorder {
            units: freshen::known(&query, &workspace),
            request: selection.request(),
            crates: Vec::new(),
            programs,
            workspace,
        })
    }

    /// The programs that a build just made.
    ///
    /// # Errors
    /// No workspace, or one that cargo refuses.
    pub fn of_build(selection: &Selection, built: BuiltPrograms) -> Result<Recorder, Error> {
        let query = selection.query()?;
        let workspace = workspace::workspace(&query)?;
        let units = freshen::known(&query, &workspace);
        let programs = built.programs.iter().map(|it| located(it, &workspace, &query)).collect();
        let request = selection.request();
        Ok(Recorder { workspace, request, crates: built.crates, units, programs })
    }

    /// The programs, in cargo's order.
    pub fn programs(&self) -> &[RecordedProgram] {
        &self.programs
    }

    /// The workspace that they are built from.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Writes the record of one of the programs, beside it or to another file.
    ///
    /// # Errors
    /// No program, an unusable key, a program that cannot carry a record, a file that cannot be
    /// written.
    pub fn record(
        &self,
        program: &RecordedProgram,
        to: Option<&Path>,
        writing: &RecordOptions,
    ) -> Result<RecordOutcome, Error> {
        let path = &program.output.path;
        let (bytes, binary) = records::read_program(path)?;
        let recorded = records::ProgramFile { path: Some(path), bytes: &bytes, binary: &binary };
        let built = (&program.outputs, &program.output);
        let request = self.request.clone();
        let query = &self.workspace.query;
        let gathered = RecordInputs::new(query, &self.workspace, built, request, recorded, &[])?;
        let path = to.map_or_else(|| beside(path), Path::to_owned);
        Ok(match gathered.record(&self.crates, &self.units, &path, writing)? {
            Ok(notes) => RecordOutcome::Written { path, notes },
            Err(why) => RecordOutcome::Refused(why.to_string()),
        })
    }

    /// Compiles one of the programs again, and writes what came of it beside the program: where,
    /// and the answer.
    ///
    /// # Errors
    /// An unusable key, a file that cannot be written.
    pub fn reproduce(
        &self,
        program: &RecordedProgram,
        options: rebuild::RebuildOptions,
        writing: &RecordOptions,
    ) -> Result<(PathBuf, Rebuild), Error> {
        let path = &program.output.path;
        let (bytes, binary) = records::read_program(path)?;
        let recorded = records::ProgramFile { path: Some(path), bytes: &bytes, binary: &binary };
        let built = (&program.outputs, &program.output);
        let (query, request) = (&self.workspace.query, self.request.clone());
        let gathered = RecordInputs::new(query, &self.workspace, built, request, recorded, &[])?;
        reproduced::write(options, &self.workspace, &gathered, writing.key.as_deref())
    }
}

/// A program that cargo made, in the build that it is one of.
fn located(
    program: &build_command::BuiltProgram,
    workspace: &Workspace,
    query: &Query,
) -> RecordedProgram {
    let output = BuiltBinary {
        package: program.package.clone(),
        bin: program.bin.clone(),
        path: program.path.clone(),
        modified: std::time::SystemTime::UNIX_EPOCH,
    };
    let outputs = Outputs {
        profile: query.profile.clone().unwrap_or_default(),
        target: target_of(program, workspace),
        directory: program.path.parent().map(PathBuf::from).unwrap_or_default(),
        why: "cargo made it just now".to_owned(),
        built: vec![output.clone()],
        missing: Vec::new(),
    };
    RecordedProgram { outputs, output, fresh: program.fresh }
}

/// The target that was asked for and whose directory the program lies in.
fn target_of(program: &build_command::BuiltProgram, workspace: &Workspace) -> Option<String> {
    let in_its_directory = |target: &&String| {
        let stem = outputs::stem(target);
        program.path.iter().any(|part| part == stem)
    };
    workspace.targets.iter().find(in_its_directory).cloned()
}
