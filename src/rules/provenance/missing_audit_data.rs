use crate::binary::Binary;
use crate::binary::CrateSource;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule};

pub static RULE: Rule = Rule {
    id: "missing-audit-data",
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    summary: "the program carries no list of its crates for scanners",
    what: "cargo-auditable writes the resolved packages into the section `.dep-v0`; vulnerability scanners \
           read it.",
    why: "Without it a scanner of images sees a Rust program as one opaque file, and no advisory matches.",
    fix: "Build with cargo-auditable: `cargo auditable build --release`.",
    symptoms: &[],
    references: &["https://github.com/rust-secure-code/cargo-auditable"],
    check: Check::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    if binary.rust.value == Some(false) {
        return Outcome::not_applicable("the program is not written in Rust");
    }
    if binary.crates.iter().any(|inside| inside.from == CrateSource::DepV0) {
        return Outcome::Pass;
    }
    Finding::new(Location::Section(".dep-v0".to_owned()), "there is no list of crates")
        .fix("cargo auditable build --release")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Crate;
    use crate::fact::Fact;

    #[test]
    fn crates_of_panic_paths_are_no_list() {
        let of = |from| {
            let inside = Crate { name: "a".into(), version: "1.0.0".into(), from };
            check(&Binary { crates: vec![inside], ..Binary::default() })
        };
        assert_eq!(of(CrateSource::DepV0), Outcome::Pass);
        assert_eq!(of(CrateSource::PanicPath).findings().len(), 1);
        let other = Binary { rust: Fact::certain(false, "test"), ..Binary::default() };
        assert!(matches!(check(&other), Outcome::NotApplicable(_)));
    }
}
