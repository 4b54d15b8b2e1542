use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

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
           that begin with `$ORIGIN` pass. The rule fails even if the binary needs no library from \
           the directory, because the loader still searches it.",
    why: "If the binary needs a library from that directory, it works on the build machine and \
           nowhere else. In the image the loader does not find the library, or finds a wrong one \
           if somebody can create the path.",
    fix: "Copy the libraries beside the binary and link with `-C \
           link-arg=-Wl,-rpath,$ORIGIN/../lib`, or use `patchelf --set-rpath`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("error while loading shared libraries")],
    references: &["ld.so(8)", "https://github.com/pykeio/ort/issues/85"],
    check: CheckFn::Binary(check),
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
        return Outcome::not_applicable("no loader searches libraries for this binary");
    };
    let findings = entries
        .filter(|(_, entry)| is_of_a_build(entry))
        .map(|(tag, entry)| finding(binary, tag, entry));
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
            assert_eq!(check(&of(good)).name(), "pass", "{good}");
        }
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
