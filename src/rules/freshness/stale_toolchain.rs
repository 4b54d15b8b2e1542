use crate::binary::Binary;
use crate::binary::RustcEvidence;
use crate::cargo::build::Build;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "stale-toolchain",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was compiled by another rustc than the one in use here",
    what: "The rule compares the rustc commit or version in the binary with `rustc -vV` in this \
           directory, which respects `rust-toolchain.toml`, and with the version that this file \
           pins.",
    why: "A binary of another compiler was not built by this stage. It comes from a cache or from \
           the host, or `rust-toolchain.toml` was not copied into the stage.",
    fix: "Copy `rust-toolchain.toml` into the stage before the build, and build again.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("a build with `--locked` elsewhere gives another digest")],
    references: &["https://rust-lang.github.io/rustup/overrides.html"],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    let inside = &binary.rustc;
    let pinned = build.toolchain.as_ref().and_then(|it| it.channel.as_deref());
    // `1.95` pins no patch release, `stable` no version at all.
    let is_version = |channel: &&str| channel.starts_with(|it: char| it.is_ascii_digit());
    if let (Some(pinned), Some(version)) = (pinned.filter(is_version), &inside.version)
        && version != pinned
        && !version.starts_with(&format!("{pinned}."))
    {
        let file = build.toolchain.iter().map(|it| it.file.display().to_string()).next();
        let place = Location::File { path: file.unwrap_or_default(), line: None };
        let message = format!("the binary was compiled by rustc {version}, but {pinned} is pinned");
        return with_evidence(Finding::new(place, message), binary, build);
    }
    match (&inside.commit, &build.rustc.commit, &inside.version, &build.rustc.version) {
        (Some(one), Some(other), _, _) if one == other => Outcome::pass(found(inside)),
        (None, _, Some(one), Some(other)) | (_, None, Some(one), Some(other)) if one == other => {
            Outcome::pass(found(inside))
        }
        // A distribution builds the same release from its own commit, or names none.
        (Some(_), Some(_), Some(one), Some(other)) if one == other && !one.contains('-') => {
            Outcome::open(
                format!("the commits of two rustc {one} differ"),
                "build again with the rustc in use here",
            )
        }
        (None, _, None, _) => Outcome::open(
            "the binary does not say which rustc compiled it",
            "build again with the rustc in use here",
        ),
        (_, None, _, None) => {
            Outcome::open("rustc is not installed here", "lint in the stage that builds")
        }
        (Some(_), None, None, _) | (None, Some(_), _, None) => Outcome::open(
            "the binary names a rustc commit and this rustc a version, or the reverse",
            "build again here",
        ),
        _ => {
            let name = |version: &Option<String>, commit: &Option<String>| {
                version.clone().or_else(|| commit.clone()).unwrap_or_default()
            };
            let message = format!(
                "the binary was compiled by rustc {}, but {} is in use here",
                name(&inside.version, &inside.commit),
                name(&build.rustc.version, &build.rustc.commit)
            );
            with_evidence(Finding::new(Location::Subject, message), binary, build)
        }
    }
}

fn found(inside: &RustcEvidence) -> String {
    let name = inside.version.as_deref().or(inside.commit.as_deref()).unwrap_or_default();
    format!("compiled by rustc {name}, which is in use here")
}

fn with_evidence(finding: Finding, binary: &Binary, build: &Build) -> Outcome {
    let finding = binary.rustc.evidence.iter().take(2).cloned().fold(finding, Finding::evidence);
    finding.fix(build.command()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::build::PinnedToolchain;

    fn outcome(inside: (&str, char), here: (&str, char), pinned: Option<&str>) -> Outcome {
        let mut binary = Binary::default();
        binary.rustc.version = Some(inside.0.into());
        binary.rustc.commit = Some(inside.1.to_string().repeat(40));
        let mut build = Build::default();
        build.rustc.version = Some(here.0.into());
        build.rustc.commit = Some(here.1.to_string().repeat(40));
        build.toolchain = pinned.map(|channel| PinnedToolchain {
            channel: Some(channel.into()),
            file: "rust-toolchain.toml".into(),
        });
        check(&binary, &build)
    }

    #[test]
    fn the_same_compiler_passes() {
        let one = ("1.95.0", 'a');
        for pinned in [None, Some("1.95"), Some("1.95.0"), Some("stable")] {
            assert_eq!(outcome(one, one, pinned).name(), "pass", "{pinned:?}");
        }
    }

    #[test]
    fn the_same_release_of_another_distributor_is_open() {
        assert_eq!(outcome(("1.95.0", 'a'), ("1.95.0", 'b'), None).name(), "open");
        let nightly = "1.96.0-nightly";
        assert_eq!(outcome((nightly, 'a'), (nightly, 'b'), None).name(), "fail");
    }

    #[test]
    fn another_compiler_or_another_pin_fails() {
        assert_eq!(outcome(("1.94.0", 'a'), ("1.95.0", 'b'), None).findings().len(), 1);
        assert_eq!(outcome(("1.95.0", 'a'), ("1.95.0", 'a'), Some("1.9")).findings().len(), 1);
    }

    #[test]
    fn a_program_that_does_not_say_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
