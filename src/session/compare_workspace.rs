//! The workspace that a record is compared with: the record is written anew from it, with the words
//! that the build got, and every field that differs is named.

use crate::cargo::build::Build;
use crate::cargo::error;
use crate::cargo::fs;
use crate::cargo::target_dir::outputs;
use crate::cargo::target_dir::outputs::Outputs;
use crate::cargo::workspace;
use crate::cargo::workspace::{Query, RequestedFeatures, Workspace};
use crate::provenance::build_facts::{BuildRequest, is_profile_setting, is_triple};
use crate::provenance::compare::compare;
use crate::provenance::create;
use crate::provenance::record::{FieldDifference, RecordFacts};
use crate::provenance::source_proof;
use crate::session::Error;
use crate::session::gather::never_built;
use crate::session::records::{ProgramFile, RecordInputs};
use crate::session::select::Selection;
use crate::subject::Origin;

/// A record, and the words under which its workspace is looked at.
pub struct ExpectedBuild {
    /// The build that is meant.
    pub query: Query,
    request: BuildRequest,
    /// What of the record's words was not taken over, and why.
    pub notes: Vec<String>,
}

/// The words that were typed; where none were, those that the record keeps.
///
/// # Errors
/// The working directory is gone.
pub fn expected(selection: &Selection, record: &RecordFacts) -> Result<ExpectedBuild, Error> {
    let mut query = selection.query()?;
    let mut request = selection.request();
    let mut notes = Vec::new();
    let recorded = record.request();
    if !query.requested_features.is_explicit() {
        let BuildRequest { features, all_features, no_default_features, .. } = recorded.clone();
        query.requested_features =
            RequestedFeatures { features, all_features, no_default_features };
        request = BuildRequest { config: request.config, ..recorded.clone() };
    }
    if request.config.is_empty() {
        // A setting can name a program that cargo starts, and this one comes from a stranger.
        let (profile, other): (Vec<_>, Vec<_>) =
            recorded.config.iter().cloned().partition(|word| is_profile_setting(word));
        query.config = profile;
        request.config = recorded.config;
        let why = "it can name programs to run, so it was not applied; pass it with --cargo-config";
        notes = other.iter().map(|word| format!("not compared: --config {word}: {why}")).collect();
    }
    Ok(ExpectedBuild { query, request, notes })
}

/// Writes the record anew from the workspace, and notes every field in which it differs.
///
/// # Errors
/// A workspace without the program, a `SOURCE_DATE_EPOCH` that is no number.
pub fn compare_with(
    record: &mut RecordFacts,
    workspace: &Workspace,
    expected: &ExpectedBuild,
    (origin, subject): (&Origin, ProgramFile<'_>),
) -> Result<Build, Error> {
    let name = subject.binary.path.rsplit('/').next().unwrap_or_default();
    let query = &of_package(&expected.query, record, workspace);
    let outputs = outputs_of(record, workspace, query, origin)?;
    let bin = record.bin().unwrap_or(name);
    let output = outputs
        .built
        .iter()
        .find(|output| output.path.file_name().is_some_and(|file| file == name))
        .or_else(|| outputs.built.iter().find(|output| output.bin == bin))
        .or(outputs.built.first())
        .ok_or_else(|| Error::Usage(format!("{name} is not a binary of this workspace")))?;
    let request = expected.request.clone();
    let recorded = record.source_files();
    let built = (&outputs, output);
    let gathered = RecordInputs::new(query, workspace, built, request, subject, &recorded)?;
    let now = create::provenance(gathered.build_facts(None));
    let (mut differences, open) = compare(&record.provenance, &now);
    differences.extend(other_crates(record, gathered.build()));
    differences.extend(other_features(workspace, gathered.build()));
    let unreadable = expected.request.config.iter().filter(|word| !is_setting(word, workspace));
    differences.extend(unreadable.map(|word| FieldDifference {
        field: "buildDefinition.externalParameters.config".to_owned(),
        recorded: Some(word.clone()),
        ..FieldDifference::default()
    }));
    let is_given =
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|it| query.env.contains_key(*it));
    if !gathered.build().is_compiled() && !is_given {
        let flags = differences.iter_mut().find(|it| it.field.ends_with(".rustflags"));
        flags.into_iter().for_each(|it| it.doubt = Some(FROM_THE_ENVIRONMENT));
    }
    record.differences = Some(differences);
    let open = open.into_iter().map(|field| format!("not compared: {field}"));
    record.not_compared = expected.notes.iter().cloned().chain(open).collect();
    Ok(gathered.build().clone())
}

/// The environment of a build is no part of its workspace.
const FROM_THE_ENVIRONMENT: &str = "nothing is built here to compare with, and the build may have \
                                    got them from its environment: set RUSTFLAGS to what is meant";

/// The query with the record's own package, where none was named and the workspace has it: what
/// cargo would build from here by itself may be another.
fn of_package(query: &Query, record: &RecordFacts, workspace: &Workspace) -> Query {
    let members = workspace.metadata.workspace_packages();
    let is_member = |name: &&str| members.iter().any(|member| member.name.as_str() == *name);
    let recorded = record.parameter("package").filter(is_member);
    let recorded = recorded.filter(|_| query.packages.is_empty()).map(str::to_owned);
    let mut query = query.clone();
    query.packages.extend(recorded);
    query
}

