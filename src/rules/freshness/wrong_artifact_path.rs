use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::CrateFreshness;
use crate::cargo::fix_commands;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "wrong-artifact-path",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "this build does not write the binary to this path",
    what: "The rule looks for newer files of the same name and profile in the directories of all \
           targets. It fails if such a file is for the same machine, or is in the directory that \
           the configuration tells cargo to write to. It also fails if the workspace no longer has \
           a binary target of this name. The finding is only a warning if the configuration does \
           not name that directory and all times and contents say that both files come from the \
           same sources.",
    why: "With `--target`, `build.target` or `CARGO_BUILD_TARGET`, cargo writes to \
           `target/<triple>/release`. The output of an earlier build without it stays in \
           `target/release`, and a `COPY` of that path ships it in every later image.",
    fix: "Copy from the directory that the build writes to. `cargo build --message-format=json` \
           prints it as `executable`.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("changes compile without an error and never take effect")],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/build-cache.html",
        "https://github.com/docker-library/docs/pull/1634",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if !build.freshness.read {
        return Outcome::open(
            "the target directory was not read",
            "run the linter in the workspace",
        );
    }
    if let Some(name) = &build.freshness.nameless {
        let message = format!("the workspace no longer has a binary target `{name}`");
        let executable = build.executable.display();
        return Finding::new(Location::Subject, message)
            .evidence(format!(
                "cargo builds `{}` now; `{name}` is from an earlier build",
                build.bin
            ))
            .fix(format!("in the Dockerfile, copy {executable}"))
            .into();
    }
    let Some(twin) = &build.freshness.newer_output else {
        return Outcome::pass("no newer output of this name is in the target directory");
    };
    let inside = binary.triple.value.as_deref();
    let host = build.rustc.host.as_deref();
    // Another machine's program beside it is a build for another machine and nothing more. One
    // for another libc of the same machine is what the mistake looks like.
    let machine = |triple: &str| triple.split('-').next().unwrap_or_default().to_owned();
    let of_twin = twin.target.as_deref().or(host);
    let same_machine = match (of_twin, inside) {
        (Some(twin), Some(inside)) => machine(twin) == machine(inside),
        _ => true,
    };
    let configured = twin.target.as_ref().is_some_and(|it| build.requested_targets.contains(it));
    if !same_machine && !configured {
        return Outcome::pass(format!("{} is newer, but for another machine", twin.path.display()));
    }
    let newer = twin.path.display();
    let fix = match &build.freshness.elsewhere {
        Some(subject) => fix_commands::put(build, &twin.path, subject),
        None => format!("in the Dockerfile, copy {newer}"),
    };
    let finding = Finding::new(
        Location::Subject,
        format!("the binary is older than {newer}, which has the same name"),
    )
    .evidence(format!(
        "the binary was written {}, the other file {}",
        twin.subject_written, twin.written
    ))
    .evidence(format!("a Dockerfile has to copy {newer}"))
    .fix(fix);
    // Who builds for two targets from the same sources has an older one and no mistake.
    if configured || may_be_of_other_sources(build) { finding } else { finding.at_most_warn() }
        .into()
}

/// Whether anything at all speaks against the program's being what its sources say.
fn may_be_of_other_sources(build: &Build) -> bool {
    let freshness = &build.freshness;
    let undecided = |it: &CrateFreshness| it.is_stale() || it.undecided_by_dates().is_some();
    freshness.program().is_none_or(|it| it.unit.is_none()) || freshness.crates.iter().any(undecided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::file_time::FileTime;
    use crate::cargo::freshness::NewerOutput;
    use crate::cargo::test_support::build_of;
    use crate::fact::Fact;

    fn outcome(twin: Option<&str>, inside: &str) -> Outcome {
        let mut build = build_of(Vec::new());
        build.freshness.newer_output = twin.map(|triple| NewerOutput {
            path: format!("target/{triple}/release/app").into(),
            written: FileTime::new(9, 0),
            subject_written: FileTime::new(5, 0),
            target: Some(triple.into()),
        });
        let triple = Fact::certain(inside.to_owned(), "header");
        check(&Binary { triple, ..Binary::default() }, &build)
    }

    #[test]
    fn a_newer_twin_of_the_same_machine_fails() {
        let outcome = outcome(Some("x86_64-unknown-linux-musl"), "x86_64-unknown-linux-gnu");
        let fix = outcome.findings()[0].fix.as_deref();
        assert_eq!(
            fix,
            Some("in the Dockerfile, copy target/x86_64-unknown-linux-musl/release/app")
        );
    }

    #[test]
    fn a_name_that_no_target_has_fails() {
        let mut build = build_of(Vec::new());
        build.freshness.nameless = Some("old-name".into());
        let outcome = check(&Binary::default(), &build);
        assert!(outcome.findings()[0].message.contains("old-name"), "{outcome:?}");
    }

    #[test]
    fn no_twin_and_another_machines_pass() {
        assert_eq!(outcome(None, "x86_64-unknown-linux-gnu").name(), "pass");
        let cross = outcome(Some("aarch64-unknown-linux-gnu"), "x86_64-unknown-linux-gnu");
        assert_eq!(cross.name(), "pass");
    }
}
