//! What a RUN would run: its commands in order, with their arguments expanded, where they run, under
//! which variables, and whether anybody notices when they fail. Both branches of what cannot be told
//! are followed.

use std::sync::Arc;

use super::parse::CleanText;
use super::shell::parse;
use super::source::TextSpan;
use super::variables::BuildVariables;

mod test_command;
mod walker;
mod words;

use walker::Walker;

/// Commands of one RUN that are followed; beyond, the rest is unknown.
const MAX_COMMANDS: usize = 5_000;
/// Rounds of a loop over known words, and scripts within scripts.
const MAX_ROUNDS: usize = 64;
const MAX_SCRIPTS: usize = 4;

/// A word after expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Argument {
    /// `None` where it is not known before the build runs.
    pub value: Option<String>,
    /// As written.
    pub raw: String,
    /// It holds an unquoted `*`, `?` or `[`.
    pub pattern: bool,
    /// Where it stands in the file.
    pub span: TextSpan,
}

/// Why nobody notices that a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masked {
    /// `|| true`, `|| echo …`.
    OrSucceeds,
    /// Its output goes into another program, whose exit code counts.
    Piped,
    /// Another command follows, without `set -e`.
    Followed,
    /// A test asks for it.
    Tested,
}

/// A command that a RUN would run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RanCommand {
    /// The program and its arguments, without `env`, `sudo`, `exec` and their like before it.
    pub arguments: Vec<Argument>,
    /// Where; `None`: not known.
    pub directory: Option<String>,
    /// What it finds in its environment.
    pub variables: Arc<BuildVariables>,
    /// `>`, `>>`, … with their files.
    pub redirects: Vec<(&'static str, Argument)>,
    /// Where it stands in the file.
    pub span: TextSpan,
    /// It may not run: a branch of what cannot be told.
    pub conditional: bool,
    /// Why nobody would notice its failure.
    pub masked: Option<Masked>,
    /// The program whose input this command's output is.
    pub piped_into: Option<String>,
    /// A here-document is its input.
    pub reads_document: bool,
}

impl RanCommand {
    /// The program's name without its directory; empty where it is not known.
    pub fn program(&self) -> &str {
        let value = self.arguments.first().and_then(|it| it.value.as_deref()).unwrap_or_default();
        value.rsplit('/').next().unwrap_or_default()
    }

    /// The arguments behind the program.
    pub fn rest(&self) -> &[Argument] {
        self.arguments.get(1..).unwrap_or_default()
    }

    /// `cargo binlint freshen`: cargo compiles what does not match its sources, whatever its date.
    pub fn freshens(&self) -> bool {
        let mut words = self.rest().iter().filter_map(|it| it.value.as_deref());
        match self.program() {
            "cargo-binlint" => words.any(|it| it == "freshen"),
            "cargo" => words.next() == Some("binlint") && words.any(|it| it == "freshen"),
            _ => false,
        }
    }
}

/// The shell that a script begins in.
#[derive(Debug, Clone, Default)]
pub struct ShellStart {
    /// Its variables.
    pub variables: Arc<BuildVariables>,
    /// Where it begins.
    pub directory: Option<String>,
    /// `set -e`.
    pub errexit: bool,
    /// `set -o pipefail`.
    pub pipefail: bool,
    /// bash: braces are expanded.
    pub bash: bool,
}

/// What a script comes to.
#[derive(Debug, Clone, Default)]
pub struct ScriptEffects {
    /// Its commands, in order.
    pub commands: Vec<RanCommand>,
    /// What of it is not understood, and where.
    pub unclear: Option<(usize, String)>,
}

/// Follows a script.
pub fn follow(text: &CleanText, start: &ShellStart) -> ScriptEffects {
    let nodes = match parse(&text.text) {
        Ok(nodes) => nodes,
        Err(error) => {
            let unclear = Some((text.place(error.offset), error.message));
            return ScriptEffects { commands: Vec::new(), unclear };
        }
    };
    let mut walker = Walker::new(text, start);
    walker.sequence(&nodes);
    walker.script
}

/// Follows the exec form: no shell.
pub fn follow_exec(words: &[super::parse::LocatedText], start: &ShellStart) -> ScriptEffects {
    let argument = |word: &super::parse::LocatedText| Argument {
        value: Some(word.value.clone()),
        raw: word.value.clone(),
        pattern: false,
        span: word.span.clone(),
    };
    let arguments: Vec<Argument> = words.iter().map(argument).collect();
    let span = match (arguments.first(), arguments.last()) {
        (Some(first), Some(last)) => first.span.start..last.span.end,
        _ => 0..0,
    };
    let text = CleanText::default();
    let mut walker = Walker::new(&text, start);
    walker.run(arguments, Vec::new(), span, Arc::clone(&start.variables));
    walker.script
}

#[cfg(test)]
mod tests;
