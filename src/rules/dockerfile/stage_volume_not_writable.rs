use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "stage-volume-not-writable",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the program may not write into its volume",
    what: "The rule looks for VOLUME in a last stage whose user is not root. It fails if no other \
           instruction names the directory, for example to create it or to give it to the user.",
    why: "A new volume has the owner of the directory in the image. If no step created the \
           directory, that is root, and the program ends with `Permission denied`.",
    fix: "Create the directory before VOLUME: `RUN mkdir -p /data && chown app:app /data`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#volume"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "volumes are the user's, or the program is root";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let Some((_, trace)) = dockerfile.last() else { return Outcome::pass(PASS) };
    let state = &trace.state;
    let user = state.user.as_deref().unwrap_or("root");
    let name = user.split(':').next().unwrap_or_default();
    if ["", "root", "0"].contains(&name) || state.opaque.is_some() {
        return Outcome::pass(PASS);
    }
    let range = dockerfile.stages.all.get(dockerfile.stages.last).map(|it| it.instructions.clone());
    let mut findings = Vec::new();
    for (path, index) in &state.volumes {
        let own = range.as_ref().is_some_and(|it| it.contains(index));
        // Whoever speaks of the directory may have given it away.
        let chain = dockerfile.stages.chain(dockerfile.stages.last);
        let spoken = chain.iter().filter_map(|it| dockerfile.stages.all.get(*it)).any(|stage| {
            stage
                .instructions
                .clone()
                .filter(|it| it != index)
                .filter_map(|it| dockerfile.instruction(it))
                .any(|it| {
                    let text = dockerfile.text(&it.span);
                    !matches!(
                        it.kind,
                        InstructionKind::Cmd(_)
                            | InstructionKind::Entrypoint(_)
                            | InstructionKind::Healthcheck(_)
                            | InstructionKind::Other(_)
                    ) && text.contains(path.trim_end_matches('/'))
                })
        });
        if let Some(instruction) = dockerfile.instruction(*index).filter(|_| own && !spoken) {
            let message = format!("`{path}` is root's, and the program runs as {name}");
            findings.push(Finding::in_dockerfile(dockerfile, &instruction.span, message).fix(
                format!(
                    "RUN {} && {}",
                    shell_command(["mkdir", "-p", path]),
                    shell_command(["chown", user, path])
                ),
            ));
        }
    }
    Outcome::of(findings, PASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::testing;

    #[test]
    fn a_volume_is_given_to_its_user() {
        let found =
            |text: &str| RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\n{text}\n")));
        assert_eq!(found("USER 1000\nVOLUME /data"), [(3, Level::Warn)]);
        assert_eq!(found("VOLUME [\"/data\"]\nUSER app:app"), [(2, Level::Warn)]);
        // What runs in the container gives nothing away: it is not root there.
        assert_eq!(
            found("USER 1000\nVOLUME /data\nCMD [\"app\", \"/data/x\"]"),
            [(3, Level::Warn)]
        );
        for good in [
            "VOLUME /data",
            "RUN mkdir -p /data && chown app /data\nVOLUME /data\nUSER app",
            "USER app\nWORKDIR /data\nVOLUME /data",
            "COPY --chown=app x /data/\nUSER app\nVOLUME /data",
            "RUN ./setup.sh\nUSER app\nVOLUME /data",
        ] {
            assert_eq!(found(good), [], "{good}");
        }
    }
}
