use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom, settle};

pub static RULE: Rule = Rule {
    id: "stage-without-certificates",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program asks the system for certificates, and the image has none",
    what: "The rule looks in Cargo.lock for crates that read the certificates of the system, and \
           for a client of HTTPS; `native-tls` counts without one. It fails if neither the image \
           of the last stage, a package nor a copied file brings certificates.",
    why: "Every HTTPS connection fails: `unable to get local issuer certificate`.",
    fix: "Install the certificates: `RUN apt-get update && apt-get install -y \
           --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("unable to get local issuer certificate")],
    references: &["https://docs.rs/openssl-probe"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "certificates are there, or nobody asks for them";

/// Crates that read the system's certificates.
const READERS: &[&str] =
    &["openssl-probe", "rustls-native-certs", "rustls-platform-verifier", "native-tls"];
/// Clients of HTTPS.
const CLIENTS: &[&str] = &["reqwest", "hyper-rustls", "ureq", "awc", "isahc", "surf", "tonic"];
/// Packages that bring them, themselves or by what they need.
const BRINGERS: &[&str] =
    &["ca-certificates", "openssl", "curl", "libcurl4", "git", "python3", "openjdk", "nodejs"];

fn check(dockerfile: &Dockerfile) -> Outcome {
    let locked = &dockerfile.workspace.locked;
    // A database's driver reads them too, and is hardly asked to.
    let client = CLIENTS.iter().any(|it| locked.contains(*it));
    let reads = |it: &&&str| locked.contains(**it) && (client || **it == "native-tls");
    let Some(reader) = READERS.iter().find(reads) else {
        return Outcome::not_applicable("no crate of Cargo.lock reads the system's certificates");
    };
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let (_, image) = dockerfile.stages.image(dockerfile.stages.last);
    let Some(image) = image else {
        return Outcome::open("the base image is not known", settle::IN_IMAGE);
    };
    let shipped = dockerfile.shipped();
    let brought = image.certificates
        || state.unknown_installs
        || state.packages.iter().any(|it| BRINGERS.iter().any(|bringer| it.starts_with(bringer)));
    let places = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/cert.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ];
    let copied = places.iter().any(|it| state.presence(it, &dockerfile.context) != Some(false))
        || state.variables.contains_key("SSL_CERT_FILE")
        || dockerfile.stages.all[dockerfile.stages.last].instructions.clone().any(|it| {
            // Put somewhere of its own.
            let text =
                dockerfile.instruction(it).map(|it| dockerfile.text(&it.span)).unwrap_or_default();
            text.contains("/certs")
                || text.contains("ca-certificates")
                || text.contains("ca-bundle")
        });
    let Some(shipped) = shipped.first().filter(|_| !brought && !copied) else {
        return Outcome::pass(PASS);
    };
    let stage = &dockerfile.stages.all[dockerfile.stages.last];
    let line = match image.distribution.as_str() {
        "alpine" => "RUN apk add --no-cache ca-certificates".to_owned(),
        "scratch" => {
            let from = dockerfile.stages.name(shipped.taken.from);
            format!("COPY --from={from} /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/")
        }
        _ => "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && \
              rm -rf /var/lib/apt/lists/*"
            .to_owned(),
    };
    Finding::in_dockerfile(dockerfile, &stage.span, format!("{} has no certificates", image.name()))
        .evidence(format!("Cargo.lock has {reader}"))
        .fix(line)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn certificates_are_there_where_they_are_read() {
        let found = |image: &str, rest: &str, locked: &str| {
            let text = format!(
                "FROM rust:1.95 AS b\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\nFROM {image}\n{rest}\n\
                 COPY --from=b /app/target/release/my-app /x\n"
            );
            let dockerfile = testing::changed(&text, |workspace, _| {
                workspace.locked.extend([locked.to_owned(), "reqwest".to_owned()]);
            });
            RULE.of_dockerfile(&dockerfile)
        };
        let apt = "RUN apt-get update && apt-get install -y ca-certificates";
        assert_eq!(found("debian:trixie-slim", "USER a", "native-tls"), [(5, Level::Warn)]);
        assert_eq!(found("scratch", "USER a", "rustls-native-certs"), [(5, Level::Warn)]);
        for (image, rest, locked) in [
            ("debian:trixie-slim", apt, "native-tls"),
            ("debian:trixie-slim", "USER a", "webpki-roots"),
            ("alpine:3.20", "USER a", "native-tls"),
            ("gcr.io/distroless/cc-debian12", "USER a", "native-tls"),
            ("scratch", "COPY --from=b /etc/ssl/certs /etc/ssl/certs", "native-tls"),
            ("own", "USER a", "native-tls"),
        ] {
            assert_eq!(found(image, rest, locked), [], "{image} {rest} {locked}");
        }
    }
}
