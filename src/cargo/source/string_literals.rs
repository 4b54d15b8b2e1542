//! The texts in the sources that must be in the program if it was compiled from them.

use std::collections::HashSet;
use std::ops::Range;

use proc_macro2::Literal;

use crate::cargo::source::error::SearchError;

/// A text that compiled code carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct StringLiteral {
    /// The bytes as they would lie in the program.
    pub bytes: Vec<u8>,
    /// The line in its file, from 1.
    pub line: u32,
    /// Whether it stands in plain code or in a macro that surely leaves it as it is.
    pub plain: bool,
}

/// Shorter texts are in every program by chance, or are compared as numbers: of those with fewer
/// than 12 bytes 1–4 % are missing from a fresh program and nearly all are in a stale one.
pub const MIN_LENGTH: usize = 12;

/// With fewer texts a share says nothing.
pub const MIN_COUNT: usize = 30;

/// Macros whose texts are not in a release build, or only with some settings.
const NOT_CARRIED: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "debug",
    "trace",
    "matches",
    "cfg_if",
];

/// Macros of the standard library that print or make a text. What another macro does with a text
/// is not known: it may be a number, or a line of a log that is compiled out.
const FORMATS: &[&str] = &[
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "vec",
    "write",
    "writeln",
];

/// The texts of one literal; in a macro's arguments it may be a format string, and is split
/// where something would be put in.
pub fn string_literals(literal: &Literal, within: Option<&str>) -> Vec<StringLiteral> {
    let line = u32::try_from(literal.span().start().line).unwrap_or(0);
    if within.is_some_and(|name| NOT_CARRIED.contains(&name)) {
        return Vec::new();
    }
    let bytes = match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(text) => text.value().into_bytes(),
        syn::Lit::ByteStr(text) => text.value(),
        _ => return Vec::new(),
    };
    let plain = within.is_none_or(|name| FORMATS.contains(&name));
    let whole = 0..bytes.len();
    let pieces = if within.is_some() { split_format(&bytes) } else { Vec::from([whole]) };
    pieces
        .into_iter()
        .filter(|piece| piece.len() >= MIN_LENGTH)
        .map(|piece| StringLiteral { bytes: bytes[piece].to_vec(), line, plain })
        .collect()
}

/// The value of a text literal.
pub fn value(literal: &Literal) -> Option<String> {
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// What lies outside `{…}`; a doubled brace ends a piece as well, which loses nothing but length.
fn split_format(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => {
                if depth == 0 {
                    pieces.push(start..at);
                }
                depth = if bytes.get(at + 1) == Some(&b'{') || depth > 0 { 0 } else { 1 };
                start = at + 1;
            }
            b'}' => {
                if depth == 0 {
                    pieces.push(start..at);
                }
                depth = 0;
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth == 0 {
        pieces.push(start..bytes.len());
    }
    pieces
}

/// As many bytes of a text are searched for at once.
const MAX_BEGINNING: usize = 256;

/// Bytes and hits that a search may compare, besides a few for each byte of the program.
const MAX_COMPARED: usize = 64 << 20;

/// How many of the texts are in the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Distinct texts looked for.
    pub wanted: usize,
    /// Of them, in the program.
    pub found: usize,
    /// Of them, not in the program, in the order they were given.
    pub missing: Vec<usize>,
}

impl Presence {
    /// The share that was found, in percent; `None` below [`MIN_COUNT`] texts.
    pub fn percent(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "counts of texts are far below 2^52")]
        (self.wanted >= MIN_COUNT).then(|| 100.0 * self.found as f64 / self.wanted as f64)
    }

    /// Whether they are another program's: between releases of one program 92 % and more are
    /// equal, between programs less than 1 %.
    pub fn is_another_program(&self) -> bool {
        self.percent().is_some_and(|percent| percent < 60.0)
    }

    /// Whether they are probably an older state's; fresh builds have 97 % and more.
    pub fn is_older(&self) -> bool {
        self.percent().is_some_and(|percent| percent < 90.0)
    }
}

/// The texts of a search that are in the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringMatches<'a> {
    found: HashSet<&'a [u8]>,
}

