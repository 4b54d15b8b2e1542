//! The answer of a check: an outcome, its findings, and where they are.

use std::borrow::Cow;
use std::fmt;

use crate::binary::Binary;
use crate::cargo::workspace::profile::SettingOrigin;
use crate::dockerfile::{Dockerfile, TextSpan};
use crate::fix_line;
use crate::rule::Level;

/// The answer of a check (SARIF's kinds). Silence is never an answer, and "could not tell" is
/// never "pass".
///
/// ```
/// let outcome = binlint::Outcome::open("the image was not read", "pass it with `--image`");
/// assert_eq!((outcome.name(), outcome.findings().len()), ("open", 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Checked, and in order; what was found, as one line: `RELRO: full; bound at start`.
    Pass(Cow<'static, str>),
    /// At least one finding.
    Fail(Vec<Finding>),
    /// The question does not arise for this subject, and why.
    NotApplicable(Cow<'static, str>),
    /// The evidence is not enough to decide.
    Open(Inconclusive),
}

impl Outcome {
    /// In order, and what was found.
    pub fn pass(found: impl Into<Cow<'static, str>>) -> Outcome {
        Outcome::Pass(found.into())
    }

    /// A fail with these findings; without any a pass, and what was found.
    pub fn of(
        findings: impl IntoIterator<Item = Finding>,
        found: impl Into<Cow<'static, str>>,
    ) -> Outcome {
        let findings: Vec<Finding> = findings.into_iter().collect();
        if findings.is_empty() { Outcome::pass(found) } else { Outcome::Fail(findings) }
    }

    /// The question does not arise.
    pub fn not_applicable(why: impl Into<Cow<'static, str>>) -> Outcome {
        Outcome::NotApplicable(why.into())
    }

    /// Inconclusive: what is missing, as a clause, and how to settle it, as a command to the reader.
    pub fn open(
        missing: impl Into<Cow<'static, str>>,
        settle: impl Into<Cow<'static, str>>,
    ) -> Outcome {
        Outcome::Open(Inconclusive { missing: missing.into(), settle: settle.into() })
    }

    /// The outcome's name in every report.
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Pass(_) => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::NotApplicable(_) => "not-applicable",
            Outcome::Open(_) => "open",
        }
    }

    /// The findings; empty unless the outcome is fail.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Outcome::Fail(findings) => findings,
            Outcome::Pass(_) | Outcome::NotApplicable(_) | Outcome::Open(_) => &[],
        }
    }
}

/// Why an outcome is inconclusive. Both parts are needed: what only says that it does not know
/// leaves the reader where they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconclusive {
    /// The evidence that is missing.
    pub missing: Cow<'static, str>,
    /// What the reader can do to know.
    pub settle: Cow<'static, str>,
}

impl fmt::Display for Inconclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.missing, self.settle)
    }
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Outcome {
        Outcome::Fail(vec![finding])
    }
}

/// One defect: what was seen, where, on what evidence, and the line that fixes it.
///
/// ```
/// use binlint::{Finding, Location};
///
/// let finding = Finding::new(Location::ImagePath("/server".into()), "it is not executable")
///     .evidence("mode 0644")
///     .fix("COPY --chmod=755 server /server");
/// assert_eq!(finding.location.to_string(), "image /server");
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was seen, as one sentence without a full stop.
    pub message: String,
    /// The one place that the finding is about.
    pub location: Location,
    /// The facts behind the message in the tool's own numbers: paths, offsets, versions, hashes.
    pub evidence: Vec<String>,
    /// A line to paste, or what to change where no line can say it.
    pub fix: Option<String>,
    /// The finding never counts for more than this, whatever the rule's level: evidence that
    /// is weaker than the rule's own says `Some(Level::Warn)`.
    pub at_most: Option<Level>,
    /// The one right correction of a Dockerfile, where there is exactly one.
    pub edit: Option<Edit>,
}

/// A correction of a text: these bytes become that text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the file.
    pub span: TextSpan,
    /// What is to stand there.
    pub text: String,
}

impl Finding {
    /// A finding at a place, with neither evidence nor fix yet.
    pub fn new(location: Location, message: impl Into<String>) -> Finding {
        Finding {
            message: message.into(),
            location,
            evidence: Vec::new(),
            fix: None,
            at_most: None,
            edit: None,
        }
    }

    /// A finding at a place of a Dockerfile, with its line.
    pub fn in_dockerfile(
        dockerfile: &Dockerfile,
        span: &TextSpan,
        message: impl Into<String>,
    ) -> Finding {
        let position = dockerfile.position(span);
        let location = Location::Line {
            path: dockerfile.path.clone(),
            line: position.line,
            column: position.column,
            text: dockerfile.source.line(position.line).trim().to_owned(),
        };
        Finding::new(location, message)
    }

