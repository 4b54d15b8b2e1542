//! How text of an input is shown; `fix_line` quotes what is pasted.
//!
//! Names, paths and messages come from images, programs, sources and engines, and go to terminals
//! and logs. What could move a cursor, begin a line of its own or speak to a log's machinery is
//! written out.

use std::borrow::Cow;
use std::fmt::Write;

/// No line is longer, in bytes.
pub const MAX_LINE: usize = 2000;

/// Whether a character does something instead of being seen: control characters, line and paragraph
/// separators, and the marks that reorder or hide text (Unicode's `Bidi_Control`, and those without
/// a width).
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text on one line: hidden characters are written out (`\n`, `\u{1b}`), what a log would take
/// for a command of its own begins with a written out sign, and what is longer than [`MAX_LINE`] is
/// cut off.
pub fn line(text: &str) -> Cow<'_, str> {
    cut_off(text, MAX_LINE)
}

/// The same of a line that is of no use when it is cut off, such as a command to paste.
pub fn whole(text: &str) -> Cow<'_, str> {
    cut_off(text, usize::MAX)
}

fn cut_off(text: &str, limit: usize) -> Cow<'_, str> {
    const CUT_OFF: &str = "…";
    let has_command = || text.match_indices("::").any(|(at, _)| is_command(text, at));
    if text.len() <= limit && !text.contains(is_hidden) && !text.contains("##") && !has_command() {
        return Cow::Borrowed(text);
    }
    let mut line = String::new();
    for (at, letter) in text.char_indices() {
        let before = line.len();
        match letter {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            letter if is_hidden(letter) || is_command(text, at) => write_out(letter, &mut line),
            letter => line.push(letter),
        }
        let is_last = at + letter.len_utf8() == text.len();
        let room = if is_last { limit } else { limit - CUT_OFF.len() };
        if line.len() > room {
            line.truncate(before);
            line.push_str(CUT_OFF);
            break;
        }
    }
    Cow::Owned(line)
}

fn write_out(letter: char, to: &mut String) {
    // A string takes everything.
    let _ = write!(to, "\\u{{{:x}}}", u32::from(letter));
}

/// Whether a log's machinery would take what begins here for a command: `::error …` of GitHub, at
/// the start of a line or where a long word may be broken, `##[…]` and `##vso[…]` anywhere.
fn is_command(text: &str, at: usize) -> bool {
    const GITHUB: &[&str] = &[
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    ];
    /// A word as long as this may be broken by a table.
    const LONG_WORD: usize = 32;
    let (before, rest) = text.split_at(at);
    if let Some(rest) = rest.strip_prefix("##") {
        let name = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        return name.starts_with('[');
    }
    let Some(rest) = rest.strip_prefix("::") else { return false };
    let is_named = |name: &str| {
        let after = rest.get(..name.len()).filter(|it| it.eq_ignore_ascii_case(name));
        after.is_some_and(|_| !rest[name.len()..].starts_with(|it: char| it.is_alphanumeric()))
    };
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let starts = !word.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    (starts || word.len() >= LONG_WORD) && GITHUB.iter().any(|name| is_named(name))
}

/// A JSON document in which hidden characters are escaped, also those that JSON allows as they are.
/// It says the same.
pub fn json(document: &str) -> Cow<'_, str> {
    let is_escaped = |letter: char| letter != '\n' && is_hidden(letter);
    let is_command = |at| document[at..].starts_with("##") && is_command(document, at);
    if !document.contains(is_escaped) && !document.contains("##") {
        return Cow::Borrowed(document);
    }
    let mut json = String::with_capacity(document.len());
    for (at, letter) in document.char_indices() {
        if is_escaped(letter) || is_command(at) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // A string takes everything.
                let _ = write!(json, "\\u{unit:04x}");
            }
        } else {
            json.push(letter);
        }
    }
    Cow::Owned(json)
}

/// A text as XML and HTML show it, between tags and in a quoted attribute alike. Control characters
/// are [`line`]'s business.
pub fn markup(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            // XML has no way to write these.
            '\u{fffe}' | '\u{ffff}' => markup.push('\u{fffd}'),
            letter => markup.push(letter),
        }
    }
    markup
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_something_instead_of_being_seen_is_written_out() {
        for (text, shown) in [
            ("plain ünïcode 日本 ✓", "plain ünïcode 日本 ✓"),
            ("std::error::Error of a::group::b", "std::error::Error of a::group::b"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2Jclean\u{7}\0\u{7f}\u{9b}", "\\u{1b}[2Jclean\\u{7}\\u{0}\\u{7f}\\u{9b}"),
            ("a\u{202e}b\u{2066}\u{200b}\u{2028}", "a\\u{202e}b\\u{2066}\\u{200b}\\u{2028}"),
            ("::error file=a::b", "\\u{3a}:error file=a::b"),
            ("  ::ADD-MASK::x", "  \\u{3a}:ADD-MASK::x"),
            ("x (::warning::y)", "x (\\u{3a}:warning::y)"),
            ("a ##[error]b ##vso[task]", "a \\u{23}#[error]b \\u{23}#vso[task]"),
            ("# ## heading", "# ## heading"),
        ] {
            assert_eq!(line(text), shown);
        }
        let long = "a".repeat(40) + "::error::x";
        assert!(line(&long).contains("\\u{3a}:error"), "a table may break it there");
    }

    #[test]
    fn a_line_has_an_end() {
        for text in ["é".repeat(5000), "\n".repeat(5000), "x".repeat(MAX_LINE + 1)] {
            let shown = line(&text);
            assert!(shown.len() <= MAX_LINE && shown.ends_with('…'), "{}", shown.len());
        }
        let whole = "x".repeat(MAX_LINE);
        assert_eq!(line(&whole), whole);
    }

    #[test]
    fn json_says_the_same_without_hidden_characters() {
        let value =
            serde_json::Value::from("\u{1b}\u{7f}\u{9b}\u{202e}\u{e0001}\n::error é ##[error]");
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&text);
        assert!(!escaped.contains(is_hidden) && !escaped.contains("##["), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        assert_eq!(json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        let text = "<b a='\"'>&amp;\u{ffff}";
        assert_eq!(markup(text), "&lt;b a=&#39;&quot;&#39;&gt;&amp;amp;\u{fffd}");
    }
}
