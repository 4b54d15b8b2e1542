//! What a rule is: its metadata and its check. No rule is named here.

use std::fmt;

use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::dockerfile::Dockerfile;
use crate::provenance::record::RecordFacts;
#[cfg(test)]
use crate::rootfs::document::config::ImageConfig;
use crate::start::command::{FailureKind, Requester, ResolvedCommand, StartFailure};
use crate::start::image::Image;
#[cfg(test)]
use crate::start::image::elf_tree::InMemoryTree;
use crate::start::loader::StartPrediction;
use crate::subject::Facts;

pub mod need;
pub mod outcome;
pub mod settle;

pub use need::{
    NO_BINARY, NO_BUILD, NO_DOCKERFILE, NO_IMAGE, NO_RECORD, NO_UNIT, NOT_COMPARED, NOT_RUST, Need,
    Needs,
};
pub use outcome::{Edit, Finding, Inconclusive, Location, Outcome};

/// One rule: its words and its check. Plain data, so that `explain`, the docs pages and every
/// report format are folds over the same fields.
///
/// ```
/// for rule in binlint::rules() {
///     println!("{}: {}", rule.id, rule.summary);
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Kebab case, equal to the file name; names the defect, so that `-A <id>` reads as English.
    pub id: &'static str,
    /// Earlier ids, which configuration, options and `explain` still accept.
    pub aliases: &'static [&'static str],
    /// The question that this rule belongs to.
    pub group: Group,
    /// The level unless configuration says otherwise.
    pub level: Level,
    /// The first version that had the rule.
    pub since: &'static str,
    /// Whether users can rely on the rule and on its id.
    pub status: Status,
    /// One line, lower case, no full stop: what is wrong when the rule fails.
    pub summary: &'static str,
    /// What is checked, and when the outcome is fail.
    pub what: &'static str,
    /// What happens to the user of a binary that fails.
    pub why: &'static str,
    /// How to fix it, with a line that can be pasted where there is one.
    pub fix: &'static str,
    /// Why a finding of this rule can be without a fix line; `None` if every finding has one.
    pub no_fix_line: Option<&'static str>,
    /// What a person sees who has this defect; `diagnose` ranks by it.
    pub symptoms: &'static [Symptom],
    /// URLs (`https://…`) and man pages (`ld.so(8)`) that the rule rests on.
    pub references: &'static [&'static str],
    /// The check; it declares the facts it needs.
    #[doc(hidden)]
    pub check: CheckFn,
}

/// Where the pages of the rules are published, with a final slash. Empty while they are published
/// nowhere: a page is then named by its path in the repository.
const PAGES: &str = "";

impl Rule {
    /// The address of the rule's page: `docs/rules/ID.md` in the repository unless it is published.
    pub fn url(&self) -> String {
        let base = if PAGES.is_empty() { "docs/rules/" } else { PAGES };
        format!("{base}{}.md", self.id)
    }

    /// Whether the rule is called by this name now, or was called so earlier.
    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || self.aliases.contains(&name)
    }
}

/// Whether users can rely on a rule and on its id.
///
/// ```
/// let renamed = |rule: &&binlint::Rule| matches!(rule.status, binlint::Status::Renamed { .. });
/// assert!(binlint::rules().filter(renamed).all(|rule| !rule.aliases.is_empty()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The id and the meaning stay.
    Stable,
    /// The rule has a new id; the old ones are its aliases.
    Renamed {
        /// The version that renamed it.
        since: &'static str,
        /// Why the old id was wrong.
        reason: &'static str,
    },
    /// The rule will be removed.
    Deprecated {
        /// The version that deprecated it.
        since: &'static str,
        /// Why, and what to use instead.
        reason: &'static str,
    },
}

impl Status {
    /// The status in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Stable => "stable",
            Status::Renamed { .. } => "renamed",
            Status::Deprecated { .. } => "deprecated",
        }
    }
}

