use crate::binary::Binary;
use crate::binary::Kind;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "missing-pie",
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program is always loaded at the same address",
    what: "An ELF executable should be position independent (`ET_DYN`), a Mach-O should have \
           `MH_PIE`, a PE a dynamic base.",
    why: "Address-space randomisation moves everything but the program itself, so that an attacker \
           knows where its code is.",
    fix: "Position independence is rustc's default wherever the target allows it. Look for `-C \
           relocation-model=static`, `-no-pie` or an old musl toolchain, or ask for it: `-C \
           relocation-model=pie`.",
    symptoms: &[],
    references: &["https://doc.rust-lang.org/rustc/codegen-options/index.html#relocation-model"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.kind, binary.position_independent) {
        (Kind::Executable, Some(true)) => Outcome::Pass,
        (Kind::Executable, Some(false)) => {
            Finding::new(Location::Subject, "the program is linked to a fixed address")
                .evidence("file header: executable at a fixed address")
                .fix("RUSTFLAGS=\"-C relocation-model=pie\" cargo build --release")
                .into()
        }
        (Kind::Executable, None) => {
            Outcome::open("the format does not say whether it can be moved")
        }
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
        assert_eq!(check(&of(Kind::Executable, Some(true))), Outcome::Pass);
        assert_eq!(check(&of(Kind::Executable, Some(false))).name(), "fail");
        assert_eq!(check(&of(Kind::Executable, None)).name(), "open");
        assert_eq!(check(&of(Kind::SharedLibrary, Some(true))).name(), "not-applicable");
    }
}
