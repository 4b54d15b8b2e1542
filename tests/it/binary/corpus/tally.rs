//! Counts of what was said against what is true, and the page that shows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Said, true and null, for every fact.
#[derive(Default)]
pub struct Tally {
    facts: Vec<(&'static str, Counts)>,
}

#[derive(Default)]
struct Counts {
    right: usize,
    wrong: usize,
    null: usize,
    /// Differences that `EXPLAINED` has a reason for.
    explained: usize,
    /// `(truth, said)` to how often.
    matrix: BTreeMap<(String, String), usize>,
    differences: Vec<(String, Option<&'static str>)>,
}

/// A difference that is not the reader's: the fact, a part of the program's id, and why.
pub type Explained = (&'static str, &'static str, &'static str);

impl Tally {
    /// One answer.
    pub fn add(&mut self, fact: &'static str, id: &str, said: Option<&str>, truth: &str) {
        let at = self.facts.iter().position(|(name, _)| *name == fact).unwrap_or_else(|| {
            self.facts.push((fact, Counts::default()));
            self.facts.len() - 1
        });
        let counts = &mut self.facts[at].1;
        let shown = said.unwrap_or("null");
        *counts.matrix.entry((truth.to_string(), shown.to_string())).or_default() += 1;
        if said == Some(truth) {
            counts.right += 1;
            return;
        }
        let why = super::EXPLAINED
            .iter()
            .find(|(of, part, _)| *of == fact && id.contains(part))
            .map(|(_, _, why)| *why);
        match (why, said) {
            (Some(_), _) => counts.explained += 1,
            (None, Some(_)) => counts.wrong += 1,
            (None, None) => counts.null += 1,
        }
        counts.differences.push((format!("`{id}`: said {shown}, the list has {truth}"), why));
    }

    /// What misses its goal, a line each: of these facts, nothing may be wrong or null without a
    /// reason.
    pub fn missed(&self, goals: &[&str]) -> Vec<String> {
        let of_goal = self.facts.iter().filter(|(fact, _)| goals.contains(fact));
        of_goal
            .flat_map(|(fact, counts)| {
                let open = counts.differences.iter().filter(|(_, why)| why.is_none());
                open.map(move |(difference, _)| format!("{fact}: {difference}"))
            })
            .collect()
    }

    /// How many of a fact were right, of how many.
    pub fn share(&self, fact: &str) -> (usize, usize) {
        let counts = self.facts.iter().find(|(name, _)| *name == fact).map(|(_, counts)| counts);
        counts.map_or((0, 0), |it| (it.right, it.right + it.wrong + it.null + it.explained))
    }

    /// The tables, one line a fact, then a matrix for each fact of few values.
    pub fn page(&self, into: &mut String) {
        into.push_str("| fact | right | wrong | null | explained below |\n");
        into.push_str("| --- | ---: | ---: | ---: | ---: |\n");
        for (fact, it) in &self.facts {
            let (right, wrong, null, explained) = (it.right, it.wrong, it.null, it.explained);
            let _ = writeln!(into, "| {fact} | {right} | {wrong} | {null} | {explained} |");
        }
        into.push_str("\n### Said and true\n");
        for (fact, counts) in &self.facts {
            matrix(fact, counts, into);
        }
        into.push_str("\n### Differences\n\n");
        for (fact, counts) in &self.facts {
            for (difference, why) in &counts.differences {
                let why = why.map_or_else(String::new, |why| format!(". {why}"));
                let _ = writeln!(into, "- {fact}: {difference}{why}");
            }
        }
    }
}

/// Rows are what is true, columns what was said; facts with many values would be a page each.
fn matrix(fact: &str, counts: &Counts, into: &mut String) {
    const MOST_VALUES: usize = 12;
    let mut truths: Vec<&String> = counts.matrix.keys().map(|(truth, _)| truth).collect();
    truths.dedup();
    let mut said: Vec<&String> = counts.matrix.keys().map(|(_, said)| said).collect();
    said.sort();
    said.dedup();
    if truths.len() < 2 || truths.len() > MOST_VALUES || said.len() > MOST_VALUES {
        return;
    }
    let columns: Vec<&str> = said.iter().map(|it| it.as_str()).collect();
    let _ = writeln!(into, "\n| {fact}: true \\ said | {} |", columns.join(" | "));
    let _ = writeln!(into, "| --- |{}", " ---: |".repeat(said.len()));
    for truth in truths {
        let cell = |said: &&String| {
            counts.matrix.get(&(truth.clone(), (*said).clone())).copied().unwrap_or(0)
        };
        let cells: Vec<String> = said.iter().map(|said| cell(said).to_string()).collect();
        let _ = writeln!(into, "| {truth} | {} |", cells.join(" | "));
    }
}
