use crate::dockerfile::Dockerfile;
use crate::dockerfile::base_images::KnownImage;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "stage-skew",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the runtime image's glibc is older than what the program was built with",
    what: "The rule compares the glibc of the builder's image with that of the runtime image. It \
           needs both images in its table of base images, and passes if the runtime image has \
           glibc 2.39 or newer.",
    why: "A program that was linked with glibc 2.34 or later requires that version. With an older \
           glibc the loader refuses the program: `GLIBC_2.34 not found`. If both images have 2.34 \
           or later, only a program that uses newer functions fails: std uses those of 2.39 to \
           start processes.",
    fix: "Build and ship on the same release, for example `FROM rust:1-bookworm` and `FROM \
           debian:bookworm-slim`.",
    no_fix_line: Some("only for Debian's images is the release's name the tag"),
    symptoms: &[Symptom::Stderr("version `GLIBC_2.34' not found"), Symptom::ExitCode(1)],
    references: &["https://sourceware.org/glibc/wiki/Release/2.34"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "the runtime's glibc is new enough for what is shipped, or not known";

/// From glibc 2.34 on every program asks for 2.34: `__libc_start_main` got a new version there.
const FLOOR: (u32, u32) = (2, 34);
/// std starts processes by `pidfd_spawnp` where glibc has it.
const SPAWN: (u32, u32) = (2, 39);

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for shipped in dockerfile.shipped() {
        let (Some(builder), Some(runtime)) = (shipped.builder, shipped.runtime) else { continue };
        let (Some(built), Some(there)) = (builder.glibc(), runtime.glibc()) else { continue };
        let dynamic = dockerfile.is_dynamic_gnu(shipped.build, Some(builder));
        // std asks for nothing newer than 2.39.
        if built <= there
            || there >= SPAWN
            || dynamic == Some(false)
            || shipped.build.cargo.subcommand == "zigbuild"
        {
            continue;
        }
        let Some(stage) = dockerfile.stages.chain(shipped.taken.stage).last().copied() else {
            continue;
        };
        let Some(stage) = dockerfile.stages.all.get(stage) else { continue };
        let surely = built >= FLOOR && there < FLOOR
            || built >= SPAWN && there < SPAWN && dockerfile.workspace.spawns_processes;
        let floating = builder.floating || runtime.floating;
        let text = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        let message = format!(
            "the program is built on {} (glibc {}) and shipped on {} (glibc {})",
            builder.name(),
            text(built),
            runtime.name(),
            text(there)
        );
        let mut finding = Finding::in_dockerfile(dockerfile, &stage.span, message)
            .evidence(format!(
                "built in line {}",
                dockerfile.position(&shipped.build.ran.span).line
            ))
            .sure_only(surely && !floating && dynamic.is_some() && !shipped.build.ran.conditional);
        if floating {
            finding = finding.evidence("a tag without a release: what it names today is said here");
        }
        if let Some(image) = same_release(builder, &stage.image.value) {
            finding = finding.fix(format!("FROM {image}"));
        }
        if !findings.iter().any(|other| other.location == finding.location) {
            findings.push(finding);
        }
    }
    Outcome::of(findings, PASS)
}

/// The runtime image of the builder's release.
fn same_release(builder: &KnownImage, runtime: &str) -> Option<String> {
    let release = builder.release.as_deref().filter(|_| builder.distribution == "debian")?;
    let debian =
        runtime.starts_with("debian:") || runtime.starts_with("ubuntu") || runtime == "debian";
    debian.then(|| format!("debian:{release}-slim"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    const BUILDER: &str = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY . .\n";
    const COPY: &str =
        "COPY --from=builder /app/target/release/my-app /usr/local/bin/my-app\nCMD [\"my-app\"]\n";

    #[test]
    fn the_runtime_must_not_be_older() {
        let found = |builder: &str, runtime: &str, run: &str, spawns: bool| {
            let text = format!(
                "FROM {builder} AS builder\nWORKDIR /app\nCOPY . .\n{run}\nFROM {runtime}\n{COPY}"
            );
            let dockerfile =
                testing::changed(&text, |workspace, _| workspace.spawns_processes = spawns);
            RULE.of_dockerfile(&dockerfile)
        };
        let build = "RUN cargo build --release";
        assert!(BUILDER.contains("bookworm"));
        for (builder, runtime, spawns, level) in [
            ("rust:1.76", "debian:buster-slim", false, Some(Level::Deny)),
            ("rust:1.95-bookworm", "debian:bullseye-slim", false, Some(Level::Deny)),
            ("rust:1.95-trixie", "debian:bookworm-slim", false, Some(Level::Warn)),
            ("rust:1.95-trixie", "debian:bookworm-slim", true, Some(Level::Deny)),
            ("rust:latest", "debian:bookworm-slim", true, Some(Level::Warn)),
            ("rust:1.95-bookworm", "debian:bookworm-slim", true, None),
            ("rust:1.95-bookworm", "debian:trixie-slim", true, None),
            ("rust:1.95-bookworm", "ubuntu:22.04", true, Some(Level::Warn)),
            ("rust:1.95-alpine", "debian:buster", true, None),
            ("rust:1.95-bookworm", "example.org/own:1", true, None),
        ] {
            let expected: Vec<_> = level.map(|it| (5, it)).into_iter().collect();
            assert_eq!(found(builder, runtime, build, spawns), expected, "{builder} {runtime}");
        }
        let other = "RUN cargo build --release --target x86_64-unknown-linux-musl && mkdir -p target/release \
                     && cp target/x86_64-unknown-linux-musl/release/my-app target/release/my-app";
        assert_eq!(found("rust:1.76", "debian:buster", other, false), []);
        assert_eq!(
            found(
                "rust:1.76",
                "debian:buster",
                "ENV RUSTFLAGS='-C target-feature=+crt-static'\nRUN cargo build --release",
                false
            ),
            []
        );
    }
}
