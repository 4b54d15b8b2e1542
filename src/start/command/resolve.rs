//! From file to file, as the engine, the kernel, shells and wrappers hand a command on.

use crate::rootfs::Kind;
use crate::rootfs::tree::users::{Account, Identity};
use crate::rootfs::tree::{AsUser, Errno, Tree, resolve};
use crate::start::command::FailureKind::{NotAFile, NotExecutable, Refused};
use crate::start::command::engine_errors::{failure, refused_interpreter, unreadable};
use crate::start::command::shell;
use crate::start::command::shell::Line;
use crate::start::command::surroundings::Surroundings;
use crate::start::command::wrappers::WRAPPERS;
use crate::start::command::{By, End, Failure, FailureKind, Step, base, is_shell};
use crate::start::image::elf_tree::ElfTree;

/// Commands and scripts that are followed on the way of one command: the kernel itself gives up
/// behind five scripts that name one another, and there is room for wrappers.
const MAX_STEPS: usize = 32;

/// The way of one command.
pub(super) struct Walk<'a> {
    tree: &'a dyn ElfTree,
    account: Account,
    /// The engine has not yet executed anything, and some keep the superuser's capabilities until
    /// then (containerd's defaults; runc 1.1.4 and 1.1.5 look with the user's eyes).
    executed: bool,
    /// Where the next command runs, and what it gets.
    pub(super) surroundings: Surroundings,
    /// How many more commands and scripts are followed; nothing ever adds to it.
    left: usize,
    /// The files that were come by, in order.
    pub(super) steps: Vec<Step>,
    /// The script that may change what a loader finds, unseen.
    pub(super) hides: Option<String>,
}

