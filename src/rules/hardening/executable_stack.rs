use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "executable-stack",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the stack is executable",
    what: "The rule fails if the binary allows code on the stack: by the execute flag of the \
           segment `PT_GNU_STACK` in ELF, by a flag of the header in Mach-O, and by the missing flag \
           `NX_COMPAT` in PE. On MIPS the finding is a warning. On architectures whose kernel makes the stack executable when the segment is missing, a \
           missing segment fails too.",
    why: "Data that an attacker writes to the stack can run as code. The cause is nearly always \
           one assembly file without a section `.note.GNU-stack`.",
    fix: "Find the object without `.note.GNU-stack`, usually assembly that a build script \
           compiles, and add the section there; or link with `-C link-arg=-Wl,-z,noexecstack`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["ld(1)", "https://wiki.gentoo.org/wiki/Hardened/GNU_stack_quickstart"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.executable_stack {
        None => Outcome::not_applicable("this file format has no flag for the stack"),
        Some(false) => Outcome::pass("the stack is not executable"),
        // Old MIPS toolchains have no other way: their floating-point emulation runs on the stack.
        Some(true) if binary.machine.as_ref().is_some_and(|it| it.arch.starts_with("mips")) => {
            finding(binary).at_most_warn().into()
        }
        Some(true) => finding(binary).into(),
    }
}

fn finding(binary: &Binary) -> Finding {
    Finding::new(Location::Segment("PT_GNU_STACK"), "the binary requests an executable stack")
        .evidence("PT_GNU_STACK is missing or has the execute flag")
        .fix_for(
            binary,
            "RUSTFLAGS=\"-C link-arg=-Wl,-z,noexecstack\" cargo build --release",
            "link with -Wl,-z,noexecstack",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{Hardening, Machine};
    use crate::rule::Level;

    #[test]
    fn an_executable_stack_fails_and_on_mips_only_warns() {
        let of = |executable_stack, arch| Binary {
            hardening: Hardening { executable_stack, ..Hardening::default() },
            machine: Some(Machine { arch, bits: 64, little_endian: true }),
            ..Binary::default()
        };
        assert_eq!(check(&of(Some(false), "x86_64")).name(), "pass");
        assert_eq!(check(&of(Some(true), "x86_64")).findings()[0].at_most, None);
        assert_eq!(check(&of(Some(true), "mips64")).findings()[0].at_most, Some(Level::Warn));
        assert_eq!(check(&of(None, "x86_64")).name(), "not-applicable");
    }
}
