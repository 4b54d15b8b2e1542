//! The shell of `RUN`: a parser of POSIX command lines (and what bash adds to them in Dockerfiles),
//! made to find commands and their arguments, not to run them. What it cannot read is an error, never
//! a guess.

mod parse;

pub use parse::parse;

use super::source::TextSpan;

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
pub enum ShellNode {
    /// A program with its arguments.
    Simple(Simple),
    /// `a | b`, with `!` before it or not.
    Pipe(Vec<ShellNode>),
    /// `a && b || c`.
    AndOr(Box<ShellNode>, Vec<(Operator, ShellNode)>),
    /// `{ …; }`, with what is redirected.
    Group(Vec<ShellNode>, Vec<Redirect>),
    /// `( … )`, with what is redirected.
    Subshell(Vec<ShellNode>, Vec<Redirect>),
    /// `if …; then …; elif …; else …; fi`: conditions with what they guard.
    If(Vec<(Vec<ShellNode>, Vec<ShellNode>)>, Vec<ShellNode>),
    /// `for NAME in …; do …; done`.
    For(String, Vec<ShellWord>, Vec<ShellNode>),
    /// `while …; do …; done` and `until`.
    While(Vec<ShellNode>, Vec<ShellNode>),
    /// `case WORD in …`: patterns with what they lead to.
    Case(ShellWord, Vec<(Vec<ShellWord>, Vec<ShellNode>)>),
    /// `NAME() …`.
    Function(String, Vec<ShellNode>),
    /// `a &`.
    Background(Box<ShellNode>),
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
    pub assignments: Vec<(String, ShellWord)>,
    /// The program and its arguments.
    pub words: Vec<ShellWord>,
    /// `>`, `<` and their like.
    pub redirects: Vec<Redirect>,
    /// Where it stands.
    pub span: TextSpan,
}

/// `> file` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `>`, `>>`, `<`, `<<`, ….
    pub operator: &'static str,
    /// The file; of a here-document its text, as it stands.
    pub target: ShellWord,
}

/// A word before expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShellWord {
    /// In order.
    pub parts: Vec<WordPart>,
    /// Where it stands.
    pub span: TextSpan,
}

/// A piece of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordPart {
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
        operation: Option<(String, Vec<WordPart>)>,
        /// In double quotes: not split into words.
        quoted: bool,
    },
    /// `$( … )`.
    Command(Vec<ShellNode>),
    /// What is not looked into: `$(( … ))`, process substitution, arrays.
    Opaque,
}

impl ShellWord {
    /// The text of a word in which nothing is expanded.
    pub fn literal(&self) -> Option<String> {
        let mut all = String::new();
        for part in &self.parts {
            let WordPart::Text { text, .. } = part else { return None };
            all.push_str(text);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests;
