//! The commands that fix a stale build: what to type so that this workspace is compiled again.

use std::path::Path;

use crate::cargo::build::{Build, InvocationContext};
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::target_dir::units::UnitKind;
use crate::fix_line::shell_command;

impl Build {
    /// The command that makes the subject anew from where it was asked for, to be pasted:
    /// `cargo build --release --target T`, and what puts it where the subject lies.
    pub fn command(&self) -> String {
        let put = self.freshness.elsewhere.as_ref().map(|to| put(self, &self.executable, to));
        [cargo_build(self)].into_iter().chain(put).collect::<Vec<_>>().join(" && ")
    }
}

/// `cp target/release/my-app /usr/local/bin/my-app`.
pub fn put(build: &Build, from: &Path, to: &Path) -> String {
    let named = |path: &Path| {
        path.strip_prefix(&build.invocation.cwd).unwrap_or(path).display().to_string()
    };
    shell_command(["cp", &named(from), &named(to)])
}

fn cargo_build(build: &Build) -> String {
    let package = build.invocation.names_package.then_some(["-p", build.package.name.as_str()]);
    let package = package.iter().flatten().map(|word| (*word).to_owned());
    let command = command("build", build, package);
    match build.requested_features.words() {
        features if features.is_empty() => command,
        features => format!("{command} {}", shell_command(features)),
    }
}

/// Makes Cargo see that these crates changed, whatever their files' dates, and builds them. The
/// root file of a crate is always among those whose dates Cargo looks at.
pub fn touch_and_build(build: &Build, states: &[&CrateFreshness]) -> String {
    let mut files: Vec<String> = Vec::new();
    for state in with_all_that_is_stale(build, states) {
        // A build script's run has its script as root: it is repeated when that is compiled again.
        let watched = from_here(build, &state.root);
        if !files.contains(&watched) {
            files.push(watched);
        }
    }
    format!("touch {} && {}", shell_command(files), build.command())
}

/// Throws away what was compiled of these crates, with the flags without which Cargo removes
/// nothing that matters.
pub fn clean_and_build(build: &Build, states: &[&CrateFreshness]) -> String {
    let mut packages: Vec<String> = Vec::new();
    for state in with_all_that_is_stale(build, states) {
        if !packages.contains(&state.package) {
            packages.extend(["-p".to_owned(), state.package.clone()]);
        }
    }
    format!("{} && {}", command("clean", build, packages), build.command())
}

/// The line for crates that are stale: where Cargo would not see it by itself, their dates have to be
/// made new.
pub fn build_again(build: &Build, states: &[&CrateFreshness]) -> String {
    let stale = with_all_that_is_stale(build, states);
    let hidden: Vec<&CrateFreshness> =
        stale.into_iter().filter(|state| state.cargo_calls_it_fresh()).collect();
    if hidden.is_empty() { build.command() } else { touch_and_build(build, &hidden) }
}

/// These crates and every other one that Cargo would leave as it is though it is another: a new
/// `main` may not even compile against the placeholder of its library.
fn with_all_that_is_stale<'a>(
    build: &'a Build,
    states: &[&'a CrateFreshness],
) -> Vec<&'a CrateFreshness> {
    let freshness = &build.freshness;
    let is_stale = |state: &&CrateFreshness| state.is_stale() && state.cargo_calls_it_fresh();
    let others = freshness.crates.iter().chain(&freshness.also_stale).filter(is_stale);
    let others = others.filter(|it| !states.iter().any(|known| std::ptr::eq(*known, *it)));
    states.iter().copied().chain(others).collect()
}

/// One of cargo's commands for the subject's profile, target and directories.
fn command(verb: &str, build: &Build, more: impl IntoIterator<Item = String>) -> String {
    let mut words = vec!["cargo".to_owned(), verb.to_owned()];
    words.extend(more);
    match build.profile.name.as_str() {
        "" | "dev" => {}
        "release" => words.push("--release".to_owned()),
        name => words.extend(["--profile".to_owned(), name.to_owned()]),
    }
    if let Some(target) = &build.target {
        words.extend(["--target".to_owned(), target.clone()]);
    }
    words.extend(build.invocation.places.iter().cloned());
    shell_command(words)
}

/// A file of the workspace, named as it would be from where the linter was started.
fn from_here(build: &Build, path: &str) -> String {
    let InvocationContext { cwd, .. } = &build.invocation;
    let root = &build.workspace_root;
    if let Ok(below) = cwd.strip_prefix(root) {
        return "../".repeat(below.components().count()) + path;
    }
    let path = root.join(path);
    path.strip_prefix(cwd).unwrap_or(&path).display().to_string()
}

/// What a crate is called in a sentence: "the program", "the library `core`".
pub fn name(state: &CrateFreshness) -> String {
    let kind = state.unit.as_ref().map(|unit| &unit.kind);
    match state.role {
        CrateRole::Program => match kind {
            Some(UnitKind::Bin(name)) => format!("the program `{name}`"),
            _ => "the program".to_owned(),
        },
        CrateRole::OwnLibrary => format!("the library of `{}`", state.package),
        CrateRole::BuildScript => format!("the build script of `{}`", state.package),
        CrateRole::BuildScriptRun => format!("what the build script of `{}` wrote", state.package),
        CrateRole::Member => format!("the crate `{}`", state.package),
    }
}
