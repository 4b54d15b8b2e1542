//! A subject's start in its image: under which path, name and environment.

use crate::binary::Binary;
use crate::start::command::{FailureKind, ResolvedCommand};
use crate::start::image::Image;
use crate::start::loader::{ExecContext, StartPrediction, StartStage, StartVerdict, predict_start};
use crate::toolchain::machine;

impl StartPrediction {
    /// What the image's kernel and loader would do with a subject at its place in the image.
    /// `None` for what is no ELF file.
    pub fn for_image(subject: &Binary, image: &Image) -> Option<StartPrediction> {
        let linking = subject.linking.as_ref()?;
        let path = place(subject, image);
        let there = image.resolve(&path).ok().map(|found| found.path);
        let runs_it = |it: &&ResolvedCommand| there.as_ref().is_some_and(|there| runs(it, there));
        // What no command of the image runs is started by what its command runs.
        let command = image.commands.iter().find(runs_it).or_else(|| image.start());
        let ran = command.filter(|it| runs_it(it));
        let start = ExecContext {
            argv0: command.and_then(|it| name(it, there.as_deref()?)).unwrap_or(path.clone()),
            path,
            environment: command.map(|it| it.environment.clone()).unwrap_or_default(),
            working_directory: command.map_or_else(|| "/".to_owned(), |it| it.directory.clone()),
            machine: image.platform().and_then(|it| machine::of_architecture(&it.architecture)),
            // What no command runs is run by whom nobody knows; the image's user is likely.
            identity: ran
                .map(|it| it.identity.clone())
                .or_else(|| image.identity())
                .unwrap_or_default(),
            may_be_first: ran.is_none_or(ResolvedCommand::is_executed_by_engine),
        };
        let plan = predict_start(linking, &start, &*image.files);
        Some(match command.and_then(|it| it.unsure.as_ref()) {
            Some(why) => plan.unless_changed(why),
            None => plan,
        })
    }

    /// A plan whose loader may find something else, because of what runs before the program.
    fn unless_changed(self, why: &str) -> StartPrediction {
        if self.verdict != StartVerdict::Fails || self.stage <= Some(StartStage::Interpreter) {
            return self;
        }
        let open = self.errors.first().map_or(why.to_owned(), |line| format!("{line}, but {why}"));
        StartPrediction {
            verdict: StartVerdict::Unknown,
            stage: None,
            errors: Vec::new(),
            problems: Vec::new(),
            open: Some(open),
            ..self
        }
    }
}

/// Where the subject lies or will lie; a file that nobody gave a place lies in the root.
fn place(subject: &Binary, image: &Image) -> String {
    let path = image.subject_at.as_deref().unwrap_or(&subject.path);
    if path.starts_with('/') && (image.subject_at.is_some() || image.has(path)) {
        return path.to_owned();
    }
    let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app");
    format!("/{name}")
}

/// Whether a command comes to what lies at a path, or would if its user were let in.
fn runs(command: &ResolvedCommand, there: &[u8]) -> bool {
    let refused = command.failure().filter(|it| it.kind == FailureKind::PermissionDenied);
    let at = refused.map(|it| it.at.as_bytes()).or(command.program().map(str::as_bytes));
    let rest = at.and_then(|at| there.strip_prefix(at));
    rest.is_some_and(|rest| rest.is_empty() || refused.is_some() && rest.starts_with(b"/"))
}

