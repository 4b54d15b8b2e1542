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
    /// `(truth, said)` to how often.
    matrix: BTreeMap<(String, String), usize>,
    /// `id: said …, true is …` of everything that is not right.
    differences: Vec<String>,
}

impl Tally {
    /// One answer.
    pub fn add(&mut self, fact: &'static str, id: &str, said: Option<&str>, truth: &str) {
        let counts = match self.facts.iter().position(|(name, _)| *name == fact) {
            Some(at) => &mut self.facts[at].1,
            None => {
                self.facts.push((fact, Counts::default()));
                &mut self.facts.last_mut().expect("just pushed").1
            }
        };
        match said {
            Some(said) if said == truth => counts.right += 1,
            Some(_) => counts.wrong += 1,
            None => counts.null += 1,
        }
        if said != Some(truth) {
            counts
                .differences
                .push(format!("{id}: said {}, true is {truth}", said.unwrap_or("null")));
        }
        *counts
            .matrix
            .entry((truth.to_string(), said.unwrap_or("null").to_string()))
            .or_default() += 1;
    }

    /// The page.
    pub fn page(&self) -> String {
        let mut page =
            String::from("| fact | right | wrong | null |\n| --- | ---: | ---: | ---: |\n");
        for (fact, counts) in &self.facts {
            let _ = writeln!(
                page,
                "| {fact} | {} | {} | {} |",
                counts.right, counts.wrong, counts.null
            );
        }
        for (fact, counts) in &self.facts {
            for difference in &counts.differences {
                let _ = writeln!(page, "- {fact}: {difference}");
            }
        }
        page
    }
}
