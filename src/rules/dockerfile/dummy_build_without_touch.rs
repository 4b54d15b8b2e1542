use crate::dockerfile::Dockerfile;
use crate::dockerfile::stages::FileOrigin;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "dummy-build-without-touch",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the real sources are older than the stub that was compiled, so cargo ships the stub",
    what: "The rule follows three steps: a build compiles a stub, a COPY brings the sources, and a \
           later build considers the crate fresh because no step gives the sources a newer \
           modification time. It also fails if the stub of cargo-chef is shipped and no build \
           compiles the sources.",
    why: "Cargo compares modification times. A file that COPY brings keeps the time of the \
           checkout, which is older than the build of the stub. Cargo prints `Finished` and \
           compiles nothing, and the image ships an empty program that exits with code 0.",
    fix: "Touch the sources after their COPY: `RUN find . -name '*.rs' -not -path './target/*' \
           -exec touch {} + && cargo build --release`.",
    no_fix_line: Some("no one line touches more than six files, or files of unknown names"),
    symptoms: &[Symptom::Silence, Symptom::ExitCode(0)],
    references: &[
        "https://doc.rust-lang.org/nightly/nightly-rustc/cargo/core/compiler/fingerprint/index.html",
        "https://docs.docker.com/reference/dockerfile/#copy",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no program is compiled from a stub where its sources were replaced";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let stale = dockerfile.stale();
    let mut findings: Vec<Finding> = Vec::new();
    for it in stale.iter().filter(|it| it.clean.is_none() && !it.partial) {
        let span = &it.build.ran.span;
        let position = dockerfile.position(&it.stub.ran.span);
        let message = format!(
            "cargo calls `{}` fresh here: it was compiled from a stub in line {}, and the sources that \
             replaced it are older",
            it.made.key.package, position.line
        );
        let mut finding = Finding::in_dockerfile(dockerfile, span, message)
            .evidence(format!("{} keeps the time of the checkout", it.made.path))
            .sure_only(it.sure);
        let of_build: Vec<_> =
            stale.iter().filter(|other| std::ptr::eq(other.build, it.build)).copied().collect();
        if let Some(touch) = dockerfile.touch_line(&of_build) {
            let line = format!("RUN {touch}{}", dockerfile.text(span));
            finding = finding.fix(line).edit(span.start..span.start, touch);
        }
        if !findings.iter().any(|other| other.location == finding.location) {
            findings.push(finding);
        }
    }
    findings.extend(never_built(dockerfile));
    Outcome::of(findings, PASS)
}

