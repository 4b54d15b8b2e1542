//! Stages: what each begins from, under which variables its instructions stand, and what is known
//! when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::base_images::{KnownImage, identify};
use super::files::Context;
use super::parse::{InstructionKind, LocatedText, ParsedInstruction};
use super::source::TextSpan;
use super::variables::{BuildVariables, PLATFORM_ARGUMENTS, expand};
use super::workspace::{below, join};

/// What a stage begins from.
#[derive(Debug, Clone, PartialEq)]
pub enum StageBase {
    /// An earlier stage, by its number from 0.
    Stage(usize),
    /// An image: its reference, where every variable in it is known, and what the table holds of it.
    Image(Option<String>, Option<Box<KnownImage>>),
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildStage {
    /// Behind `AS`.
    pub name: Option<String>,
    /// What it begins from.
    pub base: StageBase,
    /// `--platform`.
    pub platform: Option<String>,
    /// The image of `FROM`, as it stands.
    pub image: LocatedText,
    /// Its first instruction behind `FROM`, and one behind its last, as indexes of all instructions.
    pub instructions: std::ops::Range<usize>,
    /// The `FROM` line.
    pub span: TextSpan,
    /// The built stage rests on it: by FROM, by COPY, or by a mount.
    pub used: bool,
}

/// Every stage, with the arguments before the first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stages {
    /// In order.
    pub all: Vec<BuildStage>,
    /// `ARG` before the first `FROM`.
    pub global: BuildVariables,
    /// The stage that is built.
    pub last: usize,
}

impl Stages {
    /// Divides the instructions; `build_arguments` as typed, `target` as in `--target`.
    ///
    /// # Errors
    /// There is no stage of the name that was asked for.
    pub fn new(
        instructions: &[ParsedInstruction],
        build_arguments: &BTreeMap<String, String>,
        target: Option<&str>,
    ) -> Result<Stages, super::DockerfileError> {
        let mut stages = Stages::default();
        // The image of a FROM sees the platforms without a declaration.
        let mut global: BuildVariables =
            PLATFORM_ARGUMENTS.iter().map(|name| ((*name).to_owned(), None)).collect();
        for (index, instruction) in instructions.iter().enumerate() {
            match &instruction.kind {
                InstructionKind::Arg(pairs) if stages.all.is_empty() => {
                    for (name, default) in pairs {
                        let typed = build_arguments.get(name).cloned();
                        let value = typed.or_else(|| expand(default.as_deref()?, &global));
                        global.insert(name.clone(), value);
                    }
                }
                InstructionKind::From { image, platform, alias } => {
                    if let Some(last) = stages.all.last_mut() {
                        last.instructions.end = index;
                    }
                    let reference = expand(&image.value, &global);
                    let base = match reference.as_deref().and_then(|it| stages.find(it)) {
                        Some(stage) => StageBase::Stage(stage),
                        None => {
                            let known = reference.as_deref().and_then(identify).map(Box::new);
                            StageBase::Image(reference, known)
                        }
                    };
                    stages.all.push(BuildStage {
                        name: alias.as_ref().map(|it| it.value.clone()),
                        base,
                        platform: platform.clone(),
                        image: image.clone(),
                        instructions: index + 1..instructions.len(),
                        span: instruction.span.clone(),
                        used: false,
                    });
                }
                _ => {}
            }
        }
        stages.global = global;
        stages.last = match target {
            None => stages.all.len().saturating_sub(1),
            Some(name) => stages.find(name).ok_or_else(|| {
                super::DockerfileError::whole(format!(
                    "there is no stage `{}`",
                    name.escape_debug()
                ))
            })?,
        };
        stages.mark_used(instructions, stages.last);
        Ok(stages)
    }

