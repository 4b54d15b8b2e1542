use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "insecure-runpath",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the loader searches a directory that other users can write to",
    what: "Every entry of `DT_RPATH` and `DT_RUNPATH` must be an absolute path or begin with \
           `$ORIGIN`, and must not be in a directory that everybody can write to (`/tmp`, \
           `/var/tmp`, `/dev/shm`). An empty entry means the directory in which the process \
           starts, so it fails too.",
    why: "Whoever can put a file into that directory decides which code the process loads.",
    fix: "Remove the entry (`patchelf --remove-rpath FILE`), or change it to `$ORIGIN/../lib`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["ld.so(8)", "https://cwe.mitre.org/data/definitions/426.html"],
    check: CheckFn::Binary(check),
};

const SHARED: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

fn check(binary: &Binary) -> Outcome {
    let Some(entries) = binary.search_path() else {
        return Outcome::not_applicable("no loader searches libraries for this binary");
    };
    let mut count = 0;
    let findings: Vec<Finding> = entries
        .inspect(|_| count += 1)
        .filter_map(|(tag, entry)| {
            let why = defect(entry)?;
            let shown = if entry.is_empty() { "an empty entry" } else { entry };
            let message = format!("the loader searches {shown}: {why}");
            Some(
                Finding::new(Location::Dynamic(tag), message)
                    .evidence(format!("{tag} names {shown}"))
                    .fix(shell_command(["patchelf", "--remove-rpath", &binary.path])),
            )
        })
        .collect();
    Outcome::of(
        findings,
        match count {
            0 => "no RPATH and no RUNPATH".to_owned(),
            count => format!("{count} entries in RPATH or RUNPATH, none writable by other users"),
        },
    )
}

fn defect(entry: &str) -> Option<&'static str> {
    let below = |directory: &str| {
        entry.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if entry.is_empty() {
        Some("it means the directory in which the process starts")
    } else if SHARED.iter().any(|directory| below(directory)) {
        Some("everybody can write there")
    } else if !entry.starts_with('/')
        && !entry.starts_with("$ORIGIN")
        && !entry.starts_with("${ORIGIN}")
    {
        Some("a relative path depends on where the process starts")
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
            assert_eq!(check(&of(good)).name(), "pass", "{good}");
        }
        for bad in ["", "lib", "/tmp/build", "/opt/lib:", "/dev/shm", "./lib:/usr/lib"] {
            assert_eq!(check(&of(bad)).findings().len(), 1, "{bad}");
        }
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
