use crate::dockerfile::Dockerfile;
use crate::dockerfile::trace::CargoRun;
use crate::dockerfile::workspace::below;
use crate::fix_line::instruction;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "member-manifest-missing",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a member's manifest is not there when cargo reads the workspace",
    what: "The rule compares the manifests that are in the stage at a build with those that the \
           root manifest and the path dependencies name.",
    why: "Cargo reads the manifest of every member for every build. If one is missing, it stops: \
           `failed to load manifest for workspace member`.",
    fix: "Copy the manifest of every member, and a stub of its root file, before the first build.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("failed to load manifest for workspace member")],
    references: &["https://doc.rust-lang.org/cargo/reference/workspaces.html"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "cargo finds the manifests that it reads";

fn check(dockerfile: &Dockerfile) -> Outcome {
    if dockerfile.workspace.guessed {
        return Outcome::not_applicable("what the workspace holds is not known");
    }
    let mut findings = Vec::new();
    for (_, build) in dockerfile.builds().filter(|(_, it)| !it.cook && it.opaque.is_none()) {
        let Some(missing) = build.missing_manifests.first() else { continue };
        let root = build.workspace.as_deref().unwrap_or("/");
        let state = dockerfile.trace.stages.get(build.stage).map(|it| &it.state);
        // A tree that nobody knows may hold it.
        let unknown = state.is_some_and(|state| {
            state.trees.iter().any(|tree| tree.source.is_none() && below(root, &tree.at).is_some())
        });
        // Edits of the root manifest may take members away.
        let edited = state.is_some_and(|state| state.edits > 0 && edits_root(dockerfile, build));
        if unknown || edited {
            continue;
        }
        let directory = missing.trim_end_matches("Cargo.toml").trim_end_matches('/');
        findings.push(
            Finding::in_dockerfile(
                dockerfile,
                &build.ran.span,
                format!("cargo reads {missing} here, and nothing has copied it"),
            )
            .fix_if(instruction("COPY", &[missing, &format!("{directory}/")]))
            .sure_only(!build.ran.conditional),
        );
    }
    Outcome::of(findings, PASS)
}

fn edits_root(dockerfile: &Dockerfile, build: &CargoRun) -> bool {
    dockerfile.trace.stages.iter().flat_map(|it| &it.steps).any(|step| {
        step.instruction <= build.instruction
            && (step.ran.program() == "sed"
                || step.ran.redirects.iter().any(|it| it.1.raw.contains("Cargo.toml")))
            && (step.ran.arguments.iter().any(|it| it.raw.ends_with("Cargo.toml"))
                || step.ran.redirects.iter().any(|it| it.1.raw.contains("Cargo.toml")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn every_named_member_is_there() {
        let found = |copies: &str| {
            let text = format!(
                "FROM rust:1.95\nWORKDIR /app\nCOPY Cargo.toml Cargo.lock ./\n{copies}RUN cargo build\n"
            );
            RULE.of_dockerfile(&testing::of_workspace(&text))
        };
        assert_eq!(found("COPY app/Cargo.toml app/\n"), [(5, Level::Deny)]);
        for good in [
            "COPY app/Cargo.toml app/\nCOPY lib1/Cargo.toml lib1/\n",
            "COPY . .\n",
            "COPY app app\nCOPY lib1 lib1\n",
            "COPY app/Cargo.toml app/\nRUN sed -i '/lib1/d' Cargo.toml\n",
            "COPY --parents */Cargo.toml ./\n",
            "COPY app/Cargo.toml app/\nRUN ./prepare.sh\n",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
