use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_IMAGE, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::start::image::Image;
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "missing-ca-certificates",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary trusts the system's CA certificates, but the image has none",
    what: "The rule looks in the binary for TLS that reads the system's root certificates \
           (rustls-native-certs, rustls-platform-verifier, native-tls, openssl), and in the image \
           for the files that these read, including SSL_CERT_FILE and SSL_CERT_DIR. The finding is \
           a warning unless the binary contains one of these crates and a known client (such as \
           reqwest or ureq), and has no root certificates of its own.",
    why: "Every TLS connection fails. reqwest 0.13 panics when it creates a client, even for plain \
           HTTP.",
    fix: "Install the certificates in the last stage (`RUN apt-get install -y ca-certificates`, \
           `apk add ca-certificates`), copy them from the build stage, or embed them in the binary \
           (`webpki-roots`).",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("No CA certificates were loaded from the system"),
        Symptom::Stderr("unable to get local issuer certificate"),
        Symptom::Stderr("UnknownIssuer"),
    ],
    references: &[
        "https://github.com/seanmonstar/reqwest/issues/2988",
        "https://docs.rs/rustls-native-certs",
        "https://docs.rs/openssl-probe",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary, Need::Image], &[Need::Cargo]), check),
};

/// Where the crates look: openssl-probe 0.2, and Go's list that it follows.
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs.pem",
];
const SYSTEM_ROOTS: &[&str] =
    &["rustls-native-certs", "rustls-platform-verifier", "native-tls", "openssl", "openssl-probe"];
const CLIENTS: &[&str] =
    &["reqwest", "hyper-rustls", "hyper-tls", "ureq", "isahc", "attohttpc", "tokio-tungstenite"];
const OWN_ROOTS: &[&str] = &["webpki-roots", "webpki-root-certs"];

fn check(facts: &Facts) -> Outcome {
    let (Some(image), Some(binary)) = (&facts.image, &facts.binary) else {
        return Outcome::not_applicable(NO_IMAGE);
    };
    if has_roots(image) {
        return Outcome::pass("the image has CA certificates");
    }
    let reads_roots = facts.has_one_of(SYSTEM_ROOTS).flatten();
    let has_own = facts.has_one_of(OWN_ROOTS).flatten();
    let file = binary.may_read.iter().find(|path| FILES.contains(&path.as_str()));
    let evidence = match (reads_roots, file, has_own) {
        (None, _, Some(own)) => {
            return Outcome::not_applicable(format!(
                "the binary has its own root certificates ({own})"
            ));
        }
        (Some(name), ..) => format!("the crate {name} reads the system's root certificates"),
        (None, Some(path), None) => format!("the binary contains the path {path}"),
        (None, None, None) if binary.tls.value.is_some() => {
            return Outcome::open(
                "the binary uses TLS, but the source of its root certificates is not known",
                "lint it in its workspace",
            );
        }
        (None, None, None) => {
            return Outcome::not_applicable(
                "nothing in the binary reads the system's certificates",
            );
        }
    };
    let finding =
        Finding::new(Location::ImagePath(FILES[0].to_owned()), "the image has no CA certificates")
            .evidence(evidence)
            .evidence("none of the usual paths is in the image")
            .fix(if image.has("/usr/bin/apt-get") {
                "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates"
            } else if image.has("/sbin/apk") {
                "RUN apk add --no-cache ca-certificates"
            } else {
                "COPY --from=rust:1 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/"
            });
    let client = facts.has_one_of(CLIENTS).flatten();
    match (reads_roots, client, has_own) {
        (Some(_), Some(client), None) => {
            finding.evidence(format!("{client} opens connections")).into()
        }
        // A server needs no roots, and own roots may be the ones that count.
        _ => finding.at_most_warn().into(),
    }
}

fn has_roots(image: &Image) -> bool {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().filter_map(|name| image.variable(name));
    let hashed = image.resolve("/etc/ssl/certs").is_ok_and(|found| {
        image
            .files
            .children(&found.path)
            .iter()
            .any(|name| name.ends_with(b".0") || name.ends_with(b".pem"))
    });
    hashed || FILES.iter().copied().chain(named).any(|path| image.has(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{CrateSource, NamedCrate};
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(crates: &[&str], tree: InMemoryTree, env: &[&str]) -> Outcome {
        let crates = crates
            .iter()
            .map(|name| NamedCrate {
                name: (*name).into(),
                version: "1.0.0".into(),
                from: CrateSource::PanicPath,
            })
            .collect();
        let env = env.iter().map(|entry| (*entry).to_owned()).collect();
        check(&Facts {
            binary: Some(Binary { crates, ..Binary::default() }),
            image: Some(Image::from_tree(
                tree,
                Some(ImageConfig { env, ..ImageConfig::default() }),
            )),
            ..Facts::default()
        })
    }

    #[test]
    fn a_client_of_the_systems_roots_needs_them() {
        let none = InMemoryTree::default;
        let failed = outcome(&["reqwest", "rustls-native-certs"], none(), &[]);
        assert_eq!(failed.findings()[0].at_most, None);
        assert_eq!(outcome(&["openssl"], none(), &[]).findings()[0].at_most, Some(Level::Warn));
        assert_eq!(outcome(&["reqwest", "webpki-roots"], none(), &[]).name(), "not-applicable");
        assert_eq!(outcome(&["serde"], none(), &[]).name(), "not-applicable");
        let with = none().file("/etc/ssl/certs/ca-certificates.crt", 0o644, "x");
        assert_eq!(outcome(&["reqwest", "openssl"], with, &[]).name(), "pass");
        let elsewhere = none().file("/certs.pem", 0o644, "x");
        assert_eq!(
            outcome(&["reqwest", "openssl"], elsewhere, &["SSL_CERT_FILE=/certs.pem"]).name(),
            "pass"
        );
        let dangling = none().link("/etc/ssl/certs/ca-certificates.crt", "/nowhere");
        assert_eq!(outcome(&["reqwest", "openssl"], dangling, &[]).name(), "fail");
    }
}
