use crate::fix_line::plain_word;
use crate::rootfs::tree::users::Identity;
use crate::rootfs::{FileEntry, parent};
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::command::{ExecStep, FailureKind, Requester, StartFailure};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "unreadable-by-user",
    aliases: &[],
    group: Group::Image,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image's user cannot execute the binary",
    what: "The rule checks owner, group and permission bits of every file that the engine executes \
           for the image's User, and of the directories above it.",
    why: "Whether the container starts depends on the engine. Some engines check with the user's \
           permissions and print \"permission denied\"; others keep the capabilities of root until \
           the first file runs.",
    fix: "Let every user read and execute the file: `COPY --chmod=0755`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("permission denied"), Symptom::ExitCode(126)],
    references: &[
        "https://github.com/opencontainers/runc/issues/3715",
        "https://github.com/moby/moby/pull/36587",
    ],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    if image.config.is_none() {
        return Outcome::not_applicable(
            "a root file system has no configuration that names a user",
        );
    }
    let Some(identity) = image.identity() else {
        return Outcome::open("the image does not define its user", "see `missing-user`");
    };
    let by_engine =
        |step: &&ExecStep| matches!(step.by, Requester::Engine | Requester::Interpreter);
    // What a shell or a wrapper may not execute or read keeps the container from starting for
    // sure, and `not-executable` says so.
    let commands = image.commands.iter().filter(|it| !it.failure().is_some_and(is_refusal));
    let steps = commands.flat_map(|command| command.steps.iter().take_while(by_engine));
    Outcome::of(
        steps.filter_map(|step| finding(image, &identity, step)),
        format!("user {} can execute what the engine starts", identity.uid),
    )
}

fn is_refusal(failure: &StartFailure) -> bool {
    matches!(failure.kind, FailureKind::PermissionDenied | FailureKind::Unreadable)
}

fn finding(image: &Image, identity: &Identity, step: &ExecStep) -> Option<Finding> {
    let mut above = parent(step.path.as_bytes()).to_vec();
    while above != b"/" {
        let entry = image.files.entry(&above)?;
        if !identity.can_access(&entry, 0o1) {
            return Some(refused(identity, &String::from_utf8_lossy(&above), &entry));
        }
        above = parent(&above).to_vec();
    }
    (!identity.can_access(&step.entry, 0o1)).then(|| refused(identity, &step.path, &step.entry))
}

fn refused(identity: &Identity, path: &str, entry: &FileEntry) -> Finding {
    Finding::new(
        Location::ImagePath(path.to_owned()),
        format!("user {} cannot execute {path}", identity.uid),
    )
    .evidence(format!("mode {:04o}, owner {}, group {}", entry.mode, entry.uid, entry.gid))
    .fix_if(plain_word(path).map(|path| format!("add --chmod=0755 to the COPY that writes {path}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::rootfs::FileKind;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(user: &str, directory: u32, file: u32) -> Outcome {
        let mut tree = InMemoryTree::default().elf("/opt/app", DynamicInfo::default());
        let entry = |kind, mode| FileEntry { kind, mode, uid: 0, gid: 0 };
        tree.insert(b"/opt", entry(FileKind::Directory, directory));
        tree.insert(b"/opt/app", entry(FileKind::File { size: 60 }, file));
        tree.keep_elf(b"/opt/app", DynamicInfo::default());
        let config = ImageConfig {
            user: user.into(),
            entrypoint: vec!["/opt/app".into()],
            ..ImageConfig::default()
        };
        check(&Image::from_tree(tree, Some(config)))
    }

    #[test]
    fn every_name_of_the_path_counts() {
        assert_eq!(outcome("1000", 0o755, 0o755).name(), "pass");
        assert_eq!(outcome("1000", 0o755, 0o711).name(), "pass");
        assert_eq!(outcome("", 0o700, 0o700).name(), "pass");
        assert_eq!(
            outcome("1000:1000", 0o755, 0o750).findings()[0].message,
            "user 1000 cannot execute /opt/app"
        );
        assert_eq!(
            outcome("1000:1000", 0o700, 0o755).findings()[0].message,
            "user 1000 cannot execute /opt"
        );
        assert_eq!(outcome("1000:0", 0o750, 0o750).name(), "pass");
    }
}
