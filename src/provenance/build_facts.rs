//! What a build was made from: the facts that a record is written from, and verified against.

use std::path::PathBuf;

use crate::cargo::build::Build;
use crate::cargo::crate_freshness::CrateFreshness;
use crate::cargo::evidence::listed_files;
use crate::cargo::source::cfg::Compiled;
use crate::cargo::source::module_tree::normalized;
use crate::cargo::toolchain::BuildEnvironment;
use crate::cargo::workspace::git::Git;
use crate::digest::sha256_hex;
use crate::provenance::fs::{HashedFile, HashedSources};
use crate::provenance::source_proof::SourceProofs;
use crate::toolchain::fingerprint::Local;

/// What the parameters of a record mean: a package URL with the page of this crate that says so.
pub const BUILD_TYPE: &str = "pkg:cargo/cargo-binlint?build-type=cargo-build-v1#docs/provenance.md";
/// Who made a record: the build itself, which nobody watched.
pub const SELF_ATTESTED: &str = "pkg:cargo/cargo-binlint?builder=self-attested#docs/provenance.md";
/// The name of the lockfile among the dependencies.
pub const LOCKFILE: &str = "Cargo.lock";
/// The name of the digest over all sources among the dependencies.
pub const SOURCES: &str = "sources";
/// The name of the commit among the dependencies.
pub const COMMIT: &str = "git";
/// The digest of all sources: SHA-256 over what `sha256sum` prints for them, sorted by path.
pub fn digest_of_all(files: &[HashedFile]) -> String {
    let line = |HashedFile { sha256, path }: &HashedFile| match path.contains(['\\', '\n', '\r']) {
        false => format!("{sha256}  {path}\n"),
        // As sha256sum keeps one name on one line.
        true => {
            let path = path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            format!("\\{sha256}  {path}\n")
        }
    };
    sha256_hex(files.iter().map(line).collect::<String>().as_bytes())
}

/// Where the sources of the program lie: the files that its crates were compiled from and would be
/// compiled from now, by dep-info and by `mod`, `#[path]` and `include!`, and what their build
/// scripts watch, files and directories. A stale dep-info alone would name yesterday's files.
pub fn places_of_sources(build: &Build) -> Vec<PathBuf> {
    let linked = build.dependencies.as_deref();
    // Without units every crate of the workspace is a candidate. Only some are linked, and what a
    // feature or a target decides of the others is not known.
    let is_part = |state: &&CrateFreshness| {
        state.unit.is_some()
            || state.package == build.package.name
            || linked.is_none_or(|all| all.iter().any(|it| it.always && it.name == state.package))
    };
    let mut places: Vec<PathBuf> = Vec::new();
    for state in build.freshness.crates.iter().filter(is_part) {
        let tree = state.tree.iter().flat_map(|tree| &tree.files);
        let compiled = tree.filter(|file| file.compiled == Compiled::Yes);
        places.extend(compiled.map(|file| file.path.clone()));
        let Some(unit) = &state.unit else { continue };
        places.extend(listed_files(unit, &state.directory, &build.build_dir));
        for local in unit.fingerprint.iter().flat_map(|fingerprint| &fingerprint.local) {
            if let Local::RerunIfChanged { paths } = local {
                places.extend(paths.iter().map(|path| normalized(&state.directory.join(path))));
            }
        }
    }
    places.sort();
    places.dedup();
    places
}

/// One program's build, whole.
#[derive(Debug, Clone, Copy)]
pub struct BuildFacts<'a> {
    /// What Cargo says.
    pub build: &'a Build,
    /// What was typed beside package, binary, profile and target.
    pub request: &'a BuildRequest,
    /// The machine.
    pub stage: &'a BuildEnvironment,
    /// The files of the path crates.
    pub sources: &'a HashedSources,
    /// SHA-256 of `Cargo.lock`.
    pub lockfile: Option<&'a str>,
    /// The commit.
    pub git: Option<&'a Git>,
    /// How strongly each crate is shown to come from the sources; `None`: nothing is claimed, for a comparison.
    pub proofs: Option<&'a SourceProofs>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<u64>,
}

/// Whether a `--config` sets nothing but a profile: alone of all settings those name no program
/// that cargo would start, and no file that it would read.
pub fn is_profile_setting(word: &str) -> bool {
    let table = word.parse::<toml::Table>();
    table.is_ok_and(|table| table.len() == 1 && table.contains_key("profile"))
}

/// Whether a text can be a triple, and neither a path nor an option.
pub fn is_triple(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.chars().all(plain)
        && !text.ends_with(".json")
}

/// Words of a `cargo build` that its facts do not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildRequest {
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// `--config`.
    pub config: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_profiles_are_obeyed() {
        assert!(is_profile_setting("profile.release.lto = true"));
        assert!(is_profile_setting("profile.dev.package.a.opt-level=1"));
        for word in [
            "build.rustc-wrapper=\"/tmp/evil\"",
            "profile.dev.debug=0\nbuild.rustc=\"/tmp/evil\"",
            "evil.toml",
            "include=[\"evil.toml\"]",
            "",
        ] {
            assert!(!is_profile_setting(word), "{word}");
        }
    }

    #[test]
    fn a_target_is_no_path_and_no_option() {
        assert!(is_triple("thumbv8m.main-none-eabi") && is_triple("x86_64-unknown-linux-musl"));
        for text in ["", "--sysroot", "../evil.json", "evil.json", "a b"] {
            assert!(!is_triple(text), "{text}");
        }
    }
}
