//! What the shell gets of an instruction: joined lines, without comments, and back to its place.

use super::super::source::{SourceText, TextSpan};

/// A text with its comments and joined lines taken out, and where each piece of it stood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanText {
    /// As the shell gets it.
    pub text: String,
    /// Offsets of `text` with the offset in the file where the same byte stands; ascending.
    pieces: Vec<(usize, usize)>,
}

impl CleanText {
    /// The text of a part of the file.
    pub fn new(source: &SourceText, span: TextSpan, escape: char) -> CleanText {
        let raw = source.text().get(span.clone()).unwrap_or_default();
        let mut cleaned = CleanText::default();
        let mut at = span.start;
        let mut continues = false;
        for line in raw.split_inclusive('\n') {
            let body = line.trim_end_matches(['\n', '\r']);
            let bare = body.trim_start();
            // A comment or an empty line within an instruction is not of it.
            if !(continues && (bare.starts_with('#') || bare.is_empty())) {
                let joined = body.trim_end().strip_suffix(escape);
                let kept = joined.unwrap_or(body);
                cleaned.pieces.push((cleaned.text.len(), at));
                cleaned.text.push_str(kept);
                continues = true;
                if joined.is_none() && line.len() > body.len() {
                    cleaned.text.push('\n');
                }
            }
            at += line.len();
        }
        cleaned
    }

    /// A text that stands in the file as it is.
    pub fn verbatim(text: &str, at: usize) -> CleanText {
        CleanText { text: text.to_owned(), pieces: vec![(0, at)] }
    }

    /// Where a byte of the text stands in the file.
    pub fn place(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset);
        match index.checked_sub(1).and_then(|index| self.pieces.get(index)) {
            Some((start, place)) => place + (offset - start),
            None => 0,
        }
    }

    /// Where a part of the text stands in the file.
    pub fn span(&self, span: &TextSpan) -> TextSpan {
        let start = self.place(span.start);
        start..self.place(span.end.saturating_sub(1).max(span.start)).max(start) + 1
    }
}

/// `NAME=value …` of ENV and ARG, or `NAME value` of an old ENV.
pub fn pairs(text: &str, escape: char, environment: bool) -> Vec<(String, Option<String>)> {
    let words = words(text, escape);
    let Some(first) = words.first() else { return Vec::new() };
    if environment && !first.contains('=') {
        let value = text.trim_start().strip_prefix(first.as_str()).unwrap_or_default().trim();
        return vec![(first.clone(), Some(unquote(value, escape)))];
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => (unquote(name, escape), Some(unquote(value, escape))),
        None => (unquote(word, escape), None),
    };
    words.iter().map(pair).collect()
}

/// Splits at blanks that are neither quoted nor escaped; quotes stay.
fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            _ if next == escape && quote != Some('\'') => {
                word.push(next);
                word.extend(chars.next());
            }
            '\'' | '"' if quote.is_none() => {
                quote = Some(next);
                word.push(next);
            }
            _ if quote == Some(next) => {
                quote = None;
                word.push(next);
            }
            _ if next.is_whitespace() && quote.is_none() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(next),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Takes the quotes away; what single quotes held cannot be expanded any more.
fn unquote(text: &str, escape: char) -> String {
    let mut plain = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            _ if next == escape && quote != Some('\'') => plain.extend(chars.next()),
            '\'' | '"' if quote.is_none() => quote = Some(next),
            _ if quote == Some(next) => quote = None,
            _ => plain.push(next),
        }
    }
    plain
}