/// The name under which the image's command starts what lies there, when it does.
fn name(command: &ResolvedCommand, there: &[u8]) -> Option<String> {
    let step = command.steps.iter().rev().find(|step| step.path.as_bytes() == there)?;
    Some(step.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::loader_text::LoaderText;
    use crate::binary::elf::{DynamicInfo, ET_DYN, ElfSegment, PT_INTERP};
    use crate::rootfs::document::config::ImageConfig;
    use crate::rootfs::{FileEntry, FileKind};
    use crate::start::image::elf_tree::InMemoryTree;

    fn subject() -> Binary {
        let segment = |kind| ElfSegment { kind, ..ElfSegment::default() };
        let linking = DynamicInfo {
            ident: [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            file_type: ET_DYN,
            machine: 62,
            program_header_size: 56,
            segments: vec![segment(1), segment(PT_INTERP)],
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            ..DynamicInfo::default()
        };
        let path = "target/release/app".to_owned();
        Binary { path, linking: Some(linking), ..Binary::default() }
    }

    #[test]
    fn the_image_s_path_counts() {
        let image = Image::from_tree(InMemoryTree::default(), None);
        let plan = StartPrediction::for_image(&subject(), &image).expect("ELF");
        assert_eq!(plan.errors, ["exec /app: no such file or directory"]);
        let plan = StartPrediction::for_image(&subject(), &image.with_subject_path("/usr/bin/x"))
            .expect("ELF");
        assert_eq!(plan.errors, ["exec /usr/bin/x: no such file or directory"]);
    }

    /// A program that needs a library which is only where a variable leads to.
    fn plan_of(words: &[&str]) -> StartPrediction {
        let loader = DynamicInfo {
            loader: Some(LoaderText::default()),
            segments: vec![ElfSegment { kind: 1, ..ElfSegment::default() }],
            file_size: 4096,
            ..subject().linking.unwrap()
        };
        let library = DynamicInfo { dynamic: true, version: 1, ..loader.clone() };
        let tree = InMemoryTree::default()
            .elf("/app", library.clone())
            .elf("/bin/sh", library.clone())
            .elf("/bin/env", library.clone())
            .elf("/lib64/ld-linux-x86-64.so.2", loader)
            .elf("/opt/lib/libx.so", library);
        let entrypoint = words.iter().map(|it| (*it).to_owned()).collect();
        let config = ImageConfig { entrypoint, ..ImageConfig::default() };
        let mut binary = subject();
        binary.linking.as_mut().unwrap().needed = vec!["libx.so".to_owned()];
        StartPrediction::for_image(
            &binary,
            &Image::from_tree(tree, Some(config)).with_subject_path("/app"),
        )
        .expect("ELF")
    }

    #[test]
    fn what_the_command_sets_counts() {
        for (words, verdict) in [
            (&["/app"][..], StartVerdict::Fails),
            (&["env", "LD_LIBRARY_PATH=/opt/lib", "/app"], StartVerdict::Starts),
            (&["sh", "-c", "export LD_LIBRARY_PATH=/opt/lib; exec /app"], StartVerdict::Starts),
            (&["sh", "-c", "cd /opt; LD_LIBRARY_PATH=lib /app"], StartVerdict::Starts),
            (&["sh", "-c", "LD_LIBRARY_PATH=/opt/lib; exec /app"], StartVerdict::Fails),
            (&["sh", "-c", ". /etc/env; exec /app"], StartVerdict::Unknown),
            (
                &["sh", "-c", "if x; then export LD_LIBRARY_PATH=/y; fi; /app"],
                StartVerdict::Unknown,
            ),
            (&["sh", "-c", "if x; then y; fi; /app"], StartVerdict::Fails),
        ] {
            let plan = plan_of(words);
            assert_eq!(plan.verdict, verdict, "{words:?} {plan:?}");
            assert_eq!(plan.open.is_some(), verdict == StartVerdict::Unknown);
        }
    }

    #[test]
    fn the_user_has_to_be_let_in() {
        let entry = |kind, mode| FileEntry { kind, mode, uid: 0, gid: 0 };
        let plan = |entrypoint: &[&str], user: &str, directory, file| {
            let mut tree = InMemoryTree::default()
                .elf("/opt/app", subject().linking.unwrap())
                .elf("/bin/sh", subject().linking.unwrap());
            tree.insert(b"/opt", entry(FileKind::Directory, directory));
            let linking = subject().linking.map(std::sync::Arc::new).unwrap();
            tree.insert(b"/opt/app", entry(FileKind::File { size: 60 }, file));
            tree.keep_elf(b"/opt/app", linking);
            let entrypoint = entrypoint.iter().map(|it| (*it).to_owned()).collect();
            let config =
                ImageConfig { user: user.to_owned(), entrypoint, ..ImageConfig::default() };
            let image = Image::from_tree(tree, Some(config)).with_subject_path("/opt/app");
            StartPrediction::for_image(&subject(), &image).expect("ELF").errors
        };
        let no_loader = "exec /opt/app: no such file or directory";
        for (user, directory, file) in
            [("", 0o700, 0o700), ("1000", 0o755, 0o755), ("1000", 0o700, 0o700)]
        {
            assert_eq!(plan(&["/opt/app"], user, directory, file), [no_loader], "{user} {file:o}");
        }
        // A shell is the first program, and what it starts is refused by every engine.
        let shell = ["sh", "-c", "/opt/app"];
        assert_eq!(plan(&shell, "1000", 0o755, 0o755), [no_loader]);
        assert_eq!(plan(&shell, "1000", 0o755, 0o700), ["exec /opt/app: permission denied"]);
        let line = "exec: \"/opt/app\": stat /opt/app: permission denied";
        assert_eq!(plan(&shell, "1000", 0o700, 0o755), [line]);
    }

    #[test]
    fn a_shell_names_its_program_as_it_was_told() {
        let plan = plan_of(&["sh", "-c", "cd /; exec ./app"]);
        assert!(plan.errors[0].starts_with("./app: error while loading"), "{:?}", plan.errors);
    }

    #[test]
    fn the_platform_counts() {
        let mut config = ImageConfig::default();
        config.platform.architecture = "arm64".to_owned();
        let image = Image::from_tree(InMemoryTree::default(), Some(config));
        let plan = StartPrediction::for_image(&subject(), &image).expect("ELF");
        assert_eq!(plan.errors, ["exec /app: exec format error"]);
        assert_eq!(StartPrediction::for_image(&Binary::default(), &image), None);
    }
}
