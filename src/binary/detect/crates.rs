//! The crates inside: by the source paths of panic locations, and by cargo-auditable's record.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use flate2::read::ZlibDecoder;
use serde::Deserialize;

use crate::binary::{CrateSource, NamedCrate};
use crate::toolchain::std_paths::{OF_STD, RELEASE_HOMES, is_hash, is_of_std, trimmed_package};

/// The record of a thousand packages is about 200 kB of JSON; what unpacks to more is none.
const MAX_RECORD: u64 = 8 << 20;
/// Cargo.lock files of the largest workspaces have two thousand packages.
const MAX_CRATES: usize = 20_000;

/// The crates that the paths of panic locations name, each with its exact boundaries: a whole
/// component `NAME-VERSION` directly inside a folder that only cargo, a distribution or
/// `cargo vendor` fills. Never wrong where it was measured, and about half of what is there:
/// code that cannot panic leaves no path.
pub(crate) fn from_paths<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<NamedCrate> {
    let mut found: BTreeMap<(String, String), Doubt> = BTreeMap::new();
    let mut std_apart = false;
    let (mut prebuilt, mut rust_src) = (false, false);
    for path in paths {
        let path = path.replace('\\', "/");
        if is_of_std(&path) {
            std_apart |= path.starts_with("/rust/deps/");
            prebuilt |= path.starts_with("/rustc/");
            rust_src |= path.contains("/rustlib/src/rust/");
            continue;
        }
        let trimmed = trimmed_package(&path);
        let Some((name, version)) = trimmed.map_or_else(|| package(&path), name_and_version) else {
            continue;
        };
        // What std is built from has the same paths, and no version of it is known beforehand.
        if trimmed.is_some() && OF_STD.contains(&name) {
            std_apart = true;
            continue;
        }
        if found.len() >= MAX_CRATES {
            break;
        }
        // One path outside the release machines' homes is enough to be the program's own.
        let of_std = OF_STD.contains(&name);
        let shared = RELEASE_HOMES.iter().any(|home| path.starts_with(home));
        let doubt = if of_std && shared {
            Doubt::SharedHome
        } else if of_std {
            Doubt::Name
        } else {
            Doubt::None
        };
        let entry = found.entry((name.to_string(), version.to_string())).or_insert(doubt);
        *entry = doubt.min(*entry);
    }
    // With -Zbuild-std, what the standard library is built from comes out of the same registry as
    // all else, and no path is the prebuilt one's.
    let built_std = rust_src && !prebuilt;
    let doubtful = |doubt: Doubt| match doubt {
        Doubt::None => false,
        Doubt::Name => built_std,
        Doubt::SharedHome => built_std || !std_apart,
    };
    found
        .into_iter()
        .filter(|(_, doubt)| !doubtful(*doubt))
        .map(|((name, version), _)| NamedCrate { name, version, from: CrateSource::PanicPath })
        .collect()
}

/// Whether a package may be the standard library's own copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// The standard library uses none of this name.
    None,
    /// It uses one of this name.
    Name,
    /// It does, and the path is one that its own build could have had.
    SharedHome,
}

/// The first component that is a package, with its version.
fn package(path: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = path.split('/').collect();
    parts.windows(3).find_map(|window| {
        // The last component is a file, never a package.
        let [parent, part, _] = window else { return None };
        if holds_packages(parent) { name_and_version(part) } else { None }
    })
}

/// `index.crates.io-<16 hex>` (cargo), `registry` (Debian, or remapped), `vendor` and its kin.
fn holds_packages(folder: &str) -> bool {
    matches!(folder, "registry" | "cargo_registry" | "vendor" | "cargo-vendor-dir" | "cargo-vendor")
        || folder.rsplit_once('-').is_some_and(|(host, hash)| host.contains('.') && is_hash(hash))
}

