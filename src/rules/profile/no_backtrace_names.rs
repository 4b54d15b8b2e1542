use crate::binary::Binary;
use crate::binary::DebugInfo;
use crate::binary::SymbolTableState;
use crate::cargo::build::Build;
use crate::rule::{CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom};

pub static RULE: Rule = Rule {
    id: "no-backtrace-names",
    aliases: &[],
    group: Group::Profile,
    level: Level::Allow,
    since: "0.1.0",
    status: Status::Stable,
    summary: "a backtrace of the binary has no function names",
    what: "The standard library takes the function names of a backtrace from the symbol table. The \
           rule fails if the binary has none.",
    why: "With `RUST_BACKTRACE=1` such a binary prints no frame at all, and with `full` it prints \
           `<unknown>`. The backtrace of a panic in production does not show which functions were \
           called.",
    fix: "Set `strip = \"debuginfo\"`: it removes the debug information and keeps the names. \
           `debug = \"line-tables-only\"` with `strip = \"none\"` adds files and lines.",
    no_fix_line: None,
    symptoms: &[Symptom::Stderr("<unknown>"), Symptom::Stderr("stack backtrace:")],
    references: &[
        "https://doc.rust-lang.org/std/backtrace/index.html",
        "https://github.com/rust-lang/rust/issues/147846",
        "https://github.com/rust-lang/backtrace-rs/issues/461",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    match binary.symbols {
        None => Outcome::open(
            "the sections of the binary could not be read",
            "look at the output of `readelf -SW`",
        ),
        Some(SymbolTableState::Present) => Outcome::pass("the symbol table is present"),
        // A PDB or a file of debug information beside the binary has the names.
        Some(SymbolTableState::Stripped) if binary.debug_info == Some(DebugInfo::Separate) => {
            Outcome::open("the names are in another file", "see whether it is beside the binary")
        }
        Some(SymbolTableState::Stripped) => Finding::new(
            Location::from(&build.effective_profile.strip.origin),
            "the symbol table is stripped",
        )
        .evidence(format!(
            "{1} sets strip = \"{0}\"",
            build.effective_profile.strip.value.name(),
            build.effective_profile.strip.origin
        ))
        .fix(format!("strip = \"debuginfo\" # in [profile.{}]", build.profile.name))
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripped_program_has_no_names() {
        let of = |symbols| check(&Binary { symbols, ..Binary::default() }, &Build::default());
        assert_eq!(of(Some(SymbolTableState::Present)).name(), "pass");
        assert_eq!(of(Some(SymbolTableState::Stripped)).name(), "fail");
        assert_eq!(of(None).name(), "open");
        let symbols = Some(SymbolTableState::Stripped);
        let debug_info = Some(DebugInfo::Separate);
        let with_pdb = Binary { symbols, debug_info, ..Binary::default() };
        assert_eq!(check(&with_pdb, &Build::default()).name(), "open");
    }
}
