//! What a command of the image resolves to, step by step, as the engine, the kernel and a shell do.

use crate::rootfs::FileEntry;
use crate::rootfs::document::config::ImageConfig;
use crate::rootfs::tree::FollowedLink;
use crate::rootfs::tree::users::{Identity, UserDatabase};
use crate::start::command::process_context::ProcessContext;
use crate::start::command::resolve::CommandResolver;
use crate::start::command::shell::{ShellVariable, ShellVariables};
use crate::start::image::elf_tree::ElfTree;

pub mod engine_errors;
pub mod process_context;
pub mod resolve;
pub mod shell;
pub mod wrappers;

/// Where names are searched when `Env` has no `PATH` (the engines' own default).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command that the image is configured to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedCommand {
    /// When it runs.
    pub role: CommandRole,
    /// The field that its first word comes from: `Entrypoint`, `Cmd`, `Healthcheck`.
    pub field: &'static str,
    /// The words, as the engine hands them to the kernel.
    pub words: Vec<String>,
    /// The words are a shell and a line for it.
    pub shell_form: bool,
    /// The files that are executed or interpreted, in order.
    pub steps: Vec<ExecStep>,
    /// What it comes to.
    pub end: CommandTarget,
    /// `NAME=value`, as the program gets them.
    pub environment: Vec<String>,
    /// Where the program runs.
    pub directory: String,
    /// Whom it runs as.
    pub identity: Identity,
    /// Why the program's loader may find something else than these lead to.
    pub unsure: Option<String>,
}

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandRole {
    /// When the container starts.
    Start,
    /// When its health is asked for.
    Healthcheck,
}

/// One file on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecStep {
    /// Why it is looked for.
    pub by: Requester,
    /// As it is written where it is asked for.
    pub name: String,
    /// The path without links.
    pub path: String,
    /// The links that led there.
    pub links: Vec<FollowedLink>,
    /// What lies there.
    pub entry: FileEntry,
}

/// Who asks for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requester {
    /// The engine: the first word.
    Engine,
    /// The kernel: a script's first line.
    Interpreter,
    /// A shell: the last command of its line or script.
    Shell,
    /// A program that starts another one and is then out of the way.
    Wrapper {
        /// By which it is known.
        name: String,
        /// The path without links.
        path: String,
    },
}

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandTarget {
    /// This program, by its path without links.
    Program(String),
    /// It does not start.
    Fails(StartFailure),
    /// Every file on the way is there; what runs in the end is unknown, and why.
    Unknown(String),
    /// There is no command.
    Nothing,
}

/// Why a command does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailure {
    /// Which of the known ways.
    pub kind: FailureKind,
    /// The file as it is asked for.
    pub name: String,
    /// Where the path ends, or the path itself.
    pub at: String,
    /// Who asked.
    pub by: Requester,
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
    /// A name that the engine found by a part of `PATH` that is no absolute path.
    InRelativePath,
    /// A path that leads nowhere.
    NoSuchFile,
    /// A file that nobody may execute.
    NotExecutable,
    /// A file that this user may not execute, or below a directory that is closed to it.
    PermissionDenied,
    /// A script that this user may execute and its interpreter may not read.
    Unreadable,
    /// Something that is no file.
    NotAFile,
    /// A script whose interpreter is not there.
    NoInterpreter,
    /// A script whose first line ends in a carriage return.
    CarriageReturn,
    /// Neither a program nor a script with a first line.
    NoFormat,
}

impl FailureKind {
    /// Each of them once.
    pub const ALL: [FailureKind; 10] = [
        FailureKind::NotInPath,
        FailureKind::InRelativePath,
        FailureKind::NoSuchFile,
        FailureKind::NotExecutable,
        FailureKind::PermissionDenied,
        FailureKind::Unreadable,
        FailureKind::NotAFile,
        FailureKind::NoInterpreter,
        FailureKind::CarriageReturn,
        FailureKind::NoFormat,
    ];
}

