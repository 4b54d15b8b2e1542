use crate::fix_line::{exec_form, plain_word};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Rule, Status, Symptom};
use crate::start::command::{
    CommandRole, DEFAULT_PATH, FailureKind, ResolvedCommand, StartFailure,
};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "missing-command",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the command that the image runs is not in the image",
    what: "The rule resolves Entrypoint and Cmd as the engine does: PATH of Env, WorkingDir, links \
           in the image, init wrappers, and `exec` in short scripts. It fails if a file on the way \
           is missing, or is found only through a relative directory in PATH.",
    why: "The container does not start. The binary was renamed or copied to another path, or the \
           command is relative to another directory.",
    fix: "Copy the binary to the path that the command names, or change the command to the path of \
           the binary.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("executable file not found in $PATH"),
        Symptom::Stderr("no such file or directory"),
        Symptom::ExitCode(127),
    ],
    references: &["https://docs.docker.com/reference/dockerfile/#entrypoint", "execvp(3)"],
    check: CheckFn::Command(check),
};

fn check(image: &Image, command: &ResolvedCommand, failure: &StartFailure) -> Option<Finding> {
    if failure.kind == FailureKind::InRelativePath && command.role == CommandRole::Start {
        let message =
            format!("`{}` is found only through a relative directory in PATH", failure.name);
        let finding = Finding::new(Location::ImageConfig(command.field), message);
        return Some(finding.fix(format!("ENTRYPOINT {}", exec_form([&failure.at]))));
    }
    let is_missing = matches!(
        failure.kind,
        FailureKind::NotInPath | FailureKind::NoSuchFile | FailureKind::NotAFile
    );
    let is_shell = command.shell_form && command.steps.is_empty();
    if command.role != CommandRole::Start
        || !is_missing
        || is_shell
        || will_be_there(image, &failure.name)
    {
        return None;
    }
    let mut finding = Finding::new(
        Location::ImageConfig(command.field),
        format!("`{}` is not in the image", failure.name),
    );
    let name = failure.name.rsplit('/').next().unwrap_or_default();
    let twin = image.programs.iter().find(|program| program.path.rsplit('/').next() == Some(name));
    let found = twin.or(image.programs.first());
    if let Some(found) = found {
        finding.evidence.push(format!("the Rust binary in the image is {}", found.path));
    }
    Some(match (twin, found) {
        (Some(found), _) | (None, Some(found)) => {
            finding.fix(format!("ENTRYPOINT {}", exec_form([&found.path])))
        }
        (None, None) => {
            let copy = |to| format!("in the Dockerfile, copy the binary to {to}");
            finding.fix_if(plain_word(&failure.name).map(copy))
        }
    })
}

/// The subject is not in the image yet and will be copied to where the command looks.
fn will_be_there(image: &Image, name: &str) -> bool {
    let at = image.subject_at.as_deref().unwrap_or_default();
    let (directory, own_name) = at.rsplit_once('/').unwrap_or_default();
    let in_path = || {
        let search = image.variable("PATH").unwrap_or(DEFAULT_PATH);
        search.split(':').any(|it| it.trim_end_matches('/') == directory)
    };
    !image.has(at) && (at == name || (own_name == name && in_path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn a_command_that_is_not_there_fails() {
        let tree = || InMemoryTree::default().elf("/usr/local/bin/app", DynamicInfo::default());
        assert_eq!(RULE.of_entrypoint(tree(), &["app"]).name(), "pass");
        let failed = RULE.of_entrypoint(tree(), &["/app"]);
        assert!(failed.findings()[0].evidence[0].contains("stat /app: no such file or directory"));
        assert_eq!(RULE.of_entrypoint(tree(), &["nope"]).name(), "fail");
        assert_eq!(
            RULE.of_entrypoint(tree(), &["/bin/sh", "-c", "app"]).name(),
            "pass",
            "missing-shell says so"
        );
        assert_eq!(
            RULE.of_entrypoint(tree().file("/app", 0o644, "x"), &["/app"]).name(),
            "pass",
            "not-executable"
        );
    }

    #[test]
    fn the_engine_refuses_what_a_relative_part_of_path_leads_to() {
        let tree =
            || InMemoryTree::default().elf("/srv/app", DynamicInfo::default()).directory("/srv");
        let outcome = |path: &str| {
            RULE.of_image(Image::from_tree(
                tree(),
                Some(ImageConfig {
                    entrypoint: vec!["app".into()],
                    env: vec![format!("PATH={path}")],
                    working_dir: "/srv".into(),
                    ..ImageConfig::default()
                }),
            ))
        };
        assert_eq!(outcome("/bin:/srv").name(), "pass");
        for path in [":/srv", ".:/srv", "/:../srv"] {
            let failed = outcome(path);
            let finding = &failed.findings()[0];
            assert!(finding.message.contains("relative directory in PATH"), "{path}: {finding:?}");
            assert!(finding.evidence[0].contains("relative to current directory"));
        }
    }

    #[test]
    fn what_a_script_decides_when_it_runs_is_open() {
        let tree = |script: &str| {
            let tree = InMemoryTree::default().elf("/bin/sh", DynamicInfo::default());
            tree.elf("/app", DynamicInfo::default()).file("/run.sh", 0o755, script)
        };
        let script = "#!/bin/sh\nif [ -n \"$A\" ]; then exec /a; fi\nexec /app\n";
        assert_eq!(RULE.of_entrypoint(tree(script), &["/run.sh"]).name(), "open");
        let script = "#!/bin/sh\nexec /app\n";
        assert_eq!(RULE.of_entrypoint(tree(script), &["/run.sh"]).name(), "pass");
    }

    #[test]
    fn a_subject_that_will_be_put_there_is_there() {
        let config = ImageConfig { entrypoint: vec!["/app".into()], ..ImageConfig::default() };
        let image =
            Image::from_tree(InMemoryTree::default(), Some(config)).with_subject_path("/app");
        assert_eq!(RULE.of_image(image).name(), "pass");
    }
}