/// The question a rule helps to answer.
///
/// ```
/// assert_eq!(binlint::Group::Linkage.question(), "Will the loader start it?");
/// ```
#[non_exhaustive]
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
///
/// ```
/// assert!(binlint::Level::Warn < binlint::Level::Deny);
/// ```
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

    /// The lines of a Dockerfile that are found, with the level that counts there.
    pub fn of_dockerfile(&self, dockerfile: &Dockerfile) -> Vec<(u32, Level)> {
        let CheckFn::Dockerfile(check) = self.check else {
            panic!("{} reads no Dockerfile", self.id)
        };
        let found = |finding: &Finding| match finding.location {
            Location::Line { line, .. } => {
                (line, finding.at_most.map_or(self.level, |cap| cap.min(self.level)))
            }
            ref other => panic!("{}: {other}", self.id),
        };
        check(dockerfile).findings().iter().map(found).collect()
    }

    /// The answer for an image of these files that runs these words.
    pub fn of_entrypoint(&self, files: InMemoryTree, words: &[&str]) -> Outcome {
        let entrypoint = words.iter().map(|word| (*word).to_owned()).collect();
        self.of_image(Image::from_tree(
            files,
            Some(ImageConfig { entrypoint, ..ImageConfig::default() }),
        ))
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
///
/// ```
/// let silent = |rule: &&binlint::Rule| rule.symptoms.contains(&binlint::Symptom::Silence);
/// assert!(binlint::rules().any(|rule| silent(&rule)));
/// ```
#[non_exhaustive]
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

/// As a list on the rule's page shows it.
impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Symptom::ExitCode(code) => write!(f, "exit code {code}"),
            Symptom::Silence => f.write_str("no output at all"),
            Symptom::Stderr(text) => write!(f, "on standard error: `{text}`"),
            Symptom::Client(text) => write!(f, "a client reports: `{text}`"),
            Symptom::Behaviour(text) => f.write_str(text),
        }
    }
}

/// A check: it declares the facts it needs, so no check ever sees an input that was not given.
#[derive(Debug, Clone, Copy)]
pub enum CheckFn {
    /// Needs the subject alone.
    Binary(fn(&Binary) -> Outcome),
    /// Needs the subject and the Cargo build that should have made it.
    Build(fn(&Binary, &Build) -> Outcome),
    /// Needs the runtime image alone.
    Image(fn(&Image) -> Outcome),
    /// Needs the runtime image, and is asked about each of its commands that does not start. What
    /// every such finding says, the message and the files on the way, is put before its evidence.
    /// Where it cannot be told whether a command starts, what would have been said is open.
    Command(fn(&Image, &ResolvedCommand, &StartFailure) -> Option<Finding>),
    /// Needs the subject and the runtime image.
    InImage(fn(&Binary, &Image) -> Outcome),
    /// Needs what the image's loader would do with the subject.
    Load(fn(&Binary, &Image, &StartPrediction) -> Outcome),
    /// Needs the subject and a record of its build.
    Record(fn(&Binary, &RecordFacts) -> Outcome),
    /// Needs a Dockerfile, beside its context and workspace as far as they are known.
    Dockerfile(fn(&Dockerfile) -> Outcome),
    /// Needs what it declares, and weighs the optional inputs that are given.
    Facts(Needs, fn(&Facts) -> Outcome),
}