impl<'a> Walk<'a> {
    /// Begins with what the engine gives the command.
    pub(super) fn new(
        tree: &'a dyn ElfTree,
        account: Account,
        surroundings: Surroundings,
    ) -> Walk<'a> {
        let (executed, left) = (false, MAX_STEPS);
        Walk { tree, account, executed, surroundings, left, steps: Vec::new(), hides: None }
    }

    /// The tree with the eyes of whoever looks now.
    fn eyes(&self) -> AsUser<'a, dyn ElfTree> {
        let identity =
            if self.executed { self.surroundings.identity.clone() } else { Identity::default() };
        AsUser { tree: self.tree, identity }
    }

    /// Runs the words, until it is known what they come to.
    pub(super) fn run(&mut self, by: By, words: Vec<String>) -> End {
        let Some(name) = words.first().cloned() else {
            return End::Unknown("a wrapper without a command".to_owned());
        };
        if let Some(end) = self.follow() {
            return end;
        }
        let path = self.surroundings.variables.get("PATH");
        if !name.contains('/') && path.is_some_and(|it| it.value.is_none()) {
            return End::Unknown("a script sets PATH to what cannot be told".to_owned());
        }
        let path = match self.find(&by, &name) {
            Ok(path) => path,
            Err(failure) => return End::Fails(*failure),
        };
        match self.tree.linking(path.as_bytes()) {
            Some(Ok(_)) => self.after_program(path, words),
            Some(Err(_)) | None => self.script(by, path, words),
        }
    }

    /// Counts one more command or script. Whatever leads from one file of an image to the next goes
    /// through here, so that none of them leads on for ever.
    fn follow(&mut self) -> Option<End> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                let why = "more programs start one another than are followed".to_owned();
                return Some(End::Unknown(why));
            }
        }
        None
    }

    /// Finds a file as the engine (Go's `LookPath`), the kernel or a shell does.
    fn find(&mut self, by: &By, name: &str) -> Result<String, Box<Failure>> {
        let kernel = *by == By::Interpreter;
        let fail = |kind, at: String| Err(Box::new(failure(by, kind, name, at)));
        if name.contains('/') || kernel {
            let path = self.surroundings.path(name);
            return self.look(by, name, &path).map_err(|(kind, at)| {
                let mut failure = failure(by, kind, name, at);
                // The engine passes any other word of the kernel's on as it is.
                let why = resolve(self.tree, path.as_bytes()).err().map(|it| it.why);
                if let Some(why) = why.filter(|why| *by == By::Engine && *why != Errno::Missing) {
                    let why = why.text().to_lowercase();
                    failure.message = format!("exec: \"{name}\": stat {name}: {why}");
                    failure.exit_code = 125;
                }
                Box::new(failure)
            });
        }
        let mut refused = None;
        let search = self.surroundings.variables.get("PATH").and_then(|it| it.value.clone());
        // Whoever finds none has one of its own: dash's, and glibc's `execvp`.
        let default =
            if *by == By::Shell { crate::start::command::DEFAULT_PATH } else { "/bin:/usr/bin" };
        for directory in search.as_deref().unwrap_or(default).split(':') {
            let is_relative = !directory.starts_with('/');
            let directory = match directory {
                "" => self.surroundings.directory.clone(),
                named => self.surroundings.path(named),
            };
            match self.look(by, name, &format!("{directory}/{name}")) {
                // Go's `ErrDot`, since 1.19: the search ends here.
                Ok(path) if is_relative && *by == By::Engine => {
                    return fail(FailureKind::InRelativePath, path);
                }
                Ok(path) => return Ok(path),
                Err((kind @ (FailureKind::NotExecutable | FailureKind::Refused), at)) => {
                    refused = refused.or(Some((kind, at)));
                }
                Err(_) => {}
            }
        }
        match refused {
            Some((kind, at)) => fail(kind, at),
            None => fail(FailureKind::NotInPath, name.to_owned()),
        }
    }

    fn look(&mut self, by: &By, name: &str, path: &str) -> Result<String, (FailureKind, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let eyes = self.eyes();
        let found = resolve(&eyes, path.as_bytes()).map_err(|not| match not.why {
            Errno::Refused => (FailureKind::Refused, text(&not.at)),
            _ => (FailureKind::NoSuchFile, text(&not.at)),
        })?;
        let path = text(&found.path);
        if !found.entry.is_regular_file() {
            return Err((FailureKind::NotAFile, path));
        }
        if found.entry.mode & 0o111 == 0 {
            return Err((FailureKind::NotExecutable, path));
        }
        if eyes.refuses(&found.entry, 0o1) {
            return Err((FailureKind::Refused, path));
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
        self.executed = true;
        if is_shell(&name) {
            return self.shell(path, &words);
        }
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
            return End::Program(path);
        };
        match wrapper.command(&words, &mut self.surroundings, &self.account) {
            Ok(rest) if !rest.is_empty() => self.run(By::Wrapper { name, path }, rest),
            Ok(_) => End::Program(path),
            Err(why) => End::Unknown(why),
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
            Some(script) => self.read(&path, script, arguments),
        }
    }

    /// A script that a shell reads; whoever may execute it may still not read it.
    fn read(&mut self, shell: &str, script: &str, arguments: &[String]) -> End {
        let at = self.surroundings.path(script);
        let eyes = self.eyes();
        let refused = match resolve(&eyes, at.as_bytes()) {
            Ok(found) if eyes.refuses(&found.entry, 0o4) => found.path,
            Ok(found) => match self.tree.text(&found.path) {
                Some(text) => return self.line(&String::from_utf8_lossy(&text), arguments),
                None => {
                    return End::Unknown(format!("the shell's script {script} cannot be read"));
                }
            },
            Err(not) if not.why == Errno::Refused => not.at,
            Err(_) => return End::Unknown(format!("the shell's script {script} cannot be read")),
        };
        let at = String::from_utf8_lossy(&refused).into_owned();
        End::Fails(unreadable(shell, script, at))
    }

    fn line(&mut self, text: &str, arguments: &[String]) -> End {
        let name = || arguments.first().cloned().unwrap_or_default();
        if let Some(end) = self.follow() {
            return end;
        }
        match shell::read(text, &self.surroundings.variables, arguments) {
            Line::Unknown(why) => {
                if text.lines().any(concerns_loaders) {
                    self.hides = Some(name());
                }
                End::Unknown(why)
            }
            Line::Nothing => End::Unknown("the shell runs nothing else".to_owned()),
            Line::Runs(ran) => {
                if ran.sources || text.contains("ldconfig") {
                    self.hides = Some(name());
                }
                if let Some(to) = ran.directory {
                    self.surroundings.enter(&to);
                }
                self.surroundings.variables = ran.variables;
                match (self.run(By::Shell, ran.words), ran.doubt) {
                    (End::Fails(failure), Some(doubt)) => {
                        End::Unknown(format!("{}: {doubt}", failure.message))
                    }
                    (End::Fails(failure), None) => {
                        let exit_code = ran.gives_up.unwrap_or(failure.exit_code);
                        End::Fails(Failure { exit_code, ..failure })
                    }
                    (end, _) => end,
                }
            }
        }
    }

    /// Whether somebody runs a file without a format as a shell's script: shells do, and what calls
    /// glibc's `execvp`, but not musl's. `None` where that cannot be told.
    fn reads_what_is_no_program(&self, by: &By) -> Option<bool> {
        let By::Wrapper { name, path } = by else { return Some(*by == By::Shell) };
        if matches!(name.as_str(), "gosu" | "chpst" | "s6-setuidgid") {
            return Some(false);
        }
        let wrapper = self.tree.linking(path.as_bytes())?.ok()?;
        let loader = wrapper.interpreter.as_deref()?;
        resolve(self.tree, b"/bin/sh").ok()?;
        Some(!loader.contains("ld-musl"))
    }

    /// A file that is no ELF file: a script, or nothing the kernel knows.
    fn script(&mut self, by: By, path: String, words: Vec<String>) -> End {
        if let Some(end) = self.follow() {
            return end;
        }
        let is_empty = self.steps.last().is_some_and(|it| it.entry.kind == Kind::File { size: 0 });
        let Some(text) = self.tree.text(path.as_bytes()).or(is_empty.then(Vec::new)) else {
            return End::Unknown(format!(
                "{path} is neither ELF nor a script, or its contents were not read"
            ));
        };
        let name = words.first().cloned().unwrap_or_default();
        let fail = |kind| End::Fails(failure(&by, kind, &name, path.clone()));
        let Some(first) = text.strip_prefix(b"#!") else {
            // A shell that gets ENOEXEC reads the file itself; the engine does not.
            return match self.reads_what_is_no_program(&by) {
                Some(true) if !text.contains(&0) => {
                    self.line(&String::from_utf8_lossy(&text), &words)
                }
                Some(_) => fail(FailureKind::NoFormat),
                None => End::Unknown(format!("what becomes of {path}, which has no first line")),
            };
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
            Err(not) if matches!(not.kind, NotExecutable | NotAFile | Refused) => {
                End::Fails(refused_interpreter(&by, &name, not.at))
            }
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

/// A line of a script that may change what a loader finds.
fn concerns_loaders(line: &str) -> bool {
    let line = line.trim_start();
    ["LD_LIBRARY_PATH", "LD_PRELOAD", "ldconfig"].iter().any(|it| line.contains(it))
        || [". ", "source ", "eval "].iter().any(|it| line.starts_with(it))
}