    /// A stage by its name or number; of several of one name the last.
    pub fn find(&self, name: &str) -> Option<usize> {
        let named = |stage: &BuildStage| {
            stage.name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name))
        };
        let by_name = self.all.iter().rposition(named);
        by_name.or_else(|| name.parse().ok().filter(|index| *index < self.all.len()))
    }

    fn mark_used(&mut self, instructions: &[ParsedInstruction], last: usize) {
        let mut open = vec![last];
        while let Some(index) = open.pop() {
            let Some(stage) = self.all.get_mut(index).filter(|stage| !stage.used) else { continue };
            stage.used = true;
            if let StageBase::Stage(base) = stage.base {
                open.push(base);
            }
            let range = stage.instructions.clone();
            for instruction in instructions.get(range).unwrap_or_default() {
                let flags = match &instruction.kind {
                    InstructionKind::Copy { flags, .. } | InstructionKind::Run { flags, .. } => {
                        flags
                    }
                    _ => continue,
                };
                for flag in flags {
                    let from = match flag.name.as_str() {
                        "from" => Some(flag.value.as_str()),
                        _ => flag.value.split(',').find_map(|it| it.strip_prefix("from=")),
                    };
                    let stage = from.and_then(|it| expand(it, &self.global));
                    open.extend(stage.and_then(|it| self.find(&it)).filter(|it| *it < index));
                }
            }
        }
    }

    /// The image that a stage comes from in the end, and what is known of it.
    pub fn image(&self, mut stage: usize) -> (Option<&str>, Option<&KnownImage>) {
        for _ in 0..=self.all.len() {
            match self.all.get(stage).map(|it| &it.base) {
                Some(StageBase::Stage(base)) => stage = *base,
                Some(StageBase::Image(reference, known)) => {
                    return (reference.as_deref(), known.as_deref());
                }
                None => break,
            }
        }
        (None, None)
    }

    /// The stage and those that it begins from, itself first.
    pub fn chain(&self, stage: usize) -> Vec<usize> {
        let mut chain = vec![stage];
        while let Some(StageBase::Stage(base)) =
            chain.last().and_then(|it| self.all.get(*it)).map(|it| &it.base)
        {
            if chain.contains(base) {
                break;
            }
            chain.push(*base);
        }
        chain
    }

    /// The built stage rests on this one.
    pub fn goes_on_to_last(&self, stage: usize) -> bool {
        self.all.get(stage).is_some_and(|it| it.used)
    }

    /// How a stage is spoken of: its name or its number.
    pub fn name(&self, stage: usize) -> String {
        let name = self.all.get(stage).and_then(|it| it.name.clone());
        name.unwrap_or_else(|| stage.to_string())
    }
}

/// Where a file of a stage comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOrigin {
    /// The context's file of this path.
    Context(String),
    /// Written by a command: a stub, or what nobody knows.
    Written,
    /// Written by `cargo chef cook`, and whether it lies over a file of the context.
    Skeleton {
        /// The context's file was there before.
        over_context: bool,
    },
    /// A program that this build made, by the build's number.
    Program(usize),
    /// Nobody knows.
    Unknown,
}

/// A file of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFile {
    /// Where it comes from.
    pub origin: FileOrigin,
    /// When it was last written, in commands since the build began; 0 for files of the context, which
    /// keep the times of the checkout.
    pub time: u64,
}

/// Everything below a path, as it was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTree {
    /// Where it lies.
    pub at: String,
    /// The context's directory; `None`: another image or what nobody knows.
    pub source: Option<String>,
}

/// What cargo made of one crate, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledUnit {
    /// When.
    pub time: u64,
    /// The state of its root file then.
    pub root: FileOrigin,
    /// The state of its manifest then.
    pub manifest: FileOrigin,
    /// The edits of the manifest by then.
    pub edits: u32,
    /// The file that was the crate's root.
    pub path: String,
    /// Whether the package had a library, and the state of its build script then.
    pub parts: (bool, Option<FileOrigin>),
    /// A later step took away what cargo would look at.
    pub removed: bool,
    /// The build that made it, by its number.
    pub build: usize,
}

/// What tells units apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitKey {
    /// The target directory, in its mount's own name space.
    pub target_dir: String,
    /// Triple and profile: `release`, `x86_64-unknown-linux-musl/release`.
    pub output: String,
    /// Flags, features and the workspace's directory.
    pub flags: String,
    /// The package.
    pub package: String,
    /// `lib`, `bin NAME`.
    pub target: String,
}

