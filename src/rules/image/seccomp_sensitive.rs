use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "seccomp-sensitive",
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program asks for system calls that container engines refuse",
    what: "Looks for crates that use io_uring, which Docker's and containerd's default filters \
           refuse.",
    why: "The calls fail with `Operation not permitted` in a container although they work on \
           the same machine outside.",
    fix: "Give the program another way (a feature that turns io_uring off), or a filter of its \
           own (`--security-opt seccomp=PROFILE`).",
    symptoms: &[Symptom::Stderr("Operation not permitted (os error 1)")],
    references: &["spider 243", "feldera 3193", "quilkin 1184", "moby 46762"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    if facts.image.is_none() || facts.binary.is_none() {
        return Outcome::not_applicable("no image and program were given");
    }
    match facts.has_one_of(&[
        "io-uring",
        "tokio-uring",
        "rustix-uring",
        "glommio",
        "monoio",
        "compio-driver",
    ]) {
        Some(Some(name)) => Finding::new(Location::Subject, "the program uses io_uring")
            .evidence(format!("the crate {name} is inside"))
            .fix("turn the feature off that brings io_uring in")
            .into(),
        Some(None) => Outcome::Pass,
        None => Outcome::open("nothing lists all of the program's crates"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{Crate, CrateSource};
    use crate::start::image::Image;

    #[test]
    fn io_uring_is_named() {
        let outcome = |name: &str, from| {
            let crates = vec![Crate { name: name.into(), version: "0.7.0".into(), from }];
            check(&Facts {
                binary: Some(Binary { crates, ..Binary::default() }),
                image: Some(Image::default()),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("io-uring", CrateSource::PanicPath).name(), "fail");
        assert_eq!(outcome("tokio", CrateSource::PanicPath).name(), "open");
        assert_eq!(outcome("tokio", CrateSource::DepV0), Outcome::Pass);
    }
}
