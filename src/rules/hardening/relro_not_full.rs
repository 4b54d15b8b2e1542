use crate::binary::Binary;
use crate::binary::Relro;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "relro-not-full",
    aliases: &["partial-relro"],
    group: Group::Hardening,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Renamed {
        since: "0.1.0",
        reason: "the rule also fails when there is no RELRO at all",
    },
    summary: "RELRO is missing or partial: the global offset table stays writable",
    what: "An ELF binary with a dynamic section must have a segment `PT_GNU_RELRO`, and must \
           bind every symbol before `main` (`DT_BIND_NOW`, `DF_BIND_NOW` or `DF_1_NOW`). \
           Linkers differ in which of the three they set; any of them counts.",
    why: "With a writable global offset table, one stray write controls the next call of a library \
           function.",
    fix: "Full RELRO is rustc's default on Linux. Look for `-C relro-level`, `-z lazy` or `-z \
           norelro` in RUSTFLAGS, `.cargo/config.toml` and build scripts, or request it: `-C \
           relro-level=full`.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/rustc/codegen-options/index.html#relro-level",
        "ld(1)",
    ],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let (message, evidence) = match binary.hardening.relro {
        None => {
            return Outcome::not_applicable(
                "the file format has no RELRO, or nothing in the file is relocated",
            );
        }
        Some(Relro::Full) => return Outcome::pass("RELRO: full; symbols are bound at start"),
        Some(Relro::Partial) => {
            ("RELRO is partial: symbols are bound lazily", "PT_GNU_RELRO without BIND_NOW")
        }
        // Without a dynamic section nothing is bound.
        Some(Relro::None) if binary.hardening.bind_now.is_none() => {
            return Outcome::not_applicable("the static binary has no dynamic section");
        }
        Some(Relro::None) => ("there is no RELRO segment", "no PT_GNU_RELRO"),
    };
    Finding::new(Location::Segment("PT_GNU_RELRO"), message)
        .evidence(evidence)
        .fix_for(
            binary,
            "RUSTFLAGS=\"-C relro-level=full\" cargo build --release",
            "link with -Wl,-z,relro,-z,now",
        )
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
        assert_eq!(check(&with(Some(Relro::Full))).name(), "pass");
        assert_eq!(check(&with(Some(Relro::Partial))).findings().len(), 1);
        assert_eq!(check(&with(Some(Relro::None))).name(), "not-applicable");
        let mut dynamic = with(Some(Relro::None));
        dynamic.hardening.bind_now = Some(false);
        assert_eq!(check(&dynamic).findings().len(), 1);
        assert!(matches!(check(&with(None)), Outcome::NotApplicable(_)));
    }
}
