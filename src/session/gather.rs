//! Gathers what is known of each subject: its own bytes, and what the workspace's sources and target
//! directory say of it.

use std::path::Path;

use crate::binary::Binary;
use crate::binary::detect::secrets;
use crate::cargo::build::Build;
use crate::cargo::compare_program::ProgramComparisons;
use crate::cargo::compared;
use crate::cargo::error;
use crate::cargo::fs::SourceFs as _;
use crate::cargo::fs::disk::Disk;
use crate::cargo::target_dir::outputs;
use crate::cargo::target_dir::outputs::{BuiltBinary, Outputs};
use crate::cargo::workspace::{Query, Workspace};
use crate::session::Error;
use crate::session::image_subjects::{BuildsByName, file_name};
use crate::start::image::Image;
use crate::subject::{Facts, Origin, Subject};

/// The workspace that programs are held against, and the words under which.
pub struct Here<'a> {
    workspace: &'a Workspace,
    query: &'a Query,
    comparisons: ProgramComparisons<'a>,
}

impl<'a> Here<'a> {
    /// The workspace, as these arguments mean it.
    pub fn new(workspace: &'a Workspace, query: &'a Query) -> Here<'a> {
        Here { workspace, query, comparisons: ProgramComparisons::new(workspace) }
    }

    /// The build, with its sources and its target directory held against the program's bytes.
    fn compared(
        &self,
        mut build: Build,
        binary: &Binary,
        path: Option<&Path>,
        bytes: &[u8],
    ) -> Build {
        let packed = binary.packer.is_some();
        let build_id = binary.build_id.as_deref();
        let subject = compared::ProgramBytes { path, bytes, packed, build_id };
        build.freshness = self.comparisons.of(&build, subject);
        build
    }

    /// The workspace's build of a program by its file's name, or by the one binary that was asked
    /// for: what is shipped may bear another name.
    fn named(&self, name: &str) -> Option<Build> {
        let (workspace, query) = (self.workspace, self.query);
        let mut bins = bins(workspace, query);
        let everything = || crate::session::gather::bins(workspace, &Query::default());
        let asked = !query.packages.is_empty() || query.manifest_path.is_some();
        let is_meant =
            || !query.bins.is_empty() || (asked && !everything().iter().any(|it| it == name));
        match bins.iter().position(|bin| bin == name) {
            Some(same) => bins = vec![bins.swap_remove(same)],
            None if bins.len() == 1 && is_meant() => {}
            None => return None,
        }
        let query = Query { bins, ..query.clone() };
        let outputs = outputs::find_outputs(workspace, &query)
            .ok()
            .filter(|outputs| !outputs.built.is_empty())
            .or_else(|| never_built(workspace, &query))?;
        let output = outputs.built.first()?;
        Some(Build::new(workspace, &outputs, output))
    }

    /// The build of a file on this machine.
    fn of_file(&self, path: &Path) -> Option<Build> {
        let target = self.workspace.metadata.target_directory.as_std_path();
        let directory = path.parent()?;
        let directory_name = directory.file_name().and_then(|name| name.to_str());
        if !Disk.is_inside(path, target) {
            return self.named(&file_name(path));
        }
        // Cargo's directories say which profile it is, whichever was built last. What it does not
        // hand out, such as examples and tests, may have a binary's name and is none.
        let mut profiles = outputs::profile_names(self.workspace).into_iter();
        let profile =
            profiles.find(|profile| directory_name == Some(outputs::directory_name(profile)))?;
        let profile = self.query.profile.clone().or(Some(profile));
        let query = Query { profile, ..self.query.clone() };
        let here = Here::new(self.workspace, &query);
        // What is left of an earlier build is this workspace's, even if no target has its name.
        here.named(&file_name(path)).or_else(|| {
            let outputs = outputs::find_outputs(self.workspace, &query).ok()?;
            Some(Build::new(self.workspace, &outputs, outputs.built.first()?))
        })
    }
}

