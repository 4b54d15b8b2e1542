use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::{CrateState, Role};
use crate::cargo::evidence::Shown;
use crate::cargo::evidence::mismatch::{Contradiction, Kind};
use crate::cargo::evidence::texts::EditedText;
use crate::cargo::fix_commands;
use crate::cargo::source::string_literals::Presence;
use crate::rule::{Check, Finding, Group, Level, Location, Outcome, Rule, Symptom};

pub static RULE: Rule = Rule {
    id: "stale-sources",
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    summary: "the program was compiled from other sources than these",
    what: "Every panicking call keeps its file, line and column in the program, even when it is \
           stripped; in the sources a token must start there. The texts that `main` prints must be \
           inside, and of the long texts of the program's crate nearly all; one that is missing must \
           not be there in another form. The metadata of its own library holds an MD5 of every file. \
           One impossible place is a contradiction: in builds from the sources at hand there is none.",
    why: "What ships is not what was reviewed. The fix that is in the repository is not in the \
          program, and nothing in the image says so.",
    fix: "Build again from these sources. If cargo answers `Finished` without `Compiling`, the \
          finding of `stale-by-mtime` says why and what to type.",
    symptoms: &[Symptom::Behaviour("a change that was made is not there")],
    references: &["docs/freshness.md", "https://github.com/rust-lang/cargo/issues/7181"],
    check: Check::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let freshness = &build.freshness;
    if !freshness.read {
        return Outcome::open("the sources were not compared with the program");
    }
    let own: Vec<&CrateState> = freshness.crates.iter().filter(|it| it.is_own()).collect();
    let mut findings: Vec<Finding> =
        own.iter().filter_map(|state| of_crate(state, build)).collect();
    let texts = &freshness.texts;
    // Where places of the program fit the sources, missing texts may be of code that nobody calls.
    let fits = findings.is_empty() && freshness.locations.fitting > 0;
    let mut undecided = None;
    if texts.presence.is_older() {
        let Presence { found, wanted, .. } = texts.presence;
        let what = format!("only {found} of {wanted} texts of its sources are in the program");
        match fits {
            true => undecided = Some(format!("{what}; nobody may call the code of the others")),
            false => findings.push(of_share(&what, build, !findings.is_empty())),
        }
    }
    if let Some(Shown { path, line, text }) = &texts.unreached {
        let what = format!("`main` prints {text:?} at {path}:{line}, which is nowhere inside");
        undecided = Some(format!("{what}; something before it may never return"));
    }
    findings.extend(of_edited(build, !findings.is_empty()));
    if !findings.is_empty() {
        return Outcome::Fail(findings);
    }
    let unread = |it: &&&CrateState| it.role == Role::Program && !it.proven && !it.open.is_empty();
    let unread = own.iter().find(unread).map(|state| state.open[0].clone());
    let compared = own.iter().any(|it| it.agreements > 0) || texts.presence.percent().is_some();
    match undecided.or(unread) {
        Some(why) => Outcome::open(why),
        None if compared => Outcome::Pass,
        None => Outcome::open("the program holds nothing that its sources could contradict"),
    }
}

fn of_share(what: &str, build: &Build, is_stale: bool) -> Finding {
    let texts = &build.freshness.texts;
    let (message, denied) = match texts.presence.is_another_program() {
        true => (format!("{what}: it is another program"), true),
        false => (format!("{what}: it is probably older"), is_stale),
    };
    let missing = texts.missing.iter().take(5);
    let finding = missing.fold(Finding::new(Location::Subject, message), |finding, it| {
        finding.evidence(format!("{}:{}: {:?}", it.path, it.line, it.text))
    });
    let program: Vec<&CrateState> = build.freshness.program().into_iter().collect();
    let finding = finding.fix(fix_commands::build_again(build, &program));
    if denied { finding } else { finding.at_most_warn() }
}

/// One text whose beginning or end is another may be somebody else's that looks alike; one with
/// both ends, or two of them, are not.
fn of_edited(build: &Build, is_stale: bool) -> Option<Finding> {
    let edited = &build.freshness.texts.edited;
    let first = edited.first()?;
    let place = Location::File { path: first.source.path.clone(), line: Some(first.source.line) };
    let more = edited[1..].iter().take(4).map(EditedText::describe);
    let finding = more.fold(Finding::new(place, first.describe()), Finding::evidence);
    let crates = build.freshness.crates.iter();
    let of_crate = |state: &&CrateState| edited.iter().any(|it| state.has(&it.file));
    let finding =
        finding.fix(fix_commands::build_again(build, &crates.filter(of_crate).collect::<Vec<_>>()));
    let denied = is_stale || edited.len() > 1 || first.whole;
    Some(if denied { finding } else { finding.at_most_warn() })
}

