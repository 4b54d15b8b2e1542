use crate::binary::Binary;
use crate::binary::Format;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "missing-build-id",
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program carries no build-id",
    what: "An ELF program should have an `NT_GNU_BUILD_ID` note, a Mach-O one an `LC_UUID`.",
    why: "Without it a stripped program, its debug information and a crash dump cannot be told to belong \
          together.",
    fix: "Ask the linker for one: `RUSTFLAGS=\"-C link-arg=-Wl,--build-id=sha1\"`.",
    symptoms: &[],
    references: &["ld(1), --build-id", "https://fedoraproject.org/wiki/Releases/FeatureBuildId"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    match (binary.format, &binary.build_id) {
        (_, Some(_)) => Outcome::Pass,
        (Some(Format::Elf | Format::MachO), None) => {
            Finding::new(Location::Subject, "there is no build-id")
                .fix("RUSTFLAGS=\"-C link-arg=-Wl,--build-id=sha1\" cargo build --release")
                .into()
        }
        (_, None) => Outcome::not_applicable("the format has no build-id of its own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elf_file_without_one_fails() {
        let of = |format, build_id: Option<&str>| {
            let build_id = build_id.map(str::to_owned);
            check(&Binary { format, build_id, ..Binary::default() })
        };
        assert_eq!(of(Some(Format::Elf), Some("ab")), Outcome::Pass);
        assert_eq!(of(Some(Format::Elf), None).findings().len(), 1);
        assert!(matches!(of(Some(Format::Wasm), None), Outcome::NotApplicable(_)));
    }
}
