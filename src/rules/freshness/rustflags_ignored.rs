use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::freshness::ProgramOrigin as Found;
use crate::cargo::workspace::profile::SettingOrigin;
use crate::cargo::workspace::rustflags::RustFlag;
use crate::cargo::workspace::rustflags::options;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_UNIT, Outcome, Rule, Status, settle,
};

pub static RULE: Rule = Rule {
    id: "rustflags-ignored",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was compiled without the RUSTFLAGS that are configured here",
    what: "Cargo's fingerprint lists the flags that the binary was compiled with. The rule \
           compares them with the flags that cargo uses here, from the first of these sources that \
           is set: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, `target.<triple>.rustflags`, \
           `build.rustflags`. It denies a configured flag that was not used, also one at a place \
           that cargo does not read (`[build]` in Cargo.toml, `[env] RUSTFLAGS`). It denies an \
           extra flag only if an environment variable or an argument sets the flags here, because \
           the build can have had a variable of its own. It warns about configured flags that a \
           variable overrides. Every finding is a warning if the binary is not exactly the file \
           that cargo wrote.",
    why: "An environment variable replaces the flags of `.cargo/config.toml` completely. Cargo \
           does not read `[env] RUSTFLAGS`, nor `[build] rustflags` in Cargo.toml. Or `.cargo` was \
           not copied into the stage, or the copied binary is from an earlier build. Then the \
           binary is not static, not for the intended CPU, or holds paths that were meant to be \
           remapped.",
    fix: "Set the flags in one place only, and build again.",
    no_fix_line: None,
    symptoms: &[],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags",
        "https://github.com/rust-lang/cargo/issues/5376",
        "https://github.com/rust-lang/cargo/issues/16977",
    ],
    check: CheckFn::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let unit = build.freshness.program().and_then(|program| program.unit.as_ref());
    let Some(unit) = unit else {
        return Outcome::open(NO_UNIT, settle::AT_BUILD);
    };
    let compiled = match &unit.fingerprint {
        Ok(fingerprint) => options(fingerprint.rustflags.iter().map(String::as_str)),
        Err(why) => return Outcome::open(why.to_string(), settle::BY_REBUILD),
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(against_those_in_effect(&compiled, build));
    for without in &build.without_effect {
        let Some(missing) = lost(&without.flags, &compiled) else { continue };
        let stands = format!("{missing} is set in {}", without.flags[0].origin);
        findings.push(match &without.shut_out_by {
            Some(by) => finding(format!("{stands}, which `{by}` overrides"), &compiled, build)
                .fix(format!("move the flags to `{by}`, or unset it, and build again"))
                .at_most_warn(),
            None => finding(format!("{stands}, which cargo does not read"), &compiled, build).fix(
                "move the flags to `[build] rustflags` in .cargo/config.toml, and build again",
            ),
        });
    }
    // Only of its own unit is it known that the program was compiled with it.
    let exact = build.freshness.origin == Found::Output;
    match findings.is_empty() {
        true => Outcome::pass(format!("RUSTFLAGS of the build: {}", listed(&compiled))),
        false if exact => Outcome::Fail(findings),
        false => Outcome::Fail(findings.into_iter().map(Finding::at_most_warn).collect()),
    }
}

fn against_those_in_effect(compiled: &[String], build: &Build) -> Option<Finding> {
    let wanted = options(build.rustflags.iter().map(|flag| flag.word.as_str()));
    let more: Vec<&str> =
        compiled.iter().filter(|it| !wanted.contains(it)).map(String::as_str).collect();
    let is_typed =
        |flag: &RustFlag| matches!(flag.origin, SettingOrigin::Env(_) | SettingOrigin::Argument(_));
    let message = match lost(&build.rustflags, compiled) {
        Some(lost) => {
            let from = &build.rustflags[0].origin;
            format!("the binary was compiled without {lost}, which {from} sets here")
        }
        None if more.is_empty() => return None,
        // The build may have got them by a variable of its own: only where one here says which there
        // are is one too many.
        None if !build.rustflags.iter().any(is_typed) => return None,
        None => format!("the binary was compiled with {}, which is not set here", more.join(" ")),
    };
    Some(finding(message, compiled, build).fix(build.command()))
}

fn listed(flags: &[String]) -> String {
    if flags.is_empty() { "none".to_owned() } else { flags.join(" ") }
}

