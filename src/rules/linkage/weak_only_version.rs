use crate::binary::Binary;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, arch_of,
};

pub static RULE: Rule = Rule {
    id: "weak-only-version",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary requires a newer glibc only for functions that it can do without",
    what: "A version that only weak symbols need should have the WEAK flag in `DT_VERNEED`. \
           Without the flag the loader requires the version, although the binary would run without \
           the function. GNU ld and rust-lld do not set the flag. The rule fails if such a version \
           is the highest that the binary requires.",
    why: "The binary does not start on a release on which it could run. For example, \
           `pidfd_spawnp` in std raises the requirement to glibc 2.39, although everything else \
           needs 2.34.",
    fix: "Link against an older glibc (`cargo zigbuild --target x86_64-unknown-linux-gnu.2.34`), \
           or build in an image of the oldest release that must run it.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("version `GLIBC_")],
    references: &["ld.so(8)", "https://github.com/rust-lang/rust/issues/36826"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let Some(linking) = &binary.linking else {
        return Outcome::not_applicable("the file is not ELF");
    };
    let Some(symbols) = &linking.symbols else {
        return Outcome::open(
            "the symbols of the binary were not read",
            "look at `readelf --dyn-syms -W`",
        );
    };
    let of_glibc =
        |name: &str| name.strip_prefix("GLIBC_").map(numbers).filter(|it| !it.is_empty());
    let mut needs: Vec<_> = linking
        .version_needs
        .iter()
        .filter(|need| !need.weak)
        .filter_map(|need| Some((of_glibc(&need.name)?, need)))
        .collect();
    if needs.is_empty() {
        return Outcome::not_applicable("the binary requires no version of glibc");
    }
    needs.sort_by(|one, other| other.0.cmp(&one.0));
    let strong = |index: u16| symbols.references().any(|it| it.version == index && !it.weak);
    let asked = |index: u16| symbols.references().any(|it| it.version == index);
    let without = needs.iter().find(|(_, need)| strong(need.index) || !asked(need.index));
    let floor = without.map(|(numbers, _)| numbers.clone()).unwrap_or_default();
    let raised = needs
        .iter()
        .filter(|(numbers, need)| *numbers > floor && asked(need.index) && !strong(need.index));
    let highest = needs[0].1.name.clone();
    let findings = raised.map(|(_, need)| {
        let names: Vec<&str> =
            symbols.references().filter(|it| it.version == need.index).map(|it| it.name).collect();
        let below = without.map_or("none", |(_, need)| need.name.as_str());
        Finding::new(
            Location::Section("DT_VERNEED".to_owned()),
            format!(
                "{} is required for weak symbols only; without them {below} would be enough",
                need.name
            ),
        )
        .evidence(format!("weak: {}", names.join(", ")))
        .evidence(format!("{} has no WEAK flag in DT_VERNEED", need.name))
        .fix_for(
            binary,
            format!(
                "cargo zigbuild --release --target {}-unknown-linux-gnu.{}",
                arch_of(binary),
                below.trim_start_matches("GLIBC_")
            ),
            format!("link against a glibc that defines {below} and not {}", need.name),
        )
    });
    Outcome::of(findings, format!("{highest} is required by symbols that are not weak"))
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::binary::elf::symbols::DynamicSymbols;
    use crate::binary::elf::versions::VersionNeed;

    fn binary(weak_symbol: bool, weak_record: bool) -> Binary {
        let need = |name: &str, index, weak| VersionNeed {
            library: "libc.so.6".to_owned(),
            name: name.to_owned(),
            weak,
            index,
            ..VersionNeed::default()
        };
        let linking = DynamicInfo {
            version_needs: vec![need("GLIBC_2.34", 2, false), need("GLIBC_2.39", 3, weak_record)],
            symbols: Some(DynamicSymbols::of_references(&[
                ("__libc_start_main", 2, false),
                ("pidfd_spawnp", 3, weak_symbol),
            ])),
            ..DynamicInfo::default()
        };
        Binary { linking: Some(linking), ..Binary::default() }
    }

    #[test]
    fn only_an_unmarked_version_of_weak_symbols_fails() {
        let outcome = check(&binary(true, false));
        assert!(outcome.findings()[0].message.contains("GLIBC_2.34 would be enough"));
        assert_eq!(check(&binary(true, true)).name(), "pass");
        assert_eq!(check(&binary(false, false)).name(), "pass");
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
