use crate::binary::Binary;
use crate::binary::CrateSource;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status};

pub static RULE: Rule = Rule {
    id: "missing-audit-data",
    aliases: &[],
    group: Group::Provenance,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary has no list of its crates for vulnerability scanners",
    what: "cargo-auditable writes the list of packages into the section `.dep-v0`, where \
           vulnerability scanners read it. The rule fails if the binary does not have the section, \
           or the section cannot be read.",
    why: "Without the list, a scanner of images sees a Rust binary as one unknown file, and finds \
           no advisory for it.",
    fix: "Build with cargo-auditable: `cargo auditable build --release`.",
    no_fix_line: None,
    symptoms: &[],
    references: &["https://github.com/rust-secure-code/cargo-auditable"],
    check: CheckFn::Binary(check),
};

fn check(binary: &Binary) -> Outcome {
    if binary.rust.value == Some(false) {
        return Outcome::not_applicable("the binary is not written in Rust");
    }
    if binary.crates.iter().any(|inside| inside.from == CrateSource::DepV0) {
        return Outcome::pass("the section .dep-v0 lists the crates");
    }
    Finding::new(Location::Section(".dep-v0".to_owned()), "the binary has no list of its crates")
        .fix("cargo auditable build --release")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::NamedCrate;
    use crate::fact::Fact;

    #[test]
    fn crates_of_panic_paths_are_no_list() {
        let of = |from| {
            let inside = NamedCrate { name: "a".into(), version: "1.0.0".into(), from };
            check(&Binary { crates: vec![inside], ..Binary::default() })
        };
        assert_eq!(of(CrateSource::DepV0).name(), "pass");
        assert_eq!(of(CrateSource::PanicPath).findings().len(), 1);
        let other = Binary { rust: Fact::certain(false, "test"), ..Binary::default() };
        assert!(matches!(check(&other), Outcome::NotApplicable(_)));
    }
}
