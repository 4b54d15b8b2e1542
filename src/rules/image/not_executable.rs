use crate::fix_line::plain_word;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Need, Needs, Outcome, Rule, Status, Symptom,
};
use crate::start::command::{CommandRole, FailureKind, ResolvedCommand, StartFailure};
use crate::start::image::Image;
use crate::start::loader::StartProblem;
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "not-executable",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the file that the image runs is not executable",
    what: "The rule resolves Entrypoint and Cmd and checks the permission bits of every file on \
           the way, as the user that the image or a wrapper (`gosu`, `su-exec`) names. It also \
           checks the linted binary. Some engines start the first file with the capabilities of \
           root; `unreadable-by-user` covers that case.",
    why: "The container does not start. CI systems that pass files from one job to another often \
           drop the execute bit.",
    fix: "Set the bit where the file enters the image: `COPY --chmod=0755`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("permission denied"),
        Symptom::Stderr("Permission denied"),
        Symptom::ExitCode(126),
    ],
    references: &[
        "execve(2)",
        "https://docs.docker.com/reference/dockerfile/#copy---chown---chmod",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Image], &[Need::Binary, Need::Loader]), check),
};

fn check(facts: &Facts) -> Outcome {
    let commands = CheckFn::Command(of_command).run(facts);
    match (commands, of_subject(facts)) {
        // Who starts the subject is named by the command already.
        (commands @ Outcome::Fail(_), _) | (commands, None) => commands,
        (_, Some(finding)) => finding.into(),
    }
}

fn of_command(image: &Image, command: &ResolvedCommand, failure: &StartFailure) -> Option<Finding> {
    let uid = command.identity.uid;
    let message = match failure.kind {
        FailureKind::NotExecutable => format!("`{}` is not executable", failure.name),
        FailureKind::PermissionDenied => format!("user {uid} cannot execute `{}`", failure.name),
        FailureKind::Unreadable => format!("user {uid} cannot read `{}`", failure.name),
        _ => return None,
    };
    if command.role != CommandRole::Start {
        return None;
    }
    let mut finding = Finding::new(Location::ImageConfig(command.field), message);
    let entry = image.resolve(&failure.at).ok()?.entry;
    let (at, mode) = (&failure.at, entry.mode);
    if failure.kind == FailureKind::NotExecutable {
        finding.evidence.push(format!("{at} has mode {mode:04o}"));
        return Some(finding.fix_if(plain_word(at).map(chmod)));
    }
    let (owner, group) = (entry.uid, entry.gid);
    finding.evidence.push(format!("{at} has mode {mode:04o}, owner {owner}, group {group}"));
    Some(finding.fix_if(plain_word(at).map(chmod)))
}

/// A program that no command runs, or nobody knows whether one does.
fn of_subject(facts: &Facts) -> Option<Finding> {
    let (load, binary) = (facts.load.as_ref()?, facts.binary.as_ref()?);
    let because = load.problems.iter().find_map(|problem| match problem {
        StartProblem::Exec { why: "Permission denied", because } => Some(because),
        _ => None,
    })?;
    let at = facts.image.as_ref()?.subject_at.as_ref().unwrap_or(&binary.path);
    let finding =
        Finding::new(Location::ImagePath(at.clone()), format!("`{at}` is not executable"));
    let said = load.errors.first().cloned().into_iter();
    let finding = said.fold(finding.evidence(because.clone()), Finding::evidence);
    Some(finding.fix_if(plain_word(at).map(chmod)))
}

fn chmod(at: &str) -> String {
    format!("add --chmod=0755 to the COPY that writes {at}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::document::config::ImageConfig;
    use crate::rootfs::{FileEntry, FileKind};
    use crate::start::image::elf_tree::InMemoryTree;
    use crate::start::loader::StartPrediction;

    #[test]
    fn a_file_without_the_bit_fails() {
        let failed =
            RULE.of_entrypoint(InMemoryTree::default().file("/app", 0o644, "x"), &["/app"]);
        assert_eq!(failed.findings()[0].evidence[1], "/app has mode 0644");
        assert_eq!(
            RULE.of_entrypoint(
                InMemoryTree::default().elf("/app", DynamicInfo::default()),
                &["/app"]
            )
            .name(),
            "pass"
        );
        assert_eq!(
            RULE.of_entrypoint(InMemoryTree::default(), &["/app"]).name(),
            "pass",
            "missing-command"
        );
    }

    #[test]
    fn a_user_is_let_in_or_not() {
        let outcome = |words: &[&str], user: &str, mode, directory| {
            let entry = |kind, mode| FileEntry { kind, mode, uid: 0, gid: 0 };
            let mut tree = InMemoryTree::default()
                .elf("/opt/app", DynamicInfo::default())
                .elf("/bin/sh", DynamicInfo::default())
                .elf("/bin/gosu", DynamicInfo::default())
                .file("/run.sh", 0o711, "#!/bin/sh\nexec /opt/app\n")
                .file("/etc/passwd", 0o644, "root:x:0:0\napp:x:1000:1000\n");
            tree.insert(b"/opt", entry(FileKind::Directory, directory));
            tree.insert(b"/opt/app", entry(FileKind::File { size: 60 }, mode));
            tree.keep_elf(b"/opt/app", DynamicInfo::default());
            let entrypoint = words.iter().map(|word| (*word).to_owned()).collect();
            let config =
                ImageConfig { user: user.to_owned(), entrypoint, ..ImageConfig::default() };
            RULE.of_image(Image::from_tree(tree, Some(config)))
        };
        let shell = ["sh", "-c", "exec /opt/app"];
        assert_eq!(outcome(&shell, "app", 0o755, 0o755).name(), "pass");
        assert_eq!(outcome(&shell, "", 0o700, 0o700).name(), "pass");
        let gosu = ["gosu", "app", "/opt/app"];
        for (words, user, mode, directory, evidence) in [
            (&shell[..], "app", 0o700, 0o755, "/opt/app has mode 0700, owner 0, group 0"),
            (&shell, "app", 0o755, 0o700, "/opt has mode 0700, owner 0, group 0"),
            (&gosu, "", 0o700, 0o755, "/opt/app has mode 0700, owner 0, group 0"),
            (&["/run.sh"], "app", 0o755, 0o755, "/run.sh has mode 0711, owner 0, group 0"),
        ] {
            let failed = outcome(words, user, mode, directory);
            let finding = failed.findings().first().unwrap_or_else(|| panic!("{words:?}"));
            assert_eq!(finding.evidence.last().map(String::as_str), Some(evidence), "{words:?}");
        }
        // The engine may still be the superuser.
        assert_eq!(outcome(&["/opt/app"], "app", 0o700, 0o700).name(), "pass");
    }

    #[test]
    fn a_program_that_no_command_runs_is_named() {
        let because = "/app: mode 0644".to_owned();
        let problems = vec![StartProblem::Exec { why: "Permission denied", because }];
        let facts = Facts {
            binary: Some(Binary { path: "/app".into(), ..Binary::default() }),
            image: Some(Image::default()),
            load: Some(StartPrediction { problems, ..StartPrediction::default() }),
            ..Facts::default()
        };
        assert_eq!(check(&facts).findings()[0].evidence, ["/app: mode 0644"]);
    }
}
