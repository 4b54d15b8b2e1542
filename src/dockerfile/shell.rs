//! The shell of `RUN`: a parser of POSIX command lines (and what bash adds to them in Dockerfiles),
//! made to find commands and their arguments, not to run them. What it cannot read is an error, never
//! a guess.

mod parse;

pub use parse::parse;

use super::source::Span;

/// Why a script is not understood, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellError {
    /// In bytes of the text that was parsed.
    pub offset: usize,
    /// What was not expected.
    pub message: String,
}

/// A command, or commands joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A program with its arguments.
    Simple(Simple),
    /// `a | b`, with `!` before it or not.
    Pipe(Vec<Node>),
    /// `a && b || c`.
    AndOr(Box<Node>, Vec<(Operator, Node)>),
    /// `{ …; }`, with what is redirected.
    Group(Vec<Node>, Vec<Redirect>),
    /// `( … )`, with what is redirected.
    Subshell(Vec<Node>, Vec<Redirect>),
    /// `if …; then …; elif …; else …; fi`: conditions with what they guard.
    If(Vec<(Vec<Node>, Vec<Node>)>, Vec<Node>),
    /// `for NAME in …; do …; done`.
    For(String, Vec<Word>, Vec<Node>),
    /// `while …; do …; done` and `until`.
    While(Vec<Node>, Vec<Node>),
    /// `case WORD in …`: patterns with what they lead to.
    Case(Word, Vec<(Vec<Word>, Vec<Node>)>),
    /// `NAME() …`.
    Function(String, Vec<Node>),
    /// `a &`.
    Background(Box<Node>),
}

/// What joins two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// A program with its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simple {
    /// `NAME=value` before the program.
    pub assignments: Vec<(String, Word)>,
    /// The program and its arguments.
    pub words: Vec<Word>,
    /// `>`, `<` and their like.
    pub redirects: Vec<Redirect>,
    /// Where it stands.
    pub span: Span,
}

/// `> file` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `>`, `>>`, `<`, `<<`, ….
    pub operator: &'static str,
    /// The file; of a here-document its text, as it stands.
    pub target: Word,
}

/// A word before expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// In order.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub span: Span,
}

/// A piece of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it is; unquoted text may hold `*`, `?`, `[` and `{`.
    Text {
        /// Without its quotes.
        text: String,
        /// Whether `*` in it is a star and nothing more.
        quoted: bool,
    },
    /// `$NAME`, `${NAME}`, `${NAME:-word}`.
    Variable {
        /// The name.
        name: String,
        /// The operator and the word behind it: `:-`, `-`, `:+`, …; others are kept as they stand.
        operation: Option<(String, Vec<Part>)>,
        /// In double quotes: not split into words.
        quoted: bool,
    },
    /// `$( … )`.
    Command(Vec<Node>),
    /// What is not looked into: `$(( … ))`, process substitution, arrays.
    Opaque,
}

impl Word {
    /// The text of a word in which nothing is expanded.
    pub fn literal(&self) -> Option<String> {
        let mut all = String::new();
        for part in &self.parts {
            let Part::Text { text, .. } = part else { return None };
            all.push_str(text);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests;
