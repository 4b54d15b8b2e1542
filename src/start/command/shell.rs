//! Just enough of a shell to see what a short script ends in. What is beyond it is said to be unknown.

use std::collections::BTreeMap;

pub mod expand;

use crate::start::command::shell::expand::{expand, quoted};

/// A variable of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellVariable {
    /// `None` where it is set, or may be, to what nobody can tell before the container runs.
    pub value: Option<String>,
    /// Programs that the shell starts get it too.
    pub exported: bool,
}

impl ShellVariable {
    /// One that programs get.
    pub fn exported(value: impl Into<String>) -> ShellVariable {
        ShellVariable { value: Some(value.into()), exported: true }
    }

    /// In bytes, about.
    fn size(&self) -> usize {
        size_of::<ShellVariable>() + self.value.as_ref().map_or(0, String::len)
    }
}

/// Variables by their names.
pub type ShellVariables = BTreeMap<String, ShellVariable>;

/// What a script comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptResult {
    /// Its last command, with everything expanded.
    Runs(ExecCall),
    /// Nothing at all.
    Nothing,
    /// Unknown without running the script, and why.
    Unknown(String),
}

/// A command, and what it finds around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCall {
    /// The command and its arguments.
    pub words: Vec<String>,
    /// Where it runs, when a `cd` says so.
    pub directory: Option<String>,
    /// What it gets.
    pub variables: ShellVariables,
    /// Why a file that is missing now may be there by then, or be another one.
    pub doubt: Option<String>,
    /// A file that the shell reads may set any variable.
    pub sources: bool,
    /// The shell's own code where the command fails: `|| exit 1`.
    pub exit_code_on_failure: Option<u8>,
}

/// Reads a script under these variables and `$0`, `$1`, …. A later command counts more than an
/// earlier one: it is what the container ends with.
pub fn read(text: &str, variables: &ShellVariables, arguments: &[String]) -> ScriptResult {
    let mut shell = Shell {
        variables: variables.clone(),
        arguments: Some(arguments.to_vec()),
        directory: None,
        last: None,
        prepared: None,
        sources: false,
        guarded: false,
        left: MAX_WORK,
    };
    match script(text, &mut shell) {
        Err(StopReason::Runs(ran)) => ScriptResult::Runs(*ran),
        Err(StopReason::Unknown(why)) => ScriptResult::Unknown(why),
        Ok(()) => match shell.last {
            None => ScriptResult::Nothing,
            Some(LastCommand::Unknown(why)) => ScriptResult::Unknown(why),
            Some(LastCommand::Runs(ran)) => ScriptResult::Runs(ran),
        },
    }
}

/// Why no more of a script is read.
enum StopReason {
    Runs(Box<ExecCall>),
    Unknown(String),
}

/// The last command so far.
enum LastCommand {
    Runs(ExecCall),
    Unknown(String),
}

/// A word with everything expanded.
#[derive(Debug, Clone, Default)]
struct ExpandedWord {
    text: String,
    /// It holds a variable that nobody has set yet.
    open: Option<String>,
}

impl ExpandedWord {
    /// In bytes, about.
    fn size(&self) -> usize {
        size_of::<ExpandedWord>() + self.text.len()
    }
}

struct Shell {
    variables: ShellVariables,
    /// `$0`, `$1`, …; `None` when they depend on a test.
    arguments: Option<Vec<String>>,
    directory: Option<String>,
    last: Option<LastCommand>,
    /// A command that ran already and may have made files or changed their modes.
    prepared: Option<String>,
    sources: bool,
    /// The next command runs only if a test comes out right.
    guarded: bool,
    /// How many more bytes its variables and arguments may come to.
    left: usize,
}

/// What the variables and arguments of one script may come to while it is read, in bytes, each
/// time that one is written out or handed on. The kernel takes 6 MiB at most (`fs/exec.c`), and
/// every word of a script could double what was there before.
const MAX_WORK: usize = 16 << 20;

/// What only looks, so that `&&` behind it asks a question.
const TESTS: &[&str] =
    &["test", "[", "command", "type", "which", "hash", "grep", "getent", "pgrep", "id"];

/// What makes no program and changes none.
const HARMLESS: &[&str] = &[
    "echo", "printf", "mkdir", "chown", "chgrp", "sleep", "date", "ls", "cat", "env", "rm", "kill",
    "wait", "pwd", "whoami", "hostname", "uname", "jobs", "false", "times",
];