/// Those of the flags that the program was not compiled with.
fn lost(flags: &[RustFlag], compiled: &[String]) -> Option<String> {
    let mut wanted = options(flags.iter().map(|flag| flag.word.as_str()));
    wanted.retain(|it| !compiled.contains(it));
    (!wanted.is_empty()).then(|| wanted.join(" "))
}

fn finding(message: String, compiled: &[String], build: &Build) -> Finding {
    let unit = build.freshness.program().and_then(|program| program.unit.as_ref());
    let name = unit.map(|unit| format!("{}-{}", unit.package, unit.hash)).unwrap_or_default();
    let flags = listed(compiled);
    Finding::new(Location::Subject, message).evidence(format!("RUSTFLAGS of unit {name}: {flags}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::freshness::FileLocation;
    use crate::cargo::test_support::{build_of, state};
    use crate::cargo::workspace::rustflags::WithoutEffect;

    const NATIVE: &[&str] = &["-C", "target-cpu=native"];

    fn flags(words: &[&str], origin: &SettingOrigin) -> Vec<RustFlag> {
        let flag = |word: &&str| RustFlag { word: (*word).to_owned(), origin: origin.clone() };
        words.iter().map(flag).collect()
    }

    fn file() -> SettingOrigin {
        let (path, key) = (".cargo/config.toml".to_owned(), "build.rustflags".to_owned());
        SettingOrigin::File { path, line: 2, key }
    }

    fn build(compiled: &[&str], wanted: &[&str], origin: &SettingOrigin) -> Build {
        let mut program = state(CrateRole::Program);
        let fingerprint = program.unit.as_mut().unwrap().fingerprint.as_mut().unwrap();
        fingerprint.rustflags = compiled.iter().map(|it| (*it).to_owned()).collect();
        let mut build = build_of(vec![program]);
        build.rustflags = flags(wanted, origin);
        build
    }

    fn levels(build: &Build) -> Vec<Option<Level>> {
        let outcome = check(&Binary::default(), build);
        outcome.findings().iter().map(|finding| finding.at_most).collect()
    }

    #[test]
    fn flags_that_are_asked_for_and_not_inside_are_denied() {
        let env = SettingOrigin::Env("RUSTFLAGS".to_owned());
        for origin in [&env, &file()] {
            assert!(levels(&build(NATIVE, NATIVE, origin)).is_empty());
            assert!(levels(&build(&["-Ctarget-cpu=native"], NATIVE, origin)).is_empty());
            assert_eq!(levels(&build(&[], NATIVE, origin)), [None]);
            assert_eq!(levels(&build(&["-Ctarget-cpu=x86-64"], NATIVE, origin)), [None]);
        }
        let more = ["-Ctarget-cpu=native", "-Cdebuginfo=1"];
        assert_eq!(levels(&build(&more, NATIVE, &env)), [None]);
    }

    #[test]
    fn flags_that_the_build_may_have_got_by_itself_are_no_finding() {
        let warn = [Some(Level::Warn)];
        let more = ["-Ctarget-cpu=native", "-Cdebuginfo=1"];
        assert!(levels(&build(&more, NATIVE, &file())).is_empty());
        assert!(levels(&build(NATIVE, &[], &file())).is_empty());
        let mut elsewhere = build(&[], NATIVE, &file());
        elsewhere.freshness.origin = Found::Differs {
            same_build_id: None,
            output: "/o".into(),
            location: FileLocation::OnThisMachine,
        };
        assert_eq!(levels(&elsewhere), warn);
    }

    #[test]
    fn flags_in_the_wrong_place_are_denied_and_those_shut_out_are_named() {
        let mut build =
            build(&["-Dwarnings"], &["-Dwarnings"], &SettingOrigin::Env("RUSTFLAGS".into()));
        let flags = flags(NATIVE, &file());
        let shut_out_by = Some("RUSTFLAGS".to_owned());
        build.without_effect = vec![WithoutEffect { flags: flags.clone(), shut_out_by }];
        assert_eq!(levels(&build), [Some(Level::Warn)]);
        build.without_effect = vec![WithoutEffect { flags, shut_out_by: None }];
        assert_eq!(levels(&build), [None]);
    }

    #[test]
    fn without_a_unit_it_is_open() {
        assert!(matches!(check(&Binary::default(), &Build::default()), Outcome::Open(_)));
    }
}
