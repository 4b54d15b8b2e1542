use crate::binary::Binary;
use crate::cargo::build::Build;
use crate::cargo::crate_freshness::{CrateFreshness, CrateRole};
use crate::cargo::evidence::SourceExcerpt;
use crate::cargo::evidence::compared_strings::EditedString;
use crate::cargo::evidence::mismatch::{Mismatch, MismatchKind};
use crate::cargo::fix_commands;
use crate::cargo::freshness::Freshness;
use crate::cargo::source::string_literals::Presence;
use crate::rule::{
    CheckFn, Finding, Group, Level, Location, NOT_COMPARED, Outcome, Rule, Status, Symptom, settle,
};

pub static RULE: Rule = Rule {
    id: "stale-sources",
    aliases: &[],
    group: Group::Freshness,
    level: Level::Deny,
    since: "0.1.0",
    status: Status::Stable,
    summary: "the binary was compiled from other sources than these",
    what: "A call that can panic leaves its file, line and column in the binary, stripped or not. The \
           rule fails if no token of the sources begins there, if the binary lacks a text that \
           `main` certainly prints or has an edited form of one, or if a source of the package's \
           own library has not the digest in the library's metadata.",
    why: "What ships is not what was reviewed, and nothing in the image says so.",
    fix: "Build again. If cargo does not compile the crate, see the finding of `stale-by-mtime`.",
    no_fix_line: None,
    symptoms: &[Symptom::Behaviour("a change in the sources has no effect")],
    references: &["https://github.com/rust-lang/cargo/issues/7181"],
    check: CheckFn::Build(check),
};

fn check(_binary: &Binary, build: &Build) -> Outcome {
    let freshness = &build.freshness;
    if !freshness.read {
        return Outcome::open(NOT_COMPARED, settle::IN_WORKSPACE);
    }
    let own: Vec<&CrateFreshness> = freshness.crates.iter().filter(|it| it.is_own()).collect();
    let mut findings: Vec<_> = own.iter().filter_map(|state| of_crate(state, build)).collect();
    let texts = &freshness.string_literals;
    let mut undecided = None;
    // A count alone decides nothing: what nobody calls takes its texts along.
    if texts.presence.is_older() {
        let Presence { found, wanted, .. } = texts.presence;
        let what = format!("only {found} of {wanted} texts of the sources are in the binary");
        undecided = Some(format!("{what}, but uncalled code may hold the others"));
        if let Some(first) = findings.first_mut() {
            first.evidence.push(what);
        }
    }
    if let Some(SourceExcerpt { path, line, text }) = &texts.unreached {
        let what =
            format!("`main` prints {text:?} at {path}:{line}, which the binary does not have");
        undecided = Some(format!("{what}, but a call before it may never return"));
    }
    findings.extend(of_edited(build, !findings.is_empty()));
    if let Some(edited) = texts.edited_strings.iter().find(|it| it.undecided.is_some()) {
        let why = edited.undecided.as_deref().unwrap_or_default();
        undecided =
            Some(format!("{}, but it may be a text of other code: {why}", edited.describe()));
    }
    if !findings.is_empty() {
        return Outcome::Fail(findings);
    }
    let unread =
        |it: &&&CrateFreshness| it.role == CrateRole::Program && !it.proven && !it.open.is_empty();
    let unread = own.iter().find(unread).map(|state| state.open[0].clone());
    let compared = own.iter().any(|it| it.matches > 0) || texts.presence.percent().is_some();
    match undecided.or(unread) {
        Some(why) => Outcome::open(why, settle::BY_FRESHEN),
        None if compared => Outcome::pass(places(freshness)),
        None => Outcome::open("nothing in the binary can be compared", settle::BY_FRESHEN),
    }
}

fn places(Freshness { locations, .. }: &Freshness) -> String {
    format!("{} of {} panic locations match the sources", locations.fitting, locations.checked)
}

/// Texts of which the program holds another form, where no other code of the program has it: with
/// both its ends it is an edited one, without them something may only look alike.
fn of_edited(build: &Build, is_stale: bool) -> Option<Finding> {
    let edited =
        build.freshness.string_literals.edited_strings.iter().filter(|it| it.undecided.is_none());
    let mut edited: Vec<&EditedString> = edited.collect();
    edited.sort_by_key(|it| !it.whole);
    let first = edited.first()?;
    let place = Location::File { path: first.source.path.clone(), line: Some(first.source.line) };
    let more = edited[1..].iter().take(4).map(|it| it.describe());
    let finding = more.fold(Finding::new(place, first.describe()), Finding::evidence);
    let crates = build.freshness.crates.iter();
    let of_crate = |state: &&CrateFreshness| edited.iter().any(|it| state.has(&it.file));
    let finding =
        finding.fix(fix_commands::build_again(build, &crates.filter(of_crate).collect::<Vec<_>>()));
    let denied = is_stale || first.whole;
    Some(if denied { finding } else { finding.at_most_warn() })
}

