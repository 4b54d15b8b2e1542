//! Dockerfiles: what they say, which programs they build and ship, and what would go wrong before
//! anything is built.

use std::collections::BTreeMap;

pub mod base_images;
pub mod cargo_command;
pub mod compose;
pub mod context;
pub mod files;
mod guess;
pub mod ignore;
pub mod parse;
pub mod patch;
pub mod run_commands;
pub mod shell;
pub mod shipping;
pub mod source;
pub mod stages;
#[cfg(test)]
pub mod testing;
pub mod tools;
pub mod trace;
pub mod variables;
pub mod workspace;

pub use source::{DockerfileError, LineColumn, TextSpan};

use files::Context;
use ignore::Ignore;
use parse::{InstructionKind, ParsedDockerfile, ParsedInstruction};
use source::SourceText;
use stages::{BuildStage, Stages};
use trace::{StageTrace, Trace};
use workspace::DockerWorkspace;

/// What the user said of a Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct DockerfileOptions {
    /// `--stage`: the stage that is built.
    pub stage: Option<String>,
    /// `--build-arg`.
    pub build_arguments: BTreeMap<String, String>,
}

/// A Dockerfile with all that is known of it.
#[derive(Debug, Clone, Default)]
pub struct Dockerfile {
    /// As the user would type it.
    pub path: String,
    /// Its text.
    pub source: SourceText,
    /// Its instructions.
    pub parsed: ParsedDockerfile,
    /// Its stages.
    pub stages: Stages,
    /// What happens in them.
    pub trace: Trace,
    /// What is sent to the builder.
    pub context: Context,
    /// The workspace in the context.
    pub workspace: DockerWorkspace,
    /// `# binlint: ignore=RULE reason`.
    pub ignores: Vec<Ignore>,
    /// What could not be learnt, one sentence each.
    pub notes: Vec<String>,
    /// Nobody asked about it: unless a level says otherwise, it warns at most.
    pub advisory: bool,
}

impl Dockerfile {
    /// Understands a text beside its context. Without a workspace one is made up from the text, and
    /// everything that rests on it warns at most.
    ///
    /// # Errors
    /// The text is no Dockerfile, or has no such stage.
    pub fn new(
        path: &str,
        source: SourceText,
        context: Option<Context>,
        workspace: Option<DockerWorkspace>,
        options: &DockerfileOptions,
    ) -> Result<Dockerfile, DockerfileError> {
        let parsed = parse::parse(&source)?;
        let stages =
            Stages::new(&parsed.instructions, &options.build_arguments, options.stage.as_deref())?;
        let workspace = workspace.unwrap_or_else(|| guess::workspace(source.text()));
        let context = context.unwrap_or_else(|| guess::context(&workspace));
        let trace =
            trace::trace(&source, &parsed, &stages, &options.build_arguments, &context, &workspace);
        let ignores = ignore::find(&source, &parsed.instructions);
        let path = path.to_owned();
        let notes = Vec::new();
        Ok(Dockerfile {
            path,
            source,
            parsed,
            stages,
            trace,
            context,
            workspace,
            ignores,
            notes,
            advisory: false,
        })
    }

    /// What could not be learnt, each beside the path of the Dockerfile.
    pub fn notes_with_path(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| format!("{}: {note}", self.path))
    }

    /// The line and column of a place.
    pub fn position(&self, span: &TextSpan) -> LineColumn {
        self.source.position(span.start)
    }

    /// An instruction by its number.
    pub fn instruction(&self, index: usize) -> Option<&ParsedInstruction> {
        self.parsed.instructions.get(index)
    }

    /// The text of a place.
    pub fn text(&self, span: &TextSpan) -> &str {
        self.source.text().get(span.clone()).unwrap_or_default()
    }

    /// The stage that is built last.
    pub fn last(&self) -> Option<(&BuildStage, &StageTrace)> {
        self.stages.all.get(self.stages.last).zip(self.trace.stages.get(self.stages.last))
    }

    /// Stages that the built one rests on, with what happens in them.
    pub fn used(&self) -> impl Iterator<Item = (usize, &BuildStage, &StageTrace)> {
        let all = self.stages.all.iter().zip(&self.trace.stages).enumerate();
        all.filter(|(_, (stage, _))| stage.used)
            .map(|(index, (stage, trace))| (index, stage, trace))
    }

    /// Instructions of stages that are used, with their stage.
    pub fn instructions(&self) -> impl Iterator<Item = (usize, usize, &ParsedInstruction)> {
        self.used().flat_map(move |(stage, it, _)| {
            it.instructions
                .clone()
                .filter_map(move |index| Some((stage, index, self.instruction(index)?)))
        })
    }

    /// Nothing is built by cargo, and nothing that it built is copied: this is another's Dockerfile.
    pub fn is_of_rust(&self) -> bool {
        let cargo = |text: &str| {
            text.contains("cargo") || text.contains("rustc") || text.contains("target/")
        };
        !self.trace.builds.is_empty()
            || self.parsed.instructions.iter().any(|it| match &it.kind {
                InstructionKind::Run { .. }
                | InstructionKind::Copy { .. }
                | InstructionKind::Cmd(_)
                | InstructionKind::Entrypoint(_) => cargo(self.text(&it.span)),
                InstructionKind::From { image, .. } => image.value.contains("rust"),
                _ => false,
            })
    }
}
