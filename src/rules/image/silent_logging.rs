use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "silent-logging",
    aliases: &[],
    group: Group::Image,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary logs according to RUST_LOG, but the image does not set it",
    what: "The rule looks for env_logger in the binary, and for RUST_LOG in Env.",
    why: "Without RUST_LOG, env_logger prints errors only. A process that works looks like one \
           that hangs.",
    fix: "Add `ENV RUST_LOG=info` to the last stage.",
    no_fix_line: None,
    symptoms: &[Symptom::Silence],
    references: &["https://docs.rs/env_logger"],
    check: CheckFn::Facts(Needs::new(&[Need::Image], &[Need::Binary, Need::Cargo]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(image) = &facts.image else { return Outcome::not_applicable(NO_IMAGE) };
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    if image.variable("RUST_LOG").is_some() {
        return Outcome::pass("the image sets RUST_LOG");
    }
    match facts.has_one_of(&["env_logger", "pretty_env_logger"]) {
        Some(Some(name)) => Finding::new(Location::ImageConfig("Env"), "RUST_LOG is not set")
            .evidence(format!("{name} prints errors only without it"))
            .fix("ENV RUST_LOG=info")
            .into(),
        Some(None) => Outcome::not_applicable("the binary does not contain env_logger"),
        None => Outcome::open(
            "the crates of the binary are not all known",
            "lint in its workspace, or build with `cargo auditable build`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn the_variable_is_asked_for_where_it_is_read() {
        let outcome = |name: &str, env: &str| {
            let crates = vec![NamedCrate {
                name: name.into(),
                version: "0.11.0".into(),
                from: CrateSource::DepV0,
            }];
            let config = ImageConfig { env: vec![env.into()], ..ImageConfig::default() };
            let image =
                Image::from_tree(InMemoryTree::default().file("/app", 0o755, "x"), Some(config))
                    .with_subject_path("/app");
            check(&Facts {
                binary: Some(Binary { crates, ..Binary::default() }),
                image: Some(image),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("env_logger", "PATH=/bin").name(), "fail");
        assert_eq!(outcome("env_logger", "RUST_LOG=info").name(), "pass");
        assert_eq!(outcome("serde", "PATH=/bin").name(), "not-applicable");
    }
}