fn of_crate(state: &CrateFreshness, build: &Build) -> Option<Finding> {
    // A list of files that cargo would not act on is the business of `stale-by-mtime`.
    let is_ours = |it: &&Mismatch| {
        !matches!(it.kind, MismatchKind::NotCompiled | MismatchKind::Gone)
            || !state.cargo_calls_it_fresh()
    };
    let mut ours = state.mismatches.iter().filter(is_ours);
    let first = ours.next()?;
    let more = ours.clone().count();
    let others = if more == 0 { String::new() } else { format!(" ({more} more)") };
    let place = Location::File { path: first.path.clone(), line: first.line };
    let finding = Finding::new(place, format!("{}{others}", first.describe()));
    let finding = ours.take(4).map(Mismatch::describe).fold(finding, Finding::evidence);
    let finding = finding.evidence(places(&build.freshness));
    let newer = state.mtime_after.iter().take(3);
    let newer = newer.map(|(file, when)| format!("{file} was modified at {when}, after the build"));
    Some(newer.fold(finding, Finding::evidence).fix(fix_commands::build_again(build, &[state])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::file_time::FileTime;
    use crate::cargo::test_support::{build_of, state};

    #[test]
    fn an_impossible_place_is_named_with_its_line() {
        let mut program = state(CrateRole::Program);
        let kind = MismatchKind::NoToken { column: 9, lines: 3 };
        let place = Mismatch { path: "src/main.rs".into(), line: Some(7), kind };
        program.mismatches.push(place);
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        let finding = &outcome.findings()[0];
        assert_eq!(finding.location, Location::File { path: "src/main.rs".into(), line: Some(7) });
        assert!(finding.message.contains("past the end (3 lines)"), "{finding:?}");
    }

    #[test]
    fn a_list_counts_only_when_cargo_would_act_on_it() {
        let mut program = state(CrateRole::Program);
        let kind = MismatchKind::NotCompiled;
        program.mismatches.push(Mismatch { path: "src/a.rs".into(), line: None, kind });
        let old = check(&Binary::default(), &build_of(vec![program.clone()]));
        assert_eq!(old.name(), "pass");
        program.mtime_after.push(("src/main.rs".into(), FileTime::new(9, 0)));
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        assert_eq!(outcome.findings().len(), 1);
    }

    #[test]
    fn a_share_of_texts_is_evidence_and_never_a_verdict() {
        for (found, open) in [(0, true), (85, true), (97, false)] {
            let mut build = build_of(vec![state(CrateRole::Program)]);
            build.freshness.string_literals.presence =
                Presence { wanted: 100, found, missing: Vec::new() };
            let outcome = check(&Binary::default(), &build);
            assert_eq!(matches!(outcome, Outcome::Open(_)), open, "{found}: {outcome:?}");
            assert!(outcome.findings().is_empty());
            let kind = MismatchKind::NoToken { column: 9, lines: 3 };
            let place = Mismatch { path: "src/main.rs".into(), line: Some(7), kind };
            build.freshness.crates[0].mismatches.push(place);
            let outcome = check(&Binary::default(), &build);
            let evidence = outcome.findings()[0].evidence.join("\n");
            assert_eq!(evidence.contains("of 100 texts"), open, "{evidence}");
        }
    }

    #[test]
    fn an_edited_text_denies_with_both_its_ends_and_warns_without() {
        let edited = |whole, undecided: Option<&str>| EditedString {
            file: "src/main.rs".into(),
            source: SourceExcerpt {
                path: "src/main.rs".into(),
                line: 7,
                text: "a new text".into(),
            },
            inside: "an old text".into(),
            whole,
            undecided: undecided.map(str::to_owned),
        };
        for (texts, level) in [
            (vec![edited(true, None)], Some(None)),
            (vec![edited(false, None)], Some(Some(Level::Warn))),
            (vec![edited(false, None), edited(false, None)], Some(Some(Level::Warn))),
            (vec![edited(false, None), edited(true, None)], Some(None)),
            (vec![edited(true, Some("no std")), edited(true, Some("no std"))], None),
        ] {
            let mut build = build_of(vec![state(CrateRole::Program)]);
            build.freshness.string_literals.edited_strings = texts;
            let outcome = check(&Binary::default(), &build);
            assert_eq!(outcome.findings().first().map(|it| it.at_most), level);
            match outcome {
                Outcome::Open(why) => assert!(why.missing.contains("no std"), "{why}"),
                outcome => assert!(outcome.findings()[0].message.contains("src/main.rs:7")),
            }
        }
    }

    #[test]
    fn a_text_that_may_never_be_reached_is_open() {
        let mut build = build_of(vec![state(CrateRole::Program)]);
        let place = SourceExcerpt { path: "src/main.rs".into(), line: 9, text: "stopped".into() };
        build.freshness.string_literals.unreached = Some(place);
        assert!(matches!(check(&Binary::default(), &build), Outcome::Open(_)));
    }

    #[test]
    fn nothing_compared_is_open() {
        let mut program = state(CrateRole::Program);
        program.matches = 0;
        let outcome = check(&Binary::default(), &build_of(vec![program]));
        assert!(matches!(outcome, Outcome::Open(_)));
    }
}
