use crate::binary::Binary;
use crate::binary::elf::DynamicInfo;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, Need, Needs, Outcome, Rule, Status,
    Symptom, arch_of,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "glibc-above-maximum",
    aliases: &[],
    group: Group::Linkage,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary needs a newer glibc or libstdc++ than the release allows",
    what: "If binlint.toml has `max-glibc`, `max-glibcxx` or `max-cxxabi` under `[expect]` or \
           `[expect.TRIPLE]`, no `GLIBC_`, `GLIBCXX_` or `CXXABI_` version that the binary \
           requires without the WEAK flag may be higher. A finding names the symbols that need it.",
    why: "On an older system the loader prints \"version `GLIBC_2.39' not found\" and exits. The \
           build machine's glibc decides which versions are required. A new runner image, or one \
           call in a dependency, can raise them without any change of yours.",
    fix: "Build against an old glibc: `cargo zigbuild --target x86_64-unknown-linux-gnu.2.17`, or \
           in an image of the oldest release that must run the binary. Link libstdc++ statically, \
           or remove the dependency that needs it.",
    no_fix_line: Some("which libstdc++ is linked is decided by the build script that links it"),
    symptoms: &[Symptom::Stderr("version `GLIBC_"), Symptom::ExitCode(1)],
    references: &["ld.so(8)", "https://github.com/gravitational/teleport/issues/13524"],
    check: CheckFn::Facts(Needs::new(&[Need::Expectations, Need::Binary], &[]), check),
};

/// DynamicSymbols that are named of each version.
const SHOWN: usize = 8;
/// Versions that have names instead of numbers, and the release of glibc that has them first (its
/// NEWS of 2.36).
const NAMED: &[(&str, &[u32])] = &[("ABI_DT_RELR", &[2, 36])];

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if let Some(why) = &facts.expectations.unclear {
        return Outcome::open(why.to_string(), "look at `readelf -h`");
    }
    if facts.expectations.maxima.is_empty() {
        return Outcome::not_applicable("`[expect] max-glibc` is not set");
    }
    let Some(linking) = &binary.linking else {
        return Outcome::not_applicable("the file is not ELF");
    };
    let (mut findings, mut found, mut open) = (Vec::new(), Vec::new(), None);
    for (set, maximum) in &facts.expectations.maxima {
        let limit = numbers(maximum).unwrap_or_default();
        let mut highest: Option<(Vec<u32>, &str)> = None;
        let mut above: Vec<(Vec<u32>, u16, &str)> = Vec::new();
        for need in linking.version_needs.iter().filter(|it| !it.weak) {
            let Some(version) = need.name.strip_prefix(&format!("{set}_")) else { continue };
            let named = || NAMED.iter().find(|(name, _)| *name == version).map(|it| it.1.to_vec());
            match numbers(version).or_else(named) {
                Some(version) if version > limit => above.push((version, need.index, &need.name)),
                Some(version) => highest = highest.max(Some((version, &need.name))),
                None => open = Some(need.name.as_str()),
            }
        }
        above.sort();
        match above.last() {
            None => found.push(match highest {
                None => format!("no {set}_ version is required"),
                Some((_, name)) => format!("{name} is required, {maximum} is allowed"),
            }),
            Some((_, _, name)) => {
                let message =
                    format!("the binary needs {name}, but {set}_{maximum} is the highest allowed");
                let mut finding = Finding::new(Location::Dynamic("DT_VERNEED"), message);
                for (_, index, name) in above.iter().rev() {
                    finding = finding.evidence(symbols(linking, *index, name));
                }
                let fix = (set == "GLIBC").then(|| fix(binary, maximum));
                findings.push(finding.fix_if(fix));
            }
        }
    }
    match (findings.is_empty(), open) {
        (true, Some(name)) => Outcome::open(
            format!("{name} is required, which no release is known for"),
            "look at `readelf -V`",
        ),
        _ => Outcome::of(findings, found.join("; ")),
    }
}