/// What cargo built here, one subject a binary.
///
/// # Errors
/// Nothing built, or a program that cannot be read.
pub fn built(here: &Here<'_>, notes: &mut Vec<String>) -> Result<Vec<Subject>, Error> {
    let outputs = outputs::find_outputs(here.workspace, here.query)?;
    notes.extend(selected(here.query, &outputs));
    notes.extend(not_built(&outputs.missing));
    let mut subjects = Vec::new();
    for output in &outputs.built {
        let build = Build::new(here.workspace, &outputs, output);
        let facts = facts(&output.path, here.query, Some((here, build)))?;
        let (name, origin) = (output.bin.clone(), Origin::Host(output.path.clone()));
        subjects.push(Subject { name, origin, facts });
    }
    Ok(subjects)
}

/// Which build it is, and why this one; nothing where the profile was named and only one build of
/// it is there.
pub fn selected(query: &Query, outputs: &Outputs) -> Option<String> {
    if query.profile.is_some() && !outputs.why.starts_with("the most recently built") {
        return None;
    }
    let target =
        outputs.target.as_ref().map_or_else(String::new, |target| format!(" for {target}"));
    Some(format!("checked: {} profile{target} ({})", outputs.profile, outputs.why))
}

/// That these binaries are not built, in one sentence.
fn not_built(bins: &[String]) -> Option<String> {
    /// So many names stand in the sentence.
    const SHOWN: usize = 3;
    let names: Vec<String> = bins.iter().take(SHOWN).map(|bin| format!("`{bin}`")).collect();
    let names = names.join(", ");
    match bins.len() {
        0 => None,
        1 => Some(format!("{names} is not built in this profile")),
        more if more > SHOWN => {
            Some(format!("{names} and {} more are not built in this profile", more - SHOWN))
        }
        _ => Some(format!("{names} are not built in this profile")),
    }
}

