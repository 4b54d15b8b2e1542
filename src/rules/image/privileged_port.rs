use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "privileged-port",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a user other than root has to bind a port below 1024",
    what: "The rule fails if the image exposes a port below 1024 and its User is not root.",
    why: "Docker 20.10 and later allow every user to bind every port in a container. Kubernetes on \
           older nodes, rootless Podman and host networking do not.",
    fix: "Listen on a port above 1023, and publish it under the low number: `-p 80:8080`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("Permission denied (os error 13)")],
    references: &["ip(7)", "https://github.com/dani-garcia/vaultwarden/issues/411"],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    let low: Vec<u16> = image.exposed_ports().into_iter().filter(|port| *port < 1024).collect();
    if low.is_empty() {
        return Outcome::not_applicable("the image exposes no port below 1024");
    }
    let Some(identity) = image.identity() else {
        return Outcome::open("the image does not define its user", "see `missing-user`");
    };
    if identity.uid == 0 {
        return Outcome::pass("root binds the port");
    }
    let findings = low.iter().map(|port| {
        Finding::new(
            Location::ImageConfig("ExposedPorts"),
            format!("user {} has to bind port {port}", identity.uid),
        )
        .evidence(format!("EXPOSE {port}, USER {}", identity.uid))
        .fix(format!("EXPOSE {} # and let the server listen there", u32::from(*port) + 8000))
    });
    Outcome::of(findings, "no port below 1024")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn only_root_binds_low_ports_everywhere() {
        let outcome = |user: &str, port: &str| {
            let config = ImageConfig {
                user: user.into(),
                exposed_ports: vec![port.into()],
                ..ImageConfig::default()
            };
            check(&Image::from_tree(InMemoryTree::default(), Some(config)))
        };
        assert_eq!(outcome("1000", "80/tcp").name(), "fail");
        assert_eq!(outcome("", "80/tcp").name(), "pass");
        assert_eq!(outcome("1000", "8080/tcp").name(), "not-applicable");
        assert_eq!(outcome("nobody", "80").name(), "open");
    }
}