/// `NAME-1.2.3`, `NAME-1.2.3-rc.1+build`.
fn name_and_version(part: &str) -> Option<(&str, &str)> {
    let dash = part.match_indices('-').map(|(at, _)| at).find(|&at| is_version(&part[at + 1..]))?;
    let (name, version) = (&part[..dash], &part[dash + 1..]);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some((name, version))
}

/// Semantic Versioning 2.0, as far as cargo takes it.
fn is_version(text: &str) -> bool {
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(core_end);
    let numbers: Vec<&str> = core.split('.').collect();
    let number = |text: &&str| {
        !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit())
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    numbers.len() == 3 && numbers.iter().all(number) && rest.len() != 1 && rest.bytes().all(word)
}

/// What cargo-auditable wrote: its section is the zlib stream of a JSON document.
#[derive(Debug, Deserialize)]
struct AuditRecord {
    packages: Vec<AuditedPackage>,
}

#[derive(Debug, Deserialize)]
struct AuditedPackage {
    name: String,
    version: String,
}

/// Why a `.dep-v0` section is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuditRecordError {
    /// It cannot be unpacked.
    #[error(".dep-v0 is no zlib stream")]
    NotZlib,
    /// It unpacks to more than any record has.
    #[error(".dep-v0 unpacks to more than {MAX_RECORD} bytes")]
    TooLarge,
    /// It unpacks to something else.
    #[error(".dep-v0 is no record: {reason}")]
    NotARecord {
        /// What the parser expected.
        reason: String,
    },
}

/// The packages of a `.dep-v0` section, build dependencies too.
///
/// # Errors
/// The section is no record: damaged, or unpacking to more than any.
pub(crate) fn from_record(section: &[u8]) -> Result<Vec<NamedCrate>, AuditRecordError> {
    let mut json = Vec::new();
    let unpacked = ZlibDecoder::new(section).take(MAX_RECORD + 1).read_to_end(&mut json);
    unpacked.map_err(|_| AuditRecordError::NotZlib)?;
    if json.len() as u64 > MAX_RECORD {
        return Err(AuditRecordError::TooLarge);
    }
    let record: AuditRecord = serde_json::from_slice(&json)
        .map_err(|error| AuditRecordError::NotARecord { reason: error.to_string() })?;
    let crates: BTreeSet<NamedCrate> = record
        .packages
        .into_iter()
        .take(MAX_CRATES)
        .map(|package| NamedCrate {
            name: package.name,
            version: package.version,
            from: CrateSource::DepV0,
        })
        .collect();
    Ok(crates.into_iter().collect())
}

