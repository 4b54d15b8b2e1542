use crate::binary::Binary;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, arch_of,
};

pub static RULE: Rule = Rule {
    id: "kernel-too-new",
    aliases: &[],
    group: Group::Target,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary does not start on kernels that are still in use",
    what: "The note `NT_GNU_ABI_TAG` names the oldest kernel that the start code of the C library \
           accepts. The rule compares it with 4.18, the kernel of RHEL 8, the oldest distribution \
           that is still widely used.",
    why: "On an older kernel the loader prints `FATAL: kernel too old`, and the process never \
           reaches `main`. Containers share the kernel of the host, so no base image helps.",
    fix: "Build on a distribution whose glibc supports the older kernel, or link musl statically: \
           `cargo build --release --target x86_64-unknown-linux-musl`.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("FATAL: kernel too old")],
    references: &[
        "https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/noteabitag.html",
        "ld.so(8)",
    ],
    check: CheckFn::Binary(check),
};

/// The kernel of RHEL 8, the oldest that is still widely run.
const OLDEST: [u32; 3] = [4, 18, 0];

fn check(binary: &Binary) -> Outcome {
    match binary.kernel_required {
        None => Outcome::not_applicable("the binary requires no kernel version"),
        Some(version @ [major, minor, patch]) if version <= OLDEST => {
            Outcome::pass(format!("starts on Linux {major}.{minor}.{patch} and later"))
        }
        Some([major, minor, patch]) => Finding::new(
            Location::Section(".note.ABI-tag".to_owned()),
            format!("the binary does not start on a kernel older than {major}.{minor}.{patch}"),
        )
        .evidence(format!("NT_GNU_ABI_TAG: Linux {major}.{minor}.{patch}"))
        .fix_for(
            binary,
            format!("cargo build --release --target {}-unknown-linux-musl", arch_of(binary)),
            "link against a glibc that supports older kernels",
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_newer_than_the_oldest_in_use_fails() {
        let of = |kernel_required| Binary { kernel_required, ..Binary::default() };
        assert_eq!(check(&of(Some([3, 2, 0]))).name(), "pass");
        assert_eq!(check(&of(Some([4, 18, 0]))).name(), "pass");
        assert_eq!(check(&of(Some([5, 10, 0]))).name(), "fail");
        assert_eq!(check(&of(None)).name(), "not-applicable");
    }
}
