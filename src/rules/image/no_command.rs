use crate::fix_line::exec_form;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::command::is_shell;
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "no-command",
    aliases: &[],
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the image has no command, or only a shell that it inherited",
    what: "The rule looks at Entrypoint and Cmd of an image that contains the binary. It fails if \
           both are empty, or if the only command is a bare shell, usually the Cmd of the base \
           image.",
    why: "A container that inherits `CMD [\"bash\"]` from Debian starts a shell without a \
           terminal, which ends at once: exit code 0 and no output, exactly like a binary whose \
           `main` is empty.",
    fix: "End the last stage with an ENTRYPOINT that names the binary: `ENTRYPOINT \
           [\"/usr/local/bin/app\"]`.",
    no_fix_line: Some(
        "without a Rust binary in the image there is nothing that the command could \
           name",
    ),
    symptoms: &[Symptom::ExitCode(0), Symptom::Silence, Symptom::Stderr("No command specified")],
    references: &[
        "https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact",
    ],
    check: CheckFn::Image(check),
};

fn check(image: &Image) -> Outcome {
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    let Some(config) = &image.config else {
        return Outcome::not_applicable("a root file system has no configuration");
    };
    // Of several binaries nobody knows which is meant.
    let only = match image.programs.as_slice() {
        [program] => Some(program.path.as_str()),
        _ => image.subject_at.as_deref(),
    };
    let fix = match only {
        Some(path) => format!("ENTRYPOINT {}", exec_form([path])),
        None => {
            "end the last stage with an ENTRYPOINT; is this the image of a build stage?".to_owned()
        }
    };
    let finding = match (&config.entrypoint[..], &config.cmd[..]) {
        ([], []) => {
            Finding::new(Location::ImageConfig("Entrypoint"), "neither Entrypoint nor Cmd is set")
                .evidence("the engine prints: No command specified")
        }
        ([], [shell]) | ([shell], []) if is_shell(shell) => {
            Finding::new(Location::ImageConfig("Cmd"), format!("the image only runs `{shell}`"))
                .evidence("without a terminal a shell ends at once, with exit code 0 and no output")
        }
        (entrypoint, cmd) => {
            return Outcome::pass(format!("runs {}", [entrypoint, cmd].concat().join(" ")));
        }
    };
    finding.fix(fix).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::ImageConfig;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(entrypoint: &[&str], cmd: &[&str]) -> Outcome {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let config = ImageConfig {
            entrypoint: words(entrypoint),
            cmd: words(cmd),
            ..ImageConfig::default()
        };
        let mut image =
            Image::from_tree(InMemoryTree::default().file("/app", 0o755, "x"), Some(config));
        image.subject_at = Some("/app".into());
        check(&image)
    }

    #[test]
    fn an_inherited_shell_is_no_command() {
        assert_eq!(outcome(&[], &["bash"]).name(), "fail");
        assert_eq!(outcome(&[], &["/bin/sh"]).name(), "fail");
        assert_eq!(outcome(&[], &[]).name(), "fail");
        assert_eq!(outcome(&["/app"], &[]).name(), "pass");
        assert_eq!(outcome(&[], &["sh", "-c", "/app"]).name(), "pass");
    }

    #[test]
    fn a_base_image_is_not_asked() {
        let image = Image::from_tree(InMemoryTree::default(), Some(ImageConfig::default()));
        assert_eq!(check(&image).name(), "not-applicable");
        assert_eq!(
            check(&Image::from_tree(InMemoryTree::default(), None)).name(),
            "not-applicable"
        );
    }
}
