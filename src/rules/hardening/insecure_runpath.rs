use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "insecure-runpath",
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the loader searches a directory that others may write to",
    what: "Every entry of `DT_RPATH` and `DT_RUNPATH` should be absolute, or begin with `$ORIGIN`, \
           and should not lie below a directory that everybody may write to (`/tmp`, `/var/tmp`, \
           `/dev/shm`). An empty entry means the current directory.",
    why: "Whoever can put a file into that directory decides which code the program loads.",
    fix: "Remove the entry (`patchelf --remove-rpath PROGRAM`), or make it `$ORIGIN/../lib`.",
    symptoms: &[],
    references: &["ld.so(8), section on rpath token expansion", "CWE-426, untrusted search path"],
    check: Check::Binary(check),
};

const SHARED: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

fn check(binary: &Binary) -> Outcome {
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches for this program's libraries");
    };
    entries
        .filter_map(|(tag, entry)| {
            let why = defect(entry)?;
            let shown = if entry.is_empty() { "an empty entry" } else { entry };
            let message = format!("the loader searches {shown}: {why}");
            Some(
                Finding::new(Location::Dynamic(tag), message)
                    .evidence(format!("{tag} names {shown}"))
                    .fix("patchelf --remove-rpath PROGRAM"),
            )
        })
        .collect()
}

fn defect(entry: &str) -> Option<&'static str> {
    let below = |directory: &str| {
        entry.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if entry.is_empty() {
        Some("that is the directory the program is started from")
    } else if SHARED.iter().any(|directory| below(directory)) {
        Some("everybody may write there")
    } else if !entry.starts_with('/')
        && !entry.starts_with("$ORIGIN")
        && !entry.starts_with("${ORIGIN}")
    {
        Some("a relative directory depends on where the program is started")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_the_owner_pass() {
        let of = |runpath: &str| Binary {
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            runpath: Some(runpath.to_owned()),
            ..Binary::default()
        };
        for good in ["/opt/app/lib", "$ORIGIN/../lib:${ORIGIN}", "/tmpfiles/lib"] {
            assert_eq!(check(&of(good)), Outcome::Pass, "{good}");
        }
        for bad in ["", "lib", "/tmp/build", "/opt/lib:", "/dev/shm", "./lib:/usr/lib"] {
            assert_eq!(check(&of(bad)).findings().len(), 1, "{bad}");
        }
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
