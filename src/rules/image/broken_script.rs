use crate::fix_line::shell_word;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Rule, Status, Symptom};
use crate::start::command::{CommandRole, FailureKind, ResolvedCommand, StartFailure};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "broken-script",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the kernel cannot run a script that the image runs, because of its first line",
    what: "For the scripts that Entrypoint, Cmd and the health check run, the rule reads the first \
           line (`#!`). It fails if the line ends with a carriage return, if the line is missing, \
           or if its interpreter is not in the image.",
    why: "The engine reports that the script does not exist, although it does, or reports `exec \
           format error`.",
    fix: "Check out the script with line feeds (`*.sh text eol=lf` in .gitattributes), and begin \
           it with an interpreter that the image has.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("no such file or directory"),
        Symptom::Stderr("exec format error"),
        Symptom::ExitCode(1),
    ],
    references: &[
        "execve(2)",
        "https://github.com/docker/cli/issues/3993",
        "https://git-scm.com/docs/gitattributes",
    ],
    check: CheckFn::Command(check),
};

fn check(image: &Image, command: &ResolvedCommand, failure: &StartFailure) -> Option<Finding> {
    let (what, fix) = match failure.kind {
        FailureKind::CarriageReturn => {
            ("ends its first line with a carriage return", "RUN sed -i 's/\\r$//'")
        }
        FailureKind::NoInterpreter => {
            ("names an interpreter that is not in the image", "#!/bin/sh")
        }
        FailureKind::NoFormat => {
            ("is neither a binary nor a script that begins with `#!`", "#!/bin/sh")
        }
        _ => return None,
    };
    let when = if command.role == CommandRole::Healthcheck { " (health check)" } else { "" };
    let mut finding =
        Finding::new(Location::ImageConfig(command.field), format!("{}{when} {what}", failure.at));
    if let Some(text) = image.files.text(failure.at.as_bytes()) {
        let first: Vec<u8> =
            text.iter().copied().take_while(|byte| *byte != b'\n').take(80).collect();
        finding.evidence.push(format!("its first line: {}", first.escape_ascii()));
    }
    finding.location = Location::ImagePath(failure.at.clone());
    Some(match failure.kind {
        FailureKind::CarriageReturn => finding.fix(format!("{fix} {}", shell_word(&failure.at))),
        _ => finding.fix(format!("begin the file with {fix}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_first_line_has_to_lead_somewhere() {
        let tree = |text: &str| {
            InMemoryTree::default()
                .elf("/bin/sh", DynamicInfo::default())
                .file("/run.sh", 0o755, text)
        };
        assert_eq!(
            RULE.of_entrypoint(tree("#!/bin/sh\nexec /bin/sh\n"), &["/run.sh"]).name(),
            "pass"
        );
        for (text, evidence) in [
            ("#!/bin/sh\r\nx", "its first line: #!/bin/sh\\r"),
            ("#!/bin/bash\nx", "its first line: #!/bin/bash"),
            ("echo x", "its first line: echo x"),
        ] {
            let failed = RULE.of_entrypoint(tree(text), &["/run.sh"]);
            assert!(failed.findings()[0].evidence.contains(&evidence.to_owned()), "{failed:?}");
        }
    }
}