/// An input that the check needs and nobody gave: why the rule is not applicable.
struct MissingInput(&'static str);

impl CheckFn {
    /// Runs the check. The one place where a missing input becomes *not applicable*.
    pub fn run(&self, facts: &Facts) -> Outcome {
        let binary = || facts.binary.as_ref().ok_or(MissingInput(NO_BINARY));
        let build = || facts.build.as_ref().ok_or(MissingInput(NO_BUILD));
        let image = || facts.image.as_ref().ok_or(MissingInput(NO_IMAGE));
        let load = || facts.load.as_ref().ok_or(MissingInput(NO_IMAGE));
        let record = || facts.record.as_ref().ok_or(MissingInput(NO_RECORD));
        let dockerfile = || facts.dockerfile.as_ref().ok_or(MissingInput(NO_DOCKERFILE));
        let answer = || -> Result<Outcome, MissingInput> {
            Ok(match self {
                CheckFn::Binary(check) => check(binary()?),
                CheckFn::Build(check) => check(binary()?, build()?),
                CheckFn::Image(check) => check(image()?),
                CheckFn::Command(check) => commands(image()?, *check),
                CheckFn::InImage(check) => check(binary()?, image()?),
                CheckFn::Load(check) => {
                    let plan = load()?;
                    match (check(binary()?, image()?, plan), &plan.open) {
                        // What the plan did not come to is not in order because of that.
                        (Outcome::Pass(_), Some(why)) => {
                            Outcome::open(why.clone(), settle::IN_CONTAINER)
                        }
                        (outcome, _) => outcome,
                    }
                }
                CheckFn::Record(check) => check(binary()?, record()?),
                CheckFn::Dockerfile(check) => dockerfile_outcome(dockerfile()?, *check),
                CheckFn::Facts(needs, check) => {
                    match needs.required.iter().find_map(|need| need.missing(facts)) {
                        Some(why) => return Err(MissingInput(why)),
                        None => check(facts),
                    }
                }
            })
        };
        let outcome = answer().unwrap_or_else(|MissingInput(why)| Outcome::not_applicable(why));
        match outcome {
            Outcome::Fail(mut findings) if is_of_image(facts) => {
                for fix in findings.iter_mut().filter_map(|it| it.fix.as_mut()) {
                    *fix = in_dockerfile(fix);
                }
                Outcome::Fail(findings)
            }
            outcome => outcome,
        }
    }

    /// The first input that the check needs and these facts lack.
    pub fn missing_input(&self, facts: &Facts) -> Option<Need> {
        self.needs().required.iter().copied().find(|need| need.missing(facts).is_some())
    }

    /// What the check reads, for `rules` and the docs.
    pub const fn needs(&self) -> Needs {
        use Need::{Binary, Cargo, Dockerfile, Image, Loader, Record};
        let required: &'static [Need] = match self {
            CheckFn::Binary(_) => &[Binary],
            CheckFn::Build(_) => &[Binary, Cargo],
            CheckFn::Image(_) | CheckFn::Command(_) => &[Image],
            CheckFn::InImage(_) => &[Binary, Image],
            CheckFn::Load(_) => &[Binary, Image, Loader],
            CheckFn::Record(_) => &[Binary, Record],
            CheckFn::Dockerfile(_) => &[Dockerfile],
            CheckFn::Facts(needs, _) => return *needs,
        };
        Needs::new(required, &[])
    }
}

/// What is not understood of a Dockerfile is never in order because of that.
fn dockerfile_outcome(dockerfile: &Dockerfile, check: fn(&Dockerfile) -> Outcome) -> Outcome {
    let outcome = check(dockerfile);
    let unclear = || {
        dockerfile.used().flat_map(|(_, _, it)| &it.unclear).next().map(|(_, place, why)| {
            let line = dockerfile.source.position(*place).line;
            Outcome::open(format!("line {line} is not understood: {why}"), settle::IN_IMAGE)
        })
    };
    match outcome {
        Outcome::Pass(found) => unclear().unwrap_or(Outcome::Pass(found)),
        outcome => outcome,
    }
}

fn commands(
    image: &Image,
    check: fn(&Image, &ResolvedCommand, &StartFailure) -> Option<Finding>,
) -> Outcome {
    if image.config.is_none() {
        return Outcome::not_applicable(
            "a root file system has no configuration that says what it runs",
        );
    }
    let finding = |command: &ResolvedCommand| {
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
    let would_speak = |command: &ResolvedCommand| {
        let failure = |kind| StartFailure {
            kind,
            name: "?".to_owned(),
            at: "?".to_owned(),
            by: Requester::Shell,
            message: String::new(),
            exit_code: 0,
        };
        FailureKind::ALL.iter().any(|kind| check(image, command, &failure(*kind)).is_some())
    };
    let open = image.commands.iter().find_map(|it| it.unknown().filter(|_| would_speak(it)));
    match open.filter(|_| findings.is_empty()) {
        Some(why) => Outcome::open(
            format!("what the image runs is not known: {why}"),
            "start the container to settle it",
        ),
        None => Outcome::of(findings, found_of(image)),
    }
}

/// What every command of the image comes to, for the rule that has nothing against it.
fn found_of(image: &Image) -> String {
    let of_command = |command: &ResolvedCommand| {
        let field = command.field;
        match (command.failure(), command.program()) {
            (Some(failure), _) => {
                format!("{field} fails for another reason ({})", failure.message)
            }
            (None, Some(program)) => format!("{field} runs {program}"),
            (None, None) => format!("{field} runs {}", command.words.join(" ")),
        }
    };
    match image.commands.iter().map(of_command).collect::<Vec<_>>() {
        commands if commands.is_empty() => "the image runs no command".to_owned(),
        commands => commands.join("; "),
    }
}

/// Whether the subject is a file that was found in the image.
fn is_of_image(facts: &Facts) -> bool {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else { return false };
    image.programs.iter().any(|program| program.path == binary.path)
}

/// The commands with which fix lines begin, where they are not variables.
const COMMANDS: &[&str] = &["cargo", "patchelf", "sed", "upx"];

/// A fix line of a binary that lies in an image: the image is built by its Dockerfile, and what is
/// touched or built on the host never gets there. Every other line stays as it is.
fn in_dockerfile(line: &str) -> String {
    if line.starts_with("touch ")
        && let Some((_, build)) = line.split_once(" && ")
    {
        return format!("RUN cargo binlint freshen && {build}");
    }
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_variable = first.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|it| it.is_ascii_uppercase() || "_0123456789".contains(it))
    });
    if COMMANDS.contains(&first) || is_variable { format!("RUN {line}") } else { line.to_owned() }
}