/// What is known of a stage.
#[derive(Debug, Clone, Default)]
pub struct StageState {
    /// Files by absolute path, as far as they matter.
    pub files: BTreeMap<String, StageFile>,
    /// Directories that were copied as a whole.
    pub trees: Vec<CopiedTree>,
    /// What cargo compiled.
    pub units: BTreeMap<UnitKey, CompiledUnit>,
    /// ENV and ARG.
    pub variables: Arc<BuildVariables>,
    /// Names that ENV set: they reach later stages and the program.
    pub environment: BTreeSet<String>,
    /// Arguments that this stage declares.
    pub arguments: BTreeSet<String>,
    /// Where commands run.
    pub workdir: String,
    /// Whether WORKDIR is known.
    pub workdir_known: bool,
    /// USER.
    pub user: Option<String>,
    /// SHELL.
    pub shell: Option<Vec<String>>,
    /// Packages that a package manager installed.
    pub packages: BTreeSet<String>,
    /// Programs were installed that nobody can name.
    pub unknown_installs: bool,
    /// Targets of `rustup target add`.
    pub targets: BTreeSet<String>,
    /// Targets may have been added that nobody can name.
    pub unknown_targets: bool,
    /// What ran that may have done anything to files, and where it stands.
    pub opaque: Option<(TextSpan, String)>,
    /// CMD, ENTRYPOINT and HEALTHCHECK, as indexes of all instructions.
    pub cmd: Option<usize>,
    /// See `cmd`.
    pub entrypoint: Option<usize>,
    /// See `cmd`.
    pub healthcheck: Option<usize>,
    /// VOLUME, with the instruction.
    pub volumes: Vec<(String, usize)>,
    /// Directories that builds wrote into, with the build's number.
    pub outputs: Vec<(String, usize)>,
    /// Edits of manifests, counted.
    pub edits: u32,
}

impl StageState {
    /// The build whose program lies at a path.
    pub fn program_at(&self, path: &str) -> Option<usize> {
        if let Some(StageFile { origin: FileOrigin::Program(build), .. }) = self.files.get(path) {
            return Some(*build);
        }
        let (directory, _) = path.rsplit_once('/')?;
        let made = self.outputs.iter().rev().find(|(output, _)| output == directory);
        made.map(|(_, build)| *build)
    }

    /// The context's file that lies at a path, where it was copied from there.
    pub fn context_path(&self, path: &str) -> Option<String> {
        self.trees.iter().rev().find_map(|tree| {
            let rest = below(path, &tree.at)?;
            Some(join(tree.source.as_ref()?, rest))
        })
    }

    /// Something that nobody knows was copied to a path, around it or below it.
    pub fn is_unknown_at(&self, path: &str) -> bool {
        self.trees.iter().any(|tree| {
            tree.source.is_none()
                && tree.at != "/"
                && (below(path, &tree.at).is_some() || below(&tree.at, path).is_some())
        })
    }

    /// Whether something is at a path; `None` where that is not known.
    pub fn presence(&self, path: &str, context: &Context) -> Option<bool> {
        let among = |map: &BTreeMap<String, StageFile>| {
            let mut from = map.range(path.to_owned()..).take(1);
            from.any(|(found, _)| below(found, path).is_some())
        };
        if among(&self.files)
            || self.outputs.iter().any(|(output, _)| below(output, path).is_some())
        {
            return Some(true);
        }
        if self.program_at(path).is_some() {
            return Some(true);
        }
        let mut unknown = self.opaque.is_some();
        for tree in &self.trees {
            if below(&tree.at, path).is_some() {
                return Some(true);
            }
            let Some(rest) = below(path, &tree.at) else { continue };
            match &tree.source {
                Some(source) => {
                    let source = join(source, rest);
                    if context.has(&source) && context.sends(&source) {
                        return Some(true);
                    }
                    unknown |= context.incomplete;
                }
                None => unknown = true,
            }
        }
        if unknown { None } else { Some(false) }
    }
}
