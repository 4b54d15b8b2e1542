//! Follows every stage instruction by instruction: which files are where and how old, what cargo would
//! compile and what it would call fresh, what is copied from where. Nothing is run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cargo_command::CargoCommand;
use super::files::Context;
use super::parse::{Flag, Form, InstructionKind, LocatedText, ParsedDockerfile, ParsedInstruction};
use super::run_commands::{RanCommand, ScriptEffects, ShellStart, follow, follow_exec};
use super::source::{SourceText, TextSpan};
use super::stages::{CopiedTree, FileOrigin, StageBase, StageFile, StageState, Stages, UnitKey};
use super::variables::{PLATFORM_ARGUMENTS, expand};
use super::workspace::{DockerWorkspace, below, join};

mod builds;
mod clean;
mod commands;
mod copy;

/// One crate in one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledCrate {
    /// Which unit.
    pub key: UnitKey,
    /// What the program or library was compiled from, this time or an earlier one.
    pub compiled_from: FileOrigin,
    /// What its root file is now.
    pub root: FileOrigin,
    /// The root file's path.
    pub path: String,
    /// The manifest that it was compiled under.
    pub manifest: FileOrigin,
    /// Cargo compiles it in this build, instead of calling it fresh.
    pub rebuilt: bool,
    /// An earlier build made the unit, and this one makes it again.
    pub again: bool,
    /// The build that made it, by its number.
    pub compiled_by: usize,
}

impl CompiledCrate {
    /// Cargo calls it fresh although its sources were replaced since.
    pub fn is_stale(&self) -> bool {
        !self.rebuilt
            && matches!(self.root, FileOrigin::Context(_))
            && self.compiled_from != self.root
    }
}

/// A cargo command that compiles the workspace, or `cargo chef cook`.
#[derive(Debug, Clone)]
pub struct CargoRun {
    /// In which stage.
    pub stage: usize,
    /// Of which instruction.
    pub instruction: usize,
    /// The command as it ran.
    pub ran: RanCommand,
    /// Its arguments.
    pub cargo: CargoCommand,
    /// `cargo chef cook`.
    pub cook: bool,
    /// Where the workspace's root manifest lies; `None`: not known.
    pub workspace: Option<String>,
    /// The target directory, in its mount's own name space; `None`: not known.
    pub target_dir: Option<String>,
    /// The target directory by its path.
    pub target_path: Option<String>,
    /// The cache mount that holds it, by its id.
    pub mount: Option<String>,
    /// `release`, `x86_64-unknown-linux-musl/release`; `None`: not known.
    pub outputs: Vec<Option<String>>,
    /// Triples that are asked for; empty: the host's.
    pub triples: Vec<Option<String>>,
    /// All flags for rustc; `None`: not known.
    pub rustflags: Option<String>,
    /// What it makes.
    pub made: Vec<CompiledCrate>,
    /// Manifests that cargo would look for in vain.
    pub missing_manifests: Vec<String>,
    /// `--bin` and `-p` that no manifest has.
    pub unknown_names: Vec<(&'static str, String)>,
    /// Something ran before that may have done anything.
    pub opaque: Option<String>,
}

/// A path that COPY or a command takes.
#[derive(Debug, Clone)]
pub struct TakenPath {
    /// Where it is taken to.
    pub stage: usize,
    /// Which stage it is taken from.
    pub from: usize,
    /// By which instruction.
    pub instruction: usize,
    /// Absolute.
    pub path: String,
    /// As written.
    pub written: String,
    /// Where that stands.
    pub span: TextSpan,
    /// `COPY`, `cp`, `strip`, ….
    pub by: String,
    /// A test or a branch decides whether it runs.
    pub conditional: bool,
    /// The path is of a cache mount of this RUN, by the mount's id.
    pub mount: Option<String>,
    /// The build that makes it.
    pub build: Option<usize>,
    /// Builds so far: what comes later cannot have made it.
    pub builds_before: usize,
    /// Whether it is there: `None` where that is not known.
    pub there: Option<bool>,
}

/// A step that takes away what cargo compiled.
#[derive(Debug, Clone)]
pub struct RemovalStep {
    /// In which stage.
    pub stage: usize,
    /// Of which instruction.
    pub instruction: usize,
    /// Where it stands.
    pub span: TextSpan,
    /// As written.
    pub written: String,
    /// The units that cargo will compile again because of it.
    pub hits: Vec<UnitKey>,
    /// Builds before it.
    pub builds_before: usize,
}

/// A command with its place.
#[derive(Debug, Clone)]
pub struct LocatedCommand {
    /// Of which instruction.
    pub instruction: usize,
    /// The command.
    pub ran: RanCommand,
}

/// A mount of a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `cache`, `bind`, `secret`, ….
    pub kind: String,
    /// Where; absolute. `None`: not known.
    pub target: Option<String>,
    /// `id=`, as written.
    pub id: Option<String>,
    /// `id=`, expanded, or what stands for it.
    pub key: String,
    /// `from=`.
    pub from: Option<String>,
    /// `source=`.
    pub source: String,
    /// `sharing=`.
    pub sharing: Option<String>,
    /// The flag.
    pub span: TextSpan,
}

