//! What a command of the image resolves to, as the engine, the kernel and a shell would go, step by step.

use std::collections::BTreeMap;

use super::shell::{self, Line};
use super::tree::{Entry, Errno, Link, Tree, resolve};
use crate::input::image::config::Config;

/// Where names are searched when `Env` has no `PATH` (the engines' own default).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Interpreters of interpreters that the kernel follows, with room for wrappers.
const MAX_STEPS: usize = 16;

/// A command that the image is configured to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// When it runs.
    pub role: Role,
    /// The field that its first word comes from: `Entrypoint`, `Cmd`, `Healthcheck`.
    pub field: &'static str,
    /// The words, as the engine hands them to the kernel.
    pub words: Vec<String>,
    /// The words are a shell and a line for it.
    pub shell_form: bool,
    /// The files that are executed or interpreted, in order.
    pub steps: Vec<Step>,
    /// What it comes to.
    pub end: End,
}

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// When the container starts.
    Start,
    /// When its health is asked for.
    Healthcheck,
}

/// One file on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Why it is looked for.
    pub by: By,
    /// As it is written where it is asked for.
    pub name: String,
    /// The path without links.
    pub path: String,
    /// The links that led there.
    pub links: Vec<Link>,
    /// What lies there.
    pub entry: Entry,
}

/// Who asks for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The engine: the first word.
    Engine,
    /// The kernel: a script's first line.
    Interpreter,
    /// A shell: the last command of its line or script.
    Shell,
    /// A program that starts another one and is then out of the way, by name.
    Wrapper(String),
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// This program, by its path without links.
    Program(String),
    /// It does not start.
    Fails(Failure),
    /// Everything that was looked at is there; what runs in the end cannot be told, and why.
    Unknown(String),
    /// There is no command.
    Nothing,
}

/// Why a command does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which of the known ways.
    pub kind: FailureKind,
    /// The file as it is asked for.
    pub name: String,
    /// Where the path ends, or the path itself.
    pub at: String,
    /// Who asked.
    pub by: By,
    /// The engine's or the shell's exact words.
    pub message: String,
    /// The code that `docker run` ends with.
    pub exit_code: u8,
}

/// The ways of not starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A name that is in no directory of `PATH`.
    NotInPath,
    /// A path that leads nowhere.
    NoSuchFile,
    /// A file that may not be executed.
    NotExecutable,
    /// Something that is no file.
    NotAFile,
    /// A script whose interpreter is not there.
    NoInterpreter,
    /// A script whose first line ends in a carriage return.
    CarriageReturn,
    /// Neither a program nor a script with a first line.
    NoFormat,
}

impl Command {
    /// The program that it comes to.
    pub fn program(&self) -> Option<&str> {
        match &self.end {
            End::Program(path) => Some(path),
            End::Fails(_) | End::Unknown(_) | End::Nothing => None,
        }
    }

    /// Why it does not start.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.end {
            End::Fails(failure) => Some(failure),
            End::Program(_) | End::Unknown(_) | End::Nothing => None,
        }
    }

    /// Whether the program is process 1 itself, without a shell or an init process before it.
    pub fn is_process_one(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.by, By::Engine))
    }
}

/// The commands that a configuration names, resolved.
pub fn commands(tree: &dyn Tree, config: &Config) -> Vec<Command> {
    let mut commands = Vec::new();
    let words = [&config.entrypoint[..], &config.cmd[..]].concat();
    let field = if config.entrypoint.is_empty() { "Cmd" } else { "Entrypoint" };
    commands.push(command(tree, config, Role::Start, field, words));
    let shell = |line: &String| {
        let default = ["/bin/sh".to_owned(), "-c".to_owned()];
        let shell = if config.shell.is_empty() { &default[..] } else { &config.shell };
        [shell, std::slice::from_ref(line)].concat()
    };
    let health = match config.healthcheck.split_first() {
        Some((kind, words)) if kind == "CMD" => Some(words.to_vec()),
        Some((kind, [line, ..])) if kind == "CMD-SHELL" => Some(shell(line)),
        _ => None,
    };
    if let Some(words) = health {
        commands.push(command(tree, config, Role::Healthcheck, "Healthcheck", words));
    }
    commands
}