/// Both lists as one: a crate whose code was seen says so, the record adds what leaves no path.
pub(crate) fn merge(seen: Vec<NamedCrate>, recorded: Vec<NamedCrate>) -> Vec<NamedCrate> {
    let mut all: BTreeMap<(String, String), CrateSource> = BTreeMap::new();
    for it in recorded.into_iter().chain(seen) {
        all.insert((it.name, it.version), it.from);
    }
    all.into_iter().map(|((name, version), from)| NamedCrate { name, version, from }).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let crates = from_paths(paths.iter().copied());
        crates.into_iter().map(|it| format!("{}@{}", it.name, it.version)).collect()
    }

    #[test]
    fn packages_are_whole_components_of_registries() {
        for (path, found) in [
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/clap-4.0.0-rc.1/src/lib.rs",
                "clap@4.0.0-rc.1",
            ),
            (
                r"C:\Users\x\.cargo\registry\src\github.com-1ecc6299db9ec823\sha2-0.10.8\src\lib.rs",
                "sha2@0.10.8",
            ),
            (
                "/usr/share/cargo/registry/aho-corasick-0.7.19/src/ahocorasick.rs",
                "aho-corasick@0.7.19",
            ),
            ("registry/regex-automata-0.4.18/src/dfa.rs", "regex-automata@0.4.18"),
            (
                "/build/x/vendor/wasi-0.11.0+wasi-snapshot-preview1/src/lib.rs",
                "wasi@0.11.0+wasi-snapshot-preview1",
            ),
        ] {
            assert_eq!(names(&[path]), [found], "{path}");
        }
    }

    #[test]
    fn other_paths_name_no_package() {
        let paths = [
            "src/main.rs",
            "/io/orjson-3.0.0/src/lib.rs",
            "/build/librsvg-2.54.7+dfsg/src/lib.rs",
            "/root/.cargo/git/checkouts/ratatui-0123456789abcdef/1a2b3c4/src/lib.rs",
            "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/clap-4.0/src/lib.rs",
            "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/clap-4.0.0",
        ];
        assert!(names(&paths).is_empty());
    }

    #[test]
    fn what_std_is_built_from_is_left_out() {
        let paths = [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/vendor/registry/gimli-0.1.0/src/x.rs",
            "/rust/deps/addr2line-0.25.1/src/function.rs",
            "/cargo/registry/25cdd57fae9f0462/addr2line-0.27.1/src/function.rs",
            "/usr/src/rustc-1.63.0/vendor/hashbrown-0.12.0/src/raw/mod.rs",
            "/usr/obj/ports/rust-1.90.0/rustc-1.90.0-src/vendor/gimli-0.31.1/src/x.rs",
            "/x/lib/rustlib/src/rust/vendor/gimli-0.31.1/src/x.rs",
        ];
        assert!(names(&paths).is_empty());
    }

    #[test]
    fn trimmed_paths_name_packages_that_std_has_not() {
        let paths = [
            "/cargo/registry/25cdd57fae9f0462/bytes-1.12.2/src/bytes.rs",
            "/cargo/deps/outside-0.4.2/src/lib.rs",
            "/cargo/registry/25cdd57fae9f0462/hashbrown-0.16.0/src/raw.rs",
            "/cargo/registry/sparse/serde-1.0.0/src/lib.rs",
            "/cargo/git/repo-0123456789abcdef/1a2b3c4/src/lib.rs",
        ];
        assert_eq!(names(&paths), ["bytes@1.12.2", "outside@0.4.2"]);
    }

    #[test]
    fn a_shared_cargo_home_is_doubted_for_what_std_uses_alone() {
        let home = "/Users/runner/.cargo/registry/src/github.com-1ecc6299db9ec823";
        let (std, own) =
            (format!("{home}/gimli-0.26.2/src/x.rs"), format!("{home}/toml-0.5.9/src/x.rs"));
        assert_eq!(names(&[&std, &own]), ["toml@0.5.9"]);
        assert_eq!(names(&[&std, "/rust/deps/gimli-0.1.0/src/x.rs"]), ["gimli@0.26.2"]);
    }

    #[test]
    fn a_standard_library_built_with_the_program_is_doubted_by_name() {
        let std = "/x/lib/rustlib/src/rust/library/std/src/io/mod.rs";
        let home = "/root/.cargo/registry/src/github.com-1ecc6299db9ec823";
        let (hashbrown, toml) = (
            format!("{home}/hashbrown-0.11.0/src/raw/mod.rs"),
            format!("{home}/toml-0.5.9/src/x.rs"),
        );
        assert_eq!(names(&[std, &hashbrown, &toml]), ["toml@0.5.9"]);
        let prebuilt = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/io/mod.rs";
        assert_eq!(names(&[std, prebuilt, &hashbrown]), ["hashbrown@0.11.0"]);
    }

    fn packed(json: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(json).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn records_are_read_and_bombs_are_not() {
        let record = packed(
            br#"{"packages":[{"name":"a","version":"1.0.0","source":"local","root":true}]}"#,
        );
        let [it] = from_record(&record).unwrap().try_into().unwrap();
        assert_eq!(
            (it.name.as_str(), it.version.as_str(), it.from),
            ("a", "1.0.0", CrateSource::DepV0)
        );
        assert!(from_record(&record[..8]).is_err());
        assert!(from_record(b"").is_err());
        let bomb = packed(&vec![b' '; 9 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(from_record(&bomb), Err(AuditRecordError::TooLarge));
    }
}