/// What happens in a stage.
#[derive(Debug, Clone, Default)]
pub struct StageTrace {
    /// What is known at its end.
    pub state: StageState,
    /// Its commands in order.
    pub steps: Vec<LocatedCommand>,
    /// Mounts by instruction.
    pub mounts: Vec<(usize, Vec<Mount>)>,
    /// Scripts that were not understood: instruction, place, why.
    pub unclear: Vec<(usize, usize, String)>,
}

/// What happens in all stages.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// By stage.
    pub stages: Vec<StageTrace>,
    /// In order.
    pub builds: Vec<CargoRun>,
    /// In order.
    pub taken: Vec<TakenPath>,
    /// In order.
    pub cleaned: Vec<RemovalStep>,
    /// COPY of a path that is not known: to which stage, from which.
    pub unknown_taken: Vec<(usize, usize)>,
}

/// Follows all stages.
pub fn trace(
    source: &SourceText,
    parsed: &ParsedDockerfile,
    stages: &Stages,
    build_arguments: &BTreeMap<String, String>,
    context: &Context,
    workspace: &DockerWorkspace,
) -> Trace {
    let mut tracer = Tracer {
        source,
        parsed,
        stages,
        build_arguments,
        context,
        workspace,
        inputs: workspace.inputs(),
        trace: Trace::default(),
        stage: 0,
        instruction: 0,
        state: StageState::default(),
        current: StageTrace::default(),
        mounts: Vec::new(),
        time: 1,
    };
    for index in 0..stages.all.len() {
        tracer.stage(index);
    }
    tracer.trace
}

struct Tracer<'a> {
    source: &'a SourceText,
    parsed: &'a ParsedDockerfile,
    stages: &'a Stages,
    build_arguments: &'a BTreeMap<String, String>,
    context: &'a Context,
    workspace: &'a DockerWorkspace,
    inputs: Vec<String>,
    trace: Trace,
    stage: usize,
    instruction: usize,
    state: StageState,
    current: StageTrace,
    mounts: Vec<Mount>,
    time: u64,
}

