//! Markdown in GitHub's dialect, for job summaries, comments and Buildkite's annotations: the verdict,
//! a table of the subjects, the findings worst first.

use std::io::{self, Write};

use crate::escape;
use crate::report::found::{Found, found};
use crate::report::{Report, labels, verdict};
use crate::rule::Level;

/// GitHub refuses a job summary over one MiB; others share the file.
const MAX_BYTES: usize = 900 << 10;

/// Writes the summary.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, strict: bool, to: &mut dyn Write) -> io::Result<()> {
    let (word, rest) = verdict::verdict(report, strict);
    let mut page = format!("## {}\n\n{}\n", capital(word.name()), text(&rest));
    page.push_str("\n| subject | denied | warnings | inconclusive | passed |\n");
    page.push_str("| --- | ---: | ---: | ---: | ---: |\n");
    for subject in &report.subjects {
        let summary = subject.summary();
        let identity = subject.facts.binary.as_ref().map(labels::identity);
        let identity = identity.map_or_else(String::new, |it| format!("<br>{}", text(&it)));
        page.push_str(&format!(
            "| {}{identity} | {} | {} | {} | {} |\n",
            code(&subject.name),
            summary.deny,
            summary.warn,
            summary.open,
            summary.pass
        ));
    }
    let found = found(report);
    let mut left_out = 0;
    for it in &found {
        let section = finding(it);
        match page.len() + section.len() <= MAX_BYTES {
            true if left_out == 0 => page.push_str(&section),
            _ => left_out += 1,
        }
    }
    if left_out > 0 {
        page.push_str(&format!("\n{left_out} more findings do not fit here; none is worse.\n"));
    }
    for note in report.expired_waivers.iter().chain(&report.notes) {
        if page.len() <= MAX_BYTES {
            page.push_str(&format!("\n> {}\n", text(note)));
        }
    }
    to.write_all(page.as_bytes())
}

fn finding(it: &Found<'_>) -> String {
    let level = if it.level == Level::Deny { "deny" } else { "warn" };
    let mut section = format!("\n### {level} `{}`: {}\n\n", it.rule.id, text(&it.finding.message));
    let place = match it.place.is_manifest {
        true => format!("{}, {}", code(&it.subject.name), text(&it.finding.location.to_string())),
        false => code(&format!("{}:{}", it.place.path, it.place.line)),
    };
    section.push_str(&format!("at {place}\n"));
    for evidence in &it.finding.evidence {
        section.push_str(&format!("\n- {}", text(evidence)));
    }
    if !it.finding.evidence.is_empty() {
        section.push('\n');
    }
    if let Some(fix) = &it.finding.fix {
        let lines: Vec<_> = fix.lines().map(escape::whole).collect();
        let fence = fence(&lines.join("\n"));
        section.push_str(&format!("\nFix:\n\n{fence}text\n{}\n{fence}\n", lines.join("\n")));
    }
    section
}

/// A fence that nothing in the text ends.
fn fence(text: &str) -> String {
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// A text in a span of code, in a cell of a table too.
fn code(text: &str) -> String {
    // Not with backticks: no fence is long enough for a cell, where `|` ends even code.
    format!("<code>{}</code>", self::text(text))
}

/// A text that is no Markdown, no HTML and no more than a part of its line.
fn text(text: &str) -> String {
    let text = escape::line(text);
    let mut shown = String::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // These would call somebody, and become a link.
            '@' => shown.push_str("&#64;"),
            ':' if text[at..].starts_with("://") => shown.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                shown.push('\\');
                shown.push(letter);
            }
            '-' | '+' | '=' if at == 0 => {
                shown.push('\\');
                shown.push(letter);
            }
            letter => shown.push(letter),
        }
    }
    shown
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_markdown() {
        for (hostile, shown) in [
            ("a|b `c` <img>&", "a\\|b \\`c\\` &lt;img&gt;&amp;"),
            ("[d](e) @octo #1", "\\[d\\](e) &#64;octo \\#1"),
            ("https://x.y", "https&#58;//x.y"),
            ("- a\n# b", "\\- a\\\\n\\# b"),
        ] {
            assert_eq!(text(hostile), shown);
        }
        assert_eq!(fence("a ```` b"), "`````");
        assert_eq!(fence("plain"), "```");
    }
}
