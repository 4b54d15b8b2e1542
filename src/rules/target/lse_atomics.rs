use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "lse-atomics",
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program needs atomic instructions that older arm64 processors lack",
    what: "Looks for `-C target-feature=+lse` and for a `-C target-cpu` newer than the first arm64 \
           processors in what rustc was told. The default asks the processor at run time and is \
           fine. Without the build the answer is open: machine code that asks first and code that \
           does not hold the same instructions.",
    why: "On a Cortex-A53 or A72 (Raspberry Pi 3 and 4, many servers) the first such instruction \
           ends the program with SIGILL, exit code 132, and no message.",
    fix: "Remove `-C target-feature=+lse` and `-C target-cpu=native` (or a CPU newer than Armv8.0) \
           from RUSTFLAGS; the default `aarch64-unknown-linux-gnu` asks at run time.",
    symptoms: &[Symptom::ExitCode(132), Symptom::Silence],
    references: &[
        "restate 5123",
        "openobserve 966",
        "rustc: -Z outline-atomics, on by default for aarch64 Linux",
    ],
    check: Check::Facts(check),
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
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    if binary.machine.as_ref().is_none_or(|it| it.arch != "aarch64") {
        return Outcome::not_applicable("LSE is a question of arm64");
    }
    if binary.triple.value.as_ref().is_some_and(|it| it.contains("apple")) {
        return Outcome::not_applicable("every Apple processor has LSE");
    }
    let Some(build) = &facts.build else {
        return Outcome::open(
            "what rustc was told about the processor is not known without the build",
        );
    };
    let words = build.words_to_rustc();
    let asks = |word: &str| {
        let cpu = word.split_once("target-cpu=").map(|(_, cpu)| cpu);
        let features = word.split_once("target-feature=").map_or("", |(_, features)| features);
        cpu.is_some_and(|cpu| !WITHOUT_LSE.contains(&cpu))
            || features.split(',').any(|it| it == "+lse")
    };
    let Some((word, source)) = words.iter().find(|(word, _)| asks(word)) else {
        return Outcome::Pass;
    };
    Finding::new(Location::Subject, "rustc was told that every processor has LSE atomics")
        .evidence(format!("{word} in {source}"))
        .fix("RUSTFLAGS=\"-C target-cpu=generic\" cargo build --release")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Machine;
    use crate::cargo::build::Build;
    use crate::cargo::workspace::profile::Origin;
    use crate::cargo::workspace::rustflags::RustFlag;

    fn facts(arch: &'static str, word: Option<&str>) -> Facts {
        let flag = |word: &str| RustFlag {
            word: word.to_owned(),
            origin: Origin::Env("RUSTFLAGS".to_owned()),
        };
        let machine = Some(Machine { arch, bits: 64, little_endian: true });
        Facts {
            binary: Some(Binary { machine, ..Binary::default() }),
            build: Some(Build {
                rustflags: word.map(flag).into_iter().collect(),
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
        ] {
            assert_eq!(check(&facts("aarch64", word)).name(), outcome, "{word:?}");
        }
        assert_eq!(check(&facts("x86_64", Some("target-cpu=native"))).name(), "not-applicable");
        let alone = Facts { build: None, ..facts("aarch64", None) };
        assert_eq!(check(&alone).name(), "open");
    }
}