impl StringMatches<'_> {
    /// How many of those texts are there whose index is wanted, each distinct text counted once.
    pub fn of(&self, string_literals: &[&[u8]], is_wanted: impl Fn(usize) -> bool) -> Presence {
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let wanted = string_literals.iter().enumerate().filter(|(index, _)| is_wanted(*index));
        let distinct: Vec<(usize, &[u8])> =
            wanted.map(|(index, text)| (index, *text)).filter(|(_, it)| seen.insert(it)).collect();
        let missing = distinct.iter().filter(|(_, text)| !self.found.contains(text));
        let missing: Vec<usize> = missing.map(|(index, _)| *index).collect();
        Presence { wanted: distinct.len(), found: distinct.len() - missing.len(), missing }
    }
}

/// Looks for every text in the program, in one pass over it: of a large program that pass takes
/// longer than all the rest.
///
/// # Errors
///
/// There are too many texts to search for at once.
pub fn search<'a>(
    string_literals: &[&'a [u8]],
    program: &[u8],
) -> Result<StringMatches<'a>, SearchError> {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let distinct: Vec<&'a [u8]> =
        string_literals.iter().copied().filter(|it| seen.insert(it)).collect();
    // The automaton takes many times its texts; what is behind their beginnings is compared.
    let beginnings = distinct.iter().map(|text| &text[..text.len().min(MAX_BEGINNING)]);
    let automaton = aho_corasick::AhoCorasick::builder()
        .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
        .build(beginnings)
        .map_err(|error| SearchError::TooMany { reason: error.to_string() })?;
    let mut left = MAX_COMPARED + 16 * program.len();
    let mut found = HashSet::new();
    for hit in automaton.find_overlapping_iter(program) {
        let text = distinct[hit.pattern().as_usize()];
        let rest = &text[text.len().min(MAX_BEGINNING)..];
        let behind = &program[hit.end()..];
        let is_alike = behind.starts_with(&rest[..rest.len().min(MAX_BEGINNING)]);
        let cost = 1 + if is_alike { rest.len() } else { 0 };
        left = left.checked_sub(cost).ok_or(SearchError::Alike)?;
        if is_alike && behind.starts_with(rest) {
            found.insert(text);
        }
    }
    Ok(StringMatches { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, within: Option<&str>) -> Vec<String> {
        let string_literals = string_literals(&source.parse().unwrap(), within);
        string_literals.into_iter().map(|text| String::from_utf8(text.bytes).unwrap()).collect()
    }

    #[test]
    fn a_format_string_is_split_where_values_go() {
        let source = r#""listening on {address:?} since {} o'clock, {{literally}} so""#;
        assert_eq!(of(source, Some("println")), ["listening on "]);
        assert_eq!(of(r#""a long {} that stays whole""#, None), ["a long {} that stays whole"]);
        assert_eq!(of(r#""value is {:>width$} and then some""#, Some("f")), [" and then some"]);
    }

    #[test]
    fn what_is_compiled_away_is_not_wanted() {
        assert!(of(r#""a message of an assertion""#, Some("debug_assert")).is_empty());
        assert!(of(r#""too short""#, None).is_empty());
        assert_eq!(of(r##"br#"bytes of some length"#"##, None), ["bytes of some length"]);
    }

    #[test]
    fn long_texts_are_compared_whole_and_a_search_ends() {
        let long: String = (0..20_000).map(|it| format!("{it} ")).collect();
        let long = long.into_bytes();
        let other = [&long[..long.len() - 1], b"x"].concat();
        let string_literals: [&[u8]; 2] = [&long, &other];
        let presence = search(&string_literals, &[b"..", &long[..], b".."].concat()).unwrap();
        assert_eq!(presence.of(&string_literals, |_| true).missing, [1]);
        // Each place begins each of them.
        let alike: Vec<Vec<u8>> =
            (0..2000).map(|it| [&vec![b'x'; 12 + it][..], b"y"].concat()).collect();
        let mut string_literals: Vec<&[u8]> = alike.iter().map(Vec::as_slice).collect();
        let short: Vec<Vec<u8>> = (0..500).map(|it| vec![b'x'; 12 + it]).collect();
        string_literals.extend(short.iter().map(Vec::as_slice));
        assert!(search(&string_literals, &vec![b'x'; 1 << 20]).is_err());
    }

    #[test]
    fn counts_each_text_once_and_names_the_missing() {
        let string_literals: [&[u8]; 4] =
            [b"alpha beta", b"gone from here", b"alpha beta", b"pha be"];
        let presence =
            search(&string_literals, b"..alpha beta..").unwrap().of(&string_literals, |_| true);
        assert_eq!(presence, Presence { wanted: 3, found: 2, missing: vec![1] });
        assert_eq!(presence.percent(), None);
    }
}