/// Crates that the record says something of and the program is not made of, and the reverse.
fn other_crates(record: &RecordFacts, build: &Build) -> Vec<FieldDifference> {
    let (Some(recorded), Some(now)) = (record.proofs(), source_proof::names(build)) else {
        return Vec::new();
    };
    let field = |name: &str| {
        format!("buildDefinition.internalParameters.{}.{name}", source_proof::COMPILED)
    };
    let is_now = |name: &str| now.iter().any(|it| it == name);
    let gone =
        recorded.iter().filter(|(name, _)| !is_now(name)).map(|(name, word)| FieldDifference {
            field: field(name),
            recorded: Some((*word).to_owned()),
            ..FieldDifference::default()
        });
    let new = now.iter().filter(|name| !recorded.contains_key(name.as_str())).map(|name| {
        let now = Some("a crate of it".to_owned());
        FieldDifference { field: field(name), now, ..FieldDifference::default() }
    });
    gone.chain(new).collect()
}

/// The words about features against those that the program was compiled with, and against those
/// that there are: cargo refuses a name that no package has.
fn other_features(workspace: &Workspace, build: &Build) -> Vec<FieldDifference> {
    let asked = &build.requested_features;
    let is_known = |name: &str| {
        let packages = &workspace.metadata.packages;
        name.contains('/') || packages.iter().any(|package| package.features.contains_key(name))
    };
    let field = |name: &str| format!("buildDefinition.externalParameters.{name}");
    let mut differences: Vec<FieldDifference> = asked
        .features
        .iter()
        .filter(|name| !is_known(name))
        .map(|name| FieldDifference {
            field: field("features"),
            recorded: Some(name.clone()),
            ..FieldDifference::default()
        })
        .collect();
    let program = build.freshness.program();
    let compiled = program.and_then(|program| Some((program, program.unit.as_ref()?.features()?)));
    if let Some((program, compiled)) = compiled {
        let wanted = program.declared.wanted(&build.package.name, asked);
        let missing = wanted.iter().any(|name| !compiled.iter().any(|it| it == name));
        // Another package of the same command may have turned on more.
        let more = compiled.iter().any(|name| !wanted.contains(name.as_str()));
        if missing || (more && !program.declared.shared) {
            let wanted: Vec<&str> = wanted.into_iter().collect();
            differences.push(FieldDifference {
                field: field("features, allFeatures, defaultFeatures"),
                recorded: Some(format!("{:?}, which mean {wanted:?}", asked.words())),
                now: Some(format!("{compiled:?} in cargo's fingerprint")),
                doubt: None,
            });
        }
    }
    differences
}

/// Whether cargo could have taken this as `--config`: a setting, or a file that is there.
fn is_setting(word: &str, workspace: &Workspace) -> bool {
    word.parse::<toml::Table>().is_ok()
        || crate::provenance::fs::is_file(&workspace.query.cwd.join(word))
        || crate::provenance::fs::is_file(
            &workspace.metadata.workspace_root.as_std_path().join(word),
        )
}

/// The workspace; for the target that the record names, where none was named, cargo knows it and
/// the program is none that was built here without it.
///
/// # Errors
/// No workspace, or one that cargo refuses.
pub fn workspace(query: &Query, record: &RecordFacts, origin: &Origin) -> Result<Workspace, Error> {
    let here = workspace::workspace(query)?;
    let is_other = |target: &&str| here.rustc.host.as_deref() != Some(*target) && is_triple(target);
    let recorded = record.parameter("target").filter(is_other);
    if let Some(recorded) = recorded.filter(|_| query.targets.is_empty()) {
        let cross = Query { targets: vec![recorded.to_owned()], ..query.clone() };
        // A target that somebody wrote into the record by hand is none that was built for, and
        // none that cargo knows.
        if let Ok(workspace) = workspace::workspace(&cross) {
            let is_built = outputs::find_outputs(&workspace, &cross).is_ok();
            let is_foreign = || holding(&here, query, origin).is_none();
            if is_built || (workspace.graph_missing.is_none() && is_foreign()) {
                return Ok(workspace);
            }
        }
    }
    Ok(here)
}

/// The build in whose directory the program lies.
fn holding(workspace: &Workspace, query: &Query, origin: &Origin) -> Option<Outputs> {
    let program = origin.on_this_machine()?;
    outputs::profile_names(workspace).into_iter().find_map(|profile| {
        let outputs =
            outputs::find_outputs(workspace, &Query { profile: Some(profile), ..query.clone() })
                .ok()?;
        let is_it = outputs.built.iter().any(|output| fs::is_same(&output.path, program));
        is_it.then_some(outputs)
    })
}

/// The build that the program should have come from: the one whose directory it lies in, else the
/// one that was named, else the one that the record names, whether it was built here or not, else
/// the newest; where nothing was built, the one that would be.
fn outputs_of(
    record: &RecordFacts,
    workspace: &Workspace,
    query: &Query,
    origin: &Origin,
) -> Result<Outputs, Error> {
    if query.profile.is_none()
        && let Some(outputs) = holding(workspace, query, origin)
    {
        return Ok(outputs);
    }
    let known = |profile: &&str| outputs::profile_names(workspace).iter().any(|it| it == profile);
    let recorded = record.parameter("profile").filter(known).map(str::to_owned);
    let mut wanted = Query { profile: query.profile.clone().or(recorded), ..query.clone() };
    match outputs::find_outputs(workspace, &wanted) {
        Err(error::WorkspaceError::NotBuilt { .. }) => {}
        answer => return Ok(answer?),
    }
    if wanted.bins.is_empty() {
        wanted.bins.extend(record.bin().map(str::to_owned));
    }
    let name = || wanted.bins.first().cloned().unwrap_or_default();
    never_built(workspace, &wanted)
        .ok_or_else(|| Error::Usage(format!("the workspace has no binary `{}`", name())))
}