/// What cargo built here, for a root that does not hold it yet; `None` where nothing is built, or
/// where the root holds programs of the same names, which are then the ones that are meant.
///
/// # Errors
/// A program that cannot be read, a package or profile that is not there.
pub fn built_for(
    here: &Here<'_>,
    image: &Image,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<Subject>>, Error> {
    let outputs = match outputs::find_outputs(here.workspace, here.query) {
        Ok(outputs) if !outputs.built.is_empty() => outputs,
        Ok(_)
        | Err(error::WorkspaceError::NotBuilt { .. } | error::WorkspaceError::NoBins { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let in_image =
        |bin: &str| image.programs.iter().any(|it| it.path.rsplit('/').next() == Some(bin));
    if image.subject_at.is_none() && outputs.built.iter().any(|output| in_image(&output.bin)) {
        return Ok(None);
    }
    built(here, notes).map(Some)
}

/// What the workspace can say of a program in an image, while its bytes are there.
pub fn look_closer(
    binary: &Binary,
    bytes: &[u8],
    query: &Query,
    here: Option<&Here<'_>>,
    seen: &BuildsByName,
) {
    let Some(digest) = binary.sha256.clone() else { return };
    let environment = query.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secrets = secrets::secrets_inside(bytes, environment);
    let name = file_name(Path::new(&binary.path));
    let build = here.and_then(|here| Some(here.compared(here.named(&name)?, binary, None, bytes)));
    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(digest, (build, secrets));
}

/// A file that the user named; the workspace's build belongs to it when it bears a bin's name.
///
/// # Errors
/// A file that cannot be read, or is no program.
pub fn given(path: &Path, query: &Query, here: Option<&Here<'_>>) -> Result<Subject, Error> {
    let shown = || as_typed(path, &query.cwd);
    let build = here.and_then(|here| Some((here, here.of_file(path)?)));
    let facts = match facts(path, query, build) {
        Err(Error::Workspace(error::WorkspaceError::Read { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            return Err(Error::Usage(format!(
                "cannot read {}: there is no such file; name a built binary, for example \
                 target/release/NAME",
                shown()
            )));
        }
        Err(Error::Usage(message)) if message.contains("not a program") => {
            let shown = shown();
            return Err(Error::Usage(format!(
                "{message}; an image is named with `--image {shown}`"
            )));
        }
        other => other?,
    };
    Ok(Subject { name: file_name(path), origin: Origin::Host(path.to_owned()), facts })
}

/// That nothing was compared with the workspace, since no name says which program it would be.
pub fn nameless(here: &Here<'_>, subjects: &[Subject]) -> Option<String> {
    let bins = bins(here.workspace, here.query);
    let name = &subjects.iter().find(|it| it.facts.binary.is_some())?.name;
    if bins.is_empty() || subjects.iter().any(|it| it.facts.build.is_some()) {
        return None;
    }
    let bins = bins.join("`, `");
    Some(format!(
        "`{name}` was not compared with the sources here: it matches no binary target; pass `--bin` \
         with the target that it was built from: `{bins}`"
    ))
}

/// The names of the binaries that the query can mean.
fn bins(workspace: &Workspace, query: &Query) -> Vec<String> {
    let members = workspace.metadata.workspace_packages();
    let selected = match query.packages.is_empty() {
        true => members,
        false => workspace.selected(query).unwrap_or_default(),
    };
    let names = selected.iter().flat_map(|package| &package.targets).filter(|it| it.is_bin());
    let names = names.map(|target| target.name.clone());
    names.filter(|name| query.bins.is_empty() || query.bins.contains(name)).collect()
}

/// The binary as it would be built: sources can be compared with a program that was built
/// elsewhere.
pub fn never_built(workspace: &Workspace, query: &Query) -> Option<Outputs> {
    let package = workspace.metadata.packages.iter().find(|package| {
        package.source.is_none()
            && package.targets.iter().any(|it| it.is_bin() && query.bins.contains(&it.name))
    })?;
    let bin = package.targets.iter().find(|it| it.is_bin() && query.bins.contains(&it.name))?;
    let profile = query.profile.clone().unwrap_or_else(|| "release".to_owned());
    let target = workspace.targets.first().cloned();
    let base = workspace.metadata.target_directory.as_std_path();
    let base = target.as_deref().map_or(base.to_owned(), |it| base.join(outputs::stem(it)));
    let directory = base.join(outputs::directory_name(&profile));
    let output = BuiltBinary {
        package: package.id.clone(),
        bin: bin.name.clone(),
        path: directory.join(&bin.name),
        modified: std::time::SystemTime::UNIX_EPOCH,
    };
    let why = "it is not built here".to_owned();
    Some(Outputs { profile, target, directory, why, built: vec![output], missing: vec![] })
}

/// The facts of one file: its own, and those that the workspace's sources and target directory
/// give about it.
///
/// # Errors
/// A file that cannot be read, is no program, or is cut off.
pub fn facts(
    path: &Path,
    query: &Query,
    build: Option<(&Here<'_>, Build)>,
) -> Result<Facts, Error> {
    let shown = as_typed(path, &query.cwd);
    let bytes = crate::cargo::fs::read(path)?;
    let mut binary = Binary::full(&shown, &bytes, true)
        .map_err(|error| Error::Usage(format!("{shown}: {error}")))?;
    if let Some(whole) = binary.cut_off() {
        let size = binary.size;
        return Err(Error::Usage(format!(
            "{shown}: cut off: {size} bytes of at least {whole} are there; copy or build it again"
        )));
    }
    let environment = query.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    binary.environment_secrets = secrets::secrets_inside(&bytes, environment);
    let build = build.map(|(here, build)| here.compared(build, &binary, Some(path), &bytes));
    Ok(Facts { binary: Some(binary), build, ..Facts::default() })
}

/// The path as the user would type it from here.
pub fn as_typed(path: &Path, cwd: &Path) -> String {
    path.strip_prefix(cwd).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::not_built;

    #[test]
    fn binaries_that_are_not_built_are_one_sentence() {
        let bins = |count: usize| (0..count).map(|it| format!("b{it}")).collect::<Vec<_>>();
        let said = |count: usize| not_built(&bins(count)).unwrap_or_default();
        assert_eq!(said(0), "");
        assert_eq!(said(1), "`b0` is not built in this profile");
        assert_eq!(said(3), "`b0`, `b1`, `b2` are not built in this profile");
        assert_eq!(said(53), "`b0`, `b1`, `b2` and 50 more are not built in this profile");
    }
}
