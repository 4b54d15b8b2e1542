//! Runs every rule over every subject under the configured levels.

use crate::config::{Config, Waiver};
use crate::dockerfile::Dockerfile;
use crate::report::base::Base;
use crate::report::{AppliedWaiver, Report, RuleResult, SubjectReport};
use crate::rule::{CheckFn, Finding, Level, Location, Outcome, Rule};
use crate::rules;
use crate::rules::freshness::not_reproduced;
use crate::subject::Facts;
use jiff::civil::Date;

/// Lints every subject by every rule that is not allowed. `today` decides which waivers hold.
pub fn lint(subjects: Vec<(String, Facts)>, config: &Config, today: Date) -> Report {
    let mut used = vec![false; config.waivers.len()];
    let subjects: Vec<SubjectReport> = subjects
        .into_iter()
        .map(|(name, mut facts)| {
            let triple = facts.binary.as_ref().and_then(|it| it.triple.value.as_deref());
            facts.expectations = config.expectations_for(triple);
            let mut results = run_rules(&name, &facts, config, today, &mut used);
            if config.warnings_denied {
                results.iter_mut().for_each(deny);
            }
            SubjectReport { name, facts, results }
        })
        .collect();
    let idle = config.waivers.iter().zip(used).filter(|(_, used)| !used).map(|(it, _)| it);
    let idle: Vec<&Waiver> = idle.collect();
    let is_expired = |waiver: &&&Waiver| expired(waiver, today);
    Report {
        notes: idle.iter().map(|waiver| idle_waiver(waiver, today)).collect(),
        expired_waivers: idle
            .iter()
            .filter(is_expired)
            .map(|waiver| idle_waiver(waiver, today))
            .collect(),
        subjects,
        base: Base::default(),
    }
}

/// Makes an error of a warning, however weak its evidence is: whoever denies warnings wants none.
fn deny(result: &mut RuleResult) {
    let Outcome::Fail(findings) = &mut result.outcome else { return };
    result.level = Level::Deny;
    findings.iter_mut().for_each(|finding| finding.at_most = None);
}

fn run_rules(
    name: &str,
    facts: &Facts,
    config: &Config,
    today: Date,
    used: &mut [bool],
) -> Vec<RuleResult> {
    let mut all = Vec::new();
    for &rule in rules::ALL {
        let advisory = facts.dockerfile.as_ref().is_some_and(|it| it.advisory);
        let cap = if advisory && !config.is_set(rule) { Level::Warn } else { Level::Deny };
        let level = config.level(rule).min(cap);
        // A Dockerfile is no program, and no program is a Dockerfile.
        let of_dockerfile = matches!(rule.check, CheckFn::Dockerfile(_));
        if level == Level::Allow || of_dockerfile != facts.dockerfile.is_some() {
            continue;
        }
        let mut outcome = not_reproduced::settle(rule.id, rule.check.run(facts), facts);
        if of_dockerfile {
            outcome = printable(outcome);
        }
        if let Some(dockerfile) = &facts.dockerfile
            && let Some((rest, waiver)) = ignored(rule, &outcome, dockerfile)
        {
            all.push(RuleResult {
                rule,
                level: weigh(level, &waiver.0),
                outcome: waiver.0,
                waiver: Some(waiver.1),
            });
            if rest.findings().is_empty() {
                continue;
            }
            all.push(RuleResult { rule, level: weigh(level, &rest), outcome: rest, waiver: None });
            continue;
        }
        let holding = config.waivers.iter().position(|waiver| holds(waiver, rule.id, name, today));
        let waiver = match (&outcome, holding) {
            (Outcome::Fail(_), Some(index)) => {
                used[index] = true;
                let waiver = &config.waivers[index];
                Some(AppliedWaiver { reason: waiver.reason.clone(), place: waiver.place.clone() })
            }
            _ => None,
        };
        all.push(RuleResult { rule, level: weigh(level, &outcome), outcome, waiver });
    }
    all
}

/// Nothing that stands in a Dockerfile reaches a report as control bytes or as an endless line.
fn printable(outcome: Outcome) -> Outcome {
    const MAX_CHARS: usize = 1_000;
    let clean = |text: &mut String| {
        let hidden = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if text.len() > MAX_CHARS || text.contains(hidden) {
            let shown = text.chars().take(MAX_CHARS);
            *text = shown.map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
        }
    };
    let Outcome::Fail(mut findings) = outcome else { return outcome };
    for finding in &mut findings {
        clean(&mut finding.message);
        finding.evidence.iter_mut().for_each(clean);
        finding.fix.iter_mut().for_each(clean);
        if let Location::Line { text, path, .. } = &mut finding.location {
            clean(text);
            clean(path);
        }
    }
    Outcome::Fail(findings)
}

