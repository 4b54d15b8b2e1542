use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "loopback-listener",
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program holds a loopback address with the port that the image exposes",
    what: "Looks for `127.0.0.1:PORT`, `localhost:PORT` and `[::1]:PORT` in the program with a \
           PORT of EXPOSE; and for Rocket, which binds 127.0.0.1 unless told otherwise.",
    why: "A server that binds the loopback address of its container answers nobody outside of \
           it.",
    fix: "Bind `0.0.0.0` or `[::]`, best from the environment: `ENV HOST=0.0.0.0`.",
    symptoms: &[
        Symptom::Client("Connection reset by peer"),
        Symptom::Client("Empty reply from server"),
    ],
    references: &[
        "lares 1",
        "grpc-rust 72",
        "Rocket 1478",
        "Rocket 1811",
        "conjure-verification 15",
    ],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable("no image and program were given");
    };
    let ports = image.exposed_ports();
    if ports.is_empty() {
        return Outcome::not_applicable("the image exposes no port");
    }
    let exposed = |address: &&String| {
        address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .is_some_and(|port| ports.contains(&port))
    };
    let rocket = facts.has_crate("rocket") == Some(true)
        && image.variable("ROCKET_ADDRESS").is_none()
        && !image.has(&format!(
            "{}/Rocket.toml",
            image.config.as_ref().map_or("", |config| &config.working_dir)
        ));
    let evidence = match binary.hints.loopback.iter().find(exposed) {
        Some(address) => format!("the program holds `{address}`"),
        None if rocket => {
            "Rocket binds 127.0.0.1; neither ROCKET_ADDRESS nor Rocket.toml is in the image"
                .to_owned()
        }
        None if binary.contents_read => return Outcome::Pass,
        None => return Outcome::open("the program's contents were not read"),
    };
    let fix =
        if rocket { "ENV ROCKET_ADDRESS=0.0.0.0" } else { "bind 0.0.0.0 instead of 127.0.0.1" };
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Finding::new(
        Location::ImageConfig("ExposedPorts"),
        "the exposed port may be bound to the loopback address alone",
    )
    .evidence(evidence)
    .evidence(format!("the image exposes {}", ports.join(", ")))
    .fix(fix)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::detect::runtime_needs::Hints;
    use crate::rootfs::document::config::Config;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn a_loopback_address_counts_with_an_exposed_port() {
        let outcome = |address: &str, port: &str| {
            let hints = Hints { loopback: vec![address.into()], ..Hints::default() };
            let config = Config { exposed_ports: vec![port.into()], ..Config::default() };
            check(&Facts {
                binary: Some(Binary { hints, contents_read: true, ..Binary::default() }),
                image: Some(Image::of(Memory::default(), Some(config))),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("127.0.0.1:8080", "8080/tcp").name(), "fail");
        assert_eq!(outcome("127.0.0.1:5432", "8080/tcp"), Outcome::Pass);
        assert_eq!(outcome("127.0.0.1:8080", "").name(), "not-applicable");
    }
}
