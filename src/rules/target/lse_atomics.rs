use crate::facts::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "lse-atomics",
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program needs atomic instructions that older arm64 processors lack",
    what: "Looks for LSE atomics (`cas`, `ldadd`, `swp`) in code that does not ask the processor \
           first; the outline helpers of LLVM and GCC ask, and are fine.",
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
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    if binary.machine.as_ref().is_none_or(|it| it.arch != "aarch64") {
        return Outcome::not_applicable("LSE is a question of arm64");
    }
    match binary.lse_atomics.value {
        Some(false) => Outcome::Pass,
        Some(true) => Finding::new(
            Location::Subject,
            "the program uses LSE atomics without asking the processor",
        )
        .evidence(binary.lse_atomics.evidence.to_string())
        .fix("RUSTFLAGS=\"-C target-feature=-lse,+outline-atomics\" cargo build --release")
        .into(),
        None => Outcome::open(binary.lse_atomics.evidence.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use crate::facts::binary::Machine;

    #[test]
    fn unasked_lse_fails_on_arm64_alone() {
        let of = |arch, lse_atomics| Binary {
            machine: Some(Machine { arch, bits: 64, little_endian: true }),
            lse_atomics,
            ..Binary::default()
        };
        assert_eq!(check(&of("aarch64", Fact::high(false, "x"))), Outcome::Pass);
        assert_eq!(check(&of("aarch64", Fact::high(true, "x"))).name(), "fail");
        assert_eq!(check(&of("aarch64", Fact::default())).name(), "open");
        assert_eq!(check(&of("x86_64", Fact::default())).name(), "not-applicable");
    }
}
