//! Annotations of GitHub's workflow commands: one line of the log for each finding, which GitHub
//! shows beside the line of the file.
//!
//! The form is that of "Workflow commands for GitHub Actions"; the escapes are those of
//! `@actions/core` (`escapeData`, `escapeProperty`).

use std::io::{self, Write};

use crate::escape;
use crate::report::found::{Found, found};
use crate::report::lines::line;
use crate::report::{Report, verdict};
use crate::rule::Level;

/// Bytes of one line.
const MAX_LINE: usize = escape::MAX_LINE;
/// Bytes of a path and of a title, each.
const MAX_PROPERTY: usize = 400;

/// Writes the annotations, worst first, and the summary as a line of the log.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, strict: bool, to: &mut dyn Write) -> io::Result<()> {
    for it in found(report) {
        writeln!(to, "{}", annotation(&it))?;
    }
    for note in &report.expired_waivers {
        line(to, format_args!("note: {note}"))?;
    }
    let (word, rest) = verdict::verdict(report, strict);
    line(to, format_args!("{word}: {rest}"))
}

fn annotation(it: &Found<'_>) -> String {
    let command = if it.level == Level::Deny { "error" } else { "warning" };
    let mut text = format!("::{command} file={}", property(&it.place.path));
    text.push_str(&format!(",line={}", it.place.line));
    if let Some(column) = it.place.column {
        text.push_str(&format!(",col={column}"));
    }
    text.push_str(&format!(",title={}::", property(it.rule.id)));
    let mut message = if it.place.is_manifest {
        format!("{}: {}", it.subject.name, it.finding.message)
    } else {
        it.finding.message.clone()
    };
    message = data(&message);
    let evidence = it.finding.evidence.iter().map(|it| data(it));
    let fix = it.finding.fix.iter().flat_map(|it| it.lines()).map(|it| data(&format!("fix: {it}")));
    for part in evidence.chain(fix) {
        // What does not fit is left out whole.
        if text.len() + message.len() + "%0A".len() + part.len() <= MAX_LINE {
            message.push_str("%0A");
            message.push_str(&part);
        }
    }
    text.push_str(cut(&message, MAX_LINE.saturating_sub(text.len())));
    text
}

/// A text as the message of a command: no line of its own, no escape of ours.
fn data(text: &str) -> String {
    escape::line(text).replace('%', "%25")
}

/// A text as the value of a property, which ends at a comma or a colon.
fn property(text: &str) -> String {
    let text = data(text).replace(':', "%3A").replace(',', "%2C");
    cut(&text, MAX_PROPERTY).to_owned()
}

/// As many whole characters, and whole escapes, as these bytes have room for.
fn cut(text: &str, limit: usize) -> &str {
    let end = text.floor_char_boundary(limit.min(text.len()));
    let text = &text[..end];
    match text.rfind('%') {
        Some(at) if text.len() - at < 3 => &text[..at],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_neither_its_property_nor_its_line() {
        assert_eq!(property("a,b:c%d\n"), "a%2Cb%3Ac%25d\\n");
        assert_eq!(data("50 % \r\n::error::x"), "50 %25 \\r\\n\\u{3a}:error::x");
        assert_eq!(cut("ab%25", 4), "ab");
        assert_eq!(cut("ab%25", 5), "ab%25");
        assert_eq!(cut("aé", 2), "a");
    }
}
