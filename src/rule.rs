//! The words of a rule and of its answer. No rule is named here.

use std::borrow::Cow;
use std::fmt;

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::Origin;
use crate::provenance::record::Record;
#[cfg(test)]
use crate::rootfs::document::config::Config;
use crate::start::command::{By, Command, Failure, FailureKind};
use crate::start::image::Image;
use crate::start::image::elf_tree::Memory;
use crate::start::loader::LoadPlan;
use crate::subject::Facts;

/// One rule: its words and its check. Plain data, so that `explain`, the docs pages and every
/// report format are folds over the same fields.
#[derive(Debug)]
pub struct Rule {
    /// Kebab case, equal to the file name; names the defect, so that `-A <id>` reads as English.
    pub id: &'static str,
    /// The question that this rule belongs to.
    pub group: Group,
    /// The level unless configuration says otherwise.
    pub level: Level,
    /// The first version that had the rule.
    pub since: &'static str,
    /// One line, lower case, no full stop: what is wrong when the rule fails.
    pub summary: &'static str,
    /// What is looked at, and when the answer is fail.
    pub what: &'static str,
    /// What happens to the user of a program that fails.
    pub why: &'static str,
    /// What to do, with a line that can be pasted where there is one.
    pub fix: &'static str,
    /// What a person sees who has this defect; `diagnose` ranks by it.
    pub symptoms: &'static [Symptom],
    /// Specifications, threads and measurements that the rule rests on.
    pub references: &'static [&'static str],
    /// The check; its signature is the list of facts it needs.
    pub check: Check,
}

/// The question a rule helps to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Is this the code that was written?
    Freshness,
    /// Is it for this machine?
    Target,
    /// Will the loader start it?
    Linkage,
    /// Was it built as it was meant?
    Profile,
    /// Will it run in this image?
    Image,
    /// Can its origin be proved?
    Provenance,
    /// Does it carry what should stay home?
    Leak,
    /// Is it hardened as a Rust program can be?
    Hardening,
    /// Can the mistake be seen before the build?
    Dockerfile,
}

impl Group {
    /// Every group, in the order of the reports.
    pub const ALL: &[Group] = &[
        Group::Freshness,
        Group::Target,
        Group::Linkage,
        Group::Profile,
        Group::Image,
        Group::Provenance,
        Group::Leak,
        Group::Hardening,
        Group::Dockerfile,
    ];

    /// The group's name as typed after `-A`, `-W` or `-D`.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Freshness => "freshness",
            Group::Target => "target",
            Group::Linkage => "linkage",
            Group::Profile => "profile",
            Group::Image => "image",
            Group::Provenance => "provenance",
            Group::Leak => "leak",
            Group::Hardening => "hardening",
            Group::Dockerfile => "dockerfile",
        }
    }

    /// The question, as a heading.
    pub const fn question(self) -> &'static str {
        match self {
            Group::Freshness => "Is this the code that was written?",
            Group::Target => "Is it for this machine?",
            Group::Linkage => "Will the loader start it?",
            Group::Profile => "Was it built as it was meant?",
            Group::Image => "Will it run in this image?",
            Group::Provenance => "Can its origin be proved?",
            Group::Leak => "Does it carry what should stay home?",
            Group::Hardening => "Is it hardened as a Rust program can be?",
            Group::Dockerfile => "Can the mistake be seen before the build?",
        }
    }
}

/// What a failing rule means for the exit code. Ordered: allow < warn < deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The rule is not run.
    Allow,
    /// A finding is shown.
    Warn,
    /// A finding is shown and the exit code is 1.
    Deny,
}

impl Level {
    /// The level's name in configuration and in every report.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Allow => "allow",
            Level::Warn => "warn",
            Level::Deny => "deny",
        }
    }
}

#[cfg(test)]
impl Rule {
    /// The answer for an image and nothing else.
    pub fn of_image(&self, image: Image) -> Outcome {
        self.check.run(&Facts { image: Some(image), ..Facts::default() })
    }

