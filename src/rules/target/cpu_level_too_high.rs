use crate::cargo::build::Build;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "cpu-level-too-high",
    aliases: &[],
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs CPU instructions that the target machines may not have",
    what: "The rule compares the x86-64 level (v1 to v4) that the binary needs with the expected \
           one: `[expect] cpu-level`, otherwise a level that the build names, such as `-C \
           target-cpu=x86-64-v2`, otherwise 1. It fails if the flags that rustc got name a higher \
           level. A feature of a higher \
           level, such as `-C target-feature=+avx2`, is a warning unless `cpu-level` is set. If \
           level 1 is expected, it also fails if they name `native` or a CPU model. If \
           no flag does, but vector code that needs a higher level runs without first checking the \
           CPU, the finding is a warning.",
    why: "On an older machine the first such instruction ends the process with SIGILL: exit code \
           132, no message. `target-cpu=native` uses the CPU of the machine that builds, so the \
           same Dockerfile makes another binary on another runner.",
    fix: "Remove `-C target-cpu` from RUSTFLAGS and `.cargo/config.toml`. If all your machines \
           have a higher level, say so in binlint.toml: `cpu-level = 3` under `[expect]`.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(132), Symptom::Silence, Symptom::Stderr("Illegal instruction")],
    references: &[
        "https://gitlab.com/x86-psABIs/x86-64-ABI",
        "https://doc.rust-lang.org/rustc/codegen-options/index.html#target-cpu",
        "https://github.com/paradigmxyz/reth/issues/22596",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo, Need::Expectations]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if binary.machine.as_ref().is_none_or(|it| it.arch != "x86_64") {
        return Outcome::not_applicable("the levels exist for x86-64 only");
    }
    // A level that the build names is what was meant: it says which machines there are.
    let named = || facts.build.as_ref().and_then(|it| level_of(&target_cpu(it)?.0));
    let expected = facts.expectations.cpu_level.or_else(named).unwrap_or(1);
    if let Some(finding) = facts.build.as_ref().and_then(|build| flagged(build, expected)) {
        return finding.into();
    }
    if let Some(finding) = facts.build.as_ref().and_then(|build| featured(build, expected)) {
        // Who names a feature means it, unless a level was expected.
        return finding.sure_only(facts.expectations.cpu_level.is_some()).into();
    }
    match binary.cpu_level.value {
        Some(level) if level <= expected => {
            Outcome::pass(format!("the code needs {}, {} is expected", name(level), name(expected)))
        }
        Some(level) => Finding::new(
            Location::Subject,
            format!("the code needs x86-64-v{level}, but {} is expected", name(expected)),
        )
        .evidence(binary.cpu_level.evidence.to_string())
        .fix(format!("cpu-level = {level} # in [expect] of binlint.toml, if all machines have it"))
        .at_most_warn()
        .into(),
        // What rustc was told is known, and it was told nothing: that settles Rust's own code.
        None if facts.build.as_ref().is_some_and(Build::is_compiled) => {
            Outcome::pass("rustc got no flag for a newer CPU")
        }
        None => Outcome::open(
            "the flags for the CPU are not known without the build",
            "lint in the workspace that built the binary",
        ),
    }
}

/// What `target-cpu` says last, with the word and where it stands.
fn target_cpu(build: &Build) -> Option<(String, String, String)> {
    build.rustc_arguments().into_iter().rev().find_map(|(word, source)| {
        let cpu = word.split_once("target-cpu=")?.1.to_owned();
        Some((cpu, word, source))
    })
}

/// The level by its name; of a CPU that is named by its model, and of whatever machine the build ran
/// on, it is not looked up.
fn level_of(cpu: &str) -> Option<u8> {
    match cpu {
        "generic" | "x86-64" => Some(1),
        named => named.strip_prefix("x86-64-v")?.parse().ok(),
    }
}

