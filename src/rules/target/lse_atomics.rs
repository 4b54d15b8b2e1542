use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "lse-atomics",
    aliases: &[],
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs atomic instructions that older arm64 CPUs do not have",
    what: "The rule looks for `-C target-feature=+lse`, and for a `-C target-cpu` newer than the \
           first arm64 CPUs, in the flags that rustc got. Without these flags the code checks the \
           CPU at run time, and the rule passes. Without the build the outcome is inconclusive: \
           code that checks first has the same instructions as code that does not.",
    why: "On a Cortex-A53 or A72 (Raspberry Pi 3 and 4, many servers) the first such instruction \
           ends the process with SIGILL: exit code 132, no message.",
    fix: "Remove `-C target-feature=+lse` and `-C target-cpu=native` (or a CPU newer than Armv8.0) \
           from RUSTFLAGS. The default for `aarch64-unknown-linux-gnu` checks at run time.",
    no_fix_line: None,
    symptoms: &[Symptom::ExitCode(132), Symptom::Silence],
    references: &[
        "https://doc.rust-lang.org/rustc/codegen-options/index.html#target-feature",
        "https://github.com/restatedev/restate/issues/5123",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo]), check),
};

/// Processors and levels without LSE, in the names that LLVM knows them by.
const WITHOUT_LSE: &[&str] = &[
    "generic",
    "cortex-a34",
    "cortex-a35",
    "cortex-a53",
    "cortex-a57",
    "cortex-a72",
    "cortex-a73",
    "kryo",
    "thunderx",
    "exynos-m3",
];

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if binary.machine.as_ref().is_none_or(|it| it.arch != "aarch64") {
        return Outcome::not_applicable("LSE atomics exist on arm64 only");
    }
    if binary.triple.value.as_ref().is_some_and(|it| it.contains("apple")) {
        return Outcome::not_applicable("every Apple processor has LSE");
    }
    let Some(build) = &facts.build else {
        return Outcome::open(
            "the flags for the CPU are not known without the build",
            "lint in the workspace that built the binary",
        );
    };
    let words = build.rustc_arguments();
    // Of two CPUs the last one counts, and of a feature the last word on it, before the CPU.
    let feature = |word: &str| {
        let (_, features) = word.split_once("target-feature=")?;
        features.split(',').rev().find(|it| ["+lse", "-lse"].contains(it)).map(|it| it == "+lse")
    };
    let cpu =
        |word: &str| word.split_once("target-cpu=").map(|(_, cpu)| !WITHOUT_LSE.contains(&cpu));
    let said = |asks: &dyn Fn(&str) -> Option<bool>| {
        words.iter().rev().find_map(|(word, source)| Some((asks(word)?, word, source)))
    };
    let Some((true, word, source)) = said(&feature).or_else(|| said(&cpu)) else {
        return Outcome::pass("the code checks for LSE atomics at run time");
    };
    Finding::new(Location::Subject, "rustc was told that every CPU has LSE atomics")
        .evidence(format!("{word} in {source}"))
        .fix(format!("remove {word} from {source}, and build again"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Machine;
    use crate::cargo::build::Build;
    use crate::cargo::workspace::profile::SettingOrigin;
    use crate::cargo::workspace::rustflags::RustFlag;

    fn facts(arch: &'static str, words: Option<&str>) -> Facts {
        let flag = |word: &str| RustFlag {
            word: word.to_owned(),
            origin: SettingOrigin::Env("RUSTFLAGS".to_owned()),
        };
        let machine = Some(Machine { arch, bits: 64, little_endian: true });
        Facts {
            binary: Some(Binary { machine, ..Binary::default() }),
            build: Some(Build {
                rustflags: words.iter().flat_map(|it| it.split(' ')).map(flag).collect(),
                ..Build::default()
            }),
            ..Facts::default()
        }
    }

    #[test]
    fn only_flags_that_promise_lse_fail() {
        for (word, outcome) in [
            (None, "pass"),
            (Some("target-cpu=cortex-a72"), "pass"),
            (Some("-Ctarget-feature=+crt-static,-lse"), "pass"),
            (Some("-Ctarget-feature=+crt-static,+lse"), "fail"),
            (Some("target-cpu=neoverse-n1"), "fail"),
            (Some("target-cpu=native"), "fail"),
            (Some("target-cpu=native -Ctarget-cpu=generic"), "pass"),
            (Some("target-cpu=generic -Ctarget-cpu=native"), "fail"),
            (Some("target-cpu=neoverse-n1 -Ctarget-feature=-lse"), "pass"),
            (Some("-Ctarget-feature=-lse -Ctarget-feature=+lse"), "fail"),
        ] {
            assert_eq!(check(&facts("aarch64", word)).name(), outcome, "{word:?}");
        }
        assert_eq!(check(&facts("x86_64", Some("target-cpu=native"))).name(), "not-applicable");
        let alone = Facts { build: None, ..facts("aarch64", None) };
        assert_eq!(check(&alone).name(), "open");
    }
}
