//! What the kernel and the image's own loader would do with the subject, in their own words.

use std::sync::Arc;

use crate::binary::elf::DynamicInfo;
use crate::rootfs::tree::UserView;
use crate::rootfs::tree::users::Identity;
use crate::start::image::elf_tree::ElfTree;

pub mod absent;
pub mod glibc;
pub mod in_image;
pub mod kernel;
pub mod ld_so_cache;
pub mod musl;
pub mod open_library;
mod prediction;
pub mod search;

use prediction::PredictionBuilder;
pub use prediction::{
    LibcInImage, Library, Loader, LoaderFamily, StartPrediction, StartProblem, StartStage,
    StartVerdict,
};

/// How the program is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecContext {
    /// The path that is given to the kernel, absolute in the image.
    pub path: String,
    /// The program's `argv[0]`; loaders print it.
    pub argv0: String,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Relative search directories start here.
    pub working_directory: String,
    /// `e_machine` of the kernel; without it, of the image's other programs.
    pub machine: Option<u16>,
    /// Whom the program runs as.
    pub identity: Identity,
    /// It may be the container's first program, which some engines execute with the superuser's
    /// capabilities: containerd keeps them until then, and so does Docker 26 with runc 1.1.15.
    pub may_be_first: bool,
}

impl ExecContext {
    /// Starts a program under its own path, with an empty environment.
    pub fn for_path(path: &str) -> ExecContext {
        ExecContext {
            path: path.to_owned(),
            argv0: path.to_owned(),
            working_directory: "/".to_owned(),
            ..ExecContext::default()
        }
    }

    /// The last value of a variable, if it is not empty.
    fn variable(&self, name: &str) -> Option<&str> {
        let value = |it: &'_ String| -> Option<usize> {
            it.strip_prefix(name)?.strip_prefix('=').map(|value| it.len() - value.len())
        };
        let of = |it| value(it).and_then(|at| it.get(at..));
        self.environment.iter().rev().find_map(of).filter(|value| !value.is_empty())
    }
}

/// Predicts what happens when the image's kernel starts the subject.
///
/// The subject need not lie in the image yet: its mode and machine are those of the given binary.
pub fn predict_start(
    subject: &DynamicInfo,
    start: &ExecContext,
    tree: &dyn ElfTree,
) -> StartPrediction {
    let mut draft = PredictionBuilder::default();
    let user_view = UserView { tree, identity: start.identity.clone() };
    let first = if start.may_be_first { tree } else { &user_view };
    let tree = &user_view;
    match kernel::exec(subject, start, first) {
        kernel::ExecResult::Refused(stage, problem, line) => draft.fail(stage, problem, Some(line)),
        kernel::ExecResult::Static => {
            if !subject.needed.is_empty() {
                draft.warn(format!(
                    "{} has no loader, so the {} libraries that it names are never loaded",
                    start.path,
                    subject.needed.len()
                ));
            }
        }
        kernel::ExecResult::Unread(path) => {
            draft.open = Some(format!("{path}: its bytes were not read"));
        }
        kernel::ExecResult::Loader { path, real, linking } => {
            load(&mut draft, subject, start, tree, path, real, linking);
        }
    }
    if let Some(why) = open_library::describe_truncation(subject) {
        draft.open.get_or_insert_with(|| format!("{} is {why}", start.path));
    }
    // An engine that keeps no capabilities opens the program with the user's permissions.
    if let (true, kernel::ExecResult::Refused(_, _, line)) =
        (start.may_be_first, kernel::exec(subject, start, tree))
    {
        let uid = start.identity.uid;
        draft.open.get_or_insert_with(|| {
            format!("{line} for user {uid}, unless the engine keeps the superuser's capabilities")
        });
    }
    draft.finish()
}

fn load(
    draft: &mut PredictionBuilder,
    subject: &DynamicInfo,
    start: &ExecContext,
    tree: &dyn ElfTree,
    path: String,
    real: Vec<u8>,
    loader: Arc<DynamicInfo>,
) {
    let family = family(&loader, tree);
    let release = loader.loader.as_ref().and_then(|it| it.release);
    draft.loader = Some(Loader {
        path: path.clone(),
        family,
        release: release.map(|(major, minor)| format!("{major}.{minor}")),
    });
    if let Some(why) = open_library::describe_truncation(&loader) {
        draft.open = Some(format!("{path} is {why}"));
        return;
    }
    let interpreter = search::Interpreter { path, real, linking: loader };
    let subject = Arc::new(subject.clone());
    match family {
        LoaderFamily::Glibc => glibc::load(draft, subject, start, tree, &interpreter),
        LoaderFamily::Musl => musl::load(draft, subject, start, tree, &interpreter, None),
        LoaderFamily::Gcompat => {
            musl::load_through_gcompat(draft, subject, start, tree, &interpreter)
        }
        LoaderFamily::Other => {
            draft.open = Some(format!(
                "{}: neither glibc's loader nor musl's, so its rules are not known",
                interpreter.path
            ));
        }
    }
}

/// Whose rules a loader follows, by what it offers: its name may be a link to another's.
fn family(loader: &DynamicInfo, tree: &dyn ElfTree) -> LoaderFamily {
    let offers =
        |name: &str| loader.symbols.as_ref().is_some_and(|it| it.definitions(name).count() > 0);
    if loader.loader.is_some() {
        LoaderFamily::Glibc
    } else if offers("__libc_start_main") && offers("stdin") && loader.needed.is_empty() {
        LoaderFamily::Musl
    } else if tree.entry(musl::GCOMPAT.as_bytes()).is_some() {
        LoaderFamily::Gcompat
    } else {
        LoaderFamily::Other
    }
}

#[cfg(test)]
mod tests;