impl ResolvedCommand {
    /// The program that it comes to.
    pub fn program(&self) -> Option<&str> {
        match &self.end {
            CommandTarget::Program(path) => Some(path),
            CommandTarget::Fails(_) | CommandTarget::Unknown(_) | CommandTarget::Nothing => None,
        }
    }

    /// Why it does not start.
    pub fn failure(&self) -> Option<&StartFailure> {
        match &self.end {
            CommandTarget::Fails(failure) => Some(failure),
            CommandTarget::Program(_) | CommandTarget::Unknown(_) | CommandTarget::Nothing => None,
        }
    }

    /// Why it is unknown what runs in the end.
    pub fn unknown(&self) -> Option<&str> {
        match &self.end {
            CommandTarget::Unknown(why) => Some(why),
            CommandTarget::Program(_) | CommandTarget::Fails(_) | CommandTarget::Nothing => None,
        }
    }

    /// Whether the engine itself executes what the command comes to, or the kernel for it. Some
    /// engines keep the superuser's capabilities until then, whatever the user.
    pub fn is_executed_by_engine(&self) -> bool {
        let asked = self.steps.iter().map(|step| &step.by);
        let mut asked = asked.chain(self.failure().map(|failure| &failure.by));
        asked.all(|by| matches!(by, Requester::Engine | Requester::Interpreter))
    }

    /// Whether the program is process 1 itself, without a shell or an init process before it.
    pub fn is_process_one(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.by, Requester::Engine))
    }
}

/// The commands that a configuration names, resolved.
pub fn resolve_commands(tree: &dyn ElfTree, config: &ImageConfig) -> Vec<ResolvedCommand> {
    let mut commands = Vec::new();
    let words = [&config.entrypoint[..], &config.cmd[..]].concat();
    let field = if config.entrypoint.is_empty() { "Cmd" } else { "Entrypoint" };
    commands.push(command(tree, config, CommandRole::Start, field, words));
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
        commands.push(command(tree, config, CommandRole::Healthcheck, "Healthcheck", words));
    }
    commands
}

fn command(
    tree: &dyn ElfTree,
    config: &ImageConfig,
    role: CommandRole,
    field: &'static str,
    words: Vec<String>,
) -> ResolvedCommand {
    let directory = if config.working_dir.is_empty() { "/" } else { &config.working_dir };
    let mut variables = ShellVariables::new();
    for entry in &config.env {
        if let Some((name, value)) = entry.split_once('=') {
            variables.insert(name.to_owned(), ShellVariable::exported(value));
        }
    }
    variables.entry("PATH".to_owned()).or_insert_with(|| ShellVariable::exported(DEFAULT_PATH));
    let users = UserDatabase::read(tree);
    let home = users.home(&config.user);
    variables.entry("HOME".to_owned()).or_insert_with(|| ShellVariable::exported(home));
    // A user that is not there is refused before anything is looked for.
    let identity = users.resolve_user(&config.user).unwrap_or_default();
    let context = ProcessContext { directory: format!("/{directory}"), variables, identity };
    let mut walk = CommandResolver::new(tree, users, context);
    let end = match words.first() {
        None => CommandTarget::Nothing,
        Some(_) => walk.run(Requester::Engine, words.clone()),
    };
    let shell_form = words.get(1).is_some_and(|word| word == "-c")
        && words.first().is_some_and(|word| is_shell(word));
    let CommandResolver { context, steps, hides, .. } = walk;
    let unseen = context
        .variables
        .iter()
        .find(|(name, it)| name.starts_with("LD_") && it.value.is_none())
        .map(|(name, _)| {
            format!("a script sets {name} to a value that is known only when it runs")
        });
    let hides = hides.map(|it| format!("{it} may change what the loader finds"));
    let value =
        |(name, it): (&String, &ShellVariable)| Some(format!("{name}={}", it.value.as_ref()?));
    ResolvedCommand {
        role,
        field,
        words,
        shell_form,
        steps,
        end,
        environment: context.variables.iter().filter_map(value).collect(),
        directory: context.directory,
        identity: context.identity,
        unsure: unseen.or(hides),
    }
}

