use crate::binary::Binary;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "weak-only-version",
    group: Group::Linkage,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program insists on a newer glibc for functions it can do without",
    what: "A version that only weak symbols ask for should carry the WEAK flag in `DT_VERNEED`. \
           Without it the loader insists on the version although the program would run without \
           the function. GNU ld and rust-lld do not set the flag; the rule fails when such a \
           version is the highest that the program requires.",
    why: "The program refuses to start on a release that it would run on: std's `pidfd_spawnp` \
           raises the floor to glibc 2.39 although the rest stops at 2.34.",
    fix: "Link against an older glibc: `cargo zigbuild --target x86_64-unknown-linux-gnu.2.34`, \
           or build in an image of the oldest release that is to be served.",
    symptoms: &[Symptom::Stderr("version `GLIBC_")],
    references: &[
        "glibc elf/dl-version.c, match_symbol",
        "https://github.com/rust-lang/rust/issues/36826",
    ],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    let Some(linking) = &binary.linking else {
        return Outcome::not_applicable("the program is not ELF");
    };
    let Some(symbols) = &linking.symbols else {
        return Outcome::open("the symbols were not looked at");
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
        return Outcome::not_applicable("no version of glibc is required");
    }
    needs.sort_by(|one, other| other.0.cmp(&one.0));
    let strong = |index: u16| symbols.references().any(|it| it.version == index && !it.weak);
    let asked = |index: u16| symbols.references().any(|it| it.version == index);
    let without = needs.iter().find(|(_, need)| strong(need.index) || !asked(need.index));
    let floor = without.map(|(numbers, _)| numbers.clone()).unwrap_or_default();
    let raised = needs
        .iter()
        .filter(|(numbers, need)| *numbers > floor && asked(need.index) && !strong(need.index));
    raised
        .map(|(_, need)| {
            let names: Vec<&str> = symbols
                .references()
                .filter(|it| it.version == need.index)
                .map(|it| it.name)
                .collect();
            let below = without.map_or("none", |(_, need)| need.name.as_str());
            Finding::new(
                Location::Section("DT_VERNEED".to_owned()),
                format!(
                    "{} is required for weak symbols alone; without them {below} would do",
                    need.name
                ),
            )
            .evidence(format!("weak: {}", names.join(", ")))
            .evidence(format!("the record of {} has no WEAK flag", need.name))
            .fix(format!(
                "cargo zigbuild --release --target {}-unknown-linux-gnu.{}",
                binary.machine.as_ref().map_or("x86_64", |machine| machine.arch),
                below.trim_start_matches("GLIBC_")
            ))
        })
        .collect()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::Linking;
    use crate::binary::elf::symbols::Symbols;
    use crate::binary::elf::versions::VersionNeed;

    fn binary(weak_symbol: bool, weak_record: bool) -> Binary {
        let need = |name: &str, index, weak| VersionNeed {
            library: "libc.so.6".to_owned(),
            name: name.to_owned(),
            weak,
            index,
            ..VersionNeed::default()
        };
        let linking = Linking {
            version_needs: vec![need("GLIBC_2.34", 2, false), need("GLIBC_2.39", 3, weak_record)],
            symbols: Some(Symbols::of_references(&[
                ("__libc_start_main", 2, false),
                ("pidfd_spawnp", 3, weak_symbol),
            ])),
            ..Linking::default()
        };
        Binary { linking: Some(linking), ..Binary::default() }
    }

    #[test]
    fn only_an_unmarked_version_of_weak_symbols_fails() {
        let outcome = check(&binary(true, false));
        assert!(outcome.findings()[0].message.contains("GLIBC_2.34 would do"));
        assert_eq!(check(&binary(true, true)), Outcome::Pass);
        assert_eq!(check(&binary(false, false)), Outcome::Pass);
        assert_eq!(check(&Binary::default()).name(), "not-applicable");
    }
}