/// What a shell does without starting anything, and what is of its grammar.
const BUILTINS: &[&str] = &[
    "echo", "printf", "return", "wait", "test", "[", "false", "kill", "type", "command", "builtin",
    "hash", "jobs", "fg", "bg", "disown", "enable", "let", "times", "pwd", "caller", "compgen",
    "complete", "help", "history", "dirs", "shopt", "bind", "fc", "suspend", "logout", "newgrp",
];
const GRAMMAR: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "{",
    "}", "function", "!", "[[", "select", "coproc", "alias", "unalias", "pushd", "popd", "break",
    "continue",
];

impl Shell {
    /// Counts bytes that are written out or handed on, and the word around them.
    fn spend(&mut self, bytes: usize) -> Result<(), StopReason> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return unknown("the script makes more of its variables than is followed"),
        }
        Ok(())
    }

    fn value(&self, name: &str) -> ExpandedWord {
        match self.variables.get(name).map(|it| &it.value) {
            Some(Some(value)) => ExpandedWord { text: value.clone(), open: None },
            Some(None) | None => ExpandedWord { text: String::new(), open: Some(name.to_owned()) },
        }
    }

    /// Sets a variable, or says that it may be set, where a test decides.
    fn set(&mut self, name: &str, value: Option<&ExpandedWord>, export: bool) {
        let was = self.variables.get(name);
        let exported = export || was.is_some_and(|it| it.exported);
        let value = match value {
            Some(word) => Some(word).filter(|it| it.open.is_none()).map(|it| it.text.clone()),
            None => was.and_then(|it| it.value.clone()),
        };
        let value = value.filter(|_| !self.guarded);
        self.variables.insert(name.to_owned(), ShellVariable { value, exported });
    }

    /// `NAME=value` and `NAME` of `export` and its like.
    fn declare(&mut self, words: &[ExpandedWord], export: bool) {
        for word in words.iter().filter(|it| !it.text.starts_with('-')) {
            match assignment(&word.text) {
                Some((name, value)) => {
                    let value = ExpandedWord { text: value.to_owned(), open: word.open.clone() };
                    self.set(name, Some(&value), export);
                }
                None if export && self.variables.contains_key(&word.text) => {
                    self.set(&word.text, None, true);
                }
                None => {}
            }
        }
    }

    /// One simple command.
    fn command(&mut self, mut words: Vec<ExpandedWord>) -> Result<(), StopReason> {
        let named = words.iter().take_while(|it| assignment(&it.text).is_some()).count();
        let assignments: Vec<ExpandedWord> = words.drain(..named).collect();
        let Some(first) = words.first().map(|it| it.text.clone()) else {
            self.declare(&assignments, false);
            return Ok(());
        };
        let rest = &words[1..];
        match first.as_str() {
            "umask" | "ulimit" | "true" | ":" | "trap" => {}
            "export" => self.declare(rest, true),
            "readonly" => self.declare(rest, false),
            "declare" | "typeset" | "local" => {
                let export =
                    rest.iter().any(|it| it.text.starts_with('-') && it.text.contains('x'));
                self.declare(rest, export);
            }
            "unset" => {
                for word in rest {
                    if self.guarded {
                        self.set(&word.text, None, false);
                    } else {
                        self.variables.remove(&word.text);
                    }
                }
            }
            "read" | "getopts" | "mapfile" | "readarray" => {
                for word in rest.iter().filter(|it| is_name(&it.text)) {
                    let unseen =
                        ExpandedWord { text: String::new(), open: Some(word.text.clone()) };
                    self.set(&word.text, Some(&unseen), false);
                }
            }
            "set" => self.set_arguments(rest),
            "shift" => {
                let by = rest.first().map_or(Some(1), |it| it.text.parse::<usize>().ok());
                let by = by.filter(|_| !self.guarded);
                self.arguments = self.arguments.take().zip(by).map(|(mut all, by)| {
                    all.drain(1.min(all.len())..by.saturating_add(1).min(all.len()));
                    all
                });
            }
            "cd" => {
                let to = rest.first().cloned().unwrap_or_else(|| self.value("HOME"));
                if self.guarded || to.open.is_some() || to.text.starts_with('-') {
                    return unknown(
                        "the script changes to a directory that is known only when it runs",
                    );
                }
                self.spend(self.directory.as_ref().map_or(0, String::len))?;
                self.directory = Some(match self.directory.take() {
                    Some(from) if !to.text.starts_with('/') => format!("{from}/{}", to.text),
                    _ => to.text,
                });
            }
            "." | "source" | "eval" => {
                self.sources = true;
                self.prepared = Some(first.clone());
                self.last =
                    Some(LastCommand::Unknown(format!("`{first}` is done by the shell itself")));
            }
            "exit" | "return" if self.guarded => {}
            "exit" => return unknown("the script ends with `exit`"),
            "exec" => {
                let words = of_exec(words);
                if !words.is_empty() {
                    let ran = self.ran(&assignments, words)?;
                    return Err(match ran {
                        LastCommand::Runs(ran) => StopReason::Runs(Box::new(ran)),
                        LastCommand::Unknown(why) => StopReason::Unknown(why),
                    });
                }
            }
            "time" if rest.first().is_some_and(|it| !it.text.starts_with('-')) => {
                let words = assignments.into_iter().chain(rest.iter().cloned()).collect();
                return self.command(words);
            }
            _ if GRAMMAR.contains(&first.as_str()) => {
                return unknown(&format!("the script has `{first}`"));
            }
            _ if BUILTINS.contains(&first.as_str()) => {
                self.last =
                    Some(LastCommand::Unknown(format!("`{first}` is done by the shell itself")));
            }
            _ => {
                self.last = Some(self.ran(&assignments, words)?);
                if !HARMLESS.contains(&first.as_str()) && !TESTS.contains(&first.as_str()) {
                    self.prepared = Some(first);
                }
            }
        }
        Ok(())
    }

    /// `set -e` changes nothing here; `set -- a b` gives new arguments.
    fn set_arguments(&mut self, words: &[ExpandedWord]) {
        let mut rest = words;
        let mut explicit = false;
        while let Some((word, after)) = rest.split_first() {
            match word.text.as_str() {
                "--" => {
                    explicit = true;
                    rest = after;
                    break;
                }
                "-o" | "+o" => rest = after.get(1..).unwrap_or_default(),
                // `set -eo pipefail`
                text if text.starts_with(['-', '+']) => {
                    let valued = text.ends_with('o') && !text.starts_with("--");
                    rest = after.get(usize::from(valued)..).unwrap_or_default();
                }
                _ => break,
            }
        }
        if rest.is_empty() && !explicit {
            return;
        }
        let known = !self.guarded && rest.iter().all(|it| it.open.is_none());
        self.arguments = self.arguments.take().filter(|_| known).map(|old| {
            let positional = old.into_iter().take(1);
            positional.chain(rest.iter().map(|it| it.text.clone())).collect()
        });
    }

    /// A command that is started under this name, as far as that is known.
    fn ran(
        &mut self,
        assignments: &[ExpandedWord],
        words: Vec<ExpandedWord>,
    ) -> Result<LastCommand, StopReason> {
        let Some(first) = words.first() else { return unknown("a command without a name") };
        if let Some(name) = &first.open {
            return Ok(LastCommand::Unknown(format!(
                "`${name}` is set when the container runs, if ever"
            )));
        }
        if self.guarded {
            return Ok(LastCommand::Unknown(format!(
                "whether `{}` runs depends on a test",
                first.text
            )));
        }
        let sizes = self.variables.iter().map(|(name, it)| name.len() + it.size());
        self.spend(sizes.sum())?;
        let mut variables = self.variables.clone();
        for word in assignments {
            if let Some((name, value)) = assignment(&word.text) {
                let value = word.open.is_none().then(|| value.to_owned());
                variables.insert(name.to_owned(), ShellVariable { value, exported: true });
            }
        }
        variables.retain(|_, it| it.exported);
        let open = words.iter().find_map(|it| it.open.as_ref());
        let doubt = match (&self.prepared, open) {
            (Some(before), _) => Some(format!("`{before}`, which runs before, may change that")),
            (None, Some(name)) => {
                Some(format!("`${name}` is set when the container runs, if ever"))
            }
            (None, None) => None,
        };
        Ok(LastCommand::Runs(ExecCall {
            words: words.into_iter().map(|it| it.text).collect(),
            directory: self.directory.clone(),
            variables,
            doubt,
            sources: self.sources,
            exit_code_on_failure: None,
        }))
    }
}

