use crate::dockerfile::Dockerfile;
use crate::dockerfile::base_images::BaseLibc;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "glibc-on-musl-base",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a program for glibc is shipped on an image without glibc",
    what: "The rule finds out which C library the shipped program needs (from the builder's image, \
           the target and `crt-static`) and which one the runtime image has. It fails if the \
           program needs glibc and the image has none (alpine, scratch, busybox, \
           distroless/static), unless a step adds a loader of glibc or a package such as gcompat.",
    why: "The kernel does not find the interpreter `/lib64/ld-linux-x86-64.so.2`. The container \
           ends at once with `no such file or directory`, although the program is there.",
    fix: "Use a runtime image with glibc (`debian:bookworm-slim`, \
           `gcr.io/distroless/cc-debian12`), or build with `--target x86_64-unknown-linux-musl`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("no such file or directory")],
    references: &["https://doc.rust-lang.org/rustc/platform-support.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no program for glibc is shipped on an image without it";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for shipped in dockerfile.shipped() {
        let Some(runtime) = shipped.runtime else { continue };
        let missing = match runtime.libc {
            Some(BaseLibc::Musl) => "musl",
            Some(BaseLibc::None) => "no C library",
            _ => continue,
        };
        let Some(dynamic) = dockerfile.is_dynamic_gnu(shipped.build, shipped.builder) else {
            continue;
        };
        let Some(state) = dockerfile.trace.stages.get(dockerfile.stages.last).map(|it| &it.state)
        else {
            continue;
        };
        let compatible = ["gcompat", "libc6-compat", "glibc", "glibc-bin"];
        let helped = compatible.iter().any(|it| state.packages.contains(*it));
        let loaders = [
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/ld-linux-aarch64.so.1",
            "/lib/ld-linux-x86-64.so.2",
        ];
        let without = |path: &str| state.presence(path, &dockerfile.context) == Some(false);
        if !dynamic || helped || !loaders.iter().all(|it| without(it)) {
            continue;
        }
        let Some(stage) = dockerfile.stages.chain(shipped.taken.stage).last().copied() else {
            continue;
        };
        let Some(stage) = dockerfile.stages.all.get(stage) else { continue };
        let message = format!(
            "the program is built for glibc in line {} and shipped on {}, which has {missing}",
            dockerfile.position(&shipped.build.ran.span).line,
            runtime.name()
        );
        let certain =
            shipped.build.triples.iter().all(|it| it.is_some()) && !shipped.build.ran.conditional;
        let finding = Finding::in_dockerfile(dockerfile, &stage.span, message)
            .fix("FROM gcr.io/distroless/cc-debian12")
            .sure_only(certain && shipped.build.cargo.complete);
        if !findings.iter().any(|other| other.location == finding.location) {
            findings.push(finding);
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn what_needs_glibc_is_shipped_with_it() {
        for (builder, run, runtime, bad) in [
            ("rust:1.95", "RUN cargo build --release", "alpine:3.20", true),
            ("rust:1.95", "RUN cargo build --release", "scratch", true),
            ("rust:1.95", "RUN cargo build --release", "gcr.io/distroless/static-debian12", true),
            ("rust:1.95", "RUN cargo build --release", "gcr.io/distroless/cc-debian12", false),
            (
                "rust:1.95",
                "RUN cargo build --release",
                "alpine:3.20\nRUN apk add --no-cache gcompat",
                false,
            ),
            (
                "rust:1.95",
                "ENV RUSTFLAGS='-C target-feature=+crt-static'\nRUN cargo build --release",
                "scratch",
                false,
            ),
            ("rust:1.95-alpine", "RUN cargo build --release", "scratch", false),
            (
                "clux/muslrust:stable",
                "RUN cargo build --release && cp target/*/release/my-app /x",
                "scratch",
                false,
            ),
            ("own", "RUN cargo build --release", "scratch", false),
            ("rust:1.95", "RUN cargo build --release", "frolvlad/alpine-glibc", false),
        ] {
            let text = format!(
                "FROM {builder} AS builder\nWORKDIR /app\nCOPY . .\n{run}\nFROM {runtime}\n\
                 COPY --from=builder /app/target/release/my-app /usr/local/bin/my-app\n"
            );
            let found = RULE.of_dockerfile(&testing::of(&text));
            assert_eq!(
                found.iter().any(|it| it.1 == Level::Deny),
                bad,
                "{builder} {run} {runtime}: {found:?}"
            );
        }
    }
}
