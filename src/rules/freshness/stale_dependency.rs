use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::workspace::lockfile::Locked;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "stale-dependency",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary contains a version of a dependency that Cargo.lock does not have",
    what: "The paths of panic locations, and the section that cargo-auditable writes, name \
           packages that are in the binary. The rule compares them with Cargo.lock. A package that \
           is not locked proves that the binary comes from another build. A locked package that is \
           not seen proves nothing.",
    why: "Cargo.lock was updated, perhaps for a security fix, and the binary was not built again; \
           or it was built without `--locked` from another lockfile. An audit of Cargo.lock is \
           then not about this binary.",
    fix: "Build again from this lockfile: `cargo build --locked`.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour(
        "the lockfile has the fixed version, but the fix has no effect",
    )],
    references: &[
        "https://doc.rust-lang.org/cargo/commands/cargo-build.html#manifest-options",
        "https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let Some(locked) = &build.locked else {
        return Outcome::open(
            "Cargo.lock is missing or cannot be read",
            "restore the one of the build",
        );
    };
    if locked.iter().all(|it| it.source.is_none()) {
        return Outcome::not_applicable("the workspace has no dependency from a registry or git");
    }
    let is_local = |name: &str| build.path_packages.iter().any(|it| it.name == name);
    let named: Vec<_> = binary.crates.iter().filter(|it| !is_local(&it.name)).collect();
    if named.is_empty() {
        return Outcome::open(
            "no path in the binary names a dependency",
            "build with `cargo auditable build` to list them",
        );
    }
    let found = format!("{} dependencies found in the binary, all in Cargo.lock", named.len());
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let mut findings = Vec::new();
    for found in named {
        let key = (found.name.as_str(), found.version.as_str());
        if seen.contains(&key) || is_locked(locked, key) {
            continue;
        }
        seen.push(key);
        findings.push(finding(locked, key, build));
    }
    Outcome::of(findings, found)
}

/// What follows a `+` is no part of a version's identity, and directories may lack it.
fn is_locked(locked: &[Locked], (name, version): (&str, &str)) -> bool {
    let plain = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    locked.iter().any(|it| it.name == name && plain(&it.version) == plain(version))
}

fn finding(locked: &[Locked], (name, version): (&str, &str), build: &Build) -> Finding {
    let versions: Vec<&str> =
        locked.iter().filter(|it| it.name == name).map(|it| it.version.as_str()).collect();
    let message = match versions.as_slice() {
        [] => format!("the binary contains {name} {version}, which is not in Cargo.lock"),
        _ => format!(
            "the binary contains {name} {version}, but Cargo.lock has {}",
            versions.join(", ")
        ),
    };
    let path = build.workspace_root.join("Cargo.lock").display().to_string();
    let command = build.command();
    Finding::new(Location::File { path, line: None }, message)
        .evidence(format!("a source path in the binary contains {name}-{version}"))
        .fix(format!("{command} --locked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{CrateSource, NamedCrate};

    fn outcome(inside: &[(&str, &str)], locked: &[(&str, &str)]) -> Outcome {
        let crates = inside
            .iter()
            .map(|(name, version)| NamedCrate {
                name: (*name).into(),
                version: (*version).into(),
                from: CrateSource::PanicPath,
            })
            .collect();
        let lock = |(name, version): &(&str, &str)| Locked {
            name: (*name).into(),
            version: (*version).into(),
            source: Some("registry".into()),
            checksum: None,
        };
        let locked = Some(locked.iter().map(lock).collect());
        check(&Binary { crates, ..Binary::default() }, &Build { locked, ..Build::default() })
    }

    #[test]
    fn another_version_and_an_unknown_package_fail() {
        let other = outcome(&[("serde", "1.0.1")], &[("serde", "1.0.2")]);
        assert!(other.findings()[0].message.contains("Cargo.lock has 1.0.2"));
        let unknown = outcome(&[("gone", "0.1.0")], &[("serde", "1.0.2")]);
        assert!(unknown.findings()[0].message.contains("not in Cargo.lock"));
    }

    #[test]
    fn what_is_locked_passes_with_or_without_build_metadata() {
        let inside = [("zstd-sys", "2.0.8"), ("serde", "1.0.2")];
        let locked = [("zstd-sys", "2.0.8+zstd.1.5.5"), ("serde", "1.0.1"), ("serde", "1.0.2")];
        assert_eq!(outcome(&inside, &locked).name(), "pass");
    }

    #[test]
    fn nothing_named_or_no_lockfile_is_open() {
        assert!(matches!(outcome(&[], &[("serde", "1.0.1")]), Outcome::Open(_)));
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
