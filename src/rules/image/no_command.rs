use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::start::command::is_shell;
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "no-command",
    group: Group::Image,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the image says nothing of what to run, or only what it inherited: a shell",
    what: "Looks at Entrypoint and Cmd of an image that holds the program. Fails when both are \
           empty, and when all there is is a bare shell as the Cmd of a base image.",
    why: "A container of Debian's inherited `CMD [\"bash\"]` starts a shell without a \
           terminal, which ends at once: exit code 0 and not a word, exactly like a program \
           whose main is empty.",
    fix: "End the last stage with `ENTRYPOINT [\"/usr/local/bin/NAME\"]`.",
    symptoms: &[Symptom::ExitCode(0), Symptom::Silence, Symptom::Stderr("No command specified")],
    references: &["docker run, measured with Docker 20.10.24"],
    check: Check::Image(check),
};

fn check(image: &Image) -> Outcome {
    if let Some(why) = image.nothing_to_run() {
        return Outcome::not_applicable(why);
    }
    let Some(config) = &image.config else { return Outcome::not_applicable("no configuration") };
    let fix = match image.programs.first() {
        Some(program) => format!("ENTRYPOINT [\"{}\"]", program.path),
        None => format!(
            "ENTRYPOINT [\"{}\"]",
            image.subject_at.as_deref().unwrap_or("/usr/local/bin/NAME")
        ),
    };
    let finding = match (&config.entrypoint[..], &config.cmd[..]) {
        ([], []) => {
            Finding::new(Location::ImageConfig("Entrypoint"), "neither Entrypoint nor Cmd is set")
                .evidence("the engine: No command specified")
        }
        ([], [shell]) | ([shell], []) if is_shell(shell) => Finding::new(
            Location::ImageConfig("Cmd"),
            format!("all that the image runs is `{shell}`"),
        )
        .evidence("without a terminal a shell ends at once: exit code 0, no output"),
        _ => return Outcome::Pass,
    };
    finding.fix(fix).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::document::config::Config;
    use crate::start::image::elf_tree::Memory;

    fn outcome(entrypoint: &[&str], cmd: &[&str]) -> Outcome {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let config = Config { entrypoint: words(entrypoint), cmd: words(cmd), ..Config::default() };
        let mut image = Image::of(Memory::default().file("/app", 0o755, "x"), Some(config));
        image.subject_at = Some("/app".into());
        check(&image)
    }

    #[test]
    fn an_inherited_shell_is_no_command() {
        assert_eq!(outcome(&[], &["bash"]).name(), "fail");
        assert_eq!(outcome(&[], &["/bin/sh"]).name(), "fail");
        assert_eq!(outcome(&[], &[]).name(), "fail");
        assert_eq!(outcome(&["/app"], &[]), Outcome::Pass);
        assert_eq!(outcome(&[], &["sh", "-c", "/app"]), Outcome::Pass);
    }

    #[test]
    fn a_base_image_is_not_asked() {
        let image = Image::of(Memory::default(), Some(Config::default()));
        assert_eq!(check(&image).name(), "not-applicable");
        assert_eq!(check(&Image::of(Memory::default(), None)).name(), "not-applicable");
    }
}