impl Tracer<'_> {
    fn stage(&mut self, index: usize) {
        let Some(stage) = self.stages.all.get(index) else { return };
        self.stage = index;
        self.current = StageTrace::default();
        self.state = match &stage.base {
            StageBase::Stage(base) => {
                let mut state =
                    self.trace.stages.get(*base).map(|it| it.state.clone()).unwrap_or_default();
                // ARG ends with its stage.
                let keep = &state.environment;
                let variables = Arc::make_mut(&mut state.variables);
                variables.retain(|name, _| keep.contains(name));
                state.arguments.clear();
                state
            }
            StageBase::Image(_, known) => self.first_state(known.as_deref()),
        };
        for index in stage.instructions.clone() {
            self.instruction = index;
            if let Some(instruction) = self.parsed.instructions.get(index) {
                self.instruction(instruction);
            }
        }
        self.current.state = std::mem::take(&mut self.state);
        self.trace.stages.push(std::mem::take(&mut self.current));
    }

    fn first_state(&self, known: Option<&super::base_images::KnownImage>) -> StageState {
        let mut state = StageState {
            workdir: "/".to_owned(),
            workdir_known: known.is_some(),
            ..StageState::default()
        };
        let variables = Arc::make_mut(&mut state.variables);
        if let Some(image) = known {
            state.workdir.clone_from(&image.workdir);
            if image.cargo_home.is_none() && image.distribution != "node" {
                for name in ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_HOME"] {
                    variables.insert(name.to_owned(), Some(String::new()));
                }
            }
            for (name, value) in [
                ("CARGO_HOME", image.cargo_home.clone()),
                ("CARGO_BUILD_TARGET", image.cargo_build_target.clone()),
                ("HOME", (image.user == "root").then(|| "/root".to_owned())),
            ] {
                if let Some(value) = value {
                    variables.insert(name.to_owned(), Some(value));
                    state.environment.insert(name.to_owned());
                }
            }
        } else {
            state.trees.push(CopiedTree { at: "/".to_owned(), source: None });
            state.unknown_installs = true;
            state.unknown_targets = true;
        }
        state
    }

    fn expanded(&self, text: &str) -> Option<String> {
        expand(text, &self.state.variables)
    }

    /// An absolute path of the stage; `None` where a variable in it is not known.
    fn absolute(&self, text: &str) -> Option<String> {
        Some(join(&self.state.workdir, &self.expanded(text)?))
    }

    /// The path in the name space of the cache mount that holds it, or as it is.
    fn placed(&self, path: &str) -> (String, Option<String>) {
        let caches = self.mounts.iter().filter(|mount| mount.kind == "cache");
        let holding = caches
            .filter_map(|mount| Some((mount.target.as_deref()?, mount)))
            .filter_map(|(target, mount)| Some((target.len(), below(path, target)?, mount)))
            .max_by_key(|(length, ..)| *length);
        match holding {
            Some((_, rest, mount)) => {
                (join(&format!("/mount:{}", mount.key), rest), Some(mount.key.clone()))
            }
            None => (path.to_owned(), None),
        }
    }

    fn write(&mut self, path: &str, origin: FileOrigin, time: u64) {
        let (path, _) = self.placed(path);
        self.state.files.insert(path, StageFile { origin, time });
    }

    fn instruction(&mut self, instruction: &ParsedInstruction) {
        self.time += 1;
        match &instruction.kind {
            InstructionKind::Arg(pairs) => {
                for (name, default) in pairs {
                    let value = match self.build_arguments.get(name) {
                        Some(typed) => Some(typed.clone()),
                        None if PLATFORM_ARGUMENTS.contains(&name.as_str()) => None,
                        None => match default {
                            Some(default) => self.expanded(default),
                            None => match self.stages.global.get(name) {
                                Some(value) => value.clone(),
                                // Without a default it is empty, unless somebody gives it.
                                None => None,
                            },
                        },
                    };
                    self.state.arguments.insert(name.clone());
                    // ENV wins over ARG.
                    if !self.state.environment.contains(name) {
                        Arc::make_mut(&mut self.state.variables).insert(name.clone(), value);
                    }
                }
            }
            InstructionKind::Env(pairs) => {
                let values: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| (name.clone(), self.expanded(value)))
                    .collect();
                for (name, value) in values {
                    self.state.environment.insert(name.clone());
                    Arc::make_mut(&mut self.state.variables).insert(name, value);
                }
            }
            InstructionKind::Workdir(path) => match self.expanded(&path.value) {
                Some(path) => {
                    self.state.workdir_known |= path.starts_with('/');
                    self.state.workdir = join(&self.state.workdir, &path);
                }
                None => {
                    self.state.workdir = join(&self.state.workdir, "/?workdir");
                    self.state.workdir_known = false;
                }
            },
            InstructionKind::User(user) => self.state.user = self.expanded(&user.value),
            InstructionKind::Shell(words) => {
                self.state.shell = Some(words.iter().map(|it| it.value.clone()).collect());
            }
            InstructionKind::Copy { add, flags, sources, heredoc, dest } => {
                self.copy(*add, flags, sources, *heredoc, dest);
            }
            InstructionKind::Run { flags, form, heredocs } => self.run(flags, form, heredocs),
            InstructionKind::Cmd(_) => self.state.cmd = Some(self.instruction),
            InstructionKind::Entrypoint(_) => {
                self.state.entrypoint = Some(self.instruction);
                // An ENTRYPOINT forgets the CMD of the image below it.
                let own =
                    self.stages.all[self.stage].instructions.contains(&self.state.cmd.unwrap_or(0));
                if !own {
                    self.state.cmd = None;
                }
            }
            InstructionKind::Healthcheck(form) => {
                self.state.healthcheck = form.as_ref().map(|_| self.instruction);
            }
            InstructionKind::Volume(paths) => {
                for path in paths {
                    if let Some(path) = self.absolute(&path.value) {
                        self.state.volumes.push((path, self.instruction));
                    }
                }
            }
            InstructionKind::From { .. } | InstructionKind::Other(_) => {}
        }
    }

    fn mount(&self, flag: &Flag) -> Mount {
        let mut mount = Mount {
            kind: "bind".to_owned(),
            target: None,
            id: None,
            key: String::new(),
            from: None,
            source: String::new(),
            sharing: None,
            span: flag.span.clone(),
        };
        for part in flag.value.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim() {
                "type" => mount.kind = value.to_owned(),
                "target" | "dst" | "destination" => mount.target = self.absolute(value),
                "id" => mount.id = Some(value.to_owned()),
                "from" => mount.from = self.expanded(value),
                "source" | "src" => mount.source = self.expanded(value).unwrap_or_default(),
                "sharing" => mount.sharing = Some(value.to_owned()),
                _ => {}
            }
        }
        mount.key = match &mount.id {
            Some(id) => self.expanded(id).unwrap_or_else(|| id.clone()),
            None => mount.target.clone().unwrap_or_default(),
        };
        mount
    }

    fn run(&mut self, flags: &[Flag], form: &Form, heredocs: &[super::parse::Heredoc]) {
        let mounts: Vec<Mount> =
            flags.iter().filter(|it| it.name == "mount").map(|it| self.mount(it)).collect();
        let binds: Vec<Mount> = mounts.iter().filter(|it| it.kind == "bind").cloned().collect();
        let before =
            (!binds.is_empty()).then(|| (self.state.files.clone(), self.state.trees.clone()));
        for bind in &binds {
            let Some(target) = &bind.target else { continue };
            let stage = bind.from.as_deref().map(|name| self.stages.find(name));
            match stage {
                None => self.copy_from_context(&bind.source, target, false, false),
                Some(Some(stage)) if stage < self.stage => {
                    let text = LocatedText { value: bind.source.clone(), span: bind.span.clone() };
                    let taken = self.trace.taken.len();
                    self.copy_from_stage(stage, &bind.source, &text, target, false);
                    // A mount shows what there is; it does not ask for a file.
                    self.trace.taken.truncate(taken);
                }
                Some(_) => self.unknown_tree(target),
            }
        }
        if !mounts.is_empty() {
            self.current.mounts.push((self.instruction, mounts.clone()));
        }
        self.mounts = mounts;
        let start = ShellStart {
            variables: Arc::clone(&self.state.variables),
            directory: Some(self.state.workdir.clone()),
            ..self.shell_start()
        };
        for script in self.scripts(form, heredocs, &start) {
            if let Some((place, why)) = script.unclear {
                self.current.unclear.push((self.instruction, place, why.clone()));
                let place = if place == 0 { 0..0 } else { place..place + 1 };
                self.opaque(&place, &format!("a script that is not understood: {why}"));
            }
            for command in script.commands {
                self.time += 1;
                self.command(&command);
                self.current
                    .steps
                    .push(LocatedCommand { instruction: self.instruction, ran: command });
            }
        }
        self.mounts.clear();
        if let Some((files, trees)) = before {
            for bind in &binds {
                let Some(target) = &bind.target else { continue };
                self.state
                    .files
                    .retain(|path, _| below(path, target).is_none() || path.starts_with("/mount:"));
                let held = files.iter().filter(|(path, _)| below(path, target).is_some());
                self.state.files.extend(held.map(|(path, file)| (path.clone(), file.clone())));
            }
            self.state.trees = trees;
        }
    }

    fn shell_start(&self) -> ShellStart {
        let shell = self.state.shell.clone().unwrap_or_default();
        let name = shell.first().map(String::as_str).unwrap_or("/bin/sh");
        let options = || shell.iter().skip(1);
        ShellStart {
            errexit: options()
                .any(|it| it.starts_with('-') && it.contains('e') && !it.starts_with("--")),
            pipefail: options().any(|it| it == "pipefail"),
            bash: name.ends_with("bash"),
            ..ShellStart::default()
        }
    }

    fn scripts(
        &self,
        form: &Form,
        heredocs: &[super::parse::Heredoc],
        start: &ShellStart,
    ) -> Vec<ScriptEffects> {
        let text = match form {
            Form::Exec(words) => return vec![follow_exec(words, start)],
            Form::Shell(text) => text,
        };
        let own_shell = self.state.shell.as_ref().and_then(|it| it.first());
        let known = own_shell.is_none_or(|shell| {
            ["sh", "bash", "ash", "dash"].contains(&shell.rsplit('/').next().unwrap_or_default())
        });
        if !known {
            let unclear = Some((text.place(0), "SHELL is no POSIX shell".to_owned()));
            return vec![ScriptEffects { commands: Vec::new(), unclear }];
        }
        let Some(first) = heredocs.first() else { return vec![follow(text, start)] };
        let body = |heredoc: &super::parse::Heredoc| {
            self.source.text().get(heredoc.body.clone()).unwrap_or_default()
        };
        if text.text.trim_start().starts_with("<<") && text.text.split_whitespace().count() == 1 {
            let script = body(first);
            let interpreter = script.lines().next().unwrap_or_default();
            if interpreter.starts_with("#!") && !interpreter.contains("sh") {
                let unclear = Some((first.body.start, format!("it runs {interpreter}")));
                return vec![ScriptEffects { commands: Vec::new(), unclear }];
            }
            let mut start = start.clone();
            start.errexit |= interpreter.starts_with("#!") && interpreter.contains(" -e");
            start.bash |= interpreter.contains("bash");
            let cleaned = super::parse::CleanText::verbatim(script, first.body.start);
            return vec![follow(&cleaned, &start)];
        }
        // The shell gets the line and the here-documents behind it.
        let mut whole = text.clone();
        whole.text.push('\n');
        for heredoc in heredocs {
            whole.text.push_str(
                self.source.text().get(heredoc.body.start..heredoc.end).unwrap_or_default(),
            );
        }
        vec![follow(&whole, start)]
    }

    /// From here on nobody knows what the stage's files are.
    fn opaque(&mut self, span: &TextSpan, why: &str) {
        self.state.opaque.get_or_insert_with(|| (span.clone(), why.to_owned()));
    }
}
