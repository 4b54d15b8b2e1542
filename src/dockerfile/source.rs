//! A file's text with the places in it, as people count them.

use std::ops::Range;

/// Bytes of a Dockerfile's text.
pub type TextSpan = Range<usize>;

/// The largest Dockerfile that is read, in bytes: 100,000 lines of 160 columns.
pub const MAX_BYTES: usize = 16 << 20;

/// Why a file is not linted: one line, with its place where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", at(.line, .column))]
pub struct DockerfileError {
    /// From 1.
    pub line: Option<u32>,
    /// From 1, in characters.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}

fn at(line: &Option<u32>, column: &Option<u32>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: "),
        (Some(line), None) => format!("line {line}: "),
        _ => String::new(),
    }
}

impl DockerfileError {
    /// An error about the file as a whole.
    pub fn whole(message: impl Into<String>) -> DockerfileError {
        DockerfileError { line: None, column: None, message: message.into() }
    }
}

/// A place from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A text and where its lines begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceText {
    text: String,
    starts: Vec<usize>,
}

impl SourceText {
    /// The text of a file's bytes.
    ///
    /// # Errors
    /// The bytes are no UTF-8 text, or more than `MAX_BYTES`.
    pub fn decode(bytes: &[u8]) -> Result<SourceText, DockerfileError> {
        if bytes.len() > MAX_BYTES {
            return Err(DockerfileError::whole(format!(
                "the file has more than {} MiB",
                MAX_BYTES >> 20
            )));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(DockerfileError::whole("the file is UTF-16; engines read UTF-8 only"));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let failed = |offset: usize, what: &str| {
            let before = &bytes[..offset];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            DockerfileError {
                line: u32::try_from(line).ok(),
                column: None,
                message: what.to_owned(),
            }
        };
        if let Some(offset) = memchr::memchr(0, bytes) {
            return Err(failed(offset, "a zero byte: this is no text"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(SourceText::new(text)),
            Err(error) => Err(failed(error.valid_up_to(), "not UTF-8")),
        }
    }

    /// A text.
    pub fn new(text: &str) -> SourceText {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        SourceText { text: text.to_owned(), starts: std::iter::once(0).chain(ends).collect() }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte is.
    pub fn position(&self, offset: usize) -> LineColumn {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let end = offset.min(self.text.len());
        let before = self.text.get(start..end).unwrap_or_default();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        LineColumn { line: count(line), column: count(before.chars().count() + 1) }
    }

    /// A line, from 1, without its end; empty where there is none.
    pub fn line(&self, number: u32) -> &str {
        let index = (number as usize).wrapping_sub(1);
        let Some(start) = self.starts.get(index) else { return "" };
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        self.text.get(*start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The byte at which a line, from 1, begins; the text's end where there is no such line.
    pub fn line_start(&self, number: u32) -> usize {
        self.starts.get((number as usize).wrapping_sub(1)).copied().unwrap_or(self.text.len())
    }

    /// The number of lines.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let source = SourceText::new("FROM a\nRUN é b\n");
        assert_eq!(source.position(0), LineColumn { line: 1, column: 1 });
        let at = source.text().find('b').unwrap();
        assert_eq!(source.position(at), LineColumn { line: 2, column: 7 });
        assert_eq!(source.line(2), "RUN é b");
        assert_eq!(source.line(9), "");
    }

    #[test]
    fn what_is_no_text_is_said_in_one_line() {
        let said = |bytes: &[u8]| SourceText::decode(bytes).unwrap_err().to_string();
        assert!(said(b"\xff\xfeF\0").contains("UTF-16"));
        assert_eq!(said(b"FROM a\nRUN \xff"), "line 2: not UTF-8");
        assert!(said(b"FROM a\0").contains("zero byte"));
        assert_eq!(SourceText::decode(b"\xef\xbb\xbfFROM a").unwrap().text(), "FROM a");
    }
}
