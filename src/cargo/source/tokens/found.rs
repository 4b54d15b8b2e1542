//! What is found in a source file.

use std::collections::BTreeSet;

use crate::cargo::source::cfg::Compiled;
use crate::cargo::source::string_literals::StringLiteral;
use crate::cargo::source::tokens::bodies::Body;

/// Names of functions, which tell whether a call could go on for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// `fn name`.
    pub defined: BTreeSet<String>,
    /// `name(…)`, `.await` and the words that open a loop.
    pub called: BTreeSet<String>,
}

/// `mod name;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleDeclaration {
    /// The module's name, without `r#`.
    pub name: String,
    /// `#[path = "…"]`.
    pub path: Option<String>,
    /// The inline modules around it, as directories, outermost first.
    pub inside: Vec<String>,
    /// The outermost of them has a `#[path]`, which counts from the directory of the file.
    pub inside_file_directory: bool,
    /// Whether it is compiled.
    pub compiled: Compiled,
}

/// A file that is taken in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Where it is.
    pub path: IncludePath,
    /// `include!`: its tokens become code.
    pub code: bool,
    /// Whether it is compiled.
    pub compiled: Compiled,
}

/// The argument of an include.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncludePath {
    /// Relative to the file that includes it, or absolute.
    Literal(String),
    /// `concat!(env!("CARGO_MANIFEST_DIR"), "…")`: relative to the package.
    Package(String),
    /// `concat!(env!("OUT_DIR"), "…")`: written by the build script.
    OutDir(String),
    /// Anything else.
    Computed,
}

/// `fn main`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MainFunction {
    /// The line of its name, from 1.
    pub line: u32,
    /// The paths of its attributes: `tokio::main`.
    pub attributes: Vec<String>,
    /// The number of tokens of its body that are compiled.
    pub tokens: usize,
    /// What it does in any case.
    pub body: Body,
    /// Whether the features leave something of its body out.
    pub by_feature: bool,
    /// The macros called directly in its body: `println`.
    pub macros: Vec<String>,
    /// The texts of its body.
    pub string_literals: Vec<String>,
    /// Whether something in it is called, by function, method or `.await`.
    pub calls: bool,
    /// Whether a statement of its own ends the process: `std::process::exit(run())`.
    pub exits: bool,
    /// The texts that its own statements print before anything ends it: no optimiser may drop
    /// them, unless something that was called before does not return.
    pub printed: Vec<Printed>,
}

/// A text that a statement prints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// The text, or a part of it.
    pub text: StringLiteral,
    /// What is called before it is printed.
    pub after: BTreeSet<String>,
}

impl MainFunction {
    /// Whether no optimiser could leave nothing of it: it prints, asks the system for something,
    /// ends the process, or an attribute wraps it. `is_own` says of a name whether the crates define
    /// it themselves, so that nobody knows what it does.
    pub fn must_leave_code(&self, is_own: &dyn Fn(&str) -> bool) -> bool {
        self.exits
            || self.body.leaves.iter().any(|name| !is_own(name))
            || self.attributes.iter().any(|path| path.ends_with("::main"))
    }
}
