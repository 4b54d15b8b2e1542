use crate::binary::Binary;
use crate::provenance::record::RecordFacts;
use crate::provenance::subject_match::SubjectMatch;
use crate::rootfs::tree::os_release::OsRelease;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status,
    Symptom, same_release,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "distro-mismatch",
    aliases: &["base-skew"],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Renamed {
        since: "0.1.0",
        reason: "it compares distributions, not base images",
    },
    summary: "the binary was built on another distribution release than the image has",
    what: "For a binary that uses libraries of the image, the rule compares the distribution that \
           built it with the distribution of the image. The first of these that is known names the \
           distribution that built it: /etc/os-release of this machine, if the binary is an output \
           of the target directory here; the record of the build; the name that the C compiler \
           left in `.comment`.",
    why: "Libraries of another release have other versions, names and paths. What works today can \
           break with the next update of either base image.",
    fix: "Use one release in both stages: `FROM rust:1-bookworm` with `FROM debian:bookworm-slim`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("version `GLIBC_"),
        Symptom::Stderr("cannot open shared object file"),
    ],
    references: &[
        "https://github.com/rust-lang/docker-rust/issues/89",
        "https://github.com/rust-lang/docker-rust/issues/105",
        "os-release(5)",
    ],
    check: CheckFn::Facts(
        Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo, Need::Record]),
        check,
    ),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    // This machine built what Cargo made here; any other program of the image came from elsewhere.
    let made_here = facts.build.as_ref().is_some_and(|build| build.freshness.is_made_here());
    let here = image.built_on.clone().filter(|_| made_here).map(|it| (it, "this machine"));
    let recorded = || facts.record.as_ref().and_then(recorded);
    let Some((built_on, source)) = here.or_else(recorded).or_else(|| compiled_on(binary)) else {
        return match &facts.build {
            Some(_) => Outcome::open(
                "another build made the binary, on a distribution that is not known",
                "pass the record of that build with `--record`",
            ),
            None => {
                Outcome::not_applicable("the distribution that built the binary is not known here")
            }
        };
    };
    if binary.interpreter.is_none() && binary.needed.is_empty() {
        return Outcome::not_applicable("the binary uses no library of the image");
    }
    let Some(runs_on) = &image.release else {
        return Outcome::open("the image has no /etc/os-release", "compare the releases by hand");
    };
    // Of two releases with a codename the codename counts: sid and trixie share a version at times.
    let is_same = match (built_on.version.as_str(), runs_on.version.as_str()) {
        ("", _) | (_, "") => built_on.codename == runs_on.codename,
        (one, other) => one == other || (built_on.id == "alpine" && minor(one) == minor(other)),
    };
    if built_on.id == runs_on.id && is_same {
        return Outcome::pass(format!("built on {}, like the image", built_on.name()));
    }
    Finding::new(
        Location::ImagePath("/etc/os-release".to_owned()),
        format!(
            "the binary was built on {}, but the image has {}",
            built_on.name(),
            runs_on.name()
        ),
    )
    .evidence(format!("{source} tells what it was built on"))
    .evidence(format!("the binary needs {}", binary.needed.join(", ")))
    .fix(same_release(image))
    .into()
}

/// What the C compiler of its start-up code says, where all of them are of one release.
fn compiled_on(binary: &Binary) -> Option<(OsRelease, &'static str)> {
    let mut releases = binary.c_compilers.iter().filter_map(|it| OsRelease::of_compiler(it));
    let first = releases.next()?;
    releases.all(|it| it == first).then_some((first, "the program's `.comment`"))
}

/// What the record of this very program says of the machine that built it.
fn recorded(record: &RecordFacts) -> Option<(OsRelease, &'static str)> {
    if !matches!(
        record.subject.state,
        SubjectMatch::Same | SubjectMatch::Stripped | SubjectMatch::Patched
    ) {
        return None;
    }
    let parameters = &record.provenance.build_definition.internal_parameters;
    let lines = parameters.get("osRelease")?.as_object()?;
    let line =
        |(key, value): (&String, &serde_json::Value)| Some(format!("{key}={}\n", value.as_str()?));
    let text: String = lines.iter().filter_map(line).collect();
    Some((OsRelease::parse(&text), "the record"))
}

/// `3.20` of `3.20.1`: Alpine keeps its libraries within a branch.
fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::freshness::{FileLocation, ProgramOrigin};
    use crate::cargo::test_support::build_of;
    use crate::start::image::Image;

    const BOOKWORM: &str = "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm";

    fn facts(built_on: Option<&str>, release: Option<&str>) -> Facts {
        let [built_on, release] = [built_on, release].map(|text| text.map(OsRelease::parse));
        Facts {
            binary: Some(Binary { needed: vec!["libc.so.6".into()], ..Binary::default() }),
            build: built_on.is_some().then(|| build_of(Vec::new())),
            image: Some(Image { built_on, release, ..Image::default() }),
            ..Facts::default()
        }
    }

    #[test]
    fn both_stages_are_of_one_release() {
        let alpine = |version: &str| format!("ID=alpine\nVERSION_ID={version}");
        for (built_on, release, outcome) in [
            (Some(BOOKWORM), Some(BOOKWORM), "pass"),
            (Some("ID=debian\nVERSION_ID=13"), Some(BOOKWORM), "fail"),
            (Some(BOOKWORM), Some(alpine("3.20.1").as_str()), "fail"),
            (Some(alpine("3.20.3").as_str()), Some(alpine("3.20.1").as_str()), "pass"),
            (Some(BOOKWORM), None, "open"),
            (None, Some(BOOKWORM), "not-applicable"),
        ] {
            assert_eq!(
                check(&facts(built_on, release)).name(),
                outcome,
                "{built_on:?} {release:?}"
            );
        }
        let mut linked_statically = facts(Some(BOOKWORM), None);
        linked_statically.binary = Some(Binary::default());
        assert_eq!(check(&linked_statically).name(), "not-applicable");
    }

    /// A machine that lints the image of another builder, and a package's program in it.
    #[test]
    fn a_program_that_was_not_built_here_speaks_for_itself() {
        let trixie = "ID=debian\nVERSION_ID=13";
        let comment = |text: &str| vec![text.to_owned()];
        for (compilers, outcome) in [
            (comment("GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"), "pass"),
            (comment("GCC: (Debian 12.2.0-14) 12.2.0"), "pass"),
            (comment("GCC: (Debian 14.2.0-19) 14.2.0"), "fail"),
            (comment("GCC: (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0"), "fail"),
            (comment("GCC: (GNU) 14.2.1 20240801 (Red Hat 14.2.1-1)"), "open"),
            (comment("GCC: (Debian 15.1.0-1) 15.1.0"), "open"),
            (Vec::new(), "open"),
        ] {
            for same_build_id in [None, Some(false)] {
                let mut given = facts(Some(trixie), Some(BOOKWORM));
                let output = "target/release/app".into();
                let origin = ProgramOrigin::Differs {
                    same_build_id,
                    output,
                    location: FileLocation::InAnImage,
                };
                given.build.as_mut().unwrap().freshness.origin = origin;
                given.binary.as_mut().unwrap().c_compilers = compilers.clone();
                assert_eq!(check(&given).name(), outcome, "{compilers:?}");
            }
        }
        let mut stripped = facts(Some(trixie), Some(BOOKWORM));
        let output = "target/release/app".into();
        let location = FileLocation::InAnImage;
        let origin = ProgramOrigin::Differs { same_build_id: Some(true), output, location };
        stripped.build.as_mut().unwrap().freshness.origin = origin;
        assert_eq!(check(&stripped).name(), "fail", "a stripped copy of what was built here");
    }

    #[test]
    fn the_record_of_this_very_program_knows_it() {
        let mut record = RecordFacts::default();
        let release = serde_json::json!({"ID": "debian", "VERSION_ID": "13"});
        record.provenance.build_definition.internal_parameters.insert("osRelease".into(), release);
        for (state, outcome) in [
            (SubjectMatch::Same, "fail"),
            (SubjectMatch::Stripped, "fail"),
            (SubjectMatch::Rebuilt, "not-applicable"),
            (SubjectMatch::Unknown, "not-applicable"),
        ] {
            record.subject.state = state;
            let given = Facts { record: Some(record.clone()), ..facts(None, Some(BOOKWORM)) };
            assert_eq!(check(&given).name(), outcome, "{state:?}");
        }
    }
}
