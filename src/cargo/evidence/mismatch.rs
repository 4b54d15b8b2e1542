//! What cannot be if a crate was compiled from these sources.

/// One thing that cannot be if the crate was compiled from these sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The source, relative to the workspace where it lies in it.
    pub path: String,
    /// From 1, where there is one.
    pub line: Option<u32>,
    /// What it is.
    pub kind: MismatchKind,
}

/// What contradicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MismatchKind {
    /// The crate has this file now, and was compiled without it.
    NotCompiled,
    /// The crate was compiled from this file, and has it no more.
    Gone,
    /// The crate's metadata or Cargo's list has another digest of this file.
    OtherDigest {
        /// `MD5`, `BLAKE3`, `SHA-256`.
        algorithm: &'static str,
        /// The digest that was kept, lower-case hex.
        compiled: String,
        /// That of the file, lower-case hex.
        now: String,
    },
    /// The file is another than when `freshen` last knew the crate to match it.
    Changed,
    /// The program panics at a place where no token starts.
    NoToken {
        /// From 1.
        column: u32,
        /// The number of lines of the file.
        lines: u32,
    },
    /// The program panics in a file that is not there.
    NoFile,
    /// `main` prints this text, and the program does not hold it.
    TextMissing(String),
    /// The library makes this name public, and its metadata does not have it.
    NotNamed(String),
    /// Its `main` cannot be compiled from the one in the file, and how.
    OtherMain(String),
}

impl Mismatch {
    /// One clause for a person.
    pub fn describe(&self) -> String {
        let path = &self.path;
        match (&self.kind, self.line) {
            (MismatchKind::NotCompiled, _) => {
                format!("{path} is a part of the crate and was not compiled")
            }
            (MismatchKind::Gone, _) => format!("it was compiled from {path}, which is gone"),
            (MismatchKind::OtherDigest { algorithm, compiled, now }, _) => {
                format!("{path} is not what was compiled: {algorithm} {compiled} then, {now} now")
            }
            (MismatchKind::Changed, _) => {
                format!("{path} is not what was compiled, by the digest that `freshen` kept")
            }
            (MismatchKind::NoToken { lines, .. }, Some(line)) if line > *lines => {
                format!("the program can panic at {path}:{line}, past the end ({lines} lines)")
            }
            (MismatchKind::NoToken { column, .. }, line) => format!(
                "the program can panic at {path}:{}:{column}, where no token starts",
                line.unwrap_or(0)
            ),
            (MismatchKind::NoFile, line) => format!(
                "the program can panic at {path}:{}, and there is no such file",
                line.unwrap_or(0)
            ),
            (MismatchKind::NotNamed(name), _) => {
                format!("{path} makes `{name}` public, which the compiled library does not have")
            }
            (MismatchKind::OtherMain(how), _) => how.clone(),
            (MismatchKind::TextMissing(text), line) => format!(
                "`main` prints {text:?} at {path}:{}, which is nowhere in the program",
                line.unwrap_or(0)
            ),
        }
    }
}
