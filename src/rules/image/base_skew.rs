use crate::facts::{Binary, Image};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "base-skew",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program was built on another distribution than the one it runs on",
    what: "Compares /etc/os-release of the machine that builds with that of the image, for \
           programs that use the image's libraries.",
    why: "Libraries of another release have other versions, names and places: what links today \
           breaks with the next tag of either base.",
    fix: "Use one release for both stages: `FROM rust:1-bookworm` with `FROM \
           debian:bookworm-slim`.",
    symptoms: &[
        Symptom::Stderr("version `GLIBC_"),
        Symptom::Stderr("cannot open shared object file"),
    ],
    references: &["docker-rust 89", "docker-rust 105", "release-plz 1118"],
    check: Check::Carried(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(built_on) = &image.built_on else {
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
    .evidence(format!("the program needs {}", binary.needed.join(", ")))
    .fix(format!("build on {}", runs_on.name()))
    .into()
}

/// `3.20` of `3.20.1`: Alpine keeps its libraries within a branch.
fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::image::account::Release;

    fn release(text: &str) -> Option<Release> {
        Some(Release::parse(text))
    }

    #[test]
    fn both_stages_are_of_one_release() {
        let bookworm = || {
            release(
                "ID=debian
    VERSION_ID=12
    VERSION_CODENAME=bookworm",
            )
        };
        let outcome = |built_on, release| {
            let image = Image { built_on, release, ..Image::default() };
            check(&Binary { needed: vec!["libc.so.6".into()], ..Binary::default() }, &image)
        };
        assert_eq!(outcome(bookworm(), bookworm()), Outcome::Pass);
        assert_eq!(
            outcome(
                release(
                    "ID=debian
    VERSION_ID=13"
                ),
                bookworm()
            )
            .name(),
            "fail"
        );
        assert_eq!(
            outcome(
                bookworm(),
                release(
                    "ID=alpine
    VERSION_ID=3.20.1"
                )
            )
            .name(),
            "fail"
        );
        assert_eq!(
            outcome(
                release(
                    "ID=alpine
    VERSION_ID=3.20.3"
                ),
                release(
                    "ID=alpine
    VERSION_ID=3.20.1"
                )
            ),
            Outcome::Pass
        );
        assert_eq!(outcome(bookworm(), None).name(), "open");
        assert_eq!(outcome(None, bookworm()).name(), "not-applicable");
        let image = Image { built_on: bookworm(), ..Image::default() };
        assert_eq!(check(&Binary::default(), &image).name(), "not-applicable", "static");
    }
}