    /// The answer for an image of these files that runs these words.
    pub fn of_entrypoint(&self, files: Memory, words: &[&str]) -> Outcome {
        let entrypoint = words.iter().map(|word| (*word).to_owned()).collect();
        self.of_image(Image::of(files, Some(Config { entrypoint, ..Config::default() })))
    }
}

/// A rule is its name.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a person sees from outside, before they know the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symptom {
    /// The program or the engine ends with this code.
    ExitCode(i32),
    /// Nothing at all is printed.
    Silence,
    /// This text is on standard error or in the engine's message.
    Stderr(&'static str),
    /// A client of the program sees this.
    Client(&'static str),
    /// Anything else, in words.
    Behaviour(&'static str),
}

/// A check: the facts it needs are its signature, so no check ever sees an input that was not given.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Needs the subject alone.
    Binary(fn(&Binary) -> Outcome),
    /// Needs the subject and the Cargo build that should have made it.
    Build(fn(&Binary, &Build) -> Outcome),
    /// Needs the runtime image alone.
    Image(fn(&Image) -> Outcome),
    /// Needs the runtime image, and is asked about each of its commands that does not start. What
    /// every such finding says, the message and the files on the way, is put before its evidence.
    /// Where it cannot be told whether a command starts, what would have been said is open.
    Command(fn(&Image, &Command, &Failure) -> Option<Finding>),
    /// Needs the subject and the runtime image.
    Carried(fn(&Binary, &Image) -> Outcome),
    /// Needs what the image's loader would do with the subject.
    Load(fn(&Binary, &Image, &LoadPlan) -> Outcome),
    /// Needs the subject and a record of its build.
    Record(fn(&Binary, &Record) -> Outcome),
    /// Weighs whatever there is; the check itself says what is missing.
    Facts(fn(&Facts) -> Outcome),
}

impl Check {
    /// Runs the check. The one place where a missing input becomes *not applicable*.
    pub fn run(&self, facts: &Facts) -> Outcome {
        let binary = || facts.binary.as_ref().ok_or("no program was given");
        let build = || facts.build.as_ref().ok_or("no Cargo workspace was given");
        let image = || facts.image.as_ref().ok_or("no image was given");
        let load = || facts.load.as_ref().ok_or("no image was given");
        let record = || facts.record.as_ref().ok_or("no record was given");
        let answer = || -> Result<Outcome, &'static str> {
            Ok(match self {
                Check::Binary(check) => check(binary()?),
                Check::Build(check) => check(binary()?, build()?),
                Check::Image(check) => check(image()?),
                Check::Command(check) => commands(image()?, *check),
                Check::Carried(check) => check(binary()?, image()?),
                Check::Load(check) => {
                    let plan = load()?;
                    match (check(binary()?, image()?, plan), &plan.open) {
                        // What the plan did not come to is not in order because of that.
                        (Outcome::Pass, Some(why)) => Outcome::open(why.clone()),
                        (outcome, _) => outcome,
                    }
                }
                Check::Record(check) => check(binary()?, record()?),
                Check::Facts(check) => check(facts),
            })
        };
        answer().unwrap_or_else(Outcome::not_applicable)
    }

    /// What the check reads, for `rules` and the docs.
    pub const fn needs(&self) -> &'static str {
        match self {
            Check::Binary(_) => "binary",
            Check::Build(_) => "binary, Cargo",
            Check::Image(_) | Check::Command(_) => "image",
            Check::Carried(_) => "binary, image",
            Check::Load(_) => "binary, image, loader",
            Check::Record(_) => "binary, record",
            Check::Facts(_) => "whatever is given",
        }
    }
}

