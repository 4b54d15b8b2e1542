use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "seccomp-sensitive",
    aliases: &[],
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary uses system calls that container engines block",
    what: "The rule looks for crates that use io_uring, which the default seccomp filters of \
           Docker and containerd block.",
    why: "In a container the calls fail with `Operation not permitted`, although they work outside \
           of it on the same machine.",
    fix: "Disable the feature that uses io_uring, or run the container with another seccomp filter \
           (`--security-opt seccomp=PROFILE`).",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("Operation not permitted (os error 1)")],
    references: &[
        "https://docs.docker.com/engine/security/seccomp/",
        "io_uring(7)",
        "https://github.com/moby/moby/pull/46762",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

fn check(facts: &Facts) -> Outcome {
    if facts.image.is_none() || facts.binary.is_none() {
        return Outcome::not_applicable(NO_IMAGE);
    }
    match facts.has_one_of(&[
        "io-uring",
        "tokio-uring",
        "rustix-uring",
        "glommio",
        "monoio",
        "compio-driver",
    ]) {
        Some(Some(name)) => Finding::new(Location::Subject, "the binary uses io_uring")
            .evidence(format!("the crate {name} is in the binary"))
            .fix(format!("cargo tree --edges features --invert {name} # then disable the feature that enables it"))
            .into(),
        Some(None) => Outcome::pass("no crate that uses io_uring"),
        None => Outcome::open("the crates of the binary are not all known", "lint in its workspace, or build with `cargo auditable build`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::start::image::Image;

    #[test]
    fn io_uring_is_named() {
        let outcome = |name: &str, from| {
            let crates = vec![NamedCrate { name: name.into(), version: "0.7.0".into(), from }];
            check(&Facts {
                binary: Some(Binary { crates, ..Binary::default() }),
                image: Some(Image::default()),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("io-uring", CrateSource::PanicPath).name(), "fail");
        assert_eq!(outcome("tokio", CrateSource::PanicPath).name(), "open");
        assert_eq!(outcome("tokio", CrateSource::DepV0).name(), "pass");
    }
}
