use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "writable-executable-segment",
    group: Group::Hardening,
    level: Level::Deny,
    since: "0.1.0",
    summary: "a part of the program may be both written and executed",
    what: "No loaded segment may carry the write and the execute flag at once.",
    why: "Code that can be overwritten is code that an attacker can replace; hardened kernels and \
           SELinux refuse to load it.",
    fix: "Find what asked for it: a linker script, `-Wl,-N`, `-Wl,--omagic`, or a packer that \
           unpacks in place. Ship the program unpacked.",
    symptoms: &[],
    references: &[
        "ELF gABI, chapter 5: program header, p_flags",
        "execmod in the SELinux notebook",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.writable_executable_segment {
        None => Outcome::not_applicable("the format's segments were not read"),
        Some(false) => Outcome::Pass,
        Some(true) => {
            let finding = Finding::new(
                Location::Segment("PT_LOAD"),
                "a segment is writable and executable at once",
            )
            .evidence("a loaded segment has both PF_W and PF_X");
            match binary.packer {
                Some(packer) => {
                    finding.evidence(format!("the file was packed with {packer}")).into()
                }
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
        assert_eq!(check(&of(Some(false))), Outcome::Pass);
        assert_eq!(check(&of(Some(true))).name(), "fail");
        assert_eq!(check(&of(None)).name(), "not-applicable");
    }
}
