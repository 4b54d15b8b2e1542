use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "build-tree-runpath",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the loader searches a directory of the build machine",
    what: "No entry of `DT_RPATH` or `DT_RUNPATH` may be in a directory of a build machine: \
           cargo's `target`, a home directory, a build directory of CI (`/builds`, `/build`, \
           `/__w`), the directories of rustup and cargo, or the store of Nix or Conda. Entries \
           that begin with `$ORIGIN` pass, and directories that are in the image. Without an image, \
           an entry in the store of Nix or Conda is inconclusive. The rule fails even if the binary needs no library from \
           the directory, because the loader still searches it.",
    why: "If the binary needs a library from that directory, it works on the build machine and \
           nowhere else. In the image the loader does not find the library, or finds a wrong one \
           if somebody can create the path.",
    fix: "Copy the libraries beside the binary and link with `-C \
           link-arg=-Wl,-rpath,$ORIGIN/../lib`, or use `patchelf --set-rpath`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("error while loading shared libraries")],
    references: &["ld.so(8)", "https://github.com/pykeio/ort/issues/85"],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Image]), check),
};

/// Parts of a path that only a build machine has.
const BUILD_TREES: &[&str] = &[
    "/target/release",
    "/target/debug",
    "/.rustup/",
    "/.cargo/",
    "/usr/local/rustup/",
    "/usr/local/cargo/",
    "/rustc/",
];
/// Directories that only a build machine has.
const BUILD_ROOTS: &[&str] = &["/home/", "/root/", "/builds/", "/build/", "/Users/", "/__w/"];

/// Where Nix and Conda keep what they build. An image of theirs carries the same directories.
const STORES: &[&str] = &["/nix/store/", "/opt/conda/"];

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches libraries for this binary");
    };
    let is_shipped = |entry: &str| facts.image.as_ref().is_some_and(|it| it.has(entry));
    let mut stored = false;
    let mut findings = Vec::new();
    for (tag, entry) in entries.filter(|(_, entry)| !is_shipped(entry)) {
        let is_stored = STORES.iter().any(|it| entry.starts_with(it));
        stored |= is_stored;
        if is_of_a_build(entry) || is_stored && facts.image.is_some() {
            findings.push(finding(binary, tag, entry));
        }
    }
    if findings.is_empty() && stored {
        return Outcome::open(
            "the loader searches the store of Nix or Conda, and which image carries it is not known",
            "lint with the image",
        );
    }
    Outcome::of(findings, "no entry of RPATH or RUNPATH is in a build tree")
}

fn is_of_a_build(entry: &str) -> bool {
    let entry = format!("{}/", entry.trim_end_matches('/'));
    BUILD_ROOTS.iter().any(|root| entry.starts_with(root))
        || BUILD_TREES.iter().any(|part| entry.contains(part))
            && !entry.starts_with("$ORIGIN")
            && !entry.starts_with("${ORIGIN}")
}

fn finding(binary: &Binary, tag: &'static str, entry: &str) -> Finding {
    Finding::new(
        Location::Dynamic(tag),
        format!("the loader searches {entry}, a directory of the build machine"),
    )
    .evidence(format!("{tag} names {entry}"))
    .fix(shell_command(["patchelf", "--set-rpath", "$ORIGIN/../lib", &binary.path]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;

    fn outcome(runpath: &str, shipped: Option<&str>) -> &'static str {
        let binary = Binary {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            runpath: Some(runpath.to_owned()),
            ..Binary::default()
        };
        let image = shipped.map(|at| Image::from_tree(InMemoryTree::default().directory(at), None));
        check(&Facts { binary: Some(binary), image, ..Facts::default() }).name()
    }

    #[test]
    fn directories_of_a_build_fail() {
        for bad in
            ["/app/target/release/deps", "/root/x:/usr/lib", "/home/ci/.rustup/toolchains/s/lib"]
        {
            assert_eq!(outcome(bad, None), "fail", "{bad}");
            assert_eq!(outcome(bad, Some("/usr/lib")), "fail", "{bad}");
        }
        for good in ["$ORIGIN/../lib", "/opt/app/lib:/usr/lib/app", "/rooted"] {
            assert_eq!(outcome(good, None), "pass", "{good}");
        }
        assert_eq!(check(&Facts::default()).name(), "not-applicable");
    }

    #[test]
    fn what_the_image_carries_is_no_build_machine() {
        for path in ["/nix/store/abc-glibc-2.39/lib", "/opt/conda/lib"] {
            assert_eq!(outcome(path, None), "open", "{path}");
            assert_eq!(outcome(path, Some(path)), "pass", "{path}");
            assert_eq!(outcome(path, Some("/usr/lib")), "fail", "{path}");
        }
        assert_eq!(outcome("/home/app/lib", Some("/home/app/lib")), "pass");
    }
}
