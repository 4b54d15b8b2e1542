//! A Dockerfile's instructions with their places. The instructions are read by `parse-dockerfile`;
//! here-documents are read here, before it, because it knows them only where nothing stands before
//! them (`RUN cat <<EOF > file` is refused by it).

use parse_dockerfile as grammar;

use super::source::{DockerfileError, SourceText, TextSpan};

mod clean;
mod heredoc;

pub use clean::CleanText;
pub use heredoc::Heredoc;

/// Lines that one instruction may have; more are refused with a line, not read for minutes.
pub const MAX_LINES: usize = 200_000;

/// A text and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocatedText {
    /// As written, without escaped line ends.
    pub value: String,
    /// Where it stands.
    pub span: TextSpan,
}

/// `--name=value` behind an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: String,
    /// Empty where there is none.
    pub value: String,
    /// Where it stands.
    pub span: TextSpan,
}

/// A command, in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `["program", "argument"]`: no shell.
    Exec(Vec<LocatedText>),
    /// Words for a shell, cleaned of comments and joined lines.
    Shell(CleanText),
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedInstruction {
    /// What it is.
    pub kind: InstructionKind,
    /// From its keyword to its end.
    pub span: TextSpan,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Docker's own")]
pub enum InstructionKind {
    From {
        image: LocatedText,
        platform: Option<String>,
        alias: Option<LocatedText>,
    },
    /// Names with their defaults.
    Arg(Vec<(String, Option<String>)>),
    Env(Vec<(String, String)>),
    Workdir(LocatedText),
    User(LocatedText),
    /// `COPY`, or `ADD`; without `sources` a here-document is copied.
    Copy {
        add: bool,
        flags: Vec<Flag>,
        sources: Vec<LocatedText>,
        heredoc: bool,
        dest: LocatedText,
    },
    Run {
        flags: Vec<Flag>,
        form: Form,
        heredocs: Vec<Heredoc>,
    },
    Cmd(Form),
    Entrypoint(Form),
    /// `None`: `NONE`.
    Healthcheck(Option<Form>),
    Shell(Vec<LocatedText>),
    Volume(Vec<LocatedText>),
    /// `EXPOSE`, `LABEL`, `MAINTAINER`, `ONBUILD`, `STOPSIGNAL`.
    Other(&'static str),
}

/// What was read of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedDockerfile {
    /// In order.
    pub instructions: Vec<ParsedInstruction>,
    /// The character that joins lines and quotes one character: `\` unless `# escape=` says else.
    pub escape: char,
}

/// Reads all instructions.
///
/// # Errors
/// What is no Dockerfile, with its line and column.
pub fn parse(source: &SourceText) -> Result<ParsedDockerfile, DockerfileError> {
    let escape = escape_of(source.text());
    let (masked, heredocs) = heredoc::mask(source, escape)?;
    let failed = |error: &grammar::Error| {
        let count = |number: usize| u32::try_from(number).ok().filter(|it| *it > 0);
        let message = error.to_string();
        // The crate's own message ends in its place.
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        DockerfileError { line: count(error.line()), column: count(error.column()), message }
    };
    let reader = InstructionReader { source, escape };
    let mut instructions = Vec::new();
    let mut heredocs = heredocs.into_iter().peekable();
    for instruction in grammar::parse_iter(&masked).map_err(|error| failed(&error))? {
        let instruction = instruction.map_err(|error| failed(&error))?;
        let mut own = Vec::new();
        let mut read = reader.instruction(&instruction);
        while let Some(heredoc) = heredocs.next_if(|it| it.operator.start < read.span.end) {
            own.push(heredoc);
        }
        if let Some(last) = own.last() {
            read.span.end = read.span.end.max(last.end);
        }
        if let InstructionKind::Run { heredocs, .. } = &mut read.kind {
            *heredocs = own;
        }
        instructions.push(read);
    }
    Ok(ParsedDockerfile { instructions, escape })
}

/// The parser directive `# escape=`.
fn escape_of(text: &str) -> char {
    for line in text.lines() {
        let Some(comment) = line.trim_start().strip_prefix('#') else { break };
        let Some((name, value)) = comment.split_once('=') else { break };
        if name.trim().eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
    }
    '\\'
}

struct InstructionReader<'a> {
    source: &'a SourceText,
    escape: char,
}

