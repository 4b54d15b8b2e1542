//! Here-documents, found as BuildKit finds them: a word of RUN, COPY or ADD that is `<<NAME`.

use super::super::source::{DockerfileError, SourceText, TextSpan};
use super::MAX_LINES;

/// `<<NAME` and the lines up to `NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heredoc {
    /// Where `<<NAME` stands.
    pub operator: TextSpan,
    /// The lines between.
    pub body: TextSpan,
    /// Behind the line with the name.
    pub end: usize,
}

/// The text with every here-document's lines blanked into comments, and `<<` into `::`; no byte moves.
///
/// # Errors
/// A here-document without an end; an instruction of more than `MAX_LINES` lines.
pub fn mask(source: &SourceText, escape: char) -> Result<(String, Vec<Heredoc>), DockerfileError> {
    let text = source.text();
    let mut masked: Option<Vec<u8>> = None;
    let mut found = Vec::new();
    let mut lines = Lines { text, at: 0 };
    while let Some(first) = lines.next() {
        let start = first.start;
        let bare = text[first.clone()].trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let number = || source.position(start).line;
        let mut end = first.end;
        let mut joined = continues(&text[first], escape);
        let mut count = 1;
        while joined {
            let Some(line) = lines.next() else { break };
            count += 1;
            if count > MAX_LINES {
                let message = format!("the instruction has more than {MAX_LINES} lines");
                return Err(DockerfileError { line: Some(number()), column: None, message });
            }
            end = line.end;
            let bare = text[line.clone()].trim();
            if !(bare.starts_with('#') || bare.is_empty()) {
                joined = continues(&text[line], escape);
            }
        }
        let keyword = bare.split_whitespace().next().unwrap_or_default();
        let takes = ["RUN", "COPY", "ADD"].iter().any(|it| keyword.eq_ignore_ascii_case(it));
        if !takes || !text[start..end].contains("<<") {
            continue;
        }
        for (operator, name, strip) in operators(text, start..end) {
            let bytes = masked.get_or_insert_with(|| text.as_bytes().to_vec());
            if let Some(marks) = text[operator.clone()].find("<<") {
                bytes[operator.start + marks..operator.start + marks + 2].fill(b':');
            }
            let body = lines.at;
            loop {
                let Some(line) = lines.next() else {
                    let position = source.position(operator.start);
                    let message = format!("the here-document `{}` has no end", name.escape_debug());
                    let (line, column) = (Some(position.line), Some(position.column));
                    return Err(DockerfileError { line, column, message });
                };
                for byte in &mut bytes[line.clone()] {
                    if !matches!(byte, b'\n' | b'\r') {
                        *byte = b'#';
                    }
                }
                let written = text[line.clone()].trim_end_matches(['\n', '\r']);
                let written = if strip { written.trim_start_matches('\t') } else { written };
                if written == name {
                    let body = body..line.start;
                    found.push(Heredoc { operator: operator.clone(), body, end: line.end });
                    break;
                }
            }
        }
    }
    let masked = match masked {
        // Only whole lines and `<<` were replaced, all by ASCII.
        Some(bytes) => String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()),
        None => text.to_owned(),
    };
    Ok((masked, found))
}

struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Lines<'_> {
    /// The next line with its end.
    fn next(&mut self) -> Option<TextSpan> {
        let rest = self.text.as_bytes().get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let start = self.at;
        self.at += length;
        Some(start..self.at)
    }
}

fn continues(line: &str, escape: char) -> bool {
    line.trim_end().ends_with(escape)
}

/// Words that are `<<NAME`, `<<-NAME` or `3<<"NAME"`, outside quotes.
fn operators(text: &str, span: TextSpan) -> Vec<(TextSpan, String, bool)> {
    let mut all = Vec::new();
    let mut quote: Option<u8> = None;
    let mut word = span.start;
    let mut quoted_from_start = false;
    let bytes = text.as_bytes();
    for at in span.start..=span.end {
        let byte = bytes.get(at).copied().filter(|_| at < span.end).unwrap_or(b' ');
        match byte {
            b'\'' | b'"' if quote.is_none() => {
                quoted_from_start |= word == at;
                quote = Some(byte);
            }
            _ if quote == Some(byte) => quote = None,
            _ if byte.is_ascii_whitespace() && quote.is_none() => {
                if !quoted_from_start {
                    all.extend(
                        operator(&text[word..at]).map(|(name, dash)| (word..at, name, dash)),
                    );
                }
                word = at + 1;
                quoted_from_start = false;
            }
            _ => {}
        }
    }
    all
}

fn operator(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let name = rest.trim_matches(['"', '\'']);
    let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| (name.to_owned(), strip))
}
