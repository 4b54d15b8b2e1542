use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "build-tree-runpath",
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the loader searches a directory of the machine it was built on",
    what: "No entry of `DT_RPATH` or `DT_RUNPATH` should lie in a build tree: cargo's `target`, a \
           home directory, rustup's or cargo's own, Nix's or Conda's store. The rule is about \
           programs that are loaded; one that needs nothing from there still searches it.",
    why: "It works on the build machine and nowhere else: in the image the libraries are not \
           found, or, where anybody can create the path, not the right ones.",
    fix: "Copy the libraries beside the program and say so: `-C \
           link-arg=-Wl,-rpath,$ORIGIN/../lib`, or `patchelf --set-rpath`.",
    symptoms: &[Symptom::Stderr("error while loading shared libraries")],
    references: &["ld.so(8)", "https://github.com/pykeio/ort/issues/85"],
    check: Check::Binary(check),
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
const BUILD_ROOTS: &[&str] =
    &["/home/", "/root/", "/builds/", "/build/", "/nix/store/", "/opt/conda/", "/Users/", "/__w/"];

fn check(binary: &Binary) -> Outcome {
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches for this program's libraries");
    };
    entries
        .filter(|(_, entry)| is_of_a_build(entry))
        .map(|(tag, entry)| finding(tag, entry))
        .collect()
}

fn is_of_a_build(entry: &str) -> bool {
    let entry = format!("{}/", entry.trim_end_matches('/'));
    BUILD_ROOTS.iter().any(|root| entry.starts_with(root))
        || BUILD_TREES.iter().any(|part| entry.contains(part))
            && !entry.starts_with("$ORIGIN")
            && !entry.starts_with("${ORIGIN}")
}

fn finding(tag: &'static str, entry: &str) -> Finding {
    Finding::new(
        Location::Dynamic(tag),
        format!("the loader searches {entry}, which is a directory of the build"),
    )
    .evidence(format!("{tag} names {entry}"))
    .fix("patchelf --set-rpath '$ORIGIN/../lib' PROGRAM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_a_build_fail() {
        let of = |runpath: &str| Binary {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            runpath: Some(runpath.to_owned()),
            ..Binary::default()
        };
        for bad in
            ["/app/target/release/deps", "/root/x:/usr/lib", "/home/ci/.rustup/toolchains/s/lib"]
        {
            assert_eq!(check(&of(bad)).findings().len(), 1, "{bad}");
        }
        for good in ["$ORIGIN/../lib", "/opt/app/lib:/usr/lib/app", "/rooted"] {
            assert_eq!(check(&of(good)), Outcome::Pass, "{good}");
        }
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
