use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::fact::Confidence;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "panic-strategy-mismatch",
    aliases: &[],
    group: Group::Profile,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary has another panic strategy than its profile sets",
    what: "A certain text of the standard library is only in binaries that unwind, so it shows the \
           panic strategy of the binary. The rule compares the strategy with `panic` in the \
           resolved profile (manifest, `inherits`, configuration, environment), and with `-C \
           panic` in the flags in effect.",
    why: "With `abort`, a panic in one request ends the whole process, and `catch_unwind` and the \
           `JoinError` of a task never see it. With `unwind`, a service that should die and \
           restart keeps running half broken. The difference also shows that the binary is not \
           what this configuration builds: it is stale, or was built with other variables.",
    fix: "Build again with the environment and options that you lint with. If the difference is \
           intended, set `panic` at the place that the finding names.",
    no_fix_line: None,
    symptoms: &[
        Symptom::ExitCode(134),
        Symptom::Behaviour("one panic ends the process, although panics are caught"),
        Symptom::Behaviour("a panic does not end the process, although it should"),
    ],
    references: &[
        "https://doc.rust-lang.org/cargo/reference/profiles.html#panic",
        "https://github.com/tokio-rs/tokio/issues/2002",
    ],
    check: CheckFn::Build(check),
};

fn check(binary: &Binary, build: &Build) -> Outcome {
    if binary.rust.value == Some(false) {
        return Outcome::not_applicable("the binary is not written in Rust");
    }
    let Some(seen) = binary.panic.value else {
        return Outcome::open(binary.panic.evidence.clone(), settle::BY_REBUILD);
    };
    let wanted = &build.effective_profile.panic;
    if seen == wanted.value {
        return Outcome::pass(format!(
            "panic = \"{}\", as in profile {}",
            seen.name(),
            build.profile.name
        ));
    }
    if let Some((missing, settle)) = build.may_be_inline("panic", &format!("{:?}", seen.name())) {
        return Outcome::open(missing, settle);
    }
    let finding = Finding::new(
        Location::from(&wanted.origin),
        format!(
            "the binary was built with panic={}, but {} sets {}",
            seen.name(),
            wanted.origin,
            wanted.value.name()
        ),
    )
    .evidence(format!("in the binary: {}", binary.panic.evidence))
    .evidence(format!("profile {}: panic = \"{}\"", build.profile.name, wanted.value.name()))
    .fix(build.command());
    match binary.panic.confidence >= Confidence::High {
        true => finding.into(),
        false => finding.at_most_warn().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::PanicStrategy;
    use crate::cargo::workspace::profile::{Profile, ProfileSetting, SettingOrigin};
    use crate::fact::Fact;

    fn build(panic: PanicStrategy) -> Build {
        let origin = SettingOrigin::File {
            path: "Cargo.toml".into(),
            line: 7,
            key: "profile.release.panic".into(),
        };
        let effective_profile =
            Profile { panic: ProfileSetting { value: panic, origin }, ..Profile::release() };
        Build { effective_profile, ..Build::default() }
    }

    fn binary(panic: Fact<PanicStrategy>) -> Binary {
        Binary { panic, ..Binary::default() }
    }

    #[test]
    fn the_strategies_must_be_equal() {
        let unwind = binary(Fact::high(PanicStrategy::Unwind, "text"));
        assert_eq!(check(&unwind, &build(PanicStrategy::Unwind)).name(), "pass");
        let outcome = check(&unwind, &build(PanicStrategy::Abort));
        let [finding] = outcome.findings() else { panic!("{outcome:?}") };
        assert_eq!(finding.location.to_string(), "Cargo.toml:7");
        assert_eq!(
            finding.message,
            "the binary was built with panic=unwind, but `profile.release.panic` in Cargo.toml:7 sets abort"
        );
        assert_eq!(finding.at_most, None);
        assert_eq!(finding.fix.as_deref(), Some("cargo build --release"));
    }

    /// `CARGO_PROFILE_RELEASE_PANIC` in a Dockerfile: a plain build would unmake the right program.
    #[test]
    fn another_builds_program_may_have_got_it_by_a_variable() {
        use crate::cargo::freshness::{FileLocation, ProgramOrigin as Found};
        for (same_build_id, name) in [(None, "open"), (Some(false), "open"), (Some(true), "fail")] {
            let mut build = build(PanicStrategy::Unwind);
            build.profile.name = "release".into();
            build.freshness.read = true;
            let output = "target/release/app".into();
            build.freshness.origin =
                Found::Differs { same_build_id, output, location: FileLocation::InAnImage };
            let outcome = check(&binary(Fact::high(PanicStrategy::Abort, "text")), &build);
            assert_eq!(outcome.name(), name, "{same_build_id:?}");
            if let Outcome::Open(why) = outcome {
                assert!(
                    why.settle.contains("--cargo-config 'profile.release.panic=\"abort\"'"),
                    "{why}"
                );
                assert!(why.settle.contains("CARGO_PROFILE_RELEASE_PANIC"), "{why}");
            }
        }
    }

    #[test]
    fn a_hint_only_warns_and_no_evidence_is_open() {
        let hint = binary(Fact::low(PanicStrategy::Abort, "text"));
        assert_eq!(
            check(&hint, &build(PanicStrategy::Unwind)).findings()[0].at_most,
            Some(Level::Warn)
        );
        let unknown = binary(Fact::unknown("std is in another file"));
        assert_eq!(check(&unknown, &build(PanicStrategy::Unwind)).name(), "open");
        let foreign = Binary { rust: Fact::certain(false, "no Rust"), ..unknown };
        assert_eq!(check(&foreign, &build(PanicStrategy::Unwind)).name(), "not-applicable");
    }
}
