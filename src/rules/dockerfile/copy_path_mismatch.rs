use crate::dockerfile::Dockerfile;
use crate::dockerfile::trace::{CargoRun, TakenPath};
use crate::dockerfile::workspace::{below, join};
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "copy-path-mismatch",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program is taken from where no build writes it",
    what: "The rule looks at paths in a target directory that COPY --from, cp or strip read. It \
           compares them with the paths that the builds before it write. These follow from the \
           profile, `--target`, `--target-dir`, the working directory and the names of the \
           binaries.",
    why: "The step fails. If an older program is at the path, that program is shipped.",
    fix: "Take the program from the path that cargo writes: `target/PROFILE/NAME`, or \
           `target/TRIPLE/PROFILE/NAME` with `--target`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://doc.rust-lang.org/cargo/reference/build-cache.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "every program is taken from where a build writes it";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let packages = &dockerfile.workspace.packages;
    let names: Vec<&str> =
        packages.iter().flat_map(|it| &it.binaries).map(|(name, _)| name.as_str()).collect();
    let is_bin = |path: &str| path.rsplit('/').next().is_some_and(|name| names.contains(&name));
    // A binary that a build makes where it is taken from is in order.
    let guessed = dockerfile.workspace.guessed;
    let asked = |it: &&TakenPath| it.there != Some(true) || it.build.is_some() && !guessed;
    for taken in dockerfile
        .trace
        .taken
        .iter()
        .filter(asked)
        .filter(|it| it.build.is_none() || !is_bin(&it.path))
    {
        let used = dockerfile.stages.all.get(taken.stage).is_some_and(|it| it.used);
        let of_stage = |build: &&CargoRun| dockerfile.goes_on(taken.from, build.stage);
        let all: Vec<&CargoRun> = dockerfile.trace.builds.iter().filter(of_stage).collect();
        let known =
            all.iter().all(|it| it.target_path.is_some() && it.outputs.iter().all(Option::is_some));
        let state = dockerfile.trace.stages.get(taken.from).map(|it| &it.state);
        if taken.build.is_none() && state.is_some_and(|it| it.is_unknown_at(&taken.path)) {
            continue;
        }
        let inside = |build: &&&CargoRun| {
            build
                .target_path
                .as_deref()
                .is_some_and(|it| below(&taken.path, it).is_some_and(|it| it.contains('/')))
        };
        let Some(near) = all.iter().find(inside).filter(|_| used && known && taken.mount.is_none())
        else {
            continue;
        };
        // A path in a mount is another rule's.
        if all.iter().filter(inside).any(|it| it.mount.is_some()) {
            continue;
        }
        let name = taken.path.rsplit('/').next().unwrap_or_default();
        let bins = &names;
        let before =
            dockerfile.trace.builds.iter().take(taken.builds_before).filter(of_stage).count();
        let message = if taken.build.is_some() {
            let plain = !name.contains('.') && !bins.is_empty() && !bins.contains(&name);
            let other =
                ["deps", "build", "examples", "incremental", "release", "debug"].contains(&name);
            // A step may have given it that name.
            let renamed = state.is_some_and(|it| it.files.contains_key(&taken.path));
            if dockerfile.workspace.guessed || !plain || other || renamed {
                continue;
            }
            format!("no binary of the workspace is called `{name}`")
        } else if before == 0 && taken.from == taken.stage {
            format!("no step before this one makes `{}`", taken.written)
        } else {
            let output = near.outputs.first().cloned().flatten().unwrap_or_default();
            let real = join(near.target_path.as_deref().unwrap_or_default(), &output);
            format!(
                "no build writes `{}`: line {} writes into {real}",
                taken.written,
                dockerfile.position(&near.ran.span).line
            )
        };
        let output = near.outputs.first().cloned().flatten().unwrap_or_default();
        let real = join(near.target_path.as_deref().unwrap_or_default(), &output);
        let bin = if bins.contains(&name) || bins.len() != 1 { name } else { bins[0] };
        let sure = taken.there == Some(false) || taken.build.is_some();
        let finding = Finding::in_dockerfile(dockerfile, &taken.span, message)
            .fix(dockerfile.text(&taken.span).replace(&taken.written, &join(&real, bin)))
            .sure_only(
                sure && !taken.conditional && near.opaque.is_none() && !near.ran.conditional,
            );
        findings.push(finding);
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn programs_are_taken_from_where_they_are_written() {
        let found = |run: &str, path: &str| {
            let text = format!(
                "FROM rust:1.95 AS builder\nWORKDIR /app\nCOPY . .\n{run}\nFROM debian:trixie-slim\n\
                 COPY --from=builder {path} /usr/local/bin/\n"
            );
            RULE.of_dockerfile(&testing::of(&text))
        };
        let release = "/app/target/release/my-app";
        for (run, path, line) in [
            ("RUN cargo build", release, Some(6)),
            ("RUN cargo build --profile dist", release, Some(6)),
            ("RUN cargo build --release --target x86_64-unknown-linux-gnu", release, Some(6)),
            (
                "ENV CARGO_BUILD_TARGET=x86_64-unknown-linux-gnu\nRUN cargo build --release",
                release,
                Some(7),
            ),
            ("RUN strip target/release/my-app && cargo build --release", release, Some(4)),
            ("RUN cargo build --release", "/app/target/release/other", Some(6)),
            ("RUN cargo build --release", release, None),
            (
                "RUN cargo build --release && mv target/release/my-app target/release/other",
                "/app/target/release/other",
                None,
            ),
            ("RUN cargo build --release", "/app/target/release/", None),
            ("RUN cargo build --profile dist", "/app/target/dist/my-app", None),
            ("RUN cargo build --release --target $T", release, None),
            (
                "RUN cargo build && mkdir -p target/release && cp target/debug/my-app target/release/",
                release,
                None,
            ),
            ("RUN if [ -f x ]; then cargo build; else cargo build --release; fi", release, None),
            ("RUN cargo build --release --target-dir /t", "/t/release/my-app", None),
            ("RUN make", release, None),
        ] {
            let expected: Vec<_> = line.map(|it| (it, Level::Deny)).into_iter().collect();
            assert_eq!(found(run, path), expected, "{run} {path}");
        }
    }
}
