use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "executable-stack",
    group: Group::Hardening,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the stack may be executed as code",
    what: "`PT_GNU_STACK` must be there and without the execute flag. On machines whose kernel \
           makes stacks executable when the segment is missing, a missing segment counts as well.",
    why: "Whatever is written to the stack can be run: the oldest exploit there is. It is nearly \
           always an accident of one assembly file without a `.note.GNU-stack` section.",
    fix: "Find the object without `.note.GNU-stack`, usually assembly built by a build script, and \
           add the section there; or link with `-C link-arg=-Wl,-z,noexecstack`.",
    symptoms: &[],
    references: &[
        "ld(1), -z noexecstack",
        "https://wiki.gentoo.org/wiki/Hardened/GNU_stack_quickstart",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.executable_stack {
        None => Outcome::not_applicable("the format leaves no choice about the stack"),
        Some(false) => Outcome::Pass,
        // Old MIPS toolchains have no other way: their floating-point emulation runs on the stack.
        Some(true) if binary.machine.as_ref().is_some_and(|it| it.arch.starts_with("mips")) => {
            finding().at_most_warn().into()
        }
        Some(true) => finding().into(),
    }
}

fn finding() -> Finding {
    Finding::new(Location::Segment("PT_GNU_STACK"), "the program asks for an executable stack")
        .evidence("PT_GNU_STACK is missing or has the execute flag")
        .fix("RUSTFLAGS=\"-C link-arg=-Wl,-z,noexecstack\" cargo build --release")
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
        assert_eq!(check(&of(Some(false), "x86_64")), Outcome::Pass);
        assert_eq!(check(&of(Some(true), "x86_64")).findings()[0].at_most, None);
        assert_eq!(check(&of(Some(true), "mips64")).findings()[0].at_most, Some(Level::Warn));
        assert_eq!(check(&of(None, "x86_64")).name(), "not-applicable");
    }
}
