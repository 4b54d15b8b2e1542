use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "ignores-sigterm",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program is process 1 and nothing in it handles SIGTERM",
    what: "Looks at an image that exposes a port and runs the program without an init process, \
           and for crates that handle signals.",
    why: "The kernel does not deliver a signal to process 1 that it has no handler for: every \
           stop waits ten seconds and then kills, requests and data in flight included.",
    fix: "Handle it (`tokio::signal::unix`, `ctrlc`), or put an init process before the \
           program (`ENTRYPOINT [\"tini\", \"--\", …]`, `docker run --init`).",
    symptoms: &[Symptom::ExitCode(137), Symptom::Behaviour("`docker stop` takes ten seconds")],
    references: &["redlib 205", "rustical 223", "xberg 1147", "speedtest-rust 32"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable("no image and program were given");
    };
    if image.exposed_ports().is_empty() {
        return Outcome::not_applicable(
            "the image exposes no port: nothing says that the program keeps running",
        );
    }
    let Some(start) = image.start() else {
        return Outcome::not_applicable("the image runs nothing");
    };
    if image.starts(binary) != Some(true) {
        return Outcome::not_applicable(
            "the image does not start this program, as far as can be told",
        );
    }
    if !start.is_process_one() {
        return Outcome::not_applicable("another process is process 1");
    }
    match facts.has_one_of(&[
        "signal-hook-registry",
        "signal-hook",
        "ctrlc",
        "nix",
        "signal-hook-tokio",
    ]) {
        Some(Some(_)) => Outcome::Pass,
        Some(None) => {
            Finding::new(Location::ImageConfig(start.field), "process 1 does not handle SIGTERM")
                .evidence("none of the program's crates handles signals")
                .evidence(format!("the image runs {} and no init process", start.words.join(" ")))
                .fix(r#"ENTRYPOINT ["tini", "--", "/usr/local/bin/NAME"]"#)
                .into()
        }
        None => Outcome::open(
            "nothing lists all of the program's crates; whether one handles signals cannot be told",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::elf::Linking;
    use crate::binary::{Crate, CrateSource};
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    fn outcome(name: &str, from: CrateSource, entrypoint: &[&str]) -> Outcome {
        let crates = vec![Crate { name: name.into(), version: "1.0.0".into(), from }];
        let entrypoint = entrypoint.iter().map(|word| (*word).to_owned()).collect();
        let config =
            Config { entrypoint, exposed_ports: vec!["80/tcp".into()], ..Config::default() };
        let tree =
            Memory::default().elf("/app", Linking::default()).elf("/bin/tini", Linking::default());
        check(&Facts {
            binary: Some(Binary { path: "/app".into(), crates, ..Binary::default() }),
            image: Some(Image::of(tree, Some(config))),
            ..Facts::default()
        })
    }

    #[test]
    fn process_one_needs_a_handler() {
        assert_eq!(outcome("serde", CrateSource::DepV0, &["/app"]).name(), "fail");
        assert_eq!(outcome("serde", CrateSource::PanicPath, &["/app"]).name(), "open");
        assert_eq!(outcome("ctrlc", CrateSource::PanicPath, &["/app"]), Outcome::Pass);
        assert_eq!(
            outcome("serde", CrateSource::DepV0, &["tini", "--", "/app"]).name(),
            "not-applicable"
        );
    }
}