fn unknown<T>(why: &str) -> Result<T, StopReason> {
    Err(StopReason::Unknown(why.to_owned()))
}

/// The words behind `exec` and its options.
fn of_exec(words: Vec<ExpandedWord>) -> Vec<ExpandedWord> {
    let mut rest = words.into_iter().skip(1).peekable();
    while let Some(option) = rest.next_if(|it| it.text.starts_with('-')) {
        if option.text == "--" {
            break;
        }
        if option.text.ends_with('a') {
            rest.next();
        }
    }
    rest.collect()
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The simple command that is being read.
#[derive(Default)]
struct ScriptReader {
    words: Vec<ExpandedWord>,
    word: Option<ExpandedWord>,
}

impl ScriptReader {
    fn word(&mut self) -> &mut ExpandedWord {
        self.word.get_or_insert_default()
    }

    fn push(&mut self, next: char) {
        self.word().text.push(next);
    }

    fn push_word(&mut self, more: &ExpandedWord) {
        let word = self.word();
        word.text.push_str(&more.text);
        word.open = word.open.take().or_else(|| more.open.clone());
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    /// Hands the command on. What follows an `&&` may hang on it.
    fn end_command(&mut self, shell: &mut Shell, and: bool) -> Result<(), StopReason> {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            // A line may be broken behind `&&`.
            return Ok(());
        }
        let asks = words.first().is_some_and(|it| TESTS.contains(&it.text.as_str()));
        shell.command(words)?;
        shell.guarded = and && (shell.guarded || asks);
        Ok(())
    }

    /// A tilde here stands for the home directory.
    fn takes_home(&self) -> bool {
        self.word
            .as_ref()
            .is_none_or(|word| assignment(&word.text).is_some() && word.text.ends_with(['=', ':']))
    }
}

/// Runs the simple commands of a text, one after the other.
fn script(text: &str, shell: &mut Shell) -> Result<(), StopReason> {
    let mut reading = ScriptReader::default();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' => reading.end_word(),
            '\n' | ';' => reading.end_command(shell, false)?,
            '#' if reading.word.is_none() => while rest.next_if(|next| *next != '\n').is_some() {},
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some(escaped) => reading.push(escaped),
            },
            '\'' => {
                reading.word();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(inner) => reading.push(inner),
                        None => return unknown(OPEN_QUOTE),
                    }
                }
            }
            '"' => quoted(&mut rest, &mut reading, shell)?,
            '~' if reading.takes_home() => match rest.peek() {
                None | Some('/' | ':' | ' ' | '\t' | '\n' | ';' | '&') => {
                    let home = shell.value("HOME");
                    shell.spend(home.size())?;
                    reading.push_word(&home);
                }
                Some(_) => return unknown("the command line has a user's home"),
            },
            '$' => match expand(&mut rest, shell)? {
                None => reading.push('$'),
                Some(values) => {
                    let mut first = true;
                    for value in &values {
                        for text in value.text.split_whitespace() {
                            if !first {
                                reading.end_word();
                            }
                            first = false;
                            reading.push_word(&ExpandedWord { text: text.to_owned(), open: None });
                        }
                        // With nothing around it, what has no value is no word.
                        if let (Some(word), Some(_)) = (&mut reading.word, &value.open) {
                            word.open = value.open.clone();
                        } else if value.open.is_some()
                            && rest.peek().is_some_and(|next| !is_separator(*next))
                        {
                            reading.push_word(value);
                        }
                    }
                }
            },
            '&' if rest.next_if_eq(&'&').is_some() => reading.end_command(shell, true)?,
            '>' | '<' => {
                // A redirection: its number and its target are no words of the command.
                let is_number =
                    |word: &ExpandedWord| word.text.bytes().all(|it| it.is_ascii_digit());
                if reading.word.as_ref().is_some_and(is_number) {
                    reading.word = None;
                }
                reading.end_word();
                if rest.next_if_eq(&'<').is_some() {
                    return unknown("the command line has a here-document");
                }
                while rest.next_if(|next| matches!(next, '>' | '&' | ' ' | '|')).is_some() {}
                while rest.next_if(|next| !is_separator(*next)).is_some() {}
            }
            '|' if rest.next_if_eq(&'|').is_some() => {
                let Some(code) = exit_code_on_failure(&mut rest) else {
                    return unknown("the command line has an alternative");
                };
                reading.end_command(shell, false)?;
                if let Some(LastCommand::Runs(ran)) = &mut shell.last {
                    ran.exit_code_on_failure = Some(code);
                }
            }
            '|' => return unknown("the command line has a pipe"),
            '&' => return unknown("the command line has a command in the background"),
            '(' | ')' => return unknown("the command line has a subshell or a function"),
            '`' => return unknown("the command line has a command substitution"),
            '*' | '?' | '['
                if reading.word.is_some()
                    || rest.peek().is_some_and(|next| !next.is_whitespace()) =>
            {
                return unknown("the command line has a pattern");
            }
            other => reading.push(other),
        }
    }
    reading.end_command(shell, false)
}

/// Behind `||`: the code, where nothing is done there but to give up.
fn exit_code_on_failure(rest: &mut RemainingChars<'_>) -> Option<u8> {
    let mut command = String::new();
    while let Some(next) = rest.next_if(|next| !matches!(next, '\n' | ';')) {
        command.push(next);
    }
    let code = match command.trim() {
        "false" => 1,
        other => other.strip_prefix("exit ")?.trim().parse().ok()?,
    };
    (code != 0).then_some(code)
}

const OPEN_QUOTE: &str = "the command line has a quote without an end";

type RemainingChars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn is_separator(next: char) -> bool {
    next.is_whitespace() || matches!(next, ';' | '&' | '|')
}

#[cfg(test)]
mod tests;
