use crate::rule::{Check, Finding, Group, Level, Location, Rule, Symptom};
use crate::start::command::{Command, Failure, FailureKind, Role};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "healthcheck-tool-missing",
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the health check runs something that the image does not have",
    what: "Resolves the health check's command as the engine does.",
    why: "The container runs and is never healthy: orchestrators restart it or send it no \
           traffic.",
    fix: "Let the program check itself (`HEALTHCHECK CMD [\"/usr/local/bin/NAME\", \
           \"health\"]`), or install the tool.",
    symptoms: &[
        Symptom::Stderr("executable file not found in $PATH"),
        Symptom::Behaviour("the container is `unhealthy`"),
    ],
    references: &["readur 149", "MAS 3741"],
    check: Check::Command(check),
};

fn check(image: &Image, command: &Command, failure: &Failure) -> Option<Finding> {
    if command.role != Role::Healthcheck || (command.shell_form && command.steps.is_empty()) {
        return None;
    }
    if matches!(
        failure.kind,
        FailureKind::CarriageReturn | FailureKind::NoInterpreter | FailureKind::NoFormat
    ) {
        return None;
    }
    let finding = Finding::new(
        Location::ImageConfig(command.field),
        format!("`{}` of the health check cannot be run", failure.name),
    );
    let program =
        image.start().and_then(Command::program).unwrap_or("/usr/local/bin/NAME").to_owned();
    Some(finding.fix(format!("HEALTHCHECK CMD [\"{program}\", \"health\"]")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;
    use crate::rootfs::document::config::Config;
    use crate::rule::Outcome;
    use crate::start::image::elf_tree::Memory;

    fn outcome(tree: Memory, healthcheck: &[&str]) -> Outcome {
        let healthcheck = healthcheck.iter().map(|word| (*word).to_owned()).collect();
        RULE.of_image(Image::of(tree, Some(Config { healthcheck, ..Config::default() })))
    }

    #[test]
    fn the_tool_has_to_be_there() {
        let tree = || Memory::default().elf("/bin/sh", Linking::default());
        let line = "curl -f http://localhost || wget -qO- http://localhost";
        assert_eq!(outcome(tree(), &["CMD-SHELL", line]).name(), "open");
        let failed = outcome(tree(), &["CMD-SHELL", "curl -f http://localhost || exit 1"]);
        assert!(failed.findings()[0].evidence[0].contains("curl: not found (exit code 1)"));
        assert_eq!(outcome(tree(), &["CMD-SHELL", "curl -f http://localhost"]).name(), "fail");
        let failed = outcome(tree(), &["CMD", "curl", "x"]);
        assert!(
            failed.findings()[0].evidence[0]
                .contains("exec: \"curl\": executable file not found in $PATH")
        );
        assert_eq!(
            outcome(tree().elf("/usr/bin/curl", Linking::default()), &["CMD", "curl"]),
            Outcome::Pass
        );
        assert_eq!(outcome(tree(), &["NONE"]), Outcome::Pass);
    }
}