/// Programs that are taken although nothing but a stub was ever compiled.
fn never_built(dockerfile: &Dockerfile) -> Vec<Finding> {
    let stub = |origin: &FileOrigin| matches!(origin, FileOrigin::Skeleton { .. });
    let mut findings = Vec::new();
    for shipped in dockerfile.shipped() {
        let made = shipped.build.made.iter().find(|it| {
            let name = it.key.target.strip_prefix("bin ");
            name.is_some_and(|name| shipped.taken.path.ends_with(&format!("/{name}")))
        });
        // A later build of the same directory is looked at for itself.
        let later = dockerfile.builds().any(|(_, it)| {
            !it.cook
                && it.target_dir == shipped.build.target_dir
                && it.outputs == shipped.build.outputs
        });
        let Some(made) = made.filter(|it| shipped.build.cook && stub(&it.compiled_from) && !later)
        else {
            continue;
        };
        let span = &shipped.taken.span;
        let message = format!(
            "`{}` was compiled from the stub that cargo-chef writes, and never from its sources",
            made.key.package
        );
        findings.push(
            Finding::in_dockerfile(dockerfile, span, message)
                .fix("COPY . .\nRUN cargo build --release")
                .sure_only(!dockerfile.workspace.guessed && shipped.build.opaque.is_none()),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    const HEAD: &str = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n\
                        RUN mkdir src && echo 'fn main() {}' > src/main.rs && cargo build --release\n";
    const TAIL: &str = "FROM debian:bookworm-slim\nCOPY --from=builder /app/target/release/my-app /usr/local/bin/\n\
                        CMD [\"my-app\"]\n";

    #[test]
    fn a_stub_stays_unless_something_is_younger() {
        for (middle, expected) in [
            ("COPY src ./src\nRUN cargo build --release\n", Some(6)),
            ("COPY --chown=0:0 src ./src\nRUN cargo build --release\n", Some(6)),
            ("RUN rm -rf src\nCOPY src ./src\nRUN cargo build --release\n", Some(7)),
            ("RUN touch src/main.rs\nCOPY . .\nRUN cargo build --release\n", Some(7)),
            ("COPY . .\nRUN cargo install --path .\n", Some(6)),
            ("COPY src ./src\nRUN touch src/main.rs\nRUN cargo build --release\n", None),
            (
                "COPY src ./src\nRUN find . -name '*.rs' -exec touch {} + && cargo build --release\n",
                None,
            ),
            ("COPY src ./src\nRUN touch $(find src -name '*.rs'); cargo build --release\n", None),
            (
                "COPY src ./src\nRUN cat src/main.rs > t && mv t src/main.rs && cargo build --release\n",
                None,
            ),
            ("COPY src ./src\nRUN RUSTFLAGS=-g cargo build --release\n", None),
            ("COPY src ./src\nRUN cargo build --release --features x\n", None),
            ("COPY src ./src\nRUN cargo build --release --target-dir /other\n", None),
            (
                "RUN cargo clean --release -p my-app\nCOPY src ./src\nRUN cargo build --release\n",
                None,
            ),
            (
                "RUN rm -rf target/release/.fingerprint/my-app-*\nCOPY src ./src\nRUN cargo build --release\n",
                None,
            ),
            ("COPY src ./src\nRUN ./build.sh\n", None),
        ] {
            let found = RULE.of_dockerfile(&testing::of(&format!("{HEAD}{middle}{TAIL}")));
            assert_eq!(
                found,
                expected.map(|line| (line, Level::Deny)).into_iter().collect::<Vec<_>>(),
                "{middle}"
            );
        }
    }

    #[test]
    fn what_appears_later_heals_and_a_guess_warns() {
        let text = format!("{HEAD}COPY . .\nRUN cargo build --release\n{TAIL}");
        let with = |change: fn(&mut crate::dockerfile::workspace::WorkspacePackage), file: &str| {
            let dockerfile = testing::changed(&text, |workspace, context| {
                change(&mut workspace.packages[0]);
                context.files.insert(file.to_owned());
            });
            RULE.of_dockerfile(&dockerfile)
        };
        assert_eq!(with(|it| it.build_script = Some("build.rs".to_owned()), "build.rs"), []);
        assert_eq!(with(|it| it.library = Some("src/lib.rs".to_owned()), "src/lib.rs"), []);
        assert_eq!(with(|_| {}, "README.md"), [(6, Level::Deny)]);
        let guessed = Dockerfile::new(
            "Dockerfile",
            crate::dockerfile::source::SourceText::new(&text),
            None,
            None,
            &crate::dockerfile::DockerfileOptions::default(),
        );
        assert_eq!(RULE.of_dockerfile(&guessed.unwrap()), [(6, Level::Warn)]);
    }

    #[test]
    fn a_cook_alone_is_no_build() {
        let text = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY recipe.json .\n\
                    RUN cargo chef cook --release --recipe-path recipe.json\n";
        let found = RULE.of_dockerfile(&testing::of(&format!("{text}{TAIL}")));
        assert_eq!(found, [(6, Level::Deny)]);
        let built = format!("{text}COPY . .\nRUN cargo build --release\n{TAIL}");
        assert_eq!(RULE.of_dockerfile(&testing::of(&built)), []);
    }
}
