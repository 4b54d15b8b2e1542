use crate::dockerfile::Dockerfile;
use crate::dockerfile::base_images::BaseLibc;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "target-not-installed",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "cargo is asked for a target that no step installs",
    what: "The rule looks for `--target` and CARGO_BUILD_TARGET of builds on images of Rust. It \
           fails if neither `rustup target add` nor the toolchain file installs the target and it \
           cannot be the target of the image.",
    why: "rustc stops with `can't find crate for std` (E0463).",
    fix: "Install the target before the build: `RUN rustup target add x86_64-unknown-linux-musl`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("can't find crate for `std`")],
    references: &["https://rust-lang.github.io/rustup/cross-compilation.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every target that is built for is installed, or may be the builder's own";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    for (_, build) in dockerfile.builds() {
        let (_, image) = dockerfile.stages.image(build.stage);
        let Some(image) = image.filter(|it| it.cargo_home.is_some()) else { continue };
        let Some(state) = dockerfile.trace.stages.get(build.stage).map(|it| &it.state) else {
            continue;
        };
        let further = build.cargo.further.iter().any(|it| it.contains("build-std"));
        let opaque = build.opaque.is_some() || state.unknown_targets || further;
        for triple in build.triples.iter().flatten() {
            let added = state.targets.contains(triple)
                || dockerfile.workspace.toolchain_targets.contains(triple)
                || image.cargo_build_target.is_some()
                || triple.ends_with(".json");
            // Which machine builds is not known: any Linux of the image's C library may be its own.
            let own = match image.libc {
                Some(BaseLibc::Glibc(_)) => triple.contains("-linux-gnu"),
                Some(BaseLibc::Musl) => triple.contains("-linux-musl"),
                _ => true,
            };
            if added || own || opaque || !triple.contains('-') {
                continue;
            }
            let finding = Finding::in_dockerfile(
                dockerfile,
                &build.ran.span,
                format!("no step installs the target {triple}"),
            )
            .fix(format!("RUN {}", shell_command(["rustup", "target", "add", triple])))
            .sure_only(!build.ran.conditional);
            if !findings.iter().any(|other| other.message == finding.message) {
                findings.push(finding);
            }
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn targets_are_installed_before_they_are_built_for() {
        let found = |image: &str, run: &str| {
            let text = format!("FROM {image}\nWORKDIR /app\nCOPY . .\n{run}\n");
            RULE.of_dockerfile(&testing::of(&text))
        };
        let musl = "RUN cargo build --target x86_64-unknown-linux-musl";
        assert_eq!(found("rust:1.95", musl), [(4, Level::Deny)]);
        assert_eq!(
            found("rust:1.95", "RUN cargo build --target wasm32-unknown-unknown"),
            [(4, Level::Deny)]
        );
        for (image, run) in [
            (
                "rust:1.95",
                "RUN rustup target add x86_64-unknown-linux-musl && cargo build --target x86_64-unknown-linux-musl",
            ),
            ("rust:1.95", "RUN cargo build --target aarch64-unknown-linux-gnu"),
            ("rust:1.95-alpine", musl),
            ("clux/muslrust:stable", musl),
            ("own", musl),
            (
                "rust:1.95",
                "RUN rustup target add $T && cargo build --target x86_64-unknown-linux-musl",
            ),
            ("rust:1.95", "RUN ./setup.sh && cargo build --target x86_64-unknown-linux-musl"),
        ] {
            assert_eq!(found(image, run), [], "{image} {run}");
        }
    }
}
