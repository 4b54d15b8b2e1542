//! From file to file, as the engine, the kernel, shells and wrappers hand a command on.

use crate::rootfs::FileKind;
use crate::rootfs::tree::users::{Identity, UserDatabase};
use crate::rootfs::tree::{Errno, Tree, UserView, resolve};
use crate::start::command::FailureKind::{NotAFile, NotExecutable, PermissionDenied};
use crate::start::command::engine_errors::{failure, refused_interpreter, unreadable};
use crate::start::command::process_context::ProcessContext;
use crate::start::command::shell;
use crate::start::command::shell::ScriptResult;
use crate::start::command::wrappers::WRAPPERS;
use crate::start::command::{
    CommandTarget, ExecStep, FailureKind, Requester, StartFailure, base, is_shell,
};
use crate::start::image::elf_tree::ElfTree;

/// Commands and scripts that are followed on the way of one command: the kernel itself gives up
/// behind five scripts that name one another, and there is room for wrappers.
const MAX_STEPS: usize = 32;

/// The way of one command.
pub(super) struct CommandResolver<'a> {
    tree: &'a dyn ElfTree,
    users: UserDatabase,
    /// The engine has not yet executed anything, and some keep the superuser's capabilities until
    /// then (containerd's defaults; runc 1.1.4 and 1.1.5 open it with the user's permissions).
    executed: bool,
    /// Where the next command runs, and what it gets.
    pub(super) context: ProcessContext,
    /// How many more commands and scripts are followed; nothing ever adds to it.
    left: usize,
    /// The files that were come by, in order.
    pub(super) steps: Vec<ExecStep>,
    /// The script that may change what a loader finds, unseen.
    pub(super) hides: Option<String>,
}

