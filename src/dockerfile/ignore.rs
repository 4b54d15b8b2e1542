//! `# binlint: ignore=RULE reason`: findings that the Dockerfile itself accepts, above a line or behind it.

use super::parse::ParsedInstruction;
use super::source::SourceText;

/// A rule that is waived at some lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The rule or group.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Where it is said.
    pub line: u32,
    /// The first line that it waives.
    pub from: u32,
    /// The last.
    pub to: u32,
}

/// Every such comment.
pub fn find(source: &SourceText, instructions: &[ParsedInstruction]) -> Vec<Ignore> {
    const MARK: &str = "binlint: ignore=";
    let mut all = Vec::new();
    for (at, _) in source.text().match_indices(MARK) {
        let line = source.position(at).line;
        let text = source.line(line);
        let Some((before, rest)) = text.split_once(MARK) else { continue };
        let Some(before) = before.trim_end().strip_suffix('#') else { continue };
        let (rules, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let alone = before.trim().is_empty();
        let (from, to) = if alone { below(source, instructions, line) } else { (line, line) };
        for rule in rules.split(',').filter(|it| !it.is_empty()) {
            let (rule, reason) = (rule.to_owned(), reason.trim().to_owned());
            all.push(Ignore { rule, reason, line, from, to });
        }
    }
    all
}

/// The lines that a comment of its own speaks of: the instruction that begins next, or, within one, the
/// next line.
fn below(source: &SourceText, instructions: &[ParsedInstruction], line: u32) -> (u32, u32) {
    let lines = |it: &ParsedInstruction| {
        (source.position(it.span.start).line, source.position(it.span.end.saturating_sub(1)).line)
    };
    let start = source.line_start(line);
    // The instructions are in order: the first that does not end before the comment.
    let index = instructions.partition_point(|it| it.span.end <= start);
    match instructions.get(index).map(lines) {
        Some((first, last)) if first > line => (first, last),
        Some((_, last)) => {
            let mut next = line + 1;
            while next < last && source.line(next).trim_start().starts_with('#') {
                next += 1;
            }
            (next, next)
        }
        None => (line, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_speak_of_the_next_instruction_or_of_their_line() {
        let text = "FROM a\n# binlint: ignore=stage-skew static anyway\n\nRUN a \\\n  && b\nRUN c # binlint: ignore=x,y\n\
                    RUN d \\\n  # binlint: ignore=z because\n  && e\n# binlint ignore=no\n";
        let source = SourceText::new(text);
        let parsed = super::super::parse::parse(&source).unwrap();
        let found: Vec<_> = find(&source, &parsed.instructions)
            .into_iter()
            .map(|it| (it.rule, it.reason, it.from, it.to))
            .collect();
        let expected = [
            ("stage-skew", "static anyway", 4, 5),
            ("x", "", 6, 6),
            ("y", "", 6, 6),
            ("z", "because", 9, 9),
        ];
        let expected: Vec<_> = expected
            .map(|(rule, reason, from, to)| (rule.to_owned(), reason.to_owned(), from, to))
            .into();
        assert_eq!(found, expected);
    }
}
