use crate::dockerfile::Dockerfile;
use crate::dockerfile::run_commands::Masked;
use crate::dockerfile::trace::CargoRun;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "masked-build-failure",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "nobody notices when the build fails, and an older program is shipped in its place",
    what: "The rule looks for builds whose failure is hidden: `|| true`, a pipe without \
           `pipefail`, or a following command without `set -e`. It fails if an earlier build has \
           written a program, such as a stub, to the path that is copied.",
    why: "If the code does not compile, the image is built nevertheless, with the program of the \
           earlier build.",
    fix: "Let the step fail when the build fails: remove `|| true`, put `SHELL [\"/bin/bash\", \
           \"-o\", \"pipefail\", \"-c\"]` before a pipe, and use `&&` or `set -e` between \
           commands.",
    no_fix_line: None,
    symptoms: &[Symptom::Silence],
    references: &["https://docs.docker.com/build/building/best-practices/#using-pipes"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "a build that fails is noticed, or nothing older lies in its place";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    for (number, build) in dockerfile.builds().filter(|(_, it)| !it.cook) {
        let how = match build.ran.masked {
            Some(Masked::OrSucceeds) => "what stands behind `||` succeeds",
            Some(Masked::Piped) => "the exit code is the last one of the pipe",
            Some(Masked::Followed) => "the exit code is the last command's",
            Some(Masked::Tested) | None => continue,
        };
        let same = |it: &CargoRun| {
            it.target_dir == build.target_dir
                && it.outputs.iter().any(|output| build.outputs.contains(output))
        };
        // A later build that may fail tells.
        let told = dockerfile.builds().any(|(other, it)| {
            other > number
                && same(it)
                && it.ran.masked.is_none()
                && dockerfile.goes_on(it.stage, build.stage)
        });
        let older = dockerfile.builds().find(|(other, it)| {
            *other < number && same(it) && dockerfile.goes_on(build.stage, it.stage)
        });
        let output =
            |it: &str| build.outputs.iter().flatten().any(|output| it.ends_with(output.as_str()));
        let shipped =
            dockerfile.trace.taken.iter().any(|it| {
                it.build == Some(number)
                    || it.from == build.stage
                        && it.from != it.stage
                        && output(it.path.trim_end_matches('/'))
            }) || dockerfile.trace.unknown_taken.iter().any(|(_, from)| *from == build.stage);
        let Some((_, older)) = older.filter(|_| !told && shipped && build.target_dir.is_some())
        else {
            continue;
        };
        // Where later commands of the RUN need nothing of it, an older program is as good to them.
        let message = format!(
            "a failing build goes unnoticed here: {how}; the program of line {} is shipped in its place",
            dockerfile.position(&older.ran.span).line
        );
        findings.push(
            Finding::in_dockerfile(dockerfile, &build.ran.span, message)
                .fix(format!("RUN {}", dockerfile.text(&build.ran.span)))
                .sure_only(!build.ran.conditional),
        );
    }
    Outcome::of(findings, PASS)
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
    fn a_failure_must_be_seen_where_a_stub_lies() {
        for (run, bad) in [
            ("RUN touch src/main.rs && cargo build --release || true", true),
            ("RUN touch src/main.rs && cargo build --release | tee /log", true),
            ("RUN touch src/main.rs; cargo build --release; echo done", true),
            ("RUN cargo build --release && strip target/release/my-app || true", true),
            ("RUN touch src/main.rs && cargo build --release", false),
            ("RUN set -e; touch src/main.rs; cargo build --release; echo done", false),
            (
                "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN cargo build --release | tee /log",
                false,
            ),
            ("RUN cargo build --release || exit 1", false),
            ("RUN cargo build --release || true\nRUN cargo build --release", false),
        ] {
            let text = format!("{HEAD}COPY src ./src\n{run}\n{TAIL}");
            let found = RULE.of_dockerfile(&testing::of(&text));
            assert_eq!(!found.is_empty(), bad, "{run}: {found:?}");
        }
        // Without a stub the copy fails: it is noticed.
        let text = format!(
            "FROM rust:1.95 AS builder\nWORKDIR /app\nCOPY . .\nRUN cargo build --release || true\n{TAIL}"
        );
        assert_eq!(RULE.of_dockerfile(&testing::of(&text)), []);
    }
}
