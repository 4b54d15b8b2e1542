use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "runpath-outside-image",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the loader searches a directory that the image does not have",
    what: "The image must have the directory of each absolute entry of `DT_RPATH` and \
           `DT_RUNPATH`. Entries that contain a token such as `$ORIGIN` are not checked.",
    why: "The entry was written for another machine. Libraries that should come from that \
           directory are missing, or come from another one.",
    fix: "Remove the entry (`patchelf --remove-rpath FILE`), or copy the libraries to that \
           directory.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("error while loading shared libraries")],
    references: &["ld.so(8)"],
    check: CheckFn::InImage(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches libraries for this binary");
    };
    let findings = entries
        // An entry with a token depends on the directory of the binary.
        .filter(|(_, entry)| entry.starts_with('/') && !entry.contains('$'))
        .filter(|(_, entry)| !image.has(entry))
        .map(|(tag, entry)| {
            let message = format!("the loader searches {entry}, which is not in the image");
            Finding::new(Location::Dynamic(tag), message)
                .evidence(format!("{tag} names {entry}"))
                .fix(shell_command(["patchelf", "--remove-rpath", &binary.path]))
        });
    Outcome::of(findings, "the image has every directory of RPATH and RUNPATH")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn absolute_directories_are_looked_for() {
        let image = Image::from_tree(InMemoryTree::default().directory("/opt/app/lib"), None);
        let of = |runpath: &str| Binary {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            runpath: Some(runpath.to_owned()),
            ..Binary::default()
        };
        assert_eq!(check(&of("/opt/app/lib:$ORIGIN/lib"), &image).name(), "pass");
        assert_eq!(check(&of("/opt/app/lib:/opt/other"), &image).findings().len(), 1);
        assert_eq!(check(&Binary::default(), &image).name(), "not-applicable");
    }
}
