//! What the kernel and the image's own loader would do with the subject, in their own words.

use std::sync::Arc;

use crate::binary::elf::Linking;
use crate::rootfs::tree::AsUser;
use crate::rootfs::tree::users::Identity;
use crate::start::image::elf_tree::ElfTree;

pub mod glibc;
pub mod in_image;
pub mod kernel;
pub mod ld_so_cache;
pub mod musl;
pub mod open_library;
pub mod search;

/// The predicted start of the subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadPlan {
    /// Whether user code is reached.
    pub verdict: Verdict,
    /// Where it ends, when it fails.
    pub stage: Option<Stage>,
    /// The lines that the engine or the loader prints, in order; empty when the program starts.
    pub errors: Vec<String>,
    /// The lines that the loader prints although the program starts.
    pub warnings: Vec<String>,
    /// Every library of the closure, in the order of loading.
    pub libraries: Vec<Library>,
    /// Everything that is wrong, also what the loader would not live to see.
    pub problems: Vec<Problem>,
    /// The loader; `None` for a program that needs none and one whose loader is not there.
    pub loader: Option<Loader>,
    /// The image's C library, where the closure holds one.
    pub libc: Option<LibcInImage>,
    /// Why the verdict is [`Verdict::Unknown`].
    pub open: Option<String>,
}

/// Whether user code is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Yes.
    Starts,
    /// No.
    Fails,
    /// The evidence is not enough.
    #[default]
    Unknown,
}

impl Verdict {
    /// The verdict's name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Starts => "starts",
            Verdict::Fails => "fails",
            Verdict::Unknown => "unknown",
        }
    }
}

/// The steps of a start, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The kernel looks at the program.
    Exec,
    /// The kernel looks for the program's loader.
    Interpreter,
    /// The loader looks for libraries.
    Libraries,
    /// The loader compares symbol versions.
    Versions,
    /// The loader binds symbols.
    Symbols,
}

impl Stage {
    /// The stage's name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Exec => "exec",
            Stage::Interpreter => "interpreter",
            Stage::Libraries => "libraries",
            Stage::Versions => "versions",
            Stage::Symbols => "symbols",
        }
    }
}

/// One library of the closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// As the file that needs it names it.
    pub name: String,
    /// Where the loader finds it, as the loader prints it; `None` when it is not found.
    pub path: Option<String>,
    /// The file that asks for it first, as the loader prints it.
    pub needed_by: String,
}

/// The program that loads programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// As `PT_INTERP` names it.
    pub path: String,
    /// Whose rules it follows.
    pub family: Family,
    /// `2.36`, where the loader says so.
    pub release: Option<String>,
}

/// The loaders whose rules are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `ld-linux*.so`, `ld64.so`.
    Glibc,
    /// `ld-musl-*.so.1`, which is the C library too.
    Musl,
    /// Alpine's `gcompat`: glibc's name, musl's loader.
    Gcompat,
    /// None of them.
    Other,
}

/// The C library that the closure ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibcInImage {
    /// As the loader prints it.
    pub path: String,
    /// The highest `GLIBC_` version that it defines; `None` for musl.
    pub version: Option<String>,
}

/// One thing that is wrong with the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The kernel refuses the program itself.
    Exec {
        /// `strerror` of the kernel's answer.
        why: &'static str,
        /// What about the file makes it so.
        because: String,
    },
    /// The program's loader is not there.
    InterpreterMissing {
        /// As `PT_INTERP` names it.
        path: String,
        /// `strerror` of the kernel's answer.
        why: &'static str,
    },
    /// The program's loader is there and no good.
    InterpreterUnusable {
        /// As `PT_INTERP` names it.
        path: String,
        /// `strerror` of the kernel's answer.
        why: &'static str,
        /// What about the file makes it so.
        because: String,
    },
    /// No directory of the search holds the library.
    LibraryMissing {
        /// As the file that needs it names it.
        name: String,
        /// The file that asks for it, as the loader prints it.
        needed_by: String,
        /// Files of this name that were passed over, each with the reason.
        passed_over: Vec<(String, String)>,
        /// A place to look for it that the image's user may not go to or read.
        refused: Option<String>,
    },
    /// The library is found and cannot be loaded.
    LibraryBroken {
        /// As the loader prints it.
        path: String,
        /// The file that asks for it, as the loader prints it.
        needed_by: String,
        /// The loader's reason.
        why: String,
    },
    /// The library does not define a version that is required of it.
    VersionMissing {
        /// The library, as the loader prints it.
        path: String,
        /// The version.
        version: String,
        /// The file that requires it, as the loader prints it.
        needed_by: String,
    },
    /// No file of the closure defines the symbol.
    SymbolMissing {
        /// The symbol, mangled.
        symbol: String,
        /// The version that it is wanted in.
        version: Option<String>,
        /// The file that wants it, as the loader prints it.
        needed_by: String,
        /// It is bound at its first call, so the program starts without it.
        lazy: bool,
    },
    /// A library of another machine is loaded all the same, and its relocations mean nothing
    /// (musl does not look at the machine).
    ForeignLibrary {
        /// As the loader prints it.
        path: String,
    },
    /// What `LD_PRELOAD` or `/etc/ld.so.preload` names is not loaded; the program starts.
    PreloadIgnored {
        /// As the variable or the file names it.
        object: String,
        /// `LD_PRELOAD` or the file.
        from: &'static str,
        /// The loader's reason.
        why: String,
    },
    /// The loader stops in a check of its own.
    LoaderGivesUp {
        /// The file that it is about, as the loader prints it.
        path: String,
        /// What it says.
        why: String,
    },
}

