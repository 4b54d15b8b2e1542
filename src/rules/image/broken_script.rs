use crate::rule::{Check, Finding, Group, Level, Location, Rule, Symptom};
use crate::start::command::{Command, Failure, FailureKind, Role};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "broken-script",
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a script that the image runs has a first line that the kernel cannot follow",
    what: "Follows `#!` lines of the scripts that Entrypoint, Cmd and health check run: \
           carriage returns, a missing first line, an interpreter that is not in the image.",
    why: "The engine says that the script itself is missing although it is there, or `exec \
           format error`.",
    fix: "Check the script out with line feeds (`*.sh text eol=lf` in .gitattributes), and \
           begin it with an interpreter that the image has.",
    symptoms: &[
        Symptom::Stderr("no such file or directory"),
        Symptom::Stderr("exec format error"),
        Symptom::ExitCode(1),
    ],
    references: &["OxiCloud 289", "docker/cli 3993", "distroless 1040"],
    check: Check::Command(check),
};

fn check(image: &Image, command: &Command, failure: &Failure) -> Option<Finding> {
    let (what, fix) = match failure.kind {
        FailureKind::CarriageReturn => {
            ("has a carriage return at the end of its first line", "sed -i 's/\\r$//'")
        }
        FailureKind::NoInterpreter => {
            ("names an interpreter that is not in the image", "#!/bin/sh")
        }
        FailureKind::NoFormat => {
            ("is neither a program nor a script with a first line", "#!/bin/sh")
        }
        _ => return None,
    };
    let when = if command.role == Role::Healthcheck { " (health check)" } else { "" };
    let mut finding =
        Finding::new(Location::ImageConfig(command.field), format!("{}{when} {what}", failure.at));
    if let Some(text) = image.files.text(failure.at.as_bytes()) {
        let first: Vec<u8> =
            text.iter().copied().take_while(|byte| *byte != b'\n').take(80).collect();
        finding.evidence.push(format!("its first line: {}", first.escape_ascii()));
    }
    finding.location = Location::ImagePath(failure.at.clone());
    Some(match failure.kind {
        FailureKind::CarriageReturn => finding.fix(format!("{fix} {}", failure.at)),
        _ => finding.fix(format!("let the file begin with `{fix}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;
    use crate::rule::Outcome;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn a_first_line_has_to_lead_somewhere() {
        let tree = |text: &str| {
            Memory::default().elf("/bin/sh", Linking::default()).file("/run.sh", 0o755, text)
        };
        assert_eq!(
            RULE.of_entrypoint(tree("#!/bin/sh\nexec /bin/sh\n"), &["/run.sh"]),
            Outcome::Pass
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
