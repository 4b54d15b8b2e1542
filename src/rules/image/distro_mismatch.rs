use crate::provenance::record::Record;
use crate::provenance::subject_match::Fate;
use crate::rootfs::tree::users::Release;
use crate::rule::{
    Check, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
    same_release,
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
    what: "For a binary that uses libraries of the image, the rule compares the /etc/os-release of \
           the machine that built it with that of the image. The build machine is known if this is \
           the build stage, or from the record of the build.",
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
    check: Check::Facts(
        Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo, Need::Record]),
        check,
    ),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    let recorded = || facts.record.as_ref().and_then(recorded);
    let Some((built_on, source)) =
        image.built_on.clone().map(|it| (it, "this machine")).or_else(recorded)
    else {
        return Outcome::not_applicable("the distribution that built the binary is not known here");
    };
    if binary.interpreter.is_none() && binary.needed.is_empty() {
        return Outcome::not_applicable("the binary uses no library of the image");
    }
    let Some(runs_on) = &image.release else {
        return Outcome::open("the image has no /etc/os-release; compare the releases by hand");
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
