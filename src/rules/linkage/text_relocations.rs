use crate::binary::Binary;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "text-relocations",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary contains text relocations: the loader writes to its code",
    what: "The binary must not have `DT_TEXTREL` or `DF_TEXTREL`: with them the loader makes \
           read-only segments writable and changes them. The cause is an assembly or C object that \
           was compiled without `-fPIC`. On RISC-V the outcome is inconclusive.",
    why: "Kernels with SELinux or PaX refuse such changes, musl makes the segments writable and \
           executable, and processes cannot share the code.",
    fix: "Compile the C and assembly objects with `-fPIC`. On RISC-V, an old binutils sets the tag \
           without need.",
    no_fix_line: None,
    symptoms: &[],
    references: &["elf(5)", "https://wiki.gentoo.org/wiki/Hardened/Textrels_Guide"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match binary.hardening.text_relocations {
        None => Outcome::not_applicable("the file format has no text relocations"),
        Some(false) => Outcome::pass("no text relocations"),
        Some(true) if binary.machine.as_ref().is_some_and(|it| it.arch.starts_with("riscv")) => {
            Outcome::open(
                "on RISC-V, an old binutils sets the tag without such a relocation",
                "look at the output of `readelf -r`",
            )
        }
        Some(true) => Finding::new(
            Location::Dynamic("DT_TEXTREL"),
            "the loader has to write to read-only segments",
        )
        .evidence("DT_TEXTREL or DF_TEXTREL is set")
        .fix_for(binary, "cargo clean && CFLAGS=-fPIC cargo build --release", "compile with -fPIC")
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
        assert_eq!(check(&of(Some(false), "x86_64")).name(), "pass");
        assert_eq!(check(&of(None, "x86_64")).name(), "not-applicable");
    }
}
