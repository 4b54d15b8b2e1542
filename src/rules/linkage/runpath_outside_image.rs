use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};
use crate::start::image::Image;

pub static RULE: Rule = Rule {
    id: "runpath-outside-image",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the loader searches a directory that the image does not have",
    what: "Each absolute entry of `DT_RPATH` and `DT_RUNPATH` should be a directory of the image.",
    why: "The entry was written for another machine. Libraries that were meant to come from \
           there are missing or come from elsewhere.",
    fix: "Remove the entry (`patchelf --remove-rpath PROGRAM`), or copy the libraries to where \
           it points.",
    symptoms: &[],
    references: &["ld.so(8)"],
    check: Check::Carried(check),
};

fn check(binary: &Binary, image: &Image) -> Outcome {
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches for this program's libraries");
    };
    entries
        // What has a token in it depends on where the program lies.
        .filter(|(_, entry)| entry.starts_with('/') && !entry.contains('$'))
        .filter(|(_, entry)| !image.has(entry))
        .map(|(tag, entry)| {
            let message = format!("the loader searches {entry}, which the image does not have");
            Finding::new(Location::Dynamic(tag), message)
                .evidence(format!("{tag} names {entry}"))
                .fix("patchelf --remove-rpath PROGRAM")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::image::elf_tree::Memory;

    #[test]
    fn absolute_directories_are_looked_for() {
        let image = Image::of(Memory::default().directory("/opt/app/lib"), None);
        let of = |runpath: &str| Binary {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            runpath: Some(runpath.to_owned()),
            ..Binary::default()
        };
        assert_eq!(check(&of("/opt/app/lib:$ORIGIN/lib"), &image), Outcome::Pass);
        assert_eq!(check(&of("/opt/app/lib:/opt/other"), &image).findings().len(), 1);
        assert_eq!(check(&Binary::default(), &image).name(), "not-applicable");
    }
}