/// Names of shells whose `-c` takes a line.
pub fn is_shell(word: &str) -> bool {
    matches!(base(word), "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::start::image::elf_tree::InMemoryTree;

    fn tree() -> InMemoryTree {
        InMemoryTree::default()
            .elf("/usr/local/bin/app", DynamicInfo::default())
            .elf("/usr/bin/dash", DynamicInfo::default())
            .elf("/usr/bin/env", DynamicInfo::default())
            .elf("/usr/bin/tini", DynamicInfo::default())
            .link("/bin", "usr/bin")
            .link("/usr/bin/sh", "dash")
            .link("/app", "/usr/local/bin/app")
            .file("/entry.sh", 0o755, "#!/bin/sh\nset -e\nexec \"$@\"\n")
            .file("/env.sh", 0o755, "#!/usr/bin/env sh\nexec /app \"$@\"\n")
            .file("/crlf.sh", 0o755, "#!/bin/sh\r\nexec /app\r\n")
            .file("/env-crlf.sh", 0o755, "#!/usr/bin/env sh\r\nexec /app\r\n")
            .file("/bash.sh", 0o755, "#!/bin/bash\nexec /app\n")
            .file("/bare.sh", 0o755, "exec /app\n")
            .file("/set.sh", 0o755, "#!/bin/sh\nset -- /app \"$@\"\nexec \"$@\"\n")
            .file("/shift.sh", 0o755, "#!/bin/sh\nshift\nexec \"$@\"\n")
            .file("/split.sh", 0o755, "#!/usr/bin/env -S A=b sh -e\nexec /app\n")
            .file("/etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\n")
            .link("/root/app", "/app")
            .file("/data", 0o644, "x")
            .file("/empty", 0o755, "")
            .link("/loop", "loop")
            .directory("/srv/app")
    }

    fn start(entrypoint: &[&str], cmd: &[&str]) -> ResolvedCommand {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let config = ImageConfig {
            entrypoint: owned(entrypoint),
            cmd: owned(cmd),
            working_dir: "/usr/local".into(),
            ..ImageConfig::default()
        };
        resolve_commands(&tree(), &config).remove(0)
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
            (&["/set.sh"], &["--flag"]),
            (&["/shift.sh"], &["serve", "/app"]),
            (&["sh", "-c", "cd; exec ../app"], &[]),
            (&["sh", "-c", "exec ~/app"], &[]),
            (&["sh", "-c", "PATH=/usr/local/bin app"], &[]),
            (&["env", "-C", "bin", "./app"], &[]),
            (&["env", "-u", "X", "--chdir=/usr/local", "bin/app"], &[]),
            (&["/split.sh"], &[]),
        ] {
            let command = start(entrypoint, cmd);
            assert_eq!(
                command.program(),
                Some("/usr/local/bin/app"),
                "{entrypoint:?} {cmd:?}: {:?}",
                command.end
            );
        }
        assert_eq!(start(&[], &[]).end, CommandTarget::Nothing);
        assert_eq!(start(&[], &["sh"]).program(), Some("/usr/bin/dash"));
        let links: Vec<FollowedLink> = start(&["/app"], &[]).steps.remove(0).links;
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
            (
                &["/loop"],
                FailureKind::NoSuchFile,
                "exec: \"/loop\": stat /loop: too many levels of symbolic links",
                125,
            ),
            (
                &["/app/x"],
                FailureKind::NoSuchFile,
                "exec: \"/app/x\": stat /app/x: not a directory",
                125,
            ),
            (&["/empty"], FailureKind::NoFormat, "exec /empty: exec format error", 1),
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
        for line in [
            "app | tee x",
            "echo ready",
            "if x; then app; fi",
            // Each of these starts in a real container, where another file is there than now.
            "[ -x /custom ] && exec /custom; exec app",
            "cp /app /tmp/run && exec /tmp/run",
            "chmod +x /data && exec /data",
            ". /etc/env; exec tool",
            "exec /opt/$ROLE",
            "export PATH=$HERE/bin:/bin; app",
        ] {
            assert!(
                matches!(start(&["sh", "-c", line], &[]).end, CommandTarget::Unknown(_)),
                "{line}"
            );
        }
        let command = start(&["sh", "-c", "app"], &[]);
        assert!(command.shell_form && !command.is_process_one());
        assert!(start(&["app"], &[]).is_process_one());
    }

    #[test]
    fn scripts_that_lead_to_one_another_are_not_followed_for_ever() {
        let ends = |tree: &InMemoryTree, words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let config = ImageConfig { entrypoint: words, ..ImageConfig::default() };
            resolve_commands(tree, &config).remove(0).end
        };
        let tree = tree()
            .file("/self", 0o755, "#!/self\n")
            .file("/ping", 0o755, "#!/pong\n")
            .file("/pong", 0o755, "#!/ping\n")
            .link("/other", "/linked")
            .file("/linked", 0o755, "#!/other x\n")
            .file("/again", 0o755, "#!/bin/sh\nexec /again\n")
            .file("/by-env", 0o755, "#!/usr/bin/env -S /by-env\n")
            .file("/read", 0o755, "sh /read\n")
            .file("/sourced", 0o755, "#!/bin/sh\nset -- \"$@\" \"$@\"\nexec /sourced \"$@\"\n")
            .file("/a", 0o755, "#!/b\n")
            .file("/b", 0o755, "#!/bin/sh\nexec /app\n");
        for words in [
            &["/self"][..],
            &["/ping"],
            &["/other"],
            &["/again"],
            &["/by-env"],
            &["sh", "-c", "/read"],
            &["tini", "--", "/self"],
            &["env", "-S", "env /self"],
            &["/sourced", "x"],
        ] {
            assert!(matches!(ends(&tree, words), CommandTarget::Unknown(_)), "{words:?}");
        }
        // Each step may be there once.
        assert_eq!(ends(&tree, &["/b"]), CommandTarget::Program("/usr/local/bin/app".to_owned()));
        let wrappers = [&["tini", "--"][..], &["env"; 6], &["/b"]].concat();
        assert_eq!(ends(&tree, &wrappers), CommandTarget::Program("/usr/local/bin/app".to_owned()));
    }

    #[test]
    fn a_program_gets_what_scripts_and_wrappers_set() {
        let lines = |command: &ResolvedCommand| {
            let mut lines = command.environment.clone();
            lines.retain(|it| it.starts_with("LD_"));
            (lines.join(" "), command.directory.clone(), command.unsure.is_some())
        };
        for (entrypoint, environment, directory, unsure) in [
            (&["app"][..], "", "//usr/local", false),
            (&["env", "LD_LIBRARY_PATH=/x", "app"], "LD_LIBRARY_PATH=/x", "//usr/local", false),
            (&["sh", "-c", "cd /opt; LD_PRELOAD=/x app"], "LD_PRELOAD=/x", "/opt", false),
            (&["sh", "-c", "LD_PRELOAD=/x; app"], "", "//usr/local", false),
            (&["sh", "-c", "test -e /x && export LD_PRELOAD=/x; app"], "", "//usr/local", true),
            (&["sh", "-c", ". /etc/env; app"], "", "//usr/local", true),
            (&["sh", "-c", "ldconfig; app"], "", "//usr/local", true),
            (&["sh", "-c", "if x\nthen\n. /etc/env\nfi\napp"], "", "//usr/local", true),
        ] {
            let expected = (environment.to_owned(), directory.to_owned(), unsure);
            assert_eq!(lines(&start(entrypoint, &[])), expected, "{entrypoint:?}");
        }
    }

    #[test]
    fn a_health_check_is_resolved_too() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let health = |test: &[&str]| {
            let config = ImageConfig { healthcheck: words(test), ..ImageConfig::default() };
            resolve_commands(&tree(), &config)
                .into_iter()
                .find(|command| command.role == CommandRole::Healthcheck)
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