/// Findings of a Dockerfile that its own comments accept, apart from the rest; `None` where there are none.
fn ignored(
    rule: &Rule,
    outcome: &Outcome,
    dockerfile: &Dockerfile,
) -> Option<(Outcome, (Outcome, AppliedWaiver))> {
    let accepts = |finding: &Finding| {
        let Location::Line { line, .. } = &finding.location else { return None };
        dockerfile.ignores.iter().find(|it| {
            (it.rule == rule.id || it.rule == rule.group.name())
                && !it.reason.is_empty()
                && (it.from..=it.to).contains(line)
        })
    };
    let (accepted, rest): (Vec<&Finding>, Vec<&Finding>) =
        outcome.findings().iter().partition(|it| accepts(it).is_some());
    let ignore = accepted.first().and_then(|it| accepts(it))?;
    let place = format!("{}:{}", dockerfile.path, ignore.line);
    let waiver = AppliedWaiver { reason: ignore.reason.clone(), place };
    let fail = |findings: Vec<&Finding>| Outcome::Fail(findings.into_iter().cloned().collect());
    Some((fail(rest), (fail(accepted), waiver)))
}

/// A failed outcome weighs as much as its heaviest finding; anything else as its rule.
fn weigh(level: Level, outcome: &Outcome) -> Level {
    let capped = |finding: &Finding| finding.at_most.map_or(level, |cap| cap.min(level));
    outcome.findings().iter().map(capped).max().unwrap_or(level)
}

fn holds(waiver: &Waiver, rule: &str, subject: &str, today: Date) -> bool {
    waiver.rule.id == rule
        && waiver.subject.as_deref().is_none_or(|it| it == subject)
        && !expired(waiver, today)
}

fn expired(waiver: &Waiver, today: Date) -> bool {
    waiver.expires.is_some_and(|day| day <= today)
}

fn idle_waiver(waiver: &Waiver, today: Date) -> String {
    let Waiver { rule, place, .. } = waiver;
    match waiver.expires.filter(|_| expired(waiver, today)) {
        Some(day) => {
            format!("{place}: the waiver of `{}` expired on {day} and no longer counts", rule.id)
        }
        None => format!("{place}: the waiver of `{}` matches no finding; delete it", rule.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;
    use crate::binary::{Hardening, Relro};
    use crate::config::ConfigSource;

    const RULE: &str = "relro-not-full";

    fn report(config: &str) -> Report {
        let hardening = Hardening { relro: Some(Relro::Partial), ..Hardening::default() };
        let binary = Binary { hardening, ..Binary::default() };
        let facts = Facts { binary: Some(binary), ..Facts::default() };
        let config =
            Config::read(&[ConfigSource { path: "binlint.toml", text: config, table: &[] }])
                .unwrap();
        lint(vec![("app".to_owned(), facts)], &config, jiff::civil::date(2026, 11, 23))
    }

    fn results(report: &Report) -> Option<&RuleResult> {
        report.subjects[0].results.iter().find(|it| it.rule.id == RULE)
    }

    #[test]
    fn an_allowed_rule_is_not_run() {
        assert!(results(&report("")).is_some());
        assert!(results(&report("[levels]\nrelro-not-full = \"allow\"")).is_none());
    }

    #[test]
    fn a_denied_finding_is_denied_unless_its_evidence_caps_it() {
        let report = report("[levels]\nrelro-not-full = \"deny\"");
        assert_eq!(results(&report).unwrap().level, Level::Deny);
        let weak = Finding::new(crate::rule::Location::Subject, "x").at_most_warn();
        assert_eq!(weigh(Level::Deny, &weak.clone().into()), Level::Warn);
        let strong = Finding { at_most: None, ..weak.clone() };
        assert_eq!(weigh(Level::Deny, &Outcome::Fail(vec![weak, strong])), Level::Deny);
        assert_eq!(weigh(Level::Deny, &Outcome::pass("nothing")), Level::Deny);
    }

    #[test]
    fn a_denied_warning_is_denied_whatever_its_evidence() {
        for (config, level) in [("", Level::Warn), ("[levels]\nwarnings = \"deny\"", Level::Deny)] {
            let report = report(config);
            assert_eq!(results(&report).unwrap().level, level);
            assert_eq!(report.is_clean(false), level == Level::Warn);
        }
        let mut weak = RuleResult {
            rule: results(&report("")).unwrap().rule,
            level: Level::Warn,
            outcome: Finding::new(Location::Subject, "x").at_most_warn().into(),
            waiver: None,
        };
        deny(&mut weak);
        assert_eq!((weak.level, weak.outcome.findings()[0].at_most), (Level::Deny, None));
    }

    #[test]
    fn a_waiver_holds_until_its_day_and_for_its_subject() {
        let waiver =
            |rest: &str| format!("[[waivers]]\nrule = \"{RULE}\"\nreason = \"known\"\n{rest}");
        for (rest, silenced, note) in [
            ("", true, None),
            ("subject = \"app\"", true, None),
            ("expires = \"2026-11-24\"", true, None),
            ("expires = \"2026-11-23\"", false, Some("expired on 2026-11-23")),
            ("subject = \"other\"", false, Some("matches no finding")),
        ] {
            let report = report(&waiver(rest));
            assert_eq!(results(&report).unwrap().waiver.is_some(), silenced, "{rest}");
            assert_eq!(
                report.notes.len(),
                usize::from(note.is_some()),
                "{rest}: {:?}",
                report.notes
            );
            assert!(
                note.is_none_or(|it| report.notes[0].contains(it)),
                "{rest}: {:?}",
                report.notes
            );
        }
    }
}