    /// Sets the one right correction.
    pub fn edit(mut self, span: TextSpan, text: impl Into<String>) -> Finding {
        self.edit = Some(Edit { span, text: text.into() });
        self
    }

    /// Caps the finding at a warning unless its evidence is sure.
    pub fn sure_only(self, sure: bool) -> Finding {
        if sure { self } else { self.at_most_warn() }
    }

    /// Adds a piece of evidence.
    pub fn evidence(mut self, evidence: impl Into<String>) -> Finding {
        self.evidence.push(evidence.into());
        self
    }

    /// Sets the line to paste. One that is no single line, or shows something else than it does, is
    /// none: somebody else wrote a part of it.
    pub fn fix(self, fix: impl Into<String>) -> Finding {
        self.fix_lines([fix.into()])
    }

    /// Sets the line to paste where what stands in it can be written there as it is.
    pub fn fix_if(self, fix: Option<String>) -> Finding {
        match fix {
            Some(fix) => self.fix(fix),
            None => self,
        }
    }

    /// Sets several lines to paste, each as [`Finding::fix`] takes it.
    pub fn fix_lines(mut self, lines: impl IntoIterator<Item = String>) -> Finding {
        let lines: Vec<String> = lines.into_iter().collect();
        let is_whole = !lines.is_empty() && lines.iter().all(|line| fix_line::is_to_paste(line));
        self.fix = is_whole.then(|| lines.join("\n"));
        self
    }

    /// Sets the line to paste: cargo's, or for a binary that surely is not Rust what its own build
    /// has to change.
    pub fn fix_for(
        self,
        binary: &Binary,
        rust: impl Into<String>,
        other: impl Into<String>,
    ) -> Finding {
        match binary.rust.value {
            Some(false) => self.fix(other),
            _ => self.fix(rust),
        }
    }

    /// Caps the finding at a warning, because its evidence is weaker than the rule's own.
    pub fn at_most_warn(mut self) -> Finding {
        self.at_most = Some(Level::Warn);
        self
    }
}

/// Where a finding is. Exactly one a finding.
///
/// ```
/// let location = binlint::Location::File { path: "Cargo.toml".into(), line: Some(12) };
/// assert_eq!(location.to_string(), "Cargo.toml:12");
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The subject as a whole.
    Subject,
    /// A segment of the subject, by type: `PT_INTERP`.
    Segment(&'static str),
    /// A section of the subject, by name.
    Section(String),
    /// An entry of the dynamic section: `DT_RUNPATH`.
    Dynamic(&'static str),
    /// An offset in the subject's file, in bytes.
    Offset(u64),
    /// A file outside the image (manifest, configuration, source), with a line from 1.
    File {
        /// As the user would type it.
        path: String,
        /// Line from 1, where it is known.
        line: Option<u32>,
    },
    /// A place in a file outside the image, with its line.
    Line {
        /// As the user would type it.
        path: String,
        /// From 1.
        line: u32,
        /// From 1, in characters.
        column: u32,
        /// The line as it stands, without its indentation.
        text: String,
    },
    /// A path inside the image.
    ImagePath(String),
    /// A field of the image's configuration: `Entrypoint`.
    ImageConfig(&'static str),
}

/// The place that decides a setting of the build; without one, the subject itself.
impl From<&SettingOrigin> for Location {
    fn from(origin: &SettingOrigin) -> Location {
        match origin {
            SettingOrigin::File { path, line, .. } => {
                Location::File { path: path.clone(), line: Some(*line) }
            }
            SettingOrigin::RustFlag { from, .. } => Location::from(&**from),
            SettingOrigin::Default
            | SettingOrigin::Assumed(_)
            | SettingOrigin::Env(_)
            | SettingOrigin::Argument(_) => Location::Subject,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Subject => f.write_str("the binary"),
            Location::Segment(name) => write!(f, "segment {name}"),
            Location::Section(name) => write!(f, "section {name}"),
            Location::Dynamic(tag) => write!(f, "dynamic entry {tag}"),
            Location::Offset(offset) => write!(f, "offset {offset:#x}"),
            Location::File { path, line: Some(line) } => write!(f, "{path}:{line}"),
            Location::File { path, line: None } => f.write_str(path),
            Location::Line { path, line, column, .. } => write!(f, "{path}:{line}:{column}"),
            Location::ImagePath(path) => write!(f, "image {path}"),
            Location::ImageConfig(field) => write!(f, "image config {field}"),
        }
    }
}