/// How the program is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The path that is given to the kernel, absolute in the image.
    pub path: String,
    /// What the program is told that its name is; loaders print it.
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

impl Start {
    /// Starts a program under its own path, with an empty environment.
    pub fn of(path: &str) -> Start {
        Start {
            path: path.to_owned(),
            argv0: path.to_owned(),
            working_directory: "/".to_owned(),
            ..Start::default()
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

/// What happens when the image's kernel is told to start the subject.
///
/// The subject need not lie in the image yet: its mode and machine are judged by what is there.
pub fn plan(subject: &Linking, start: &Start, tree: &dyn ElfTree) -> LoadPlan {
    let mut draft = Draft::default();
    let eyes = AsUser { tree, identity: start.identity.clone() };
    let first = if start.may_be_first { tree } else { &eyes };
    let tree = &eyes;
    match kernel::exec(subject, start, first) {
        kernel::Exec::Refused(stage, problem, line) => draft.fail(stage, problem, Some(line)),
        kernel::Exec::Static => {
            if !subject.needed.is_empty() {
                draft.warn(format!(
                    "{}: has no loader, so the {} libraries that it names are never loaded",
                    start.path,
                    subject.needed.len()
                ));
            }
        }
        kernel::Exec::Unread(path) => {
            draft.open = Some(format!("{path}: its bytes were not looked at"));
        }
        kernel::Exec::Loader { path, real, linking } => {
            load(&mut draft, subject, start, tree, path, real, linking);
        }
    }
    if let Some(why) = open_library::cut_off(subject) {
        draft.open.get_or_insert_with(|| format!("{} is {why}", start.path));
    }
    // An engine that keeps no capabilities looks at the program with the user's eyes.
    if let (true, kernel::Exec::Refused(_, _, line)) =
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
    draft: &mut Draft,
    subject: &Linking,
    start: &Start,
    tree: &dyn ElfTree,
    path: String,
    real: Vec<u8>,
    loader: Arc<Linking>,
) {
    let family = family(&loader, tree);
    let release = loader.loader.as_ref().and_then(|it| it.release);
    draft.loader = Some(Loader {
        path: path.clone(),
        family,
        release: release.map(|(major, minor)| format!("{major}.{minor}")),
    });
    if let Some(why) = open_library::cut_off(&loader) {
        draft.open = Some(format!("{path} is {why}"));
        return;
    }
    let interpreter = search::Interpreter { path, real, linking: loader };
    let subject = Arc::new(subject.clone());
    match family {
        Family::Glibc => glibc::load(draft, subject, start, tree, &interpreter),
        Family::Musl => musl::load(draft, subject, start, tree, &interpreter, None),
        Family::Gcompat => musl::load_through_gcompat(draft, subject, start, tree, &interpreter),
        Family::Other => {
            draft.open = Some(format!(
                "{}: neither glibc's loader nor musl's, so its rules are not known",
                interpreter.path
            ));
        }
    }
}

/// Whose rules a loader follows, by what it offers: its name may be a link to another's.
fn family(loader: &Linking, tree: &dyn ElfTree) -> Family {
    let offers =
        |name: &str| loader.symbols.as_ref().is_some_and(|it| it.definitions(name).count() > 0);
    if loader.loader.is_some() {
        Family::Glibc
    } else if offers("__libc_start_main") && offers("stdin") && loader.needed.is_empty() {
        Family::Musl
    } else if tree.entry(musl::GCOMPAT.as_bytes()).is_some() {
        Family::Gcompat
    } else {
        Family::Other
    }
}

/// A plan in the making.
#[derive(Debug, Default)]
struct Draft {
    stage: Option<Stage>,
    errors: Vec<String>,
    warnings: Vec<String>,
    libraries: Vec<Library>,
    problems: Vec<Problem>,
    loader: Option<Loader>,
    libc: Option<LibcInImage>,
    open: Option<String>,
}

impl Draft {
    /// Notes what keeps the program from starting, with the line that is printed for it, if it
    /// gets that far.
    fn fail(&mut self, stage: Stage, problem: Problem, line: Option<String>) {
        self.stage = Some(self.stage.map_or(stage, |first| first.min(stage)));
        self.errors.extend(line);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn warn(&mut self, line: String) {
        self.warnings.push(line);
    }

    fn failed(&self) -> bool {
        self.stage.is_some()
    }

    fn finish(self) -> LoadPlan {
        let verdict = match (self.stage, &self.open) {
            (Some(_), _) => Verdict::Fails,
            (None, Some(_)) => Verdict::Unknown,
            (None, None) => Verdict::Starts,
        };
        LoadPlan {
            verdict,
            stage: self.stage,
            errors: self.errors,
            warnings: self.warnings,
            libraries: self.libraries,
            problems: self.problems,
            loader: self.loader,
            libc: self.libc,
            open: if verdict == Verdict::Unknown { self.open } else { None },
        }
    }
}

#[cfg(test)]
mod tests;