fn command(
    tree: &dyn Tree,
    config: &Config,
    role: Role,
    field: &'static str,
    words: Vec<String>,
) -> Command {
    let directory = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for entry in &config.env {
        if let Some((name, value)) = entry.split_once('=') {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    variables.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    let mut walk = Walk { tree, directory: format!("/{directory}"), variables, steps: Vec::new() };
    let end = match words.first() {
        None => End::Nothing,
        Some(_) => walk.run(By::Engine, words.clone()),
    };
    let shell_form = words.get(1).is_some_and(|word| word == "-c")
        && words.first().is_some_and(|word| is_shell(word));
    Command { role, field, words, shell_form, steps: walk.steps, end }
}

/// Names of shells whose `-c` takes a line.
pub fn is_shell(word: &str) -> bool {
    matches!(base(word), "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

struct Walk<'a> {
    tree: &'a dyn Tree,
    directory: String,
    variables: BTreeMap<String, String>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn run(&mut self, by: By, words: Vec<String>) -> End {
        let Some(name) = words.first().cloned() else {
            return End::Unknown("a wrapper without a command".to_owned());
        };
        if self.steps.len() >= MAX_STEPS {
            return End::Unknown("more programs start one another than are followed".to_owned());
        }
        let path = match self.find(&by, &name) {
            Ok(path) => path,
            Err(failure) => return End::Fails(failure),
        };
        match self.tree.linking(path.as_bytes()) {
            Some(Ok(_)) => self.after_program(path, words),
            Some(Err(_)) | None => self.script(by, path, words),
        }
    }

    /// Finds a file as the engine (Go's `LookPath`), the kernel or a shell does.
    fn find(&mut self, by: &By, name: &str) -> Result<String, Failure> {
        let kernel = *by == By::Interpreter;
        let fail = |kind, at: String| Err(failure(by, kind, name, at));
        if name.contains('/') || kernel {
            let path = if name.starts_with('/') {
                name.to_owned()
            } else {
                format!("{}/{name}", self.directory)
            };
            return match self.look(by, name, &path) {
                Ok(path) => Ok(path),
                Err((kind, at)) => fail(kind, at),
            };
        }
        let mut refused = None;
        let search = self.variables.get("PATH").cloned().unwrap_or_default();
        for directory in search.split(':') {
            let directory = match directory {
                "" => self.directory.clone(),
                relative if !relative.starts_with('/') => format!("{}/{relative}", self.directory),
                absolute => absolute.to_owned(),
            };
            match self.look(by, name, &format!("{directory}/{name}")) {
                Ok(path) => return Ok(path),
                Err((FailureKind::NotExecutable, at)) => refused = refused.or(Some(at)),
                Err(_) => {}
            }
        }
        match refused {
            // A shell that found nothing else says what it found; the engine says nothing of it.
            Some(at) if *by == By::Shell => fail(FailureKind::NotExecutable, at),
            _ => fail(FailureKind::NotInPath, name.to_owned()),
        }
    }

    fn look(&mut self, by: &By, name: &str, path: &str) -> Result<String, (FailureKind, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = resolve(self.tree, path.as_bytes()).map_err(|unresolved| {
            let kind = match unresolved.why {
                Errno::Missing | Errno::NotDirectory | Errno::TooManyLinks | Errno::TooLong => {
                    FailureKind::NoSuchFile
                }
            };
            (kind, text(&unresolved.at))
        })?;
        let path = text(&found.path);
        if !found.entry.is_file() {
            return Err((FailureKind::NotAFile, path));
        }
        if found.entry.mode & 0o111 == 0 {
            return Err((FailureKind::NotExecutable, path));
        }
        self.steps.push(Step {
            by: by.clone(),
            name: name.to_owned(),
            path: path.clone(),
            links: found.links,
            entry: found.entry,
        });
        Ok(path)
    }

    /// A program that is there: the end, unless it is known to start another one.
    fn after_program(&mut self, path: String, words: Vec<String>) -> End {
        let name = words.first().map(|word| base(word).to_owned()).unwrap_or_default();
        if is_shell(&name) {
            return self.shell(path, &words);
        }
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
            return End::Program(path);
        };
        match wrapper.command(&words, &mut self.variables) {
            Some(rest) if !rest.is_empty() => self.run(By::Wrapper(name), rest),
            Some(_) => End::Program(path),
            None => End::Unknown(format!("`{name}` with options that are not known")),
        }
    }

    fn shell(&mut self, path: String, words: &[String]) -> End {
        let mut arguments = words.get(1..).unwrap_or_default();
        while let Some((option, rest)) = arguments.split_first() {
            let flags = option.strip_prefix('-').filter(|flags| !flags.is_empty());
            match flags {
                Some("-login" | "-") => arguments = rest,
                Some(flags) if flags.chars().all(|flag| "celuxi".contains(flag)) => {
                    if flags.contains('c') {
                        let Some((line, rest)) = rest.split_first() else { break };
                        let name = words.first().cloned().unwrap_or_default();
                        let rest = if rest.is_empty() { vec![name] } else { rest.to_vec() };
                        return self.line(line, &rest);
                    }
                    arguments = rest;
                }
                Some("o") => arguments = rest.get(1..).unwrap_or_default(),
                Some(_) => return End::Unknown(format!("the shell's option {option}")),
                None => break,
            }
        }
        // `sh script arguments…`
        match arguments.first() {
            None => End::Program(path),
            Some(script) => {
                let at = if script.starts_with('/') {
                    script.clone()
                } else {
                    format!("{}/{script}", self.directory)
                };
                match resolve(self.tree, at.as_bytes())
                    .ok()
                    .and_then(|found| self.tree.text(&found.path))
                {
                    Some(text) => self.line(&String::from_utf8_lossy(&text), arguments),
                    None => End::Unknown(format!("the shell's script {script} cannot be read")),
                }
            }
        }
    }

    fn line(&mut self, text: &str, arguments: &[String]) -> End {
        match shell::read(text, &self.variables, arguments) {
            Line::Unknown(why) => End::Unknown(why),
            Line::Nothing => End::Unknown("the shell runs nothing else".to_owned()),
            Line::Runs { words, directory, .. } => {
                if let Some(to) = directory {
                    self.directory =
                        if to.starts_with('/') { to } else { format!("{}/{to}", self.directory) };
                }
                let name = words.first().map(String::as_str).unwrap_or_default();
                if BUILTINS.contains(&name) {
                    return End::Unknown(format!("`{name}` is done by the shell itself"));
                }
                self.run(By::Shell, words)
            }
        }
    }

    /// A file that is no ELF file: a script, or nothing the kernel knows.
    fn script(&mut self, by: By, path: String, words: Vec<String>) -> End {
        let Some(text) = self.tree.text(path.as_bytes()) else {
            return End::Unknown(format!(
                "{path} is neither ELF nor a script, or its contents were not read"
            ));
        };
        let name = words.first().cloned().unwrap_or_default();
        let fail = |kind| End::Fails(failure(&by, kind, &name, path.clone()));
        let Some(first) = text.strip_prefix(b"#!") else {
            // A shell that gets ENOEXEC reads the file itself; the engine does not.
            if by == By::Shell && !text.contains(&0) {
                let line = String::from_utf8_lossy(&text).into_owned();
                return self.line(&line, &words);
            }
            return fail(FailureKind::NoFormat);
        };
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // Linux reads 256 bytes of the line (BINPRM_BUF_SIZE).
        let line = String::from_utf8_lossy(line.get(..line.len().min(254)).unwrap_or_default())
            .into_owned();
        let trimmed = line.trim_matches([' ', '\t']);
        let (interpreter, argument) = match trimmed.split_once([' ', '\t']) {
            Some((interpreter, argument)) => {
                (interpreter, Some(argument.trim_matches([' ', '\t']).to_owned()))
            }
            None => (trimmed, None),
        };
        if interpreter.is_empty() {
            return fail(FailureKind::NoFormat);
        }
        let mut next = vec![interpreter.to_owned()];
        next.extend(argument.clone());
        next.push(path.clone());
        next.extend(words.into_iter().skip(1));
        match self.find(&By::Interpreter, interpreter) {
            Err(_) if line.ends_with('\r') => fail(FailureKind::CarriageReturn),
            Err(_) => fail(FailureKind::NoInterpreter),
            Ok(found) => match self.tree.linking(found.as_bytes()) {
                Some(Ok(_)) if base(interpreter) == "env" => {
                    // `env` searches PATH for what the line names, `\r` and all.
                    if argument.as_deref().is_some_and(|argument| argument.ends_with('\r')) {
                        return fail(FailureKind::CarriageReturn);
                    }
                    self.after_program(found, next)
                }
                Some(Ok(_)) => self.after_program(found, next),
                Some(Err(_)) | None => self.script(By::Interpreter, found, next),
            },
        }
    }
}

/// The words that somebody sees. runc 1.1 with Docker 20.10 to 28 writes the engine's; dash, the
/// shells'.
fn failure(by: &By, kind: FailureKind, name: &str, at: String) -> Failure {
    let reason = match kind {
        FailureKind::NotExecutable => "permission denied",
        FailureKind::NoFormat => "exec format error",
        _ => "no such file or directory",
    };
    let (message, exit_code) = match (by, kind) {
        (By::Engine, FailureKind::NotInPath) => {
            (format!("exec: \"{name}\": executable file not found in $PATH"), 127)
        }
        (By::Engine, FailureKind::NoSuchFile) => {
            (format!("exec: \"{name}\": stat {name}: {reason}"), 127)
        }
        (By::Engine, FailureKind::NotExecutable) => (format!("exec: \"{name}\": {reason}"), 126),
        (By::Engine, FailureKind::NotAFile) => (format!("exec: \"{name}\": is a directory"), 126),
        (
            By::Engine | By::Interpreter,
            FailureKind::NoInterpreter | FailureKind::CarriageReturn | FailureKind::NoFormat,
        ) => (format!("exec {name}: {reason}"), 1),
        (By::Shell, FailureKind::NotExecutable | FailureKind::NotAFile) => {
            (format!("{name}: Permission denied"), 126)
        }
        (By::Shell, FailureKind::NoFormat) => (format!("{name}: Exec format error"), 126),
        (By::Shell, _) => (format!("{name}: not found"), 127),
        (By::Wrapper(wrapper), FailureKind::NotExecutable | FailureKind::NotAFile) => {
            (format!("{wrapper}: {name}: Permission denied"), 126)
        }
        (By::Wrapper(wrapper), FailureKind::NoFormat) => {
            (format!("{wrapper}: {name}: Exec format error"), 126)
        }
        (By::Wrapper(wrapper), _) => (format!("{wrapper}: {name}: No such file or directory"), 127),
        (By::Interpreter, _) => (format!("exec {name}: {reason}"), 1),
    };
    Failure { kind, name: name.to_owned(), at, by: by.clone(), message, exit_code }
}

/// What a shell does without starting anything.
const BUILTINS: &[&str] = &[
    "echo", "printf", "exit", "return", "read", "wait", "test", "[", "false", "kill", "type",
    "command", "eval", "source", ".",
];

/// A program that starts another one: its options with a value, and its own words before the command.
struct Wrapper {
    name: &'static str,
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// Words that belong to the wrapper.
    own: usize,
    /// `NAME=value` words are variables.
    variables: bool,
}

impl Wrapper {
    /// The command that it starts; `None` where its words are not understood.
    fn command(
        &self,
        words: &[String],
        variables: &mut BTreeMap<String, String>,
    ) -> Option<Vec<String>> {
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first() {
            if word == "--" {
                rest = after;
                break;
            }
            if self.name == "env" && (word == "-S" || word == "--split-string") {
                let line = after.join(" ");
                return Some(line.split_whitespace().map(str::to_owned).collect());
            }
            if self.valued.contains(&word.as_str()) {
                rest = after.get(1..).unwrap_or_default();
            } else if word.starts_with('-') && word.len() > 1 {
                rest = after;
            } else {
                break;
            }
        }
        if self.variables {
            while let Some((name, value)) = rest.first().and_then(|word| word.split_once('=')) {
                variables.insert(name.to_owned(), value.to_owned());
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        rest.get(self.own..).map(<[String]>::to_vec)
    }
}

const fn wrapper(name: &'static str, valued: &'static [&'static str], own: usize) -> Wrapper {
    Wrapper { name, valued, own, variables: false }
}

/// From each program's own usage text.
const WRAPPERS: &[Wrapper] = &[
    wrapper("tini", &["-p", "-e"], 0),
    wrapper("tini-static", &["-p", "-e"], 0),
    wrapper("docker-init", &["-p", "-e"], 0),
    wrapper("catatonit", &[], 0),
    wrapper("dumb-init", &["-r", "--rewrite"], 0),
    wrapper("gosu", &[], 1),
    wrapper("su-exec", &[], 1),
    wrapper("s6-setuidgid", &[], 1),
    wrapper(
        "chpst",
        &["-u", "-U", "-b", "-e", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f", "-c", "-r", "-t"],
        0,
    ),
    wrapper("setpriv", &[], 0),
    wrapper("nice", &["-n"], 0),
    wrapper("ionice", &["-c", "-n"], 0),
    wrapper("nohup", &[], 0),
    wrapper("stdbuf", &["-i", "-o", "-e"], 0),
    wrapper("timeout", &["-s", "-k"], 1),
    wrapper("time", &["-f", "-o"], 0),
    Wrapper { name: "env", valued: &["-u", "-C"], own: 0, variables: true },
];

#[cfg(test)]
mod tests {
    use super::super::tree::Memory;
    use super::*;
    use crate::facts::binary::Linking;

    fn tree() -> Memory {
        Memory::default()
            .elf("/usr/local/bin/app", Linking::default())
            .elf("/usr/bin/dash", Linking::default())
            .elf("/usr/bin/env", Linking::default())
            .elf("/usr/bin/tini", Linking::default())
            .link("/bin", "usr/bin")
            .link("/usr/bin/sh", "dash")
            .link("/app", "/usr/local/bin/app")
            .file("/entry.sh", 0o755, "#!/bin/sh\nset -e\nexec \"$@\"\n")
            .file("/env.sh", 0o755, "#!/usr/bin/env sh\nexec /app \"$@\"\n")
            .file("/crlf.sh", 0o755, "#!/bin/sh\r\nexec /app\r\n")
            .file("/env-crlf.sh", 0o755, "#!/usr/bin/env sh\r\nexec /app\r\n")
            .file("/bash.sh", 0o755, "#!/bin/bash\nexec /app\n")
            .file("/bare.sh", 0o755, "exec /app\n")
            .file("/data", 0o644, "x")
            .directory("/srv/app")
    }

    fn start(entrypoint: &[&str], cmd: &[&str]) -> Command {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let config = Config {
            entrypoint: owned(entrypoint),
            cmd: owned(cmd),
            working_dir: "/usr/local".into(),
            ..Config::default()
        };
        commands(&tree(), &config).remove(0)
    }

    #[test]
    fn a_command_is_followed_to_its_program() {
        for (entrypoint, cmd) in [
            (&["/app"][..], &[][..]),
            (&["app"], &["--flag"]),
            (&["bin/app"], &[]),
            (&[], &["/bin/sh", "-c", "exec app $RUST_LOG"]),
            (&["/bin/sh", "-c"], &["cd bin && ./app"]),
            (&["/entry.sh"], &["app", "x"]),
            (&["/env.sh"], &[]),
            (&["tini", "-s", "--"], &["/app"]),
            (&["/usr/bin/tini", "-e", "143", "/entry.sh"], &["env", "A=b", "app"]),
            (&["sh", "/entry.sh"], &["/app"]),
            (&["sh", "-c", "/bare.sh"], &[]),
        ] {
            let command = start(entrypoint, cmd);
            assert_eq!(
                command.program(),
                Some("/usr/local/bin/app"),
                "{entrypoint:?} {cmd:?}: {:?}",
                command.end
            );
        }
        assert_eq!(start(&[], &[]).end, End::Nothing);
        assert_eq!(start(&[], &["sh"]).program(), Some("/usr/bin/dash"));
        let links: Vec<Link> = start(&["/app"], &[]).steps.remove(0).links;
        assert_eq!(links[0].at, b"/app");
    }

    #[test]
    fn a_command_that_does_not_start_says_what_the_engine_would() {
        for (entrypoint, kind, message, code) in [
            (
                &["nope"][..],
                FailureKind::NotInPath,
                "exec: \"nope\": executable file not found in $PATH",
                127,
            ),
            (
                &["./nope"],
                FailureKind::NoSuchFile,
                "exec: \"./nope\": stat ./nope: no such file or directory",
                127,
            ),
            (&["/data"], FailureKind::NotExecutable, "exec: \"/data\": permission denied", 126),
            (&["/srv/app"], FailureKind::NotAFile, "exec: \"/srv/app\": is a directory", 126),
            (
                &["/crlf.sh"],
                FailureKind::CarriageReturn,
                "exec /crlf.sh: no such file or directory",
                1,
            ),
            (
                &["/env-crlf.sh"],
                FailureKind::CarriageReturn,
                "exec /env-crlf.sh: no such file or directory",
                1,
            ),
            (
                &["/bash.sh"],
                FailureKind::NoInterpreter,
                "exec /bash.sh: no such file or directory",
                1,
            ),
            (&["/bare.sh"], FailureKind::NoFormat, "exec /bare.sh: exec format error", 1),
            (&["sh", "-c", "nope x"], FailureKind::NotInPath, "nope: not found", 127),
        ] {
            let command = start(entrypoint, &[]);
            let failure =
                command.failure().unwrap_or_else(|| panic!("{entrypoint:?}: {:?}", command.end));
            assert_eq!((failure.kind, &*failure.message, failure.exit_code), (kind, message, code));
        }
    }

    #[test]
    fn what_a_shell_does_is_told_only_where_it_is_plain() {
        for line in ["app | tee x", "echo ready", "if x; then app; fi"] {
            assert!(matches!(start(&["sh", "-c", line], &[]).end, End::Unknown(_)), "{line}");
        }
        let command = start(&["sh", "-c", "app"], &[]);
        assert!(command.shell_form && !command.is_process_one());
        assert!(start(&["app"], &[]).is_process_one());
    }

    #[test]
    fn a_health_check_is_resolved_too() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let health = |test: &[&str]| {
            let config = Config { healthcheck: words(test), ..Config::default() };
            commands(&tree(), &config).into_iter().find(|command| command.role == Role::Healthcheck)
        };
        assert_eq!(
            health(&["CMD", "curl", "x"]).unwrap().failure().unwrap().kind,
            FailureKind::NotInPath
        );
        assert_eq!(
            health(&["CMD-SHELL", "app health"]).unwrap().program(),
            Some("/usr/local/bin/app")
        );
        assert_eq!(health(&["NONE"]), None);
    }
}
