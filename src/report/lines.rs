//! How a line gets into a report or onto standard error: no text of an input is more than a part of
//! one line.

use std::fmt::Arguments;
use std::io::{self, Write};

use serde::Serialize;

use crate::escape;

/// Writes one line, whatever stands in it.
///
/// # Errors
/// Those of the writer.
pub fn line(to: &mut dyn Write, text: Arguments<'_>) -> io::Result<()> {
    match text.as_str() {
        Some(own) => writeln!(to, "{own}"),
        None => writeln!(to, "{}", escape::line(&text.to_string())),
    }
}

/// Writes one line that begins with a strong word. `escape` is the colour's number behind `1`, and
/// `None` where escape sequences are not welcome.
///
/// # Errors
/// Those of the writer.
pub fn strong(
    to: &mut dyn Write,
    escape: Option<&str>,
    word: &str,
    rest: Arguments<'_>,
) -> io::Result<()> {
    let Some(escape) = escape else { return line(to, format_args!("{word}{rest}")) };
    let rest = rest.to_string();
    write!(to, "\u{1b}[1{escape}m{}\u{1b}[0m", escape::line(word))?;
    writeln!(to, "{}", escape::line(&rest))
}

/// Writes a document of JSON, over several lines or on one.
///
/// # Errors
/// Those of the writer, and of what cannot be JSON.
pub fn json(to: &mut dyn Write, document: &impl Serialize, pretty: bool) -> io::Result<()> {
    let text = match pretty {
        true => serde_json::to_string_pretty(document)?,
        false => serde_json::to_string(document)?,
    };
    writeln!(to, "{}", escape::json(&text))
}