impl InstructionReader<'_> {
    fn text(&self, text: &grammar::UnescapedString<'_>) -> LocatedText {
        // The source, not the masked copy, says what was written.
        let value = match self.source.text().get(text.span.clone()) {
            Some(raw) if !raw.contains(['\n', self.escape, '"', '\'']) => raw.to_owned(),
            _ => text.value.clone().into_owned(),
        };
        LocatedText { value, span: text.span.clone() }
    }

    fn flags<'f, 't: 'f>(
        &self,
        flags: impl IntoIterator<Item = &'f grammar::Flag<'t>>,
    ) -> Vec<Flag> {
        let flag = |flag: &grammar::Flag<'_>| Flag {
            name: flag.name.value.clone().into_owned(),
            value: flag.value.as_ref().map(|it| it.value.clone().into_owned()).unwrap_or_default(),
            span: flag.span(),
        };
        flags.into_iter().map(flag).collect()
    }

    fn form(&self, command: &grammar::Command<'_>) -> (Form, usize) {
        match command {
            grammar::Command::Exec(words) => {
                let end = words.span.end;
                (Form::Exec(words.value.iter().map(|it| self.text(it)).collect()), end)
            }
            grammar::Command::Shell(text) => {
                let form = Form::Shell(CleanText::new(self.source, text.span.clone(), self.escape));
                (form, text.span.end)
            }
            _ => (Form::Exec(Vec::new()), 0),
        }
    }

    fn copy(
        &self,
        add: bool,
        options: &[grammar::Flag<'_>],
        sources: &[grammar::Source<'_>],
        dest: &grammar::UnescapedString<'_>,
    ) -> InstructionKind {
        let mut heredoc = false;
        let mut paths = Vec::new();
        for source in sources {
            match source {
                grammar::Source::Path(path) => {
                    let text = self.text(path);
                    if text.value.starts_with("<<") { heredoc = true } else { paths.push(text) }
                }
                _ => heredoc = true,
            }
        }
        let flags = self.flags(options);
        InstructionKind::Copy { add, flags, sources: paths, heredoc, dest: self.text(dest) }
    }

    fn pairs(&self, span: &TextSpan, environment: bool) -> Vec<(String, Option<String>)> {
        let cleaned = CleanText::new(self.source, span.clone(), self.escape);
        clean::pairs(&cleaned.text, self.escape, environment)
    }

    fn instruction(&self, instruction: &grammar::Instruction<'_>) -> ParsedInstruction {
        use grammar::Instruction as I;
        let (kind, start, end) = match instruction {
            I::From(it) => {
                let alias = it.as_.as_ref().map(|(_, name)| self.text(name));
                let end = alias.as_ref().map_or(it.image.span.end, |alias| alias.span.end);
                let platform = self.flags(&it.options).into_iter().find(|it| it.name == "platform");
                let platform = platform.map(|it| it.value);
                let image = self.text(&it.image);
                (InstructionKind::From { image, platform, alias }, it.from.span.start, end)
            }
            I::Arg(it) => {
                let span = &it.arguments.span;
                (InstructionKind::Arg(self.pairs(span, false)), it.arg.span.start, span.end)
            }
            I::Env(it) => {
                let span = &it.arguments.span;
                let pairs = self.pairs(span, true).into_iter();
                let pairs = pairs.map(|(name, value)| (name, value.unwrap_or_default())).collect();
                (InstructionKind::Env(pairs), it.env.span.start, span.end)
            }
            I::Workdir(it) => {
                let text = self.text(&it.arguments);
                let end = text.span.end;
                (InstructionKind::Workdir(text), it.workdir.span.start, end)
            }
            I::User(it) => {
                let text = self.text(&it.arguments);
                let end = text.span.end;
                (InstructionKind::User(text), it.user.span.start, end)
            }
            I::Copy(it) => {
                let kind = self.copy(false, &it.options, &it.src, &it.dest);
                (kind, it.copy.span.start, it.dest.span.end)
            }
            I::Add(it) => {
                let kind = self.copy(true, &it.options, &it.src, &it.dest);
                (kind, it.add.span.start, it.dest.span.end)
            }
            I::Run(it) => {
                let (form, end) = self.form(&it.arguments);
                let flags = self.flags(&it.options);
                (InstructionKind::Run { flags, form, heredocs: Vec::new() }, it.run.span.start, end)
            }
            I::Cmd(it) => {
                let (form, end) = self.form(&it.arguments);
                (InstructionKind::Cmd(form), it.cmd.span.start, end)
            }
            I::Entrypoint(it) => {
                let (form, end) = self.form(&it.arguments);
                (InstructionKind::Entrypoint(form), it.entrypoint.span.start, end)
            }
            I::Healthcheck(it) => match &it.arguments {
                grammar::HealthcheckArguments::Cmd { arguments, .. } => {
                    let (form, end) = self.form(arguments);
                    (InstructionKind::Healthcheck(Some(form)), it.healthcheck.span.start, end)
                }
                _ => (
                    InstructionKind::Healthcheck(None),
                    it.healthcheck.span.start,
                    it.healthcheck.span.end,
                ),
            },
            I::Shell(it) => {
                let words = it.arguments.iter().map(|it| self.text(it)).collect::<Vec<_>>();
                let end = words.last().map_or(it.shell.span.end, |word| word.span.end);
                (InstructionKind::Shell(words), it.shell.span.start, end)
            }
            I::Volume(it) => {
                let words: Vec<LocatedText> = match &it.arguments {
                    grammar::JsonOrStringArray::Json(words) => {
                        words.value.iter().map(|it| self.text(it)).collect()
                    }
                    grammar::JsonOrStringArray::String(words) => {
                        words.iter().map(|it| self.text(it)).collect()
                    }
                };
                let end = words.last().map_or(it.volume.span.end, |word| word.span.end);
                (InstructionKind::Volume(words), it.volume.span.start, end)
            }
            I::Expose(it) => {
                (InstructionKind::Other("EXPOSE"), it.expose.span.start, it.expose.span.end)
            }
            I::Label(it) => {
                (InstructionKind::Other("LABEL"), it.label.span.start, it.label.span.end)
            }
            I::Maintainer(it) => (
                InstructionKind::Other("MAINTAINER"),
                it.maintainer.span.start,
                it.maintainer.span.end,
            ),
            I::Onbuild(it) => {
                (InstructionKind::Other("ONBUILD"), it.onbuild.span.start, it.onbuild.span.end)
            }
            I::Stopsignal(it) => (
                InstructionKind::Other("STOPSIGNAL"),
                it.stopsignal.span.start,
                it.stopsignal.span.end,
            ),
            _ => (InstructionKind::Other("?"), 0, 0),
        };
        ParsedInstruction { kind, span: start..end.max(start) }
    }
}

#[cfg(test)]
mod tests;
