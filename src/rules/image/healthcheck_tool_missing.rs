use crate::rule::{CheckFn, Finding, Group, Level, Location, Rule, Status, Symptom};
use crate::start::command::{CommandRole, FailureKind, ResolvedCommand, StartFailure};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "healthcheck-tool-missing",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the health check runs a program that the image does not have",
    what: "The rule resolves the command of the health check as the engine does. It fails if a \
           program that the command starts is missing or is not executable. `missing-shell` covers \
           a missing shell, and `broken-script` covers scripts.",
    why: "The container runs, but never becomes healthy. Orchestrators restart it or send it no \
           traffic.",
    fix: "Install the tool in the last stage (for example `RUN apt-get install -y curl`), or \
           remove the health check. A binary can check itself only if it has a subcommand for \
           that.",
    no_fix_line: Some(
        "if the image has no package manager, the tool has to be copied in or the \
           health check rewritten",
    ),
    symptoms: &[
        Symptom::Stderr("executable file not found in $PATH"),
        Symptom::Behaviour("the container is `unhealthy`"),
    ],
    references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    check: CheckFn::Command(check),
};

fn check(image: &Image, command: &ResolvedCommand, failure: &StartFailure) -> Option<Finding> {
    if command.role != CommandRole::Healthcheck || (command.shell_form && command.steps.is_empty())
    {
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
        format!("the health check runs `{}`, which cannot be started", failure.name),
    );
    let tool = failure.name.rsplit('/').next().unwrap_or_default();
    let packaged = ["curl", "wget"].contains(&tool);
    let install = match packaged {
        true if image.has("/usr/bin/apt-get") => {
            Some(format!("RUN apt-get update && apt-get install -y --no-install-recommends {tool}"))
        }
        true if image.has("/sbin/apk") => Some(format!("RUN apk add --no-cache {tool}")),
        _ => None,
    };
    Some(match install {
        Some(line) => finding.fix(line),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::rule::Outcome;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(tree: InMemoryTree, healthcheck: &[&str]) -> Outcome {
        let healthcheck = healthcheck.iter().map(|word| (*word).to_owned()).collect();
        RULE.of_image(Image::from_tree(
            tree,
            Some(ImageConfig { healthcheck, ..ImageConfig::default() }),
        ))
    }

    #[test]
    fn the_tool_has_to_be_there() {
        let tree = || InMemoryTree::default().elf("/bin/sh", DynamicInfo::default());
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
            outcome(tree().elf("/usr/bin/curl", DynamicInfo::default()), &["CMD", "curl"]).name(),
            "pass"
        );
        assert_eq!(outcome(tree(), &["NONE"]).name(), "pass");
    }
}
