use crate::binary::Binary;
use crate::binary::{BinaryFormat, DebugInfo, SymbolTableState};
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::{SettingOrigin, Strip};
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "strip-mismatch",
    aliases: &[],
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary is stripped more or less than its profile sets",
    what: "The rule compares what an ELF binary still has (`.symtab`, `.debug_*`) with `strip` in \
           the resolved profile, `-C strip`, and the linker's options `-s` and `-S`. If nothing is \
           set, cargo strips the debug information of the standard library from a binary that has \
           none of its own; the rule checks this default too.",
    why: "Names that should be in backtraces and profiles are missing, or the image contains \
           megabytes that should have been removed. In both cases the binary is not what this \
           configuration builds.",
    fix: "Strip in one place. Let cargo do it (`strip = \"symbols\"` in the profile), and remove \
           `strip` commands from Dockerfiles and scripts. If the profile was changed after the \
           build, build again.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour(
        "backtraces have no names, or the image is larger than expected",
    )],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#strip",
        "https://github.com/rust-lang/cargo/pull/13257",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if binary.format != Some(BinaryFormat::Elf) {
        return Outcome::not_applicable(
            "only ELF binaries contain all names and debug information",
        );
    }
    let (Some(symbols), Some(debug_info)) = (binary.symbols, binary.debug_info) else {
        return Outcome::open(
            "the sections of the binary could not be read",
            "look at the output of `readelf -SW`",
        );
    };
    let left = match (symbols, debug_info) {
        (_, DebugInfo::Present) => Strip::None,
        (SymbolTableState::Present, _) => Strip::DebugInfo,
        (SymbolTableState::Stripped, _) => Strip::Symbols,
    };
    let wanted = &build.effective_profile.strip;
    if let SettingOrigin::Assumed(why) = wanted.origin {
        return Outcome::open(why, settle::BY_REBUILD);
    }
    let (seen, location) = match (left, wanted.value) {
        // Without debug information there is none to remove: only names can tell.
        (Strip::DebugInfo, Strip::None) => return Outcome::pass("the symbol table is present"),
        (left, wanted) if left == wanted => {
            return Outcome::pass(format!("stripped as strip=\"{}\" does", wanted.name()));
        }
        (Strip::None, _) => ("debug information", ".debug_info"),
        (Strip::DebugInfo, _) => ("a symbol table", ".symtab"),
        (Strip::Symbols, _) => ("no symbol table", ".symtab"),
    };
    if let Some((missing, settle)) = build.may_be_inline("strip", &format!("{:?}", left.name())) {
        return Outcome::open(missing, settle);
    }
    let (verb, fix) = match left < wanted.value {
        true => ("still has", build.command()),
        false => ("has", format!("strip = \"symbols\" # in [profile.{}]", build.profile.name)),
    };
    Finding::new(
        Location::Section(location.to_owned()),
        format!(
            "the binary {verb} {seen}, but {} sets strip=\"{}\"",
            wanted.origin,
            wanted.value.name()
        ),
    )
    .evidence(format!(
        ".symtab: {}",
        if symbols == SymbolTableState::Present { "present" } else { "none" }
    ))
    .evidence(format!(
        ".debug_*: {}",
        if debug_info == DebugInfo::Present { "present" } else { "none" }
    ))
    .fix(fix)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting};

    fn outcome(symbols: SymbolTableState, debug_info: DebugInfo, strip: Strip) -> Outcome {
        let binary = Binary {
            format: Some(BinaryFormat::Elf),
            symbols: Some(symbols),
            debug_info: Some(debug_info),
            ..Binary::default()
        };
        let effective_profile =
            Profile { strip: ProfileSetting::default(strip), ..Profile::release() };
        check(&binary, &Build { effective_profile, ..Build::default() })
    }

    #[test]
    fn what_is_left_is_what_was_asked_for() {
        use {DebugInfo as D, Strip as S, SymbolTableState as N};
        for (symbols, debug, strip, verdict) in [
            (N::Present, D::Present, S::None, "pass"),
            (N::Present, D::None, S::None, "pass"),
            (N::Stripped, D::None, S::None, "fail"),
            (N::Present, D::Present, S::DebugInfo, "fail"),
            (N::Present, D::None, S::DebugInfo, "pass"),
            (N::Present, D::Separate, S::DebugInfo, "pass"),
            (N::Stripped, D::None, S::DebugInfo, "fail"),
            (N::Present, D::None, S::Symbols, "fail"),
            (N::Present, D::Present, S::Symbols, "fail"),
            (N::Stripped, D::None, S::Symbols, "pass"),
        ] {
            assert_eq!(
                outcome(symbols, debug, strip).name(),
                verdict,
                "{symbols:?} {debug:?} {strip:?}"
            );
        }
    }

    #[test]
    fn too_little_and_too_much_have_different_cures() {
        let fix = |outcome: Outcome| outcome.findings()[0].fix.clone().unwrap();
        let little = outcome(SymbolTableState::Present, DebugInfo::None, Strip::Symbols);
        assert_eq!(fix(little), "cargo build --release");
        let much = outcome(SymbolTableState::Stripped, DebugInfo::None, Strip::DebugInfo);
        assert_eq!(fix(much), "strip = \"symbols\" # in [profile.release]");
    }

    #[test]
    fn what_cannot_be_read_is_open() {
        let elf = Binary { format: Some(BinaryFormat::Elf), ..Binary::default() };
        assert_eq!(check(&elf, &Build::default()).name(), "open");
        assert_eq!(check(&Binary::default(), &Build::default()).name(), "not-applicable");
    }
}
