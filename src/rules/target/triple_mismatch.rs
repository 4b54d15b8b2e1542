use crate::facts::{Confidence, Facts};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "triple-mismatch",
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program is for another target than the one asked for",
    what: "Compares the target that the file's header, its C library and its notes tell with the \
           expected one: the configuration's, else `--target` or `build.target`, else the host. Only \
           what makes two targets incompatible counts: the architecture, the system, the C library \
           and the floating-point ABI; vendors and processor revisions do not.",
    why: "A program for another machine ends with `exec format error`, one for another C library \
          with `no such file or directory`; the build that made it looked successful.",
    fix: "Build with the target and copy from its own directory: `target/<triple>/release`, not \
          `target/release`.",
    symptoms: &[
        Symptom::Stderr("exec format error"),
        Symptom::Stderr("no such file or directory"),
        Symptom::ExitCode(1),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/config.html#buildtarget",
        "typst 5290",
        "Codewhale 587",
    ],
    check: Check::Facts(check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    let build = facts.build.as_ref();
    let Some(wanted) = facts.policy.triple.as_deref().or(build.and_then(|it| it.triple())) else {
        return Outcome::not_applicable("no target is expected");
    };
    let Some(seen) = &binary.triple.value else {
        return Outcome::open(binary.triple.evidence.clone());
    };
    let Some(difference) = difference(seen, wanted) else {
        return Outcome::open(format!("`{wanted}` is no target whose name tells what it is"));
    };
    let Some(difference) = difference else { return Outcome::Pass };
    let mut finding = Finding::new(
        Location::Subject,
        format!("the program is for {seen}, but {wanted} is expected: another {difference}"),
    )
    .evidence(format!("in the program: {}", binary.triple.evidence));
    if let Some(build) = build {
        finding = finding
            .evidence(format!("cargo builds into {}", build.profile_dir.display()))
            .fix(build.command());
    }
    match binary.triple.confidence >= Confidence::High {
        true => finding.into(),
        false => finding.at_most_warn().into(),
    }
}

/// What makes two targets incompatible; the outer `None` when one of the names cannot be read.
fn difference(seen: &str, wanted: &str) -> Option<Option<&'static str>> {
    let (seen, wanted) = (Target::read(seen)?, Target::read(wanted)?);
    Some(if seen.machine != wanted.machine {
        Some("architecture")
    } else if seen.system != wanted.system {
        Some("operating system")
    } else if seen.library != wanted.library {
        Some("C library")
    } else if seen.hard_float != wanted.hard_float {
        Some("floating-point ABI")
    } else {
        None
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    machine: &'a str,
    system: &'a str,
    library: &'a str,
    hard_float: bool,
}

impl<'a> Target<'a> {
    /// `arch-vendor-system-environment` in all its shortened forms; `None` for a custom name.
    fn read(triple: &'a str) -> Option<Target<'a>> {
        const SYSTEMS: &[&str] = &[
            "linux",
            "windows",
            "darwin",
            "ios",
            "freebsd",
            "netbsd",
            "openbsd",
            "dragonfly",
            "android",
            "solaris",
            "illumos",
            "none",
            "uefi",
            "fuchsia",
            "redox",
            "haiku",
            "hermit",
            "wasi",
            "wasip1",
            "wasip2",
            "unknown",
        ];
        let (arch, rest) = triple.split_once('-')?;
        let parts: Vec<&str> = rest.split('-').collect();
        let at = parts.iter().rposition(|part| SYSTEMS.iter().any(|it| part.starts_with(it)))?;
        // `cargo zigbuild --target x86_64-unknown-linux-gnu.2.17` names a glibc too.
        let environment = parts.get(at + 1).map_or("", |it| it.split('.').next().unwrap_or(it));
        let machine = match arch {
            "i386" | "i486" | "i586" | "i686" => "x86",
            "x86_64" | "x86_64h" => "x86_64",
            "aarch64" | "arm64" | "arm64e" | "arm64ec" => "aarch64",
            _ if arch.starts_with("arm") || arch.starts_with("thumb") => "arm",
            _ if arch.starts_with("riscv64") => "riscv64",
            _ if arch.starts_with("riscv32") => "riscv32",
            _ => arch,
        };
        let library = ["eabihf", "eabi", "sf"].iter().find_map(|end| environment.strip_suffix(end));
        Some(Target {
            machine,
            system: parts[at],
            library: library.unwrap_or(environment),
            hard_float: machine != "arm"
                || environment.ends_with("hf")
                || !environment.contains("eabi"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Binary, Build, Fact, Policy};

    #[test]
    fn what_runs_in_place_of_another_is_no_difference() {
        for (seen, wanted, difference) in [
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu", None),
            ("x86_64-unknown-linux-musl", "x86_64-alpine-linux-musl", None),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu.2.17", None),
            ("i686-unknown-linux-gnu", "i586-unknown-linux-gnu", None),
            ("armv7-unknown-linux-gnueabihf", "thumbv7neon-unknown-linux-gnueabihf", None),
            ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", Some("architecture")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", Some("C library")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnux32", Some("C library")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-freebsd", Some("operating system")),
            (
                "arm-unknown-linux-gnueabi",
                "arm-unknown-linux-gnueabihf",
                Some("floating-point ABI"),
            ),
            ("aarch64-apple-darwin", "aarch64-apple-ios", Some("operating system")),
        ] {
            assert_eq!(super::difference(seen, wanted), Some(difference), "{seen} {wanted}");
        }
        assert_eq!(difference("x86_64-unknown-linux-gnu", "my-board"), None);
    }

    #[test]
    fn the_expectation_comes_first_then_the_target_then_the_host() {
        let outcome = |policy: Option<&str>, target: Option<&str>, triple: Fact<String>| {
            let mut build = Build { target: target.map(str::to_owned), ..Build::default() };
            build.rustc.host = Some("x86_64-unknown-linux-gnu".to_owned());
            let binary = Some(Binary { triple, ..Binary::default() });
            let policy = Policy { triple: policy.map(str::to_owned), ..Policy::default() };
            check(&Facts { binary, build: Some(build), policy, ..Facts::default() })
        };
        let arm = || Fact::high("aarch64-unknown-linux-gnu".to_owned(), "header");
        assert_eq!(outcome(None, None, arm()).name(), "fail");
        assert_eq!(outcome(None, Some("aarch64-unknown-linux-gnu"), arm()), Outcome::Pass);
        let musl =
            outcome(Some("aarch64-unknown-linux-musl"), Some("aarch64-unknown-linux-gnu"), arm());
        assert!(musl.findings()[0].message.ends_with("another C library"));
        assert_eq!(outcome(None, None, Fact::default()).name(), "open");
    }
}
