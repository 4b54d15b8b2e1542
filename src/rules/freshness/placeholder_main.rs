use crate::binary::{Binary, BinaryKind, CrateSource, MainVerdict};
use crate::cargo::build::empty_main::SourceMain;
use crate::cargo::compared::MainReach;
use crate::cargo::fix_commands;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NO_BINARY, NOT_RUST, Need, Needs, Outcome, Rule,
    Status, Symptom, settle,
};
use crate::subject::Facts;

pub static RULE: Rule = Rule {
    id: "placeholder-main",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "`main` does nothing, or prints a placeholder",
    what: "The rule decodes the machine code of the binary's own `main`, also if it is stripped. It \
           fails if `main` returns at once, prints `Hello, world!`, or panics with the text \
           of a placeholder, such as `not yet implemented`, unless `main` in the sources does the \
           same. The finding is denied if other evidence says that the sources do more: their \
           `main`, followed through the local crates, certainly does something; other evidence of \
           freshness contradicts them; or the image exposes a port. If `main` only calls code of \
           crates whose sources are not available, or if the enabled features leave it empty, the \
           finding is a warning.",
    why: "Many Dockerfiles compile `fn main() {}` first, to cache the dependencies. If cargo keeps \
           that binary, the container starts, prints nothing and exits with code 0.",
    fix: "Compile the real sources: put `cargo binlint freshen` before the last `cargo build` of \
           the build stage. The finding of `stale-by-mtime` says why cargo did not compile them.",
    no_fix_line: None,
    symptoms: &[
        Symptom::Silence,
        Symptom::ExitCode(0),
        Symptom::Behaviour("`docker ps` shows Exited (0), Kubernetes shows Completed"),
    ],
    references: &["https://github.com/rust-lang/cargo/issues/7181"],
    check: CheckFn::Facts(Needs::new(&[Need::Binary], &[Need::Cargo, Need::Image]), check),
};

fn check(facts: &Facts) -> Outcome {
    let Some(binary) = &facts.binary else { return Outcome::not_applicable(NO_BINARY) };
    if matches!(binary.kind, BinaryKind::SharedLibrary | BinaryKind::Object) {
        return Outcome::not_applicable("the file is a library, not an executable");
    }
    let (what, verdict) = match binary.main.value {
        None if binary.rust.value == Some(false) => return Outcome::not_applicable(NOT_RUST),
        None => return Outcome::open(binary.main.evidence.clone(), settle::BY_REBUILD),
        Some(MainVerdict::Real) => return Outcome::pass("`main` calls other code"),
        Some(verdict @ MainVerdict::Empty) => ("`main` does nothing", verdict),
        Some(verdict @ MainVerdict::HelloWorld) => ("`main` prints `Hello, world!`", verdict),
        Some(verdict @ MainVerdict::PlaceholderText) => ("`main` is a placeholder", verdict),
    };
    let signals = match SourceMain::of(facts.build.as_ref(), binary, verdict) {
        // Stubs in the stage agree with the stub that was built; the image knows better.
        SourceMain::Agree if of_image(facts).is_empty() => {
            return Outcome::pass("`main` does what it does in the sources");
        }
        SourceMain::Agree => of_image(facts),
        SourceMain::Contradict(why) => vec![why],
        SourceMain::Silent(signals) => [signals, of_binary(binary), of_image(facts)].concat(),
        SourceMain::ByFeature(file) if of_image(facts).is_empty() => {
            return by_feature(what, &file, binary);
        }
        SourceMain::Unsure(place, MainReach::Nothing) if of_image(facts).is_empty() => {
            return Outcome::open(
                format!("{what}, and the one at {place} may come to nothing"),
                settle::BY_FRESHEN,
            );
        }
        SourceMain::Unsure(place, _) if of_image(facts).is_empty() => {
            let message = format!("{what}, and the one at {place} calls code that is not at hand");
            let finding = Finding::new(Location::Subject, message);
            let finding = finding.evidence(binary.main.evidence.clone()).evidence(USUAL_CAUSE);
            return build_again(finding, facts).at_most_warn().into();
        }
        SourceMain::ByFeature(_) | SourceMain::Unsure(..) => of_image(facts),
    };
    let message = match signals.first() {
        Some(signal) => format!("{what}, but {signal}"),
        None => format!("{what}, and there is no sign that it was meant to do more"),
    };
    let finding = Finding::new(Location::Subject, message).evidence(binary.main.evidence.clone());
    let finding = signals.iter().skip(1).cloned().fold(finding, Finding::evidence);
    let finding = build_again(finding, facts);
    if signals.is_empty() { finding.at_most_warn().into() } else { finding.into() }
}

