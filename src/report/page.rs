//! A rule's page in Markdown, for reports that carry it with them.

use std::fmt::Write as _;

use crate::rule::Rule;

/// What is checked, why it matters, how to fix it, symptoms and references.
pub fn markdown(rule: &Rule) -> String {
    let mut page = String::new();
    for (title, text) in
        [("What is checked", rule.what), ("Why it matters", rule.why), ("How to fix it", rule.fix)]
    {
        // A string takes everything.
        let _ = write!(page, "## {title}\n\n{text}\n\n");
    }
    if !rule.symptoms.is_empty() {
        page.push_str("## Symptoms\n\n");
        rule.symptoms.iter().for_each(|it| _ = writeln!(page, "- {it}"));
        page.push('\n');
    }
    page.push_str("## References\n\n");
    for reference in rule.references {
        let is_url = reference.starts_with("https://");
        let _ = match is_url {
            true => writeln!(page, "- <{reference}>"),
            false => writeln!(page, "- {reference}"),
        };
    }
    page
}

/// The same as plain text, in one paragraph.
pub fn text(rule: &Rule) -> String {
    format!("{} {} {}", rule.what, rule.why, rule.fix)
}