/// The flag that asks for more than is expected, or for nobody knows what.
fn flagged(build: &Build, expected: u8) -> Option<Finding> {
    let (cpu, word, source) = target_cpu(build)?;
    let is_more = level_of(&cpu).map_or(expected == 1, |level| level > expected);
    if !is_more {
        return None;
    }
    let what = if cpu == "native" { "the CPU of the build machine" } else { &cpu };
    let finding = Finding::new(Location::Subject, format!("rustc was told to compile for {what}"))
        .evidence(format!("{word} in {source}"))
        .evidence(format!("expected: {}", name(expected)))
        .fix(format!("remove {word} from {source}, and build again"));
    Some(finding)
}

fn featured(build: &Build, expected: u8) -> Option<Finding> {
    let (level, feature, source) = build.feature_above(expected)?;
    let message = format!("rustc was told to use {feature}, a feature of {}", name(level));
    let finding = Finding::new(Location::Subject, message)
        .evidence(format!("target-feature=+{feature} in {source}"));
    Some(finding.fix(format!("remove +{feature} from {source}, and build again")))
}

fn name(level: u8) -> String {
    if level == 1 { "x86-64".to_owned() } else { format!("x86-64-v{level}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Machine;
    use crate::cargo::workspace::profile::SettingOrigin;
    use crate::cargo::workspace::rustflags::RustFlag;
    use crate::fact::Fact;
    use crate::subject::Expectations;

    fn facts(cpu_level: Fact<u8>, flag: Option<&str>, expected: Option<u8>) -> Facts {
        let machine = Some(Machine { arch: "x86_64", bits: 64, little_endian: true });
        let flag = flag.map(|it| RustFlag {
            word: it.to_owned(),
            origin: SettingOrigin::Env("RUSTFLAGS".to_owned()),
        });
        Facts {
            binary: Some(Binary { machine, cpu_level, ..Binary::default() }),
            build: Some(Build { rustflags: flag.into_iter().collect(), ..Build::default() }),
            expectations: Expectations { cpu_level: expected, ..Expectations::default() },
            ..Facts::default()
        }
    }

    #[test]
    fn a_flag_is_proof_and_code_is_a_warning() {
        for (level, flag, expected, outcome, at_most) in [
            (Fact::high(1, "x"), None, None, "pass", None),
            (Fact::high(3, "x"), None, None, "fail", Some(Level::Warn)),
            (Fact::high(3, "x"), None, Some(3), "pass", None),
            (Fact::default(), None, None, "open", None),
            (Fact::default(), Some("-Ctarget-cpu=haswell"), None, "fail", None),
            (Fact::high(1, "x"), Some("-Ctarget-cpu=native"), None, "fail", None),
            (Fact::high(1, "x"), Some("target-cpu=x86-64-v3"), Some(2), "fail", None),
            (Fact::high(1, "x"), Some("target-cpu=x86-64-v2"), Some(2), "pass", None),
            (Fact::high(1, "x"), Some("target-cpu=x86-64"), None, "pass", None),
            (Fact::high(2, "x"), Some("-Ctarget-cpu=x86-64-v2"), None, "pass", None),
            (Fact::high(3, "x"), Some("-Ctarget-cpu=x86-64-v2"), None, "fail", Some(Level::Warn)),
            (Fact::default(), Some("-Ctarget-cpu=x86-64-v2"), None, "open", None),
            (Fact::high(1, "x"), Some("-Ctarget-feature=+avx2"), None, "fail", Some(Level::Warn)),
            (Fact::high(1, "x"), Some("-Ctarget-feature=+avx2"), Some(2), "fail", None),
            (Fact::high(1, "x"), Some("-Ctarget-feature=+avx2"), Some(3), "pass", None),
            (Fact::high(1, "x"), Some("-Ctarget-feature=+avx2,-avx2"), None, "pass", None),
            (Fact::high(1, "x"), Some("-Ctarget-feature=+crt-static"), None, "pass", None),
            (Fact::high(1, "x"), Some("-Ctarget-cpu=x86-64-next"), None, "fail", None),
        ] {
            let answer = check(&facts(level, flag, expected));
            assert_eq!(answer.name(), outcome, "{flag:?} {expected:?}");
            assert_eq!(answer.findings().first().and_then(|it| it.at_most), at_most);
        }
    }
}
