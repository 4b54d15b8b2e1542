//! What a prediction says, and one in the making.

/// The predicted start of the subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartPrediction {
    /// Whether user code is reached.
    pub verdict: StartVerdict,
    /// Where it ends, when it fails.
    pub stage: Option<StartStage>,
    /// The lines that the engine or the loader prints, in order; empty when the program starts.
    pub errors: Vec<String>,
    /// The lines that the loader prints although the program starts.
    pub warnings: Vec<String>,
    /// Every library of the closure, in the order of loading.
    pub libraries: Vec<Library>,
    /// Everything that is wrong, also what the loader would not live to see.
    pub problems: Vec<StartProblem>,
    /// The loader; `None` for a program that needs none and one whose loader is not there.
    pub loader: Option<Loader>,
    /// The image's C library, where the closure holds one.
    pub libc: Option<LibcInImage>,
    /// Why the verdict is [`StartVerdict::Unknown`].
    pub open: Option<String>,
}

/// Whether user code is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartVerdict {
    /// Yes.
    Starts,
    /// No.
    Fails,
    /// The evidence is not enough.
    #[default]
    Unknown,
}

impl StartVerdict {
    /// The verdict's name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            StartVerdict::Starts => "starts",
            StartVerdict::Fails => "fails",
            StartVerdict::Unknown => "unknown",
        }
    }
}

/// The steps of a start, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartStage {
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

impl StartStage {
    /// The stage's name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            StartStage::Exec => "exec",
            StartStage::Interpreter => "interpreter",
            StartStage::Libraries => "libraries",
            StartStage::Versions => "versions",
            StartStage::Symbols => "symbols",
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
    pub family: LoaderFamily,
    /// `2.36`, where the loader says so.
    pub release: Option<String>,
}

/// The loaders whose rules are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoaderFamily {
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
pub enum StartProblem {
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

/// A plan in the making.
#[derive(Debug, Default)]
pub(super) struct PredictionBuilder {
    pub(super) stage: Option<StartStage>,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) libraries: Vec<Library>,
    pub(super) problems: Vec<StartProblem>,
    pub(super) loader: Option<Loader>,
    pub(super) libc: Option<LibcInImage>,
    pub(super) open: Option<String>,
}

impl PredictionBuilder {
    /// Notes what keeps the program from starting, with the line that is printed for it, if it
    /// gets that far.
    pub(super) fn fail(&mut self, stage: StartStage, problem: StartProblem, line: Option<String>) {
        self.stage = Some(self.stage.map_or(stage, |first| first.min(stage)));
        self.errors.extend(line);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn warn(&mut self, line: String) {
        self.warnings.push(line);
    }

    pub(super) fn failed(&self) -> bool {
        self.stage.is_some()
    }

    pub(super) fn finish(self) -> StartPrediction {
        let verdict = match (self.stage, &self.open) {
            (Some(_), _) => StartVerdict::Fails,
            (None, Some(_)) => StartVerdict::Unknown,
            (None, None) => StartVerdict::Starts,
        };
        StartPrediction {
            verdict,
            stage: self.stage,
            errors: self.errors,
            warnings: self.warnings,
            libraries: self.libraries,
            problems: self.problems,
            loader: self.loader,
            libc: self.libc,
            open: if verdict == StartVerdict::Unknown { self.open } else { None },
        }
    }
}
