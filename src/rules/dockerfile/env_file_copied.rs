use crate::dockerfile::Dockerfile;
use crate::dockerfile::parse::InstructionKind;
use crate::rule::{CheckFn, Finding, Group, Level, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "env-file-copied",
    aliases: &[],
    group: Group::Dockerfile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a file of secrets is copied into the image",
    what: "The rule looks for `.env` and `.env.*` files among the sources of COPY and ADD, in \
           the last stage or one that it begins from. It leaves out files whose name contains example, sample, template, dist or test.",
    why: "Everybody who has the image that the file is copied into has the secrets. Such a file is \
           usually not in the repository, so another machine cannot build the image.",
    fix: "Set the values when the container starts: `docker run --env-file .env`.",
    no_fix_line: Some("where the values come from is the user's choice"),
    symptoms: &[],
    references: &["https://docs.docker.com/build/building/secrets/"],
    check: CheckFn::Dockerfile(check),
};

/// What is said where nothing is wrong.
const PASS: &str = "no `.env` file is copied";

fn check(dockerfile: &Dockerfile) -> Outcome {
    let mut findings = Vec::new();
    let chain = dockerfile.stages.chain(dockerfile.stages.last);
    for (stage, _, instruction) in dockerfile.instructions() {
        let InstructionKind::Copy { flags, sources, .. } = &instruction.kind else { continue };
        // What another stage gets does not reach the image by itself.
        if !chain.contains(&stage) || flags.iter().any(|it| it.name == "from") {
            continue;
        }
        for source in sources {
            let name = source.value.rsplit('/').next().unwrap_or_default();
            let sample = ["example", "sample", "template", "dist", "test"]
                .iter()
                .any(|it| name.contains(it));
            if (name == ".env" || name.starts_with(".env.")) && !sample {
                let message = format!("`{}` is in every copy of the image", source.value);
                findings.push(Finding::in_dockerfile(dockerfile, &source.span, message));
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
    fn secrets_stay_out_of_the_image() {
        let found = |copy: &str| {
            RULE.of_dockerfile(&testing::of(&format!("FROM debian:trixie\nCOPY {copy} /\n")))
        };
        assert_eq!(found(".env"), [(2, Level::Warn)]);
        assert_eq!(found("a/.env.production"), [(2, Level::Warn)]);
        assert_eq!(found(".env.example"), []);
        assert_eq!(found("environment"), []);
        let builder = "FROM rust:1.95 AS b\nCOPY .env .\nFROM debian:trixie\nCOPY --from=b /x /x\n";
        assert_eq!(RULE.of_dockerfile(&testing::of(builder)), []);
    }
}