/// The architecture of the binary, as targets name it; x86_64 where it is not known.
pub fn arch_of(binary: &Binary) -> &'static str {
    binary.machine.as_ref().map_or("x86_64", |machine| machine.arch)
}

/// The line of a build stage that compiles for an image's architecture (`arm64`). `docker build
/// --platform` alone makes images with foreign binaries, where a stage compiles for its own machine.
pub fn compile_for(architecture: &str) -> String {
    let arch = match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i686",
        "ppc64le" => "powerpc64le",
        "riscv64" => "riscv64gc",
        "s390x" => "s390x",
        other => return format!("in the build stage, compile for {other} and copy that output"),
    };
    let triple = format!("{arch}-unknown-linux-gnu");
    format!("RUN cargo build --release --target {triple} # then copy from target/{triple}/release")
}

/// The line that puts the build stage on the release of the runtime image.
pub fn same_release(image: &Image) -> String {
    let release = image.release.clone().unwrap_or_default();
    let branch = release.version.split('.').take(2).collect::<Vec<_>>().join(".");
    match release.id.as_str() {
        "debian" if !release.codename.is_empty() => {
            format!("FROM rust:{} # the build stage on the release of this image", release.codename)
        }
        "alpine" if !branch.is_empty() => {
            format!("FROM rust:alpine{branch} # the build stage on the release of this image")
        }
        "" => "use one release of one distribution in the build stage and in the image".to_owned(),
        _ => format!("build on {}, the release of this image", release.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_a_binary_in_an_image_belongs_into_its_dockerfile() {
        for (line, expected) in [
            (
                "touch src/main.rs && cargo build --release",
                "RUN cargo binlint freshen && cargo build --release",
            ),
            ("cargo build --release", "RUN cargo build --release"),
            ("RUSTFLAGS=\"-C a\" cargo build", "RUN RUSTFLAGS=\"-C a\" cargo build"),
            ("ENV RUST_LOG=info", "ENV RUST_LOG=info"),
            ("USER 10001:10001", "USER 10001:10001"),
            ("strip = true # in [profile.release]", "strip = true # in [profile.release]"),
        ] {
            assert_eq!(in_dockerfile(line), expected);
        }
    }

    /// The same finding about a file of this machine, and about one that was found in an image.
    #[test]
    fn only_a_binary_of_an_image_is_fixed_in_a_dockerfile() {
        let check =
            |_: &Binary| Finding::new(Location::Subject, "x").fix("cargo build --release").into();
        let binary = Binary { path: "/app".to_owned(), ..Binary::default() };
        let mut facts = Facts { binary: Some(binary.clone()), ..Facts::default() };
        let fix = |facts: &Facts| CheckFn::Binary(check).run(facts).findings()[0].fix.clone();
        assert_eq!(fix(&facts).as_deref(), Some("cargo build --release"));
        facts.image = Some(Image::default());
        assert_eq!(fix(&facts).as_deref(), Some("cargo build --release"));
        let programs = vec![std::sync::Arc::new(binary)];
        facts.image = Some(Image { programs, ..Image::default() });
        assert_eq!(fix(&facts).as_deref(), Some("RUN cargo build --release"));
    }
}