fn commands(image: &Image, check: fn(&Image, &Command, &Failure) -> Option<Finding>) -> Outcome {
    if image.config.is_none() {
        return Outcome::not_applicable("a root file system says nothing of what it will run");
    }
    let finding = |command: &Command| {
        let failure = command.failure()?;
        let mut finding = check(image, command, failure)?;
        let mut evidence =
            vec![format!("the message: {} (exit code {})", failure.message, failure.exit_code)];
        evidence.extend(command.steps.iter().map(|step| format!("{} is {}", step.name, step.path)));
        evidence.append(&mut finding.evidence);
        Some(Finding { evidence, ..finding })
    };
    let findings: Vec<Finding> = image.commands.iter().filter_map(finding).collect();
    // Whoever would speak of a failure cannot pass where it is not known whether there is one.
    let would_speak = |command: &Command| {
        let failure = |kind| Failure {
            kind,
            name: "?".to_owned(),
            at: "?".to_owned(),
            by: By::Shell,
            message: String::new(),
            exit_code: 0,
        };
        FailureKind::ALL.iter().any(|kind| check(image, command, &failure(*kind)).is_some())
    };
    let open = image.commands.iter().find_map(|it| it.unknown().filter(|_| would_speak(it)));
    match open.filter(|_| findings.is_empty()) {
        Some(why) => Outcome::open(format!("what the image runs cannot be told: {why}")),
        None => findings.into_iter().collect(),
    }
}

/// The answer of a check (SARIF's kinds). Silence is never an answer, and "could not tell" is
/// never "pass".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Looked at, and in order.
    Pass,
    /// At least one finding.
    Fail(Vec<Finding>),
    /// The question does not arise for this subject, and why.
    NotApplicable(Cow<'static, str>),
    /// The evidence is not enough to decide, and what is missing.
    Open(Cow<'static, str>),
}

impl Outcome {
    /// The question does not arise.
    pub fn not_applicable(why: impl Into<Cow<'static, str>>) -> Outcome {
        Outcome::NotApplicable(why.into())
    }

    /// The evidence is not enough.
    pub fn open(why: impl Into<Cow<'static, str>>) -> Outcome {
        Outcome::Open(why.into())
    }

    /// The outcome's name in every report.
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::NotApplicable(_) => "not-applicable",
            Outcome::Open(_) => "open",
        }
    }

    /// The findings; empty unless the outcome is fail.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Outcome::Fail(findings) => findings,
            Outcome::Pass | Outcome::NotApplicable(_) | Outcome::Open(_) => &[],
        }
    }
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Outcome {
        Outcome::Fail(vec![finding])
    }
}

/// No finding is a pass.
impl FromIterator<Finding> for Outcome {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Outcome {
        let findings: Vec<Finding> = findings.into_iter().collect();
        if findings.is_empty() { Outcome::Pass } else { Outcome::Fail(findings) }
    }
}

/// One defect: what was seen, where, on what evidence, and the line that heals it.
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
        }
    }

    /// Adds a piece of evidence.
    pub fn evidence(mut self, evidence: impl Into<String>) -> Finding {
        self.evidence.push(evidence.into());
        self
    }

    /// Sets the line to paste.
    pub fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// Caps the finding at a warning, because its evidence is weaker than the rule's own.
    pub fn at_most_warn(mut self) -> Finding {
        self.at_most = Some(Level::Warn);
        self
    }
}

/// Where a finding is. Exactly one a finding.
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
    /// A path inside the image.
    ImagePath(String),
    /// A field of the image's configuration: `Entrypoint`.
    ImageConfig(&'static str),
}

/// The place that decides a setting of the build; without one, the subject itself.
impl From<&Origin> for Location {
    fn from(origin: &Origin) -> Location {
        match origin {
            Origin::File { path, line, .. } => {
                Location::File { path: path.clone(), line: Some(*line) }
            }
            Origin::RustFlag { from, .. } => Location::from(&**from),
            Origin::Default | Origin::Assumed(_) | Origin::Env(_) | Origin::Argument(_) => {
                Location::Subject
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Subject => f.write_str("the program"),
            Location::Segment(name) => write!(f, "segment {name}"),
            Location::Section(name) => write!(f, "section {name}"),
            Location::Dynamic(tag) => write!(f, "dynamic entry {tag}"),
            Location::Offset(offset) => write!(f, "offset {offset:#x}"),
            Location::File { path, line: Some(line) } => write!(f, "{path}:{line}"),
            Location::File { path, line: None } => f.write_str(path),
            Location::ImagePath(path) => write!(f, "image {path}"),
            Location::ImageConfig(field) => write!(f, "image config {field}"),
        }
    }
}
