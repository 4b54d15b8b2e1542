//! `diagnose`: everything that the rules say of a program, for the question what was seen of it.

use crate::report::Report;
use crate::report::diagnosis::observation::Observation;
use crate::report::diagnosis::{self, Diagnosis};
use crate::session::Error;
use crate::session::check::{CheckOptions, check};

/// Lints, so that [`diagnose`] can hold the answers against what was seen.
///
/// # Errors
/// As for [`check`].
pub fn examine(options: &CheckOptions) -> Result<Report, Error> {
    let report = check(options)?;
    match report.subjects.iter().any(|it| it.facts.dockerfile.is_none()) {
        true => Ok(report),
        false => {
            Err(Error::Usage("there is no program to diagnose; build it, or name it".to_owned()))
        }
    }
}

/// Diagnoses the program that the image starts; without one, every subject.
pub fn diagnose<'a>(report: &'a Report, observation: &Observation) -> Vec<Diagnosis<'a>> {
    let is_started = |it: &&crate::report::SubjectReport| {
        let facts = &it.facts;
        matches!((&facts.binary, &facts.image), (Some(binary), Some(image))
            if image.starts(binary) == Some(true))
    };
    let programs = || report.subjects.iter().filter(|it| it.facts.dockerfile.is_none());
    let started = programs().find(is_started);
    match started {
        Some(subject) => vec![diagnosis::diagnose(subject, observation)],
        None => programs().map(|subject| diagnosis::diagnose(subject, observation)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::elf::DynamicInfo;
    use crate::binary::{Binary, BinaryFormat, BinaryKind, MainVerdict};
    use crate::config::Config;
    use crate::fact::Fact;
    use crate::lint::lint;
    use crate::report::diagnosis::observation::Signal;
    use crate::rootfs::document::config::{ImageConfig, Platform};
    use crate::session::clock;
    use crate::start::image::Image;
    use crate::start::image::elf_tree::InMemoryTree;
    use crate::start::loader::{StartPrediction, StartProblem, StartVerdict};
    use crate::subject::Facts;

    fn verdict(facts: Facts, seen: &Observation, id: &str) -> Option<bool> {
        let report = lint(vec![("app".to_owned(), facts)], &Config::default(), clock::today());
        let diagnoses = diagnose(&report, seen);
        let answer = diagnoses[0].answers.iter().find(|it| it.id == id).unwrap();
        assert!(!answer.because.is_empty(), "{id}");
        answer.verdict
    }

    fn program(kind: BinaryKind, main: Option<MainVerdict>) -> Binary {
        let main =
            main.map_or_else(|| Fact::unknown("no code was read"), |it| Fact::high(it, "its code"));
        let mut linking = DynamicInfo { machine: 62, ..DynamicInfo::default() };
        (linking.ident[4], linking.ident[5]) = (2, 1);
        linking.segments = Vec::new();
        Binary {
            format: Some(BinaryFormat::Elf),
            size: 100,
            kind,
            main,
            linking: Some(linking),
            ..Binary::default()
        }
    }

    fn alone(binary: Binary) -> Facts {
        Facts { binary: Some(binary), ..Facts::default() }
    }

    fn on(platform: &str, load: StartPrediction) -> Facts {
        let platform = Platform::parse(platform).unwrap();
        let config = ImageConfig { platform, ..ImageConfig::default() };
        let mut binary = program(BinaryKind::Executable, None);
        binary.interpreter = Some("/lib/ld.so".to_owned());
        Facts {
            binary: Some(binary),
            image: Some(Image::from_tree(InMemoryTree::default(), Some(config))),
            load: Some(load),
            ..Facts::default()
        }
    }

    fn starts() -> StartPrediction {
        StartPrediction { verdict: StartVerdict::Starts, ..StartPrediction::default() }
    }

    fn misses_a_library() -> StartPrediction {
        let problem = StartProblem::LibraryMissing {
            name: "libodd.so.7".to_owned(),
            needed_by: "/app".to_owned(),
            passed_over: Vec::new(),
            refused: None,
        };
        StartPrediction {
            verdict: StartVerdict::Fails,
            problems: vec![problem],
            errors: vec!["/app: error while loading shared libraries: libodd.so.7".to_owned()],
            ..StartPrediction::default()
        }
    }

    #[test]
    fn two_subjects_get_opposite_answers_to_every_question() {
        let nothing = Observation::default();
        let executable = |kind| verdict(alone(program(kind, None)), &nothing, "executable");
        assert_eq!(executable(BinaryKind::Executable), Some(true));
        assert_eq!(executable(BinaryKind::SharedLibrary), Some(false));

        let architecture = |platform| verdict(on(platform, starts()), &nothing, "architecture");
        assert_eq!(architecture("linux/arm64"), Some(true));
        assert_eq!(architecture("linux/amd64"), Some(false));

        let library = |load| verdict(on("linux/amd64", load), &nothing, "missing-library");
        assert_eq!(library(misses_a_library()), Some(true));
        assert_eq!(library(starts()), Some(false));

        let early = |load| verdict(on("linux/amd64", load), &nothing, "early-exit");
        assert_eq!(early(misses_a_library()), Some(true));
        assert_eq!(early(starts()), Some(false));
        assert_eq!(early(StartPrediction::default()), None);

        let with_main = |main, seen: &Observation, id| {
            verdict(alone(program(BinaryKind::Executable, main)), seen, id)
        };
        assert_eq!(with_main(Some(MainVerdict::Empty), &nothing, "minimal-main"), Some(true));
        assert_eq!(with_main(Some(MainVerdict::Real), &nothing, "minimal-main"), Some(false));
        assert_eq!(with_main(None, &nothing, "minimal-main"), None);

        let log = "thread 'main' panicked: Failed building the Runtime: Os { code: 1 }";
        let panicked = Observation { output: Some(log.to_owned()), ..Observation::default() };
        assert_eq!(with_main(Some(MainVerdict::Real), &panicked, "runtime"), Some(true));
        assert_eq!(with_main(Some(MainVerdict::Empty), &nothing, "runtime"), Some(false));
        assert_eq!(with_main(Some(MainVerdict::Real), &nothing, "runtime"), None);

        let ended = |exit_code, signal| {
            let seen = Observation { exit_code, signal, output: None };
            with_main(None, &seen, "signal")
        };
        assert_eq!(ended(Some(139), None), Some(true));
        assert_eq!(ended(None, Some(Signal(9))), Some(true));
        assert_eq!(ended(Some(0), None), Some(false));
        assert_eq!(ended(None, None), None);
    }
}
