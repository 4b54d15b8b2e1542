//! What quotes and variables of a command line come to.

use crate::start::command::shell::{
    ExpandedWord, OPEN_QUOTE, RemainingChars, ScriptReader, Shell, StopReason, is_name, unknown,
};

/// Behind a double quote, up to the next.
pub(super) fn quoted(
    rest: &mut RemainingChars<'_>,
    reading: &mut ScriptReader,
    shell: &mut Shell,
) -> Result<(), StopReason> {
    reading.word();
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => {
                let Some(escaped) = rest.next() else { return unknown(OPEN_QUOTE) };
                if !matches!(escaped, '$' | '`' | '"' | '\\') {
                    reading.push('\\');
                }
                reading.push(escaped);
            }
            Some('$') => {
                let Some(values) = expand(rest, shell)? else {
                    reading.push('$');
                    continue;
                };
                match values.split_first() {
                    Some((first, more)) => {
                        reading.push_word(first);
                        for value in more {
                            reading.end_word();
                            reading.word = Some(value.clone());
                        }
                    }
                    // `"$@"` without arguments is no word at all.
                    None if reading.word().text.is_empty() => reading.word = None,
                    None => {}
                }
            }
            Some('`') => return unknown("the command line has a command substitution"),
            Some(inner) => reading.push(inner),
            None => return unknown(OPEN_QUOTE),
        }
    }
}

/// After a `$`: the values, or `None` where the `$` is just a character.
pub(super) fn expand(
    rest: &mut RemainingChars<'_>,
    shell: &mut Shell,
) -> Result<Option<Vec<ExpandedWord>>, StopReason> {
    let values = values(rest, shell)?;
    shell.spend(values.iter().flatten().map(ExpandedWord::size).sum())?;
    Ok(values)
}

fn values(
    rest: &mut RemainingChars<'_>,
    shell: &Shell,
) -> Result<Option<Vec<ExpandedWord>>, StopReason> {
    let Some(next) = rest.peek().copied() else { return Ok(None) };
    if matches!(next, '@' | '*') || next.is_ascii_digit() {
        rest.next();
        let Some(arguments) = &shell.arguments else {
            return unknown("the script's arguments depend on a test");
        };
        let word = |text: &String| ExpandedWord { text: text.clone(), open: None };
        let Some(digit) = next.to_digit(10) else {
            return Ok(Some(arguments.iter().skip(1).map(word).collect()));
        };
        // What is missing may be given when the container is run.
        let missing = || ExpandedWord { text: String::new(), open: Some(next.to_string()) };
        return Ok(Some(vec![arguments.get(digit as usize).map_or_else(missing, word)]));
    }
    if next == '{' {
        rest.next();
        let mut inner = String::new();
        loop {
            match rest.next() {
                Some('}') => break,
                Some(next) => inner.push(next),
                None => return unknown("the command line has a brace without an end"),
            }
        }
        if is_name(&inner) {
            return Ok(Some(vec![shell.value(&inner)]));
        }
        let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
            Some((name, default)) if is_name(name) && !default.contains(['$', '`', '"', '\'']) => {
                (name, default)
            }
            _ => return unknown(&format!("the command line has ${{{inner}}}")),
        };
        let value = shell.value(name);
        let is_set =
            shell.variables.contains_key(name) && (value.open.is_some() || !value.text.is_empty());
        let default = ExpandedWord { text: default.to_owned(), open: None };
        return Ok(Some(vec![if is_set { value } else { default }]));
    }
    if next == '(' {
        return unknown("the command line has a command substitution");
    }
    if next.is_ascii_alphabetic() || next == '_' {
        let mut name = String::new();
        while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
            name.push(next);
        }
        return Ok(Some(vec![shell.value(&name)]));
    }
    if matches!(next, '?' | '$' | '!' | '#' | '-') {
        return unknown("the command line has a special parameter");
    }
    Ok(None)
}
