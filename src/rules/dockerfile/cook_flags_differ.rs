use crate::dockerfile::Dockerfile;
use crate::dockerfile::trace::CargoRun;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "cook-flags-differ",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the dependencies are cooked with other flags than they are built with",
    what: "The rule compares the profile, the target, the target directory, the features and the \
           flags for rustc of `cargo chef cook` with those of the builds after it. It also fails \
           if the cook has `--check`.",
    why: "Cargo keeps outputs of different flags apart. The build compiles the dependencies again, \
           and the cook is useless.",
    fix: "Give both commands the same options: `cargo chef cook --release --features x` and `cargo \
           build --release --features x`. Set RUSTFLAGS with ENV before the cook.",
    no_fix_line: Some("which of the two is meant is not known"),
    symptoms: &[],
    references: &["https://github.com/LukeMathWalker/cargo-chef"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "builds are as their cooks";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings: Vec<Finding> = Vec::new();
    let builds: Vec<(usize, &CargoRun)> = dockerfile.builds().collect();
    for (number, build) in builds.iter().filter(|(_, it)| !it.cook) {
        let cooks: Vec<&CargoRun> = builds
            .iter()
            .filter(|(other, it)| {
                other < number && it.cook && dockerfile.goes_on(build.stage, it.stage)
            })
            .map(|(_, it)| *it)
            .collect();
        let known = |it: &CargoRun| {
            it.outputs.iter().all(Option::is_some) && it.rustflags.is_some() && it.cargo.complete
        };
        if cooks.is_empty()
            || build.ran.conditional
            || !known(build)
            || !cooks.iter().all(|it| known(it))
        {
            continue;
        }
        let differences: Vec<Vec<String>> = cooks.iter().map(|it| differences(it, build)).collect();
        // One cook for each build is how several are made: any that fits is enough.
        let Some(least) = differences.iter().min_by_key(|it| it.len()).filter(|it| !it.is_empty())
        else {
            continue;
        };
        let message = format!("the cook had {}", least.join(", "));
        findings.push(
            Finding::in_dockerfile(dockerfile, &build.ran.span, message).evidence(format!(
                "cooked in line {}",
                dockerfile.position(&cooks[0].ran.span).line
            )),
        );
    }
    Outcome::of(findings, PASS)
}

fn differences(cook: &CargoRun, build: &CargoRun) -> Vec<String> {
    let mut all = Vec::new();
    let text = |outputs: &[Option<String>]| {
        outputs.iter().flatten().cloned().collect::<Vec<_>>().join(", ")
    };
    if !build.outputs.iter().all(|it| cook.outputs.contains(it)) {
        all.push(format!(
            "another profile or target: {} for {}",
            text(&cook.outputs),
            text(&build.outputs)
        ));
    }
    if cook.target_path != build.target_path {
        all.push("another target directory".to_owned());
    }
    if cook.rustflags != build.rustflags {
        all.push("other flags for rustc".to_owned());
    }
    if cook.cargo.features != build.cargo.features {
        let (cooked, built) = (cook.cargo.features.join(","), build.cargo.features.join(","));
        all.push(format!("other features: `{cooked}` for `{built}`"));
    }
    if cook.cargo.check_only {
        all.push("--check".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_cook_is_as_its_build() {
        let found = |cook: &str, build: &str| {
            let text = format!("FROM rust:1.95\nWORKDIR /app\nRUN {cook}\nCOPY . .\nRUN {build}\n");
            RULE.of_dockerfile(&testing::of(&text))
        };
        for (cook, build) in [
            ("cargo chef cook", "cargo build --release"),
            ("cargo chef cook --release", "RUSTFLAGS=-g cargo build --release"),
            ("cargo chef cook --release", "cargo build --release --all-features"),
            (
                "cargo chef cook --release",
                "cargo build --release --target x86_64-unknown-linux-gnu",
            ),
        ] {
            assert_eq!(found(cook, build), [(5, Level::Warn)], "{cook} {build}");
        }
        for (cook, build) in [
            ("cargo chef cook --release", "cargo build --release --bin my-app --locked"),
            ("cargo chef cook --release --features b,a", "cargo build --release --features a,b"),
            ("cargo chef cook --release $X", "cargo build"),
            ("cargo chef cook && cargo chef cook --release", "cargo build --release"),
            ("cargo chef cook --release", "cargo test"),
        ] {
            assert_eq!(found(cook, build), [], "{cook} {build}");
        }
    }
}
