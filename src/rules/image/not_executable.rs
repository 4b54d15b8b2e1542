use crate::facts::Image;
use crate::facts::image::command::{Command, Failure, FailureKind, Role};
use crate::rule::{Check, Finding, Group, Level, Location, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "not-executable",
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    summary: "what the image runs may not be executed",
    what: "Resolves Entrypoint and Cmd and looks at the permission bits of every file on the \
           way.",
    why: "The container does not start. CI systems that hand files from one job to another \
           drop the executable bit.",
    fix: "Set the bit where the file enters the image: `COPY --chmod=0755 NAME \
           /usr/local/bin/NAME`.",
    symptoms: &[Symptom::Stderr("permission denied"), Symptom::ExitCode(126)],
    references: &["docuum 157", "railway cli 531", "seaweedfs 9616", "github-backup 110"],
    check: Check::Command(check),
};

fn check(image: &Image, command: &Command, failure: &Failure) -> Option<Finding> {
    if failure.kind != FailureKind::NotExecutable || command.role != Role::Start {
        return None;
    }
    let mut finding = Finding::new(
        Location::ImageConfig(command.field),
        format!("`{}` may not be executed", failure.name),
    );
    if let Ok(found) = image.resolve(&failure.at) {
        finding.evidence.push(format!("{} has mode {:04o}", failure.at, found.entry.mode));
    }
    Some(finding.fix(format!("COPY --chmod=0755 NAME {}", failure.at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::binary::Linking;
    use crate::facts::image::tree::Memory;
    use crate::rule::Outcome;

    #[test]
    fn a_file_without_the_bit_fails() {
        let failed = RULE.of_entrypoint(Memory::default().file("/app", 0o644, "x"), &["/app"]);
        assert_eq!(failed.findings()[0].evidence[1], "/app has mode 0644");
        assert_eq!(
            RULE.of_entrypoint(Memory::default().elf("/app", Linking::default()), &["/app"]),
            Outcome::Pass
        );
        assert_eq!(
            RULE.of_entrypoint(Memory::default(), &["/app"]),
            Outcome::Pass,
            "missing-command"
        );
    }
}