fn of_crate(state: &CrateState, build: &Build) -> Option<Finding> {
    // A list of files that cargo would not act on is the business of `stale-by-mtime`.
    let is_ours = |it: &&Contradiction| {
        !matches!(it.kind, Kind::NotCompiled | Kind::Gone) || !state.cargo_calls_it_fresh()
    };
    let mut ours = state.contradictions.iter().filter(is_ours);
    let first = ours.next()?;
    let more = ours.clone().count();
    let others = if more == 0 { String::new() } else { format!(" ({more} more)") };
    let place = Location::File { path: first.path.clone(), line: first.line };
    let mut finding = Finding::new(place, format!("{}{others}", first.describe()));
    finding = ours.take(4).map(Contradiction::describe).fold(finding, Finding::evidence);
    let compared = build.freshness.locations;
    let (fitting, checked) = (compared.fitting, compared.checked);
    finding = finding.evidence(format!("{fitting} of {checked} panic locations fit the sources"));
    for (file, when) in state.newer.iter().take(3) {
        finding = finding.evidence(format!("{file} was written at {when}, after the build began"));
    }
    Some(finding.fix(fix_commands::build_again(build, &[state])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::compared::Compared;
    use crate::cargo::file_time::Moment;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn an_impossible_place_is_named_with_its_line() {
        let mut program = state(Role::Program);
        let kind = Kind::NoToken { column: 9, lines: 3 };
        let place = Contradiction { path: "src/main.rs".into(), line: Some(7), kind };
        program.contradictions.push(place);
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        let finding = &outcome.findings()[0];
        assert_eq!(finding.location, Location::File { path: "src/main.rs".into(), line: Some(7) });
        assert!(finding.message.contains("past the end (3 lines)"), "{finding:?}");
    }

    #[test]
    fn a_list_counts_only_when_cargo_would_act_on_it() {
        let mut program = state(Role::Program);
        let kind = Kind::NotCompiled;
        program.contradictions.push(Contradiction { path: "src/a.rs".into(), line: None, kind });
        let old = check(&Binary::default(), &build_of(vec![program.clone()]));
        assert_eq!(old, Outcome::Pass);
        program.newer.push(("src/main.rs".into(), Moment::new(9, 0)));
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        assert_eq!(outcome.findings().len(), 1);
    }

    #[test]
    fn shares_of_texts_deny_warn_or_pass() {
        for (found, level) in [(20, Some(None)), (85, Some(Some(Level::Warn))), (97, None)] {
            let mut build = build_of(vec![state(Role::Program)]);
            build.freshness.texts.presence = Presence { wanted: 100, found, missing: Vec::new() };
            let outcome = check(&Binary::default(), &build);
            assert_eq!(outcome.findings().first().map(|it| it.at_most), level, "{found}");
        }
    }

    #[test]
    fn missing_texts_of_a_program_whose_places_fit_are_open() {
        let mut build = build_of(vec![state(Role::Program)]);
        build.freshness.texts.presence = Presence { wanted: 100, found: 20, missing: Vec::new() };
        build.freshness.locations = Compared { checked: 3, fitting: 3 };
        assert!(matches!(check(&Binary::default(), &build), Outcome::Open(_)));
    }

    #[test]
    fn an_edited_text_denies_with_both_its_ends_or_in_company() {
        let edited = |whole| EditedText {
            file: "src/main.rs".into(),
            source: Shown { path: "src/main.rs".into(), line: 7, text: "a new text".into() },
            inside: "an old text".into(),
            whole,
        };
        for (texts, level) in [
            (vec![edited(true)], None),
            (vec![edited(false)], Some(Level::Warn)),
            (vec![edited(false), edited(false)], None),
        ] {
            let mut build = build_of(vec![state(Role::Program)]);
            build.freshness.texts.edited = texts;
            let outcome = check(&Binary::default(), &build);
            assert_eq!(outcome.findings()[0].at_most, level);
            assert!(outcome.findings()[0].message.contains("src/main.rs:7"));
        }
    }

    #[test]
    fn a_text_that_may_never_be_reached_is_open() {
        let mut build = build_of(vec![state(Role::Program)]);
        let place = Shown { path: "src/main.rs".into(), line: 9, text: "stopped".into() };
        build.freshness.texts.unreached = Some(place);
        assert!(matches!(check(&Binary::default(), &build), Outcome::Open(_)));
    }

    #[test]
    fn nothing_compared_is_open() {
        let mut program = state(Role::Program);
        program.agreements = 0;
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        assert!(matches!(outcome, Outcome::Open(_)));
    }
}
