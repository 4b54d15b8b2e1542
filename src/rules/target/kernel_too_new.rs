use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "kernel-too-new",
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program refuses to start on kernels that are still in use",
    what: "Reads the oldest kernel that the C library's start code accepts (`NT_GNU_ABI_TAG`) and \
           compares it with 4.18, the kernel of the oldest distribution that is still widely run \
           (RHEL 8).",
    why: "On an older kernel the loader prints `FATAL: kernel too old` and the program never \
           reaches `main`. Containers share the host's kernel, so no base image can help.",
    fix: "Build on a distribution whose glibc was configured for the older kernel, or link \
           statically against musl: `cargo build --release --target x86_64-unknown-linux-musl`.",
    symptoms: &[Symptom::Stderr("FATAL: kernel too old")],
    references: &["Linux Standard Base, .note.ABI-tag", "glibc, configure --enable-kernel"],
    check: Check::Binary(check),
};

/// The kernel of RHEL 8, the oldest that is still widely run.
const OLDEST: [u32; 3] = [4, 18, 0];

fn check(binary: &Binary) -> Outcome {
    match binary.kernel_required {
        None => Outcome::not_applicable("the program names no oldest kernel"),
        Some(version) if version <= OLDEST => Outcome::Pass,
        Some([major, minor, patch]) => Finding::new(
            Location::Section(".note.ABI-tag".to_owned()),
            format!("the program refuses to start on a kernel older than {major}.{minor}.{patch}"),
        )
        .evidence(format!("NT_GNU_ABI_TAG: Linux {major}.{minor}.{patch}"))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_newer_than_the_oldest_in_use_fails() {
        let of = |kernel_required| Binary { kernel_required, ..Binary::default() };
        assert_eq!(check(&of(Some([3, 2, 0]))), Outcome::Pass);
        assert_eq!(check(&of(Some([4, 18, 0]))), Outcome::Pass);
        assert_eq!(check(&of(Some([5, 10, 0]))).name(), "fail");
        assert_eq!(check(&of(None)).name(), "not-applicable");
    }
}
