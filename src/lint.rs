//! Runs every rule over the facts under the levels: the one place where the three meet.

use crate::config::date::Date;
use crate::config::{Config, Waiver};
use crate::report::{Checked, Report, SubjectReport, Waived};
use crate::rule::{Finding, Level, Outcome};
use crate::rules;
use crate::subject::Facts;

/// Lints every subject by every rule that is not allowed. `today` decides which waivers hold.
pub fn lint(subjects: Vec<(String, Facts)>, config: &Config, today: Date) -> Report {
    let mut used = vec![false; config.waivers.len()];
    let subjects: Vec<SubjectReport> = subjects
        .into_iter()
        .map(|(name, mut facts)| {
            facts.policy = config.policy.clone();
            let checked = run_rules(&name, &facts, config, today, &mut used);
            SubjectReport { name, facts, checked }
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
    }
}

fn run_rules(
    name: &str,
    facts: &Facts,
    config: &Config,
    today: Date,
    used: &mut [bool],
) -> Vec<Checked> {
    let mut all = Vec::new();
    for &rule in rules::ALL {
        let level = config.level(rule);
        if level == Level::Allow {
            continue;
        }
        let outcome = rule.check.run(facts);
        let holding = config.waivers.iter().position(|waiver| holds(waiver, rule.id, name, today));
        let waived = match (&outcome, holding) {
            (Outcome::Fail(_), Some(index)) => {
                used[index] = true;
                let waiver = &config.waivers[index];
                Some(Waived { reason: waiver.reason.clone(), place: waiver.place.clone() })
            }
            _ => None,
        };
        all.push(Checked { rule, level: weigh(level, &outcome), outcome, waived });
    }
    all
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
    use crate::config::Source;

    const RULE: &str = "relro-not-full";

    fn report(config: &str) -> Report {
        let hardening = Hardening { relro: Some(Relro::None), ..Hardening::default() };
        let binary = Binary { hardening, ..Binary::default() };
        let facts = Facts { binary: Some(binary), ..Facts::default() };
        let config =
            Config::read(&[Source { path: "binlint.toml", text: config, table: &[] }]).unwrap();
        lint(vec![("app".to_owned(), facts)], &config, Date::parse("2026-11-23").unwrap())
    }

    fn checked(report: &Report) -> Option<&Checked> {
        report.subjects[0].checked.iter().find(|it| it.rule.id == RULE)
    }

    #[test]
    fn an_allowed_rule_is_not_run() {
        assert!(checked(&report("")).is_some());
        assert!(checked(&report("[levels]\nrelro-not-full = \"allow\"")).is_none());
    }

    #[test]
    fn a_denied_finding_is_denied_unless_its_evidence_caps_it() {
        let report = report("[levels]\nrelro-not-full = \"deny\"");
        assert_eq!(checked(&report).unwrap().level, Level::Deny);
        let weak = Finding::new(crate::rule::Location::Subject, "x").at_most_warn();
        assert_eq!(weigh(Level::Deny, &weak.clone().into()), Level::Warn);
        let strong = Finding { at_most: None, ..weak.clone() };
        assert_eq!(weigh(Level::Deny, &Outcome::Fail(vec![weak, strong])), Level::Deny);
        assert_eq!(weigh(Level::Deny, &Outcome::pass("nothing")), Level::Deny);
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
            assert_eq!(checked(&report).unwrap().waived.is_some(), silenced, "{rest}");
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
