use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom, settle};

pub static RULE: Rule = Rule {
    id: "stage-without-library",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program needs a library that the image does not have",
    what: "The rule looks in Cargo.lock for crates that link the OpenSSL or libpq of the system. \
           It fails if a dynamic program for glibc is shipped and neither the image of the last \
           stage, a package nor a copied file brings the library.",
    why: "The loader refuses the program: `error while loading shared libraries`.",
    fix: "Install the library in the last stage (`libssl3`, `libpq5`), or link it statically with \
           the feature `vendored`.",
    no_fix_line: Some("the package's name differs from release to release"),
    symptoms: &[Symptom::Stderr("error while loading shared libraries")],
    references: &["https://docs.rs/openssl/latest/openssl/#vendored"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no library of the lockfile is known to be missing";

/// A crate, what it would have to be vendored by, the library's file, packages that bring it.
const NEEDS: &[(&str, &str, &str, &[&str])] = &[
    (
        "openssl-sys",
        "openssl-src",
        "libssl",
        &[
            "libssl",
            "openssl",
            "ca-certificates",
            "curl",
            "libcurl",
            "libpq",
            "git",
            "python3",
            "wget",
        ],
    ),
    ("pq-sys", "pq-src", "libpq", &["libpq", "postgresql"]),
];

fn check(dockerfile: &Dockerfile) -> Outcome {
    let locked = &dockerfile.workspace.locked;
    let (_, image) = dockerfile.stages.image(dockerfile.stages.last);
    let Some(image) = image else {
        return Outcome::open("the base image is not known", settle::IN_IMAGE);
    };
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let mut findings = Vec::new();
    for shipped in dockerfile.shipped().iter().take(1) {
        // A static program carries its libraries.
        let dynamic = dockerfile.is_dynamic_gnu(shipped.build, shipped.builder) == Some(true);
        let env = ["OPENSSL_STATIC", "OPENSSL_NO_VENDOR", "PQ_LIB_STATIC"];
        let typed = env.iter().any(|it| shipped.build.ran.variables.contains_key(*it));
        if !dynamic || typed || state.unknown_installs {
            continue;
        }
        for (name, vendored, library, packages) in NEEDS {
            let brought = state
                .packages
                .iter()
                .any(|it| packages.iter().any(|package| it.starts_with(package)))
                || *library == "libssl" && image.libssl.is_some();
            let copied = ["/usr/lib", "/lib", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64"]
                .iter()
                .any(|it| {
                    state.is_unknown_at(it)
                        || state
                            .files
                            .keys()
                            .any(|file| file.starts_with(&format!("{it}/{library}")))
                });
            if !locked.contains(*name) || locked.contains(*vendored) || brought || copied {
                continue;
            }
            let stage = &dockerfile.stages.all[dockerfile.stages.last];
            findings.push(
                Finding::in_dockerfile(
                    dockerfile,
                    &stage.span,
                    format!("{} has no {library}", image.name()),
                )
                .evidence(format!("Cargo.lock has {name}, and nothing that builds {library} in")),
            );
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn libraries_are_there_where_they_are_linked() {
        let found = |image: &str, rest: &str, locked: &[&str]| {
            let text = format!(
                "FROM rust:1.95-bookworm AS b\nWORKDIR /app\nCOPY . .\nRUN cargo build --release\nFROM {image}\n{rest}\n\
                 COPY --from=b /app/target/release/my-app /x\n"
            );
            let dockerfile = testing::changed(&text, |workspace, _| {
                workspace.locked.extend(locked.iter().map(|it| (*it).to_owned()));
            });
            RULE.of_dockerfile(&dockerfile)
        };
        assert_eq!(found("debian:bookworm-slim", "USER a", &["openssl-sys"]), [(5, Level::Warn)]);
        assert_eq!(found("debian:bookworm-slim", "USER a", &["pq-sys"]), [(5, Level::Warn)]);
        for (rest, locked) in [
            ("USER a", &["openssl-sys", "openssl-src"] as &[&str]),
            ("USER a", &["rustls"]),
            ("RUN apt-get update && apt-get install -y ca-certificates", &["openssl-sys"]),
            ("RUN apt-get install -y libpq5", &["pq-sys"]),
            (
                "COPY --from=b /usr/lib/x86_64-linux-gnu/libssl.so.3 /usr/lib/x86_64-linux-gnu/",
                &["openssl-sys"],
            ),
            ("RUN ./install.sh", &["openssl-sys"]),
        ] {
            assert_eq!(found("debian:bookworm-slim", rest, locked), [], "{rest} {locked:?}");
        }
        assert_eq!(found("gcr.io/distroless/cc-debian12", "USER a", &["openssl-sys"]), []);
    }
}