/// `GLIBC_2.39: for pidfd_spawnp, pidfd_getpid`.
fn symbols(linking: &DynamicInfo, index: u16, name: &str) -> String {
    let of = linking.symbols.iter().flat_map(|it| it.references());
    let names: Vec<&str> = of.filter(|it| it.version == index).map(|it| it.name).collect();
    match names.len() {
        0 => format!("{name}: no symbol of the binary asks for it"),
        more if more > SHOWN => {
            format!("{name}: for {} and {} more", names[..SHOWN].join(", "), more - SHOWN)
        }
        _ => format!("{name}: for {}", names.join(", ")),
    }
}

/// Configuration lets a maximum be nothing but numbers and full stops.
fn fix(binary: &Binary, maximum: &str) -> String {
    match binary.rust.value {
        Some(false) => format!("build it against a glibc of version {maximum} or older"),
        _ => {
            let arch = arch_of(binary);
            format!("cargo zigbuild --release --target {arch}-unknown-linux-gnu.{maximum}")
        }
    }
}

fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::symbols::DynamicSymbols;
    use crate::binary::elf::versions::VersionNeed;
    use crate::subject::Expectations;

    fn outcome(needs: &[(&str, bool)], maxima: &[(&str, &str)]) -> Outcome {
        let need = |(index, (name, weak)): (usize, &(&str, bool))| VersionNeed {
            name: (*name).to_owned(),
            weak: *weak,
            index: index as u16 + 2,
            ..VersionNeed::default()
        };
        let linking = DynamicInfo {
            version_needs: needs.iter().enumerate().map(need).collect(),
            symbols: Some(DynamicSymbols::of_references(&[
                ("first", 2, false),
                ("second", 3, false),
            ])),
            ..DynamicInfo::default()
        };
        let binary = Binary { linking: Some(linking), ..Binary::default() };
        let maxima = maxima.iter().map(|(set, it)| ((*set).to_owned(), (*it).to_owned())).collect();
        let expectations = Expectations { maxima, ..Expectations::default() };
        check(&Facts { binary: Some(binary), expectations, ..Facts::default() })
    }

    #[test]
    fn only_what_the_loader_insists_on_counts_and_versions_are_numbers() {
        let max = |version| [("GLIBC", version)];
        let both = [("GLIBC_2.9", false), ("GLIBC_2.28", false)];
        assert_eq!(outcome(&both, &max("2.28")).name(), "pass");
        let failed = outcome(&both, &max("2.9"));
        let finding = &failed.findings()[0];
        assert_eq!(
            finding.message,
            "the binary needs GLIBC_2.28, but GLIBC_2.9 is the highest allowed"
        );
        assert_eq!(finding.evidence, ["GLIBC_2.28: for second"]);
        assert!(finding.fix.as_ref().is_some_and(|it| it.ends_with("-gnu.2.9")), "{finding:?}");
        assert_eq!(outcome(&[("GLIBC_2.39", true)], &max("2.28")).name(), "pass");
        assert_eq!(outcome(&[("GLIBCXX_3.4.30", false)], &max("2.28")).name(), "pass");
        assert_eq!(outcome(&both, &[]).name(), "not-applicable");
    }

    #[test]
    fn named_versions_are_known_or_leave_it_open() {
        let of = |name, max| outcome(&[(name, false)], &[("GLIBC", max)]).name();
        assert_eq!(of("GLIBC_ABI_DT_RELR", "2.28"), "fail");
        assert_eq!(of("GLIBC_ABI_DT_RELR", "2.36"), "pass");
        assert_eq!(of("GLIBC_PRIVATE", "2.28"), "open");
    }

    #[test]
    fn each_set_of_versions_has_its_own_maximum() {
        let needs = [("GLIBCXX_3.4.30", false), ("CXXABI_1.3.13", false), ("GLIBC_2.17", false)];
        let maxima = [("GLIBC", "2.28"), ("GLIBCXX", "3.4.19"), ("CXXABI", "1.3.7")];
        assert_eq!(outcome(&needs, &maxima).findings().len(), 2);
        assert!(outcome(&needs, &maxima).findings().iter().all(|it| it.fix.is_none()));
    }
}
