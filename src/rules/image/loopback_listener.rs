use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::start::image::Image;
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "loopback-listener",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary contains a loopback address with the port that the image exposes",
    what: "The rule looks in the binary for `127.0.0.1:PORT`, `localhost:PORT` and `[::1]:PORT`, \
           where PORT is a port that the image exposes. It also looks for Rocket, which binds \
           127.0.0.1 by default, in images that set neither ROCKET_ADDRESS nor \
           ROCKET_CONFIG and have no Rocket.toml in WorkingDir or above it.",
    why: "A server that binds the loopback address of its container cannot be reached from \
           outside.",
    fix: "Bind `0.0.0.0` or `[::]`, for example from a variable: `ENV HOST=0.0.0.0`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Client("Connection reset by peer"),
        Symptom::Client("Empty reply from server"),
    ],
    references: &[
        "ip(7)",
        "https://github.com/rwf2/Rocket/issues/1478",
        "https://docs.docker.com/engine/network/",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

/// Rocket reads the file in its working directory or in one above it.
fn has_rocket_file(image: &Image) -> bool {
    let directory = image.config.as_ref().map_or("", |config| &config.working_dir);
    std::path::Path::new(directory)
        .ancestors()
        .any(|it| image.has(&format!("{}/Rocket.toml", it.display()).replace("//", "/")))
        || image.has("/Rocket.toml")
}

/// What the command itself puts into the environment, or a script that it runs.
fn is_set_by_command(image: &Image) -> bool {
    let words = image.start().map(|it| it.words.as_slice()).unwrap_or_default();
    words.iter().any(|it| it.contains("ROCKET_") || it.ends_with(".sh"))
}

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
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
        && ["ROCKET_ADDRESS", "ROCKET_CONFIG"].iter().all(|it| image.variable(it).is_none())
        && !has_rocket_file(image)
        && !is_set_by_command(image);
    let evidence = match binary.runtime_needs.loopback.iter().find(exposed) {
        Some(address) => format!("the binary contains `{address}`"),
        None if rocket => {
            "Rocket binds 127.0.0.1, and the image has neither ROCKET_ADDRESS nor Rocket.toml"
                .to_owned()
        }
        None if binary.contents_read => {
            return Outcome::pass("no loopback address with an exposed port in the binary");
        }
        None => {
            return Outcome::open(
                "the contents of the binary were not read",
                "look for `127.0.0.1` with strings(1)",
            );
        }
    };
    let fix = if rocket {
        "ENV ROCKET_ADDRESS=0.0.0.0"
    } else {
        "in the sources, bind 0.0.0.0 instead of 127.0.0.1"
    };
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Finding::new(
        Location::ImageConfig("ExposedPorts"),
        "the server may bind the exposed port on the loopback address only",
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
    use crate::binary::detect::runtime_needs::RuntimeNeeds;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_loopback_address_counts_with_an_exposed_port() {
        let outcome = |address: &str, port: &str| {
            let runtime_needs =
                RuntimeNeeds { loopback: vec![address.into()], ..RuntimeNeeds::default() };
            let config = ImageConfig { exposed_ports: vec![port.into()], ..ImageConfig::default() };
            check(&Facts {
                binary: Some(Binary { runtime_needs, contents_read: true, ..Binary::default() }),
                image: Some(Image::from_tree(InMemoryTree::default(), Some(config))),
                ..Facts::default()
            })
        };
        assert_eq!(outcome("127.0.0.1:8080", "8080/tcp").name(), "fail");
        assert_eq!(outcome("127.0.0.1:5432", "8080/tcp").name(), "pass");
        assert_eq!(outcome("127.0.0.1:8080", "").name(), "not-applicable");
    }

    #[test]
    fn rocket_is_asked_where_it_looks() {
        let outcome = |env: &[&str], file: &str, command: &[&str]| {
            let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
            let config = ImageConfig {
                exposed_ports: vec!["8000/tcp".into()],
                env: words(env),
                entrypoint: words(command),
                working_dir: "/srv/app".into(),
                ..ImageConfig::default()
            };
            let tree = InMemoryTree::default().file(file, 0o644, b"x").file("/app", 0o755, b"x");
            let crates = vec![NamedCrate {
                name: "rocket".into(),
                version: "0.5.1".into(),
                from: CrateSource::PanicPath,
            }];
            check(&Facts {
                binary: Some(Binary { crates, contents_read: true, ..Binary::default() }),
                image: Some(Image::from_tree(tree, Some(config))),
                ..Facts::default()
            })
            .name()
        };
        assert_eq!(outcome(&[], "/etc/x", &["/app"]), "fail");
        assert_eq!(outcome(&[], "/srv/app/Rocket.toml", &["/app"]), "pass");
        assert_eq!(outcome(&[], "/srv/Rocket.toml", &["/app"]), "pass");
        assert_eq!(outcome(&[], "/etc/Rocket.toml", &["/app"]), "fail");
        assert_eq!(outcome(&["ROCKET_ADDRESS=::"], "/etc/x", &["/app"]), "pass");
        assert_eq!(outcome(&["ROCKET_CONFIG=/etc/r"], "/etc/x", &["/app"]), "pass");
    }
}
