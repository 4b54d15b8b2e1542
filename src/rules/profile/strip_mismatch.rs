use crate::binary::Binary;
use crate::binary::{DebugInfo, Format, Symbols};
use crate::cargo::build::Build;
use crate::cargo::workspace::profile::{Origin, Strip};
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "strip-mismatch",
    group: Group::Profile,
    level: Level::Warn,
    since: "0.1.0",
    summary: "the program is stripped more or less than its profile says",
    what: "Compares what is left in an ELF program (`.symtab`, `.debug_*`) with `strip` of the \
           resolved profile, `-C strip` and the linker's own `-s` and `-S`. Without a word about \
           it, cargo strips the standard library's debug information from a program that asks for \
           none itself; that default is compared too.",
    why: "Names that were kept on purpose are gone from backtraces and profiles, or an image \
          carries megabytes that were meant to be removed. Either way the program is not what \
          this configuration builds.",
    fix: "Strip in one place. Let cargo do it (`strip = \"symbols\"` in the profile) and drop \
          `strip` commands from Dockerfiles and scripts, or build again if the profile was changed \
          after the build.",
    symptoms: &[Symptom::Behaviour(
        "backtraces have no names, or the image is larger than it should be",
    )],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#strip",
        "cargo pull request 13257: strip debuginfo when debuginfo is not requested",
    ],
    check: Check::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if binary.format != Some(Format::Elf) {
        return Outcome::not_applicable("only ELF keeps all names and debug information inside");
    }
    let (Some(symbols), Some(debug_info)) = (binary.symbols, binary.debug_info) else {
        return Outcome::open("the sections could not be read");
    };
    let left = match (symbols, debug_info) {
        (_, DebugInfo::Present) => Strip::None,
        (Symbols::Present, _) => Strip::DebugInfo,
        (Symbols::Stripped, _) => Strip::Symbols,
    };
    let wanted = &build.told.strip;
    if let Origin::Assumed(why) = wanted.origin {
        return Outcome::open(why);
    }
    let (seen, location) = match (left, wanted.value) {
        // Without debug information there is none to remove: only names can tell.
        (Strip::DebugInfo, Strip::None) => return Outcome::Pass,
        (left, wanted) if left == wanted => return Outcome::Pass,
        (Strip::None, _) => ("debug information", ".debug_info"),
        (Strip::DebugInfo, _) => ("the names of its functions", ".symtab"),
        (Strip::Symbols, _) => ("no names", ".symtab"),
    };
    if let Some(why) = build.may_be_inline("strip", &format!("{:?}", left.name())) {
        return Outcome::open(why);
    }
    let (verb, fix) = match left < wanted.value {
        true => ("still has", build.command()),
        false => ("has", format!("strip = \"symbols\" # in [profile.{}]", build.profile.name)),
    };
    Finding::new(
        Location::Section(location.to_owned()),
        format!(
            "the program {verb} {seen}, but {} says strip=\"{}\"",
            wanted.origin,
            wanted.value.name()
        ),
    )
    .evidence(format!(".symtab: {}", if symbols == Symbols::Present { "present" } else { "none" }))
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
    use crate::cargo::workspace::profile::{Profile, Setting};

    fn outcome(symbols: Symbols, debug_info: DebugInfo, strip: Strip) -> Outcome {
        let binary = Binary {
            format: Some(Format::Elf),
            symbols: Some(symbols),
            debug_info: Some(debug_info),
            ..Binary::default()
        };
        let told = Profile { strip: Setting::default(strip), ..Profile::release() };
        check(&binary, &Build { told, ..Build::default() })
    }

    #[test]
    fn what_is_left_is_what_was_asked_for() {
        use {DebugInfo as D, Strip as S, Symbols as N};
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
        let little = outcome(Symbols::Present, DebugInfo::None, Strip::Symbols);
        assert_eq!(fix(little), "cargo build --release");
        let much = outcome(Symbols::Stripped, DebugInfo::None, Strip::DebugInfo);
        assert_eq!(fix(much), "strip = \"symbols\" # in [profile.release]");
    }

    #[test]
    fn what_cannot_be_read_is_open() {
        let elf = Binary { format: Some(Format::Elf), ..Binary::default() };
        assert_eq!(check(&elf, &Build::default()).name(), "open");
        assert_eq!(check(&Binary::default(), &Build::default()).name(), "not-applicable");
    }
}
