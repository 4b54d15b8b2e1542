use crate::dockerfile::Dockerfile;

use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "partial-touch",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "only some of the stubbed crates are compiled again",
    what: "The rule looks for the same defect as `dummy-build-without-touch`, in builds that \
           compile some crates again and consider others fresh.",
    why: "The program is compiled from the real sources, but a library of the workspace in it is \
           still the stub. Functions are missing, or the program behaves as before without any \
           message.",
    fix: "Touch the sources of every member: `RUN find . -name '*.rs' -not -path './target/*' \
           -exec touch {} + && cargo build --release`.",
    no_fix_line: Some("no one line touches more than six files, or files of unknown names"),
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/nightly/nightly-rustc/cargo/core/compiler/fingerprint/index.html",
    ],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no crate stays a stub beside crates that are compiled again";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let stale = dockerfile.stale();
    for it in stale.iter().filter(|it| it.clean.is_none() && it.partial) {
        let message = format!(
            "`{}` stays as it was compiled from a stub in line {}, although other crates are compiled again",
            it.made.key.package,
            dockerfile.position(&it.stub.ran.span).line
        );
        let span = &it.build.ran.span;
        let mut finding = Finding::in_dockerfile(dockerfile, span, message)
            .evidence(format!("{} keeps the time of the checkout", it.made.path))
            .sure_only(it.sure);
        let of_build: Vec<_> =
            stale.iter().filter(|other| std::ptr::eq(other.build, it.build)).copied().collect();
        if let Some(touch) = dockerfile.touch_line(&of_build) {
            finding = finding
                .fix(format!("RUN {touch}{}", dockerfile.text(span)))
                .edit(span.start..span.start, touch);
        }
        findings.push(finding);
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_member_that_nobody_touches_stays_a_stub() {
        let head = "FROM rust:1.95-bookworm AS builder\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n\
                    COPY app/Cargo.toml app/\nCOPY lib1/Cargo.toml lib1/\n\
                    RUN mkdir -p app/src lib1/src && echo 'fn main() {}' > app/src/main.rs && touch lib1/src/lib.rs \\\n\
                    && cargo build --release\nCOPY . .\n";
        let tail =
            "FROM debian:bookworm-slim\nCOPY --from=builder /app/target/release/my-app /app\n";
        let partial = format!("{head}RUN touch app/src/main.rs && cargo build --release\n{tail}");
        assert_eq!(RULE.of_dockerfile(&testing::of_workspace(&partial)), [(9, Level::Deny)]);
        for whole in [
            "RUN touch app/src/main.rs lib1/src/lib.rs && cargo build --release\n",
            "RUN for i in app/src/main.rs lib1/src/lib.rs; do touch $i; done; cargo build --release\n",
            "RUN find . -name '*.rs' | xargs touch && cargo build --release\n",
        ] {
            assert_eq!(
                RULE.of_dockerfile(&testing::of_workspace(&format!("{head}{whole}{tail}"))),
                [],
                "{whole}"
            );
        }
    }
}
