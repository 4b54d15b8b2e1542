use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "text-relocations",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the loader has to write to the program's code",
    what: "The program should not have `DT_TEXTREL` or `DF_TEXTREL`: its read-only segments would \
           be made writable while it is loaded. It comes from assembly or C objects that were not \
           compiled for any address.",
    why: "Kernels with SELinux or PaX refuse it, musl maps all of it writable and executable, \
           and the code is not shared between processes.",
    fix: "Compile the C and assembly objects with `-fPIC`. On RISC-V an old binutils writes the \
           tag for nothing.",
    symptoms: &[],
    references: &[
        "System V gABI, chapter 5, DT_TEXTREL",
        "https://wiki.gentoo.org/wiki/Hardened/Textrels_Guide",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.text_relocations {
        None => Outcome::not_applicable("the format has no text relocations"),
        Some(false) => Outcome::Pass,
        Some(true) if binary.machine.as_ref().is_some_and(|it| it.arch.starts_with("riscv")) => {
            Outcome::open("on RISC-V an old binutils writes the tag without such a relocation")
        }
        Some(true) => Finding::new(
            Location::Dynamic("DT_TEXTREL"),
            "the loader has to write to read-only segments",
        )
        .evidence("DT_TEXTREL or DF_TEXTREL is set")
        .fix("CFLAGS=-fPIC cargo build --release, after cargo clean")
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{Hardening, Machine};

    #[test]
    fn the_tag_fails_where_it_means_something() {
        let of = |text_relocations, arch| Binary {
            hardening: Hardening { text_relocations, ..Hardening::default() },
            machine: Some(Machine { arch, bits: 64, little_endian: true }),
            ..Binary::default()
        };
        assert_eq!(check(&of(Some(true), "x86_64")).findings().len(), 1);
        assert_eq!(check(&of(Some(true), "riscv64")).name(), "open");
        assert_eq!(check(&of(Some(false), "x86_64")), Outcome::Pass);
        assert_eq!(check(&of(None, "x86_64")).name(), "not-applicable");
    }
}
