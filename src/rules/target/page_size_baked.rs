use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "page-size-baked",
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the allocator was configured for smaller memory pages than arm64 kernels use",
    what: "jemalloc bakes the page size of its configuration (`LG_PAGE`) into the program. On arm64, \
           where kernels have pages of 4, 16 or 64 KiB, it must have been configured for 64 KiB.",
    why: "On a kernel with larger pages (Raspberry Pi 5, Asahi, some RHEL) the program ends at the first \
          allocation: `<jemalloc>: Unsupported system page size`, then `memory allocation of 16 bytes \
          failed`. No setting at run time helps.",
    fix: "JEMALLOC_SYS_WITH_LG_PAGE=16 cargo build --release, after `cargo clean -p tikv-jemalloc-sys`.",
    symptoms: &[
        Symptom::Stderr("<jemalloc>: Unsupported system page size"),
        Symptom::ExitCode(134),
    ],
    references: &["qdrant 3831", "stalwart 578", "rauthy 1287", "oxc 3783"],
    check: Check::Facts(check),
};

/// 64 KiB, the largest page of an arm64 kernel, as a power of two.
const LARGEST: u32 = 16;

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else {
        return Outcome::not_applicable("no program was given");
    };
    if binary.machine.as_ref().is_none_or(|it| it.arch != "aarch64") {
        return Outcome::not_applicable("pages of several sizes are a question of arm64");
    }
    match (binary.allocator.value.as_deref(), binary.rust.value) {
        (Some(allocator), _) if allocator.contains("jemalloc") => {}
        (Some(_), _) => return Outcome::Pass,
        (None, Some(true)) => return Outcome::open(binary.allocator.evidence.clone()),
        (None, _) => return Outcome::not_applicable("no Rust allocator to ask about"),
    }
    let configured =
        facts.build.as_ref().map(|build| build.jemalloc_page_bits.as_slice()).unwrap_or_default();
    match configured {
        [] => Outcome::open("jemalloc is inside; what it was configured for is not in the program"),
        sizes if sizes.iter().all(|bits| *bits >= LARGEST) => Outcome::Pass,
        [bits] => Finding::new(
            Location::Subject,
            format!("jemalloc was configured for pages of {} KiB at most", (1u64 << (*bits).min(40)) >> 10),
        )
        .evidence(format!("its build printed `checking LG_PAGE... {bits}`"))
        .fix("cargo clean -p tikv-jemalloc-sys && JEMALLOC_SYS_WITH_LG_PAGE=16 cargo build --release")
        .into(),
        _ => Outcome::open("jemalloc was built for several page sizes here; which one is inside is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::Machine;
    use crate::cargo::build::Build;
    use crate::fact::Fact;

    #[test]
    fn arm64_wants_jemalloc_for_64_kib() {
        let of = |arch, allocator: &str, bits: &[u32]| Facts {
            binary: Some(Binary {
                machine: Some(Machine { arch, bits: 64, little_endian: true }),
                allocator: Fact::high(allocator.to_owned(), "x"),
                ..Binary::default()
            }),
            build: Some(Build { jemalloc_page_bits: bits.to_vec(), ..Build::default() }),
            ..Facts::default()
        };
        assert_eq!(check(&of("aarch64", "jemalloc", &[16])), Outcome::Pass);
        assert_eq!(check(&of("aarch64", "jemalloc", &[12])).name(), "fail");
        assert_eq!(check(&of("aarch64", "jemalloc", &[12, 16])).name(), "open");
        assert_eq!(check(&of("aarch64", "jemalloc", &[])).name(), "open");
        assert_eq!(check(&of("aarch64", "mimalloc", &[12])), Outcome::Pass);
        assert_eq!(check(&of("x86_64", "jemalloc", &[12])).name(), "not-applicable");
    }
}