fn build_again(finding: Finding, facts: &Facts) -> Finding {
    match &facts.build {
        Some(build) => {
            let program: Vec<_> = build.freshness.program().into_iter().collect();
            finding.fix(fix_commands::touch_and_build(build, &program))
        }
        None => finding.evidence(USUAL_CAUSE).fix("cargo binlint freshen && cargo build --release"),
    }
}

/// Such a binary is what was asked for, and mostly not what was meant.
fn by_feature(what: &str, file: &str, binary: &Binary) -> Outcome {
    let message = format!("{what} with these features: {file} has more under others");
    let finding = Finding::new(Location::File { path: file.to_owned(), line: None }, message);
    finding.evidence(binary.main.evidence.clone()).at_most_warn().into()
}

const USUAL_CAUSE: &str = "many Dockerfiles compile such a `main` first to cache dependencies";

fn of_image(facts: &Facts) -> Vec<String> {
    let ports = facts.image.iter().flat_map(|image| image.exposed_ports());
    let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
    let signal = format!("the image exposes port {}", ports.join(", "));
    if ports.is_empty() { Vec::new() } else { vec![signal] }
}

fn of_binary(binary: &Binary) -> Vec<String> {
    let listed = binary.crates.iter().filter(|it| it.from == CrateSource::DepV0).count();
    let signal = format!("the binary lists {} dependencies", listed.saturating_sub(1));
    if listed > 1 { vec![signal] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::NamedCrate;
    use crate::cargo::crate_freshness::CrateRole;
    use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind as What};
    use crate::cargo::test_support::{build_of, state};
    use crate::fact::Fact;
    use crate::start::image::Image;

    fn program(verdict: Option<MainVerdict>) -> Binary {
        let main = match verdict {
            Some(verdict) => Fact::high(verdict, "one `ret`"),
            None => Fact::unknown("no Rust `main` was found"),
        };
        Binary { kind: BinaryKind::Executable, main, ..Binary::default() }
    }

    fn outcome(binary: Binary) -> Outcome {
        check(&Facts { binary: Some(binary), ..Facts::default() })
    }

    #[test]
    fn a_real_main_passes_and_an_unknown_one_is_open() {
        assert_eq!(outcome(program(Some(MainVerdict::Real))).name(), "pass");
        assert!(matches!(outcome(program(None)), Outcome::Open(_)));
    }

    #[test]
    fn alone_it_is_a_warning_and_with_a_second_signal_denied() {
        let alone = outcome(program(Some(MainVerdict::Empty)));
        assert_eq!(alone.findings()[0].at_most, Some(Level::Warn));
        assert!(alone.findings()[0].evidence[1].contains("to cache dependencies"), "{alone:?}");
        assert!(alone.findings()[0].fix.is_some());
        let listed = |name: &str| NamedCrate {
            name: name.into(),
            version: "1.0.0".into(),
            from: CrateSource::DepV0,
        };
        let mut audited = program(Some(MainVerdict::Empty));
        audited.crates = vec![listed("app"), listed("axum")];
        assert_eq!(outcome(audited).findings()[0].at_most, None);
    }

    #[test]
    fn an_image_that_exposes_a_port_is_a_second_signal() {
        use crate::rootfs::document::config::ImageConfig;
        let exposed_ports = vec!["8080/tcp".to_owned()];
        let image = Image {
            config: Some(ImageConfig { exposed_ports, ..ImageConfig::default() }),
            ..Image::default()
        };
        let binary = Some(program(Some(MainVerdict::Empty)));
        let outcome = check(&Facts { binary, image: Some(image), ..Facts::default() });
        assert_eq!(outcome.findings()[0].at_most, None);
        assert!(outcome.findings()[0].message.contains("exposes port 8080"), "{outcome:?}");
    }

    #[test]
    fn sources_that_contradict_deny() {
        let mut own = state(CrateRole::Program);
        let path = "src/server.rs".to_owned();
        own.mismatches.push(Mismatch { path, line: None, kind: What::NotCompiled });
        let binary = Some(program(Some(MainVerdict::Empty)));
        let facts = Facts { binary, build: Some(build_of(vec![own])), ..Facts::default() };
        let outcome = check(&facts);
        assert_eq!(outcome.findings()[0].at_most, None);
        assert!(outcome.findings()[0].message.contains("src/server.rs"), "{outcome:?}");
    }
}
