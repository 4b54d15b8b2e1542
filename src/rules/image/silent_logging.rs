use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "silent-logging",
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program logs by RUST_LOG and the image does not set it",
    what: "Looks for env_logger in the program and for RUST_LOG in Env.",
    why: "Without RUST_LOG env_logger prints errors only: a program that works looks like one \
           that hangs.",
    fix: "Add `ENV RUST_LOG=info` to the last stage.",
    symptoms: &[Symptom::Silence],
    references: &["rubble 13", "rustpad 22", "pyrsia 251"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(image) = &facts.image else { return Outcome::not_applicable("no image was given") };
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    if image.variable("RUST_LOG").is_some() {
        return Outcome::Pass;
    }
    match facts.has_one_of(&["env_logger", "pretty_env_logger"]) {
        Some(Some(name)) => Finding::new(Location::ImageConfig("Env"), "RUST_LOG is not set")
            .evidence(format!("{name} prints errors only without it"))
            .fix("ENV RUST_LOG=info")
            .into(),
        Some(None) => Outcome::not_applicable("the program does not log by RUST_LOG"),
        None => Outcome::open("nothing lists all of the program's crates"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{Crate, CrateSource};
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn the_variable_is_asked_for_where_it_is_read() {
        let outcome = |name: &str, env: &str| {
            let crates = vec![Crate {
                name: name.into(),
                version: "0.11.0".into(),
                from: CrateSource::DepV0,
            }];
            let config = Config { env: vec![env.into()], ..Config::default() };
            let image = Image::of(Memory::default().file("/app", 0o755, "x"), Some(config))
                .seen_from("/app");
            check(&Facts {
                binary: Some(Binary { crates, ..Binary::default() }),
                image: Some(image),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("env_logger", "PATH=/bin").name(), "fail");
        assert_eq!(outcome("env_logger", "RUST_LOG=info"), Outcome::Pass);
        assert_eq!(outcome("serde", "PATH=/bin").name(), "not-applicable");
    }
}
