use crate::binary::Binary;
use crate::binary::BinaryKind;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "missing-pie",
    aliases: &[],
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is not position independent, so its address is not randomised",
    what: "An ELF executable must be position independent (`ET_DYN`), a Mach-O executable must \
           have the flag `MH_PIE`, and a PE executable must have a dynamic base.",
    why: "Address space layout randomisation (ASLR) cannot move such a binary, so an attacker \
           knows the address of its code.",
    fix: "Position independence is rustc's default wherever the target supports it. Look for `-C \
           relocation-model=static`, `-no-pie` or an old musl toolchain, or request it: `-C \
           relocation-model=pie`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://doc.rust-lang.org/rustc/codegen-options/index.html#relocation-model"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.kind, binary.position_independent) {
        (BinaryKind::Executable, Some(true)) => Outcome::pass("position-independent executable"),
        (BinaryKind::Executable, Some(false)) => {
            Finding::new(Location::Subject, "the binary is linked to a fixed address")
                .evidence("file header: executable at a fixed address")
                .fix_for(
                    binary,
                    "RUSTFLAGS=\"-C relocation-model=pie\" cargo build --release",
                    "compile with -fPIE and link with -pie",
                )
                .into()
        }
        (BinaryKind::Executable, None) => Outcome::open(
            "the file header does not say whether the binary can be relocated",
            "look at the linker options",
        ),
        _ => Outcome::not_applicable("not an executable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_at_a_fixed_address_fails() {
        let of =
            |kind, position_independent| Binary { kind, position_independent, ..Binary::default() };
        assert_eq!(check(&of(BinaryKind::Executable, Some(true))).name(), "pass");
        assert_eq!(check(&of(BinaryKind::Executable, Some(false))).name(), "fail");
        assert_eq!(check(&of(BinaryKind::Executable, None)).name(), "open");
        assert_eq!(check(&of(BinaryKind::SharedLibrary, Some(true))).name(), "not-applicable");
    }
}
