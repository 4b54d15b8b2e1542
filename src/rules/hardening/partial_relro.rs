use crate::binary::Binary;
use crate::binary::Relro;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "partial-relro",
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the loader's tables stay writable while the program runs",
    what: "A dynamically linked or static-pie program should have a `PT_GNU_RELRO` segment and bind \
           every symbol before `main` (`DT_BIND_NOW`, `DF_BIND_NOW` or `DF_1_NOW`); any of the three \
           flags counts, because linkers differ in which one they write.",
    why: "A writable global offset table turns one stray write into control over the next call of a \
          library function.",
    fix: "Full RELRO is rustc's default on Linux. Look for `-C relro-level`, `-z lazy` or `-z norelro` in \
          RUSTFLAGS, `.cargo/config.toml` and build scripts, or ask for it: `-C relro-level=full`.",
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/rustc/codegen-options/index.html#relro-level",
        "ld(1), -z relro and -z now",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (message, evidence) = match binary.hardening.relro {
        None => {
            return Outcome::not_applicable(
                "the format has no RELRO, or nothing in the file is relocated",
            );
        }
        Some(Relro::Full) => return Outcome::Pass,
        Some(Relro::Partial) => {
            ("RELRO is partial: symbols are bound lazily", "PT_GNU_RELRO without BIND_NOW")
        }
        Some(Relro::None) => ("there is no RELRO segment", "no PT_GNU_RELRO"),
    };
    Finding::new(Location::Segment("PT_GNU_RELRO"), message)
        .evidence(evidence)
        .fix("RUSTFLAGS=\"-C relro-level=full\" cargo build --release")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Hardening;

    #[test]
    fn only_full_relro_passes() {
        let with = |relro| Binary {
            hardening: Hardening { relro, ..Hardening::default() },
            ..Binary::default()
        };
        assert_eq!(check(&with(Some(Relro::Full))), Outcome::Pass);
        assert_eq!(check(&with(Some(Relro::Partial))).findings().len(), 1);
        assert_eq!(check(&with(Some(Relro::None))).findings().len(), 1);
        assert!(matches!(check(&with(None)), Outcome::NotApplicable(_)));
    }
}
