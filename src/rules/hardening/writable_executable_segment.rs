use crate::binary::Binary;
use crate::fix_line::shell_command;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "writable-executable-segment",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a segment of the binary is both writable and executable",
    what: "No loaded segment may have both the write flag and the execute flag. In a PE file, the \
           same holds for the sections.",
    why: "An attacker can overwrite such code and run it. Hardened kernels and SELinux refuse to \
           load such a segment.",
    fix: "Find what requested it: a linker script, `-Wl,-N`, `-Wl,--omagic`, or a packer. Ship an \
           unpacked binary.",
    no_fix_line: Some(
        "only the linker script, linker option or packer that made the segment can \
           be changed, and the binary does not name it",
    ),
    symptoms: &[],
    references: &["elf(5)", "ld(1)"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.writable_executable_segment {
        None => Outcome::not_applicable("the segments of this file format are not read"),
        Some(false) => Outcome::pass("no segment is both writable and executable"),
        Some(true) => {
            let finding = Finding::new(
                Location::Segment("PT_LOAD"),
                "a segment is both writable and executable",
            )
            .evidence("a loaded segment has both PF_W and PF_X");
            match binary.packer {
                Some(packer) => finding
                    .evidence(format!("the file was packed with {packer}"))
                    .fix(shell_command(["upx", "-d", &binary.path]))
                    .into(),
                None => finding.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Hardening;

    #[test]
    fn write_and_execute_together_fail() {
        let of = |writable_executable_segment| Binary {
            hardening: Hardening { writable_executable_segment, ..Hardening::default() },
            ..Binary::default()
        };
        assert_eq!(check(&of(Some(false))).name(), "pass");
        assert_eq!(check(&of(Some(true))).name(), "fail");
        assert_eq!(check(&of(None)).name(), "not-applicable");
    }
}
