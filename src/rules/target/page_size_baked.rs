use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom, settle,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "page-size-baked",
    aliases: &[],
    group: Group::Target,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "jemalloc was configured for smaller memory pages than arm64 kernels use",
    what: "jemalloc fixes the page size when it is configured (`LG_PAGE`). Arm64 kernels have \
           pages of 4, 16 or 64 KiB, so on arm64 it must be configured for 64 KiB.",
    why: "On a kernel with larger pages (Raspberry Pi 5, Asahi, some RHEL) the process ends at the \
           first allocation: `<jemalloc>: Unsupported system page size`, then `memory allocation \
           of 16 bytes failed`. No run-time setting helps.",
    fix: "`cargo clean -p tikv-jemalloc-sys`, then `JEMALLOC_SYS_WITH_LG_PAGE=16 cargo build \
           --release`.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Stderr("<jemalloc>: Unsupported system page size"),
        Symptom::ExitCode(134),
    ],
    references: &[
        "https://github.com/qdrant/qdrant/issues/3831",
        "https://docs.rs/crate/tikv-jemalloc-sys/latest",
    ],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo]), check),
};

/// 64 KiB, the largest page of an arm64 kernel, as a power of two.
const LARGEST: u32 = 16;

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if binary.machine.as_ref().is_none_or(|it| it.arch != "aarch64") {
        return Outcome::not_applicable("only arm64 kernels have pages of several sizes");
    }
    match (binary.allocator.value.as_deref(), binary.rust.value) {
        (Some(allocator), _) if allocator.contains("jemalloc") => {}
        (Some(name), _) => {
            return Outcome::pass(format!(
                "allocator: {name}, which reads the page size at run time"
            ));
        }
        (None, Some(true)) => {
            return Outcome::open(binary.allocator.evidence.clone(), settle::BY_ALLOCATOR);
        }
        (None, _) => return Outcome::not_applicable("the binary has no Rust allocator"),
    }
    let configured =
        facts.build.as_ref().map(|build| build.jemalloc_page_bits.as_slice()).unwrap_or_default();
    match configured {
        [] => Outcome::open("the binary has jemalloc, but not its page size", "lint in the workspace that built it"),
        sizes if sizes.iter().all(|bits| *bits >= LARGEST) => {
            Outcome::pass("jemalloc is configured for pages of 64 KiB")
        }
        [bits] => Finding::new(
            Location::Subject,
            format!("jemalloc is configured for pages of at most {} KiB", (1u64 << (*bits).min(40)) >> 10),
        )
        .evidence(format!("the build of jemalloc printed `checking LG_PAGE... {bits}`"))
        .fix("cargo clean -p tikv-jemalloc-sys && JEMALLOC_SYS_WITH_LG_PAGE=16 cargo build --release")
        .into(),
        _ => Outcome::open("this target directory has jemalloc for several page sizes", "run `cargo clean -p tikv-jemalloc-sys` and build again"),
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
        assert_eq!(check(&of("aarch64", "jemalloc", &[16])).name(), "pass");
        assert_eq!(check(&of("aarch64", "jemalloc", &[12])).name(), "fail");
        assert_eq!(check(&of("aarch64", "jemalloc", &[12, 16])).name(), "open");
        assert_eq!(check(&of("aarch64", "jemalloc", &[])).name(), "open");
        assert_eq!(check(&of("aarch64", "mimalloc", &[12])).name(), "pass");
        assert_eq!(check(&of("x86_64", "jemalloc", &[12])).name(), "not-applicable");
    }
}
