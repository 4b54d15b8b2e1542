use crate::provenance::record::Record;
use crate::provenance::subject_match::Fate;
use crate::rootfs::tree::users::Release;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "base-skew",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was built on another distribution than the one it runs on",
    what: "Compares /etc/os-release of the machine that builds, here or by the record of the \
           program's build, with that of the image, for programs that use the image's libraries.",
    why: "Libraries of another release have other versions, names and places: what links today \
           breaks with the next tag of either base.",
    fix: "Use one release for both stages: `FROM rust:1-bookworm` with `FROM \
           debian:bookworm-slim`.",
    symptoms: &[
        Symptom::Stderr("version `GLIBC_"),
        Symptom::Stderr("cannot open shared object file"),
    ],
    references: &["docker-rust 89", "docker-rust 105", "release-plz 1118"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable("no image and program were given");
    };
    let recorded = || facts.record.as_ref().and_then(recorded);
    let Some((built_on, source)) =
        image.built_on.clone().map(|it| (it, "this machine")).or_else(recorded)
    else {
        return Outcome::not_applicable("what the program was built on is not known here");
    };
    if binary.interpreter.is_none() && binary.needed.is_empty() {
        return Outcome::not_applicable("the program uses none of the image's libraries");
    }
    let Some(runs_on) = &image.release else {
        return Outcome::open("the image does not say what distribution it is");
    };
    // Of two releases with a codename the codename counts: sid and trixie share a version at times.
    let same_release = match (built_on.version.as_str(), runs_on.version.as_str()) {
        ("", _) | (_, "") => built_on.codename == runs_on.codename,
        (one, other) => one == other || (built_on.id == "alpine" && minor(one) == minor(other)),
    };
    if built_on.id == runs_on.id && same_release {
        return Outcome::Pass;
    }
    Finding::new(
        Location::ImagePath("/etc/os-release".to_owned()),
        format!("built on {}, runs on {}", built_on.name(), runs_on.name()),
    )
    .evidence(format!("{source} says what it was built on"))
    .evidence(format!("the program needs {}", binary.needed.join(", ")))
    .fix(format!("build on {}", runs_on.name()))
    .into()
}

/// What the record of this very program says of the machine that built it.
fn recorded(record: &Record) -> Option<(Release, &'static str)> {
    if !matches!(record.subject.fate, Fate::Same | Fate::Stripped | Fate::Patched) {
        return None;
    }
    let parameters = &record.provenance.build_definition.internal_parameters;
    let lines = parameters.get("osRelease")?.as_object()?;
    let line =
        |(key, value): (&String, &serde_json::Value)| Some(format!("{key}={}\n", value.as_str()?));
    let text: String = lines.iter().filter_map(line).collect();
    Some((Release::parse(&text), "the record"))
}

/// `3.20` of `3.20.1`: Alpine keeps its libraries within a branch.
fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::start::image::Image;

    const BOOKWORM: &str = "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm";

    fn facts(built_on: Option<&str>, release: Option<&str>) -> Facts {
        let [built_on, release] = [built_on, release].map(|text| text.map(Release::parse));
        Facts {
            binary: Some(Binary { needed: vec!["libc.so.6".into()], ..Binary::default() }),
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

    #[test]
    fn the_record_of_this_very_program_knows_it() {
        let mut record = Record::default();
        let release = serde_json::json!({"ID": "debian", "VERSION_ID": "13"});
        record.provenance.build_definition.internal_parameters.insert("osRelease".into(), release);
        for (fate, outcome) in [
            (Fate::Same, "fail"),
            (Fate::Stripped, "fail"),
            (Fate::Rebuilt, "not-applicable"),
            (Fate::Unknown, "not-applicable"),
        ] {
            record.subject.fate = fate;
            let given = Facts { record: Some(record.clone()), ..facts(None, Some(BOOKWORM)) };
            assert_eq!(check(&given).name(), outcome, "{fate:?}");
        }
    }
}
