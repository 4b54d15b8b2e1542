use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "stale-toolchain",
    group: Group::Freshness,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was compiled by another rustc than the one that is used here",
    what: "The commit or version of rustc in the program against `rustc -vV` in this directory, \
           which obeys `rust-toolchain.toml`, and against the version that this file pins.",
    why: "A program of another compiler was not built by this stage: it comes from a cache, from the \
          host, or `rust-toolchain.toml` was not copied into the stage.",
    fix: "Copy `rust-toolchain.toml` into the stage before the build, and build again.",
    symptoms: &[],
    references: &["https://rust-lang.github.io/rustup/overrides.html", "docs/freshness.md"],
    check: Check::Build(check),
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
        let message = format!("it was compiled by rustc {version}, and {pinned} is pinned");
        return with_evidence(Finding::new(place, message), binary, build);
    }
    match (&inside.commit, &build.rustc.commit, &inside.version, &build.rustc.version) {
        (Some(inside), Some(here), _, _) if inside == here => Outcome::Pass,
        (None, _, Some(inside), Some(here)) | (_, None, Some(inside), Some(here))
            if inside == here =>
        {
            Outcome::Pass
        }
        (None, _, None, _) => Outcome::open("the program does not say which rustc compiled it"),
        (_, None, _, None) => Outcome::open("there is no rustc here to compare with"),
        (Some(_), None, None, _) | (None, Some(_), _, None) => {
            Outcome::open("the program and rustc name themselves in different ways")
        }
        _ => {
            let name = |version: &Option<String>, commit: &Option<String>| {
                version.clone().or_else(|| commit.clone()).unwrap_or_default()
            };
            let message = format!(
                "it was compiled by rustc {}, and {} is used here",
                name(&inside.version, &inside.commit),
                name(&build.rustc.version, &build.rustc.commit)
            );
            with_evidence(Finding::new(Location::Subject, message), binary, build)
        }
    }
}

fn with_evidence(finding: Finding, binary: &Binary, build: &Build) -> Outcome {
    let finding = binary.rustc.evidence.iter().take(2).cloned().fold(finding, Finding::evidence);
    finding.fix(build.command()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::build::Toolchain;

    fn outcome(inside: (&str, char), here: (&str, char), pinned: Option<&str>) -> Outcome {
        let mut binary = Binary::default();
        binary.rustc.version = Some(inside.0.into());
        binary.rustc.commit = Some(inside.1.to_string().repeat(40));
        let mut build = Build::default();
        build.rustc.version = Some(here.0.into());
        build.rustc.commit = Some(here.1.to_string().repeat(40));
        build.toolchain = pinned.map(|channel| Toolchain {
            channel: Some(channel.into()),
            file: "rust-toolchain.toml".into(),
        });
        check(&binary, &build)
    }

    #[test]
    fn the_same_compiler_passes() {
        let one = ("1.95.0", 'a');
        for pinned in [None, Some("1.95"), Some("1.95.0"), Some("stable")] {
            assert_eq!(outcome(one, one, pinned), Outcome::Pass, "{pinned:?}");
        }
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