impl<'a> CommandResolver<'a> {
    /// Begins with what the engine gives the command.
    pub(super) fn new(
        tree: &'a dyn ElfTree,
        users: UserDatabase,
        context: ProcessContext,
    ) -> CommandResolver<'a> {
        let (executed, left) = (false, MAX_STEPS);
        CommandResolver { tree, users, executed, context, left, steps: Vec::new(), hides: None }
    }

    /// The tree filtered by the permissions of the process so far.
    fn user_view(&self) -> UserView<'a, dyn ElfTree> {
        let identity =
            if self.executed { self.context.identity.clone() } else { Identity::default() };
        UserView { tree: self.tree, identity }
    }

    /// Runs the words, until it is known what they come to.
    pub(super) fn run(&mut self, by: Requester, words: Vec<String>) -> CommandTarget {
        let Some(name) = words.first().cloned() else {
            return CommandTarget::Unknown("a wrapper without a command".to_owned());
        };
        if let Some(end) = self.follow() {
            return end;
        }
        let path = self.context.variables.get("PATH");
        if !name.contains('/') && path.is_some_and(|it| it.value.is_none()) {
            return CommandTarget::Unknown(
                "a script sets PATH to a value that is known only when it runs".to_owned(),
            );
        }
        let path = match self.find(&by, &name) {
            Ok(path) => path,
            Err(failure) => return CommandTarget::Fails(*failure),
        };
        match self.tree.linking(path.as_bytes()) {
            Some(Ok(_)) => self.after_program(path, words),
            Some(Err(_)) | None => self.script(by, path, words),
        }
    }

    /// Counts one more command or script. Whatever leads from one file of an image to the next goes
    /// through here, so that none of them leads on for ever.
    fn follow(&mut self) -> Option<CommandTarget> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                let why = "more programs start one another than are followed".to_owned();
                return Some(CommandTarget::Unknown(why));
            }
        }
        None
    }

    /// Finds a file as the engine (Go's `LookPath`), the kernel or a shell does.
    fn find(&mut self, by: &Requester, name: &str) -> Result<String, Box<StartFailure>> {
        let kernel = *by == Requester::Interpreter;
        let fail = |kind, at: String| Err(Box::new(failure(by, kind, name, at)));
        if name.contains('/') || kernel {
            let path = self.context.path(name);
            return self.look(by, name, &path).map_err(|(kind, at)| {
                let mut failure = failure(by, kind, name, at);
                // The engine passes any other word of the kernel's on as it is.
                let why = resolve(self.tree, path.as_bytes()).err().map(|it| it.why);
                if let Some(why) =
                    why.filter(|why| *by == Requester::Engine && *why != Errno::Missing)
                {
                    let why = why.text().to_lowercase();
                    failure.message = format!("exec: \"{name}\": stat {name}: {why}");
                    failure.exit_code = 125;
                }
                Box::new(failure)
            });
        }
        let mut refused = None;
        let search = self.context.variables.get("PATH").and_then(|it| it.value.clone());
        // Whoever finds none has one of its own: dash's, and glibc's `execvp`.
        let default = if *by == Requester::Shell {
            crate::start::command::DEFAULT_PATH
        } else {
            "/bin:/usr/bin"
        };
        for directory in search.as_deref().unwrap_or(default).split(':') {
            let is_relative = !directory.starts_with('/');
            let directory = match directory {
                "" => self.context.directory.clone(),
                named => self.context.path(named),
            };
            match self.look(by, name, &format!("{directory}/{name}")) {
                // Go's `ErrDot`, since 1.19: the search ends here.
                Ok(path) if is_relative && *by == Requester::Engine => {
                    return fail(FailureKind::InRelativePath, path);
                }
                Ok(path) => return Ok(path),
                Err((kind @ (FailureKind::NotExecutable | FailureKind::PermissionDenied), at)) => {
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

    fn look(
        &mut self,
        by: &Requester,
        name: &str,
        path: &str,
    ) -> Result<String, (FailureKind, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let user_view = self.user_view();
        let found = resolve(&user_view, path.as_bytes()).map_err(|not| match not.why {
            Errno::PermissionDenied => (FailureKind::PermissionDenied, text(&not.at)),
            _ => (FailureKind::NoSuchFile, text(&not.at)),
        })?;
        let path = text(&found.path);
        if !found.entry.is_regular_file() {
            return Err((FailureKind::NotAFile, path));
        }
        if found.entry.mode & 0o111 == 0 {
            return Err((FailureKind::NotExecutable, path));
        }
        if user_view.refuses(&found.entry, 0o1) {
            return Err((FailureKind::PermissionDenied, path));
        }
        self.steps.push(ExecStep {
            by: by.clone(),
            name: name.to_owned(),
            path: path.clone(),
            links: found.links,
            entry: found.entry,
        });
        Ok(path)
    }

    /// A program that is there: the end, unless it is known to start another one.
    fn after_program(&mut self, path: String, words: Vec<String>) -> CommandTarget {
        let name = words.first().map(|word| base(word).to_owned()).unwrap_or_default();
        self.executed = true;
        if is_shell(&name) {
            return self.shell(path, &words);
        }
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
            return CommandTarget::Program(path);
        };
        match wrapper.command(&words, &mut self.context, &self.users) {
            Ok(rest) if !rest.is_empty() => self.run(Requester::Wrapper { name, path }, rest),
            Ok(_) => CommandTarget::Program(path),
            Err(error) => CommandTarget::Unknown(error.to_string()),
        }
    }

    fn shell(&mut self, path: String, words: &[String]) -> CommandTarget {
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
                Some(_) => return CommandTarget::Unknown(format!("the shell's option {option}")),
                None => break,
            }
        }
        // `sh script arguments…`
        match arguments.first() {
            None => CommandTarget::Program(path),
            Some(script) => self.read(&path, script, arguments),
        }
    }

    /// A script that a shell reads; whoever may execute it may still not read it.
    fn read(&mut self, shell: &str, script: &str, arguments: &[String]) -> CommandTarget {
        let at = self.context.path(script);
        let user_view = self.user_view();
        let refused = match resolve(&user_view, at.as_bytes()) {
            Ok(found) if user_view.refuses(&found.entry, 0o4) => found.path,
            Ok(found) => match self.tree.text(&found.path) {
                Some(text) => return self.line(&String::from_utf8_lossy(&text), arguments),
                None => {
                    return CommandTarget::Unknown(format!(
                        "the shell's script {script} cannot be read"
                    ));
                }
            },
            Err(not) if not.why == Errno::PermissionDenied => not.at,
            Err(_) => {
                return CommandTarget::Unknown(format!(
                    "the shell's script {script} cannot be read"
                ));
            }
        };
        let at = String::from_utf8_lossy(&refused).into_owned();
        CommandTarget::Fails(unreadable(shell, script, at))
    }

    fn line(&mut self, text: &str, arguments: &[String]) -> CommandTarget {
        let name = || arguments.first().cloned().unwrap_or_default();
        if let Some(end) = self.follow() {
            return end;
        }
        match shell::read(text, &self.context.variables, arguments) {
            ScriptResult::Unknown(why) => {
                if text.lines().any(concerns_loaders) {
                    self.hides = Some(name());
                }
                CommandTarget::Unknown(why)
            }
            ScriptResult::Nothing => {
                CommandTarget::Unknown("the shell runs nothing else".to_owned())
            }
            ScriptResult::Runs(ran) => {
                if ran.sources || text.contains("ldconfig") {
                    self.hides = Some(name());
                }
                if let Some(to) = ran.directory {
                    self.context.enter(&to);
                }
                self.context.variables = ran.variables;
                match (self.run(Requester::Shell, ran.words), ran.doubt) {
                    (CommandTarget::Fails(failure), Some(doubt)) => {
                        CommandTarget::Unknown(format!("{}: {doubt}", failure.message))
                    }
                    (CommandTarget::Fails(failure), None) => {
                        let exit_code = ran.exit_code_on_failure.unwrap_or(failure.exit_code);
                        CommandTarget::Fails(StartFailure { exit_code, ..failure })
                    }
                    (end, _) => end,
                }
            }
        }
    }

    /// Whether somebody runs a file without a format as a shell's script: shells do, and what calls
    /// glibc's `execvp`, but not musl's. `None` where that is unknown.
    fn reads_what_is_no_program(&self, by: &Requester) -> Option<bool> {
        let Requester::Wrapper { name, path } = by else { return Some(*by == Requester::Shell) };
        if matches!(name.as_str(), "gosu" | "chpst" | "s6-setuidgid") {
            return Some(false);
        }
        let wrapper = self.tree.linking(path.as_bytes())?.ok()?;
        let loader = wrapper.interpreter.as_deref()?;
        resolve(self.tree, b"/bin/sh").ok()?;
        Some(!loader.contains("ld-musl"))
    }

    /// A file that is no ELF file: a script, or nothing the kernel knows.
    fn script(&mut self, by: Requester, path: String, words: Vec<String>) -> CommandTarget {
        if let Some(end) = self.follow() {
            return end;
        }
        let is_empty =
            self.steps.last().is_some_and(|it| it.entry.kind == FileKind::File { size: 0 });
        let Some(text) = self.tree.text(path.as_bytes()).or(is_empty.then(Vec::new)) else {
            return CommandTarget::Unknown(format!(
                "{path} is neither ELF nor a script, or its contents were not read"
            ));
        };
        let name = words.first().cloned().unwrap_or_default();
        let fail = |kind| CommandTarget::Fails(failure(&by, kind, &name, path.clone()));
        let Some(first) = text.strip_prefix(b"#!") else {
            // A shell that gets ENOEXEC reads the file itself; the engine does not.
            return match self.reads_what_is_no_program(&by) {
                Some(true) if !text.contains(&0) => {
                    self.line(&String::from_utf8_lossy(&text), &words)
                }
                Some(_) => fail(FailureKind::NoFormat),
                None => CommandTarget::Unknown(format!(
                    "what becomes of {path}, which has no first line"
                )),
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
        match self.find(&Requester::Interpreter, interpreter) {
            Err(_) if line.ends_with('\r') => fail(FailureKind::CarriageReturn),
            Err(not) if matches!(not.kind, NotExecutable | NotAFile | PermissionDenied) => {
                CommandTarget::Fails(refused_interpreter(&by, &name, not.at))
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
                Some(Err(_)) | None => self.script(Requester::Interpreter, found, next),
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
