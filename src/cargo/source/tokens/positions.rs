//! The places at which tokens start, as rustc writes them into panic locations.

use proc_macro2::{LineColumn, Span};

/// The lines and columns, both from 1, at which a token starts.
///
/// rustc counts columns as they are displayed (`Loc::col_display`): a tab is four, a wide
/// character two. How wide a character is depends on the tables of the compiler's release, so a
/// line with one that is not surely narrow says nothing.
#[derive(Debug, Clone, Default)]
pub struct TokenStarts {
    sorted: Vec<(u32, u32)>,
    vague: Vec<u32>,
    /// The number of lines of the file.
    pub lines: u32,
}

/// What a tab counts for.
const TAB: u32 = 4;

impl TokenStarts {
    /// The places of these tokens of a text.
    pub fn new(source: &str, spans: &[Span]) -> TokenStarts {
        let mut sorted: Vec<(u32, u32)> = spans
            .iter()
            .filter_map(|span| {
                let LineColumn { line, column } = span.start();
                Some((u32::try_from(line).ok()?, u32::try_from(column).ok()? + 1))
            })
            .collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut starts = TokenStarts { sorted, ..TokenStarts::default() };
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        for (line, text) in (1..).zip(source.lines()) {
            starts.lines = line;
            if !text.chars().all(is_narrow) {
                starts.vague.push(line);
            } else if text.contains('\t') {
                starts.widen(line, text);
            }
        }
        starts
    }

    /// Whether a token starts there; `None` where columns cannot be counted.
    pub fn contains(&self, line: u32, column: u32) -> Option<bool> {
        match self.vague.binary_search(&line) {
            Ok(_) => None,
            Err(_) => Some(self.sorted.binary_search(&(line, column)).is_ok()),
        }
    }

    /// Turns the columns of a line from characters to what they are displayed as.
    fn widen(&mut self, line: u32, text: &str) {
        let mut tabs = Vec::new();
        let mut before = 0;
        for letter in text.chars() {
            tabs.push(before);
            before += u32::from(letter == '\t');
        }
        let start = self.sorted.partition_point(|(other, _)| *other < line);
        let tokens = self.sorted[start..].iter_mut().take_while(|(other, _)| *other == line);
        for (_, column) in tokens {
            let tabs = tabs.get(*column as usize - 1).copied().unwrap_or(before);
            *column += tabs * (TAB - 1);
        }
    }
}

/// Whether a character is one column wide in every table: ASCII and Latin letters.
fn is_narrow(letter: char) -> bool {
    matches!(letter, '\t' | ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{24f}')
}
