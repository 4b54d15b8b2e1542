use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Rule, Status, Symptom};
use crate::start::command::{CommandRole, FailureKind, ResolvedCommand, StartFailure};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "missing-shell",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a command is in shell form, but the image has no shell",
    what: "If the command or the health check runs a shell with a command line, the image must \
           have that shell.",
    why: "Images from scratch and distroless images have no shell. The container does not start.",
    fix: "Write the command in exec form, as a JSON array: `ENTRYPOINT [\"/usr/local/bin/app\", \
           \"--port\", \"8080\"]`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("exec: \"/bin/sh\": stat /bin/sh: no such file or directory"),
        Symptom::ExitCode(127),
    ],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
        "https://github.com/docker-library/hello-world/issues/44",
    ],
    check: CheckFn::Command(check),
};

fn check(image: &Image, command: &ResolvedCommand, failure: &StartFailure) -> Option<Finding> {
    if !command.shell_form
        || !command.steps.is_empty()
        || image.has("/bin/sh")
            && failure.kind == FailureKind::NotInPath
            && command.role == CommandRole::Healthcheck
    {
        return None;
    }
    let mut finding = Finding::new(
        Location::ImageConfig(command.field),
        format!("the command needs `{}`, which is not in the image", failure.name),
    );
    let line = command.words.get(2).map(String::as_str).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "exec").collect();
    let field = command.field.to_uppercase();
    finding.evidence.push(format!("the command line: {line}"));
    Some(finding.fix(format!("{field} {}", exec_form(&words))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_line_needs_a_shell() {
        let line = ["/bin/sh", "-c", "exec /app serve"];
        let failed =
            RULE.of_entrypoint(InMemoryTree::default().elf("/app", DynamicInfo::default()), &line);
        assert_eq!(failed.findings()[0].fix.as_deref(), Some("ENTRYPOINT [\"/app\", \"serve\"]"));
        let with = InMemoryTree::default()
            .elf("/app", DynamicInfo::default())
            .elf("/bin/sh", DynamicInfo::default());
        assert_eq!(RULE.of_entrypoint(with, &line).name(), "pass");
        assert_eq!(RULE.of_entrypoint(InMemoryTree::default(), &["/app"]).name(), "pass");
    }
}
