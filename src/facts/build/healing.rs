//! The lines that heal a stale build: what to type so that this workspace is compiled again.

use super::Build;
use super::crate_state::{CrateState, Role};
use super::units::UnitKind;

/// The command that builds what the subject should be: `cargo build --release --target T`.
pub fn build_command(build: &Build) -> String {
    with_flags("cargo build", build)
}

/// Makes Cargo see that these crates changed, whatever their files' dates, and builds them. The
/// root file of a crate is always among those whose dates Cargo looks at.
pub fn touch_and_build(build: &Build, states: &[&CrateState]) -> String {
    let mut files: Vec<String> = Vec::new();
    for state in states {
        // A build script's run has its script as root: it is repeated when that is compiled again.
        let watched = quoted(&state.root);
        if !files.contains(&watched) {
            files.push(watched);
        }
    }
    format!("touch {} && {}", files.join(" "), build_command(build))
}

/// Throws away what was compiled of these crates, with the flags without which Cargo removes
/// nothing that matters.
pub fn clean_and_build(build: &Build, states: &[&CrateState]) -> String {
    let mut packages: Vec<String> = Vec::new();
    for state in states {
        let word = format!("-p {}", state.package);
        if !packages.contains(&word) {
            packages.push(word);
        }
    }
    let clean = with_flags(&format!("cargo clean {}", packages.join(" ")), build);
    format!("{clean} && {}", build_command(build))
}

fn with_flags(command: &str, build: &Build) -> String {
    let profile = match build.profile.name.as_str() {
        "" | "dev" => String::new(),
        "release" => " --release".to_owned(),
        name => format!(" --profile {name}"),
    };
    let target = build.target.as_ref().map(|it| format!(" --target {}", quoted(it)));
    format!("{command}{profile}{}", target.unwrap_or_default())
}

fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+@:".contains(letter);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What a crate is called in a sentence: "the program", "the library `core`".
pub fn name(state: &CrateState) -> String {
    let kind = state.unit.as_ref().map(|unit| &unit.kind);
    match state.role {
        Role::Program => match kind {
            Some(UnitKind::Bin(name)) => format!("the program `{name}`"),
            _ => "the program".to_owned(),
        },
        Role::OwnLibrary => format!("the library of `{}`", state.package),
        Role::BuildScript => format!("the build script of `{}`", state.package),
        Role::BuildScriptRun => format!("what the build script of `{}` wrote", state.package),
        Role::Member => format!("the crate `{}`", state.package),
    }
}
