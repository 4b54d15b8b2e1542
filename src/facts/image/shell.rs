//! Just enough of a shell to see what a short command line ends in. What is beyond it is said to be unknown.

use std::collections::BTreeMap;

/// What a command line comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its last command, with everything expanded, and the directory it runs in, where a `cd` says so.
    Runs {
        /// The command and its arguments.
        words: Vec<String>,
        /// The target of the last `cd`.
        directory: Option<String>,
        /// Other commands run before it.
        after_others: bool,
    },
    /// Nothing at all.
    Nothing,
    /// Not to be told without running it, and why.
    Unknown(String),
}

/// Reads one line (or a script without its comments) under these variables and `$0`, `$1`, ….
/// A later command counts more than an earlier one: it is what the container ends with.
pub fn read(text: &str, variables: &BTreeMap<String, String>, arguments: &[String]) -> Line {
    let mut variables = variables.clone();
    let mut last = None;
    let mut directory: Option<String> = None;
    let mut count = 0_usize;
    let commands = match split(text, &mut variables, arguments) {
        Ok(commands) => commands,
        Err(why) => return Line::Unknown(why),
    };
    for words in commands {
        let mut words: Vec<String> = words;
        while words.first().is_some_and(|word| assignment(word).is_some()) && words.len() > 1 {
            words.remove(0);
        }
        let Some(first) = words.first() else { continue };
        match first.as_str() {
            _ if assignment(first).is_some() => {}
            "set" | "export" | "umask" | "ulimit" | "true" | ":" | "trap" | "readonly" => {}
            "cd" => {
                let to = words.get(1).cloned().unwrap_or_default();
                directory = Some(match directory {
                    Some(from) if !to.starts_with('/') => format!("{from}/{to}"),
                    _ => to,
                });
            }
            "if" | "then" | "else" | "elif" | "fi" | "for" | "while" | "until" | "do" | "done"
            | "case" | "esac" | "{" | "}" | "function" | "!" | "[[" => {
                return Line::Unknown(format!("the script has `{first}`"));
            }
            "exec" => {
                words.remove(0);
                if !words.is_empty() {
                    return Line::Runs { words, directory, after_others: count > 0 };
                }
            }
            _ => {
                count += 1;
                last = Some(words);
            }
        }
    }
    match last {
        Some(words) => Line::Runs { words, directory, after_others: count > 1 },
        None => Line::Nothing,
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The simple commands of a text, words expanded as far as variables go.
fn split(
    text: &str,
    variables: &mut BTreeMap<String, String>,
    arguments: &[String],
) -> Result<Vec<Vec<String>>, String> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    let unknown = |what: &str| Err(format!("the command line has {what}"));
    let finish = |word: &mut Option<String>,
                  commands: &mut Vec<Vec<String>>,
                  variables: &mut BTreeMap<String, String>| {
        let Some(done) = word.take() else { return };
        if let (Some((name, value)), Some(words)) = (assignment(&done), commands.last())
            && words.iter().all(|word| assignment(word).is_some() || word == "export")
        {
            variables.insert(name.to_owned(), value.to_owned());
        }
        if let Some(words) = commands.last_mut() {
            words.push(done);
        }
    };
    while let Some(next) = rest.next() {
        match next {
            ' ' | '\t' => finish(&mut word, &mut commands, variables),
            '\n' | ';' => {
                finish(&mut word, &mut commands, variables);
                commands.push(Vec::new());
            }
            '#' if word.is_none() => while rest.next_if(|next| *next != '\n').is_some() {},
            '\\' => match rest.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(inner) => word.push(inner),
                        None => return unknown("a quote without an end"),
                    }
                }
            }
            '"' => {
                word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => {
                            let escaped =
                                rest.next().ok_or("the command line has a quote without an end")?;
                            let word = word.get_or_insert_default();
                            if !matches!(escaped, '$' | '`' | '"' | '\\') {
                                word.push('\\');
                            }
                            word.push(escaped);
                        }
                        Some('$') => {
                            let Some(values) = expand(&mut rest, variables, arguments)? else {
                                word.get_or_insert_default().push('$');
                                continue;
                            };
                            let (first, more) = match values.split_first() {
                                Some((first, more)) => (first.clone(), more.to_vec()),
                                // `"$@"` without arguments is no word at all.
                                None => {
                                    if word.as_ref().is_some_and(String::is_empty) {
                                        word = None;
                                    }
                                    continue;
                                }
                            };
                            word.get_or_insert_default().push_str(&first);
                            for value in more {
                                finish(&mut word, &mut commands, variables);
                                word = Some(value);
                            }
                        }
                        Some('`') => return unknown("a command substitution"),
                        Some(inner) => word.get_or_insert_default().push(inner),
                        None => return unknown("a quote without an end"),
                    }
                }
            }
            '$' => match expand(&mut rest, variables, arguments)? {
                None => word.get_or_insert_default().push('$'),
                Some(values) => {
                    for (index, value) in
                        values.iter().flat_map(|value| value.split_whitespace()).enumerate()
                    {
                        if index > 0 {
                            finish(&mut word, &mut commands, variables);
                        }
                        word.get_or_insert_default().push_str(value);
                    }
                }
            },
            '&' if rest.next_if_eq(&'&').is_some() => {
                finish(&mut word, &mut commands, variables);
                commands.push(Vec::new());
            }
            '>' | '<' => {
                // A redirection: its number and its target are no words of the command.
                if word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                {
                    word = None;
                }
                finish(&mut word, &mut commands, variables);
                if rest.next_if_eq(&'<').is_some() {
                    return unknown("a here-document");
                }
                while rest.next_if(|next| matches!(next, '>' | '&' | ' ' | '|')).is_some() {}
                while rest
                    .next_if(|next| !next.is_whitespace() && !matches!(next, ';' | '&' | '|'))
                    .is_some()
                {}
            }
            '|' => return unknown("a pipe or an alternative"),
            '&' => return unknown("a command in the background"),
            '(' | ')' => return unknown("a subshell or a function"),
            '`' => return unknown("a command substitution"),
            '*' | '?' | '['
                if word.is_some() || rest.peek().is_some_and(|next| !next.is_whitespace()) =>
            {
                return unknown("a pattern");
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    finish(&mut word, &mut commands, variables);
    Ok(commands)
}

/// After a `$`: the values, or `None` where the `$` is just a character.
fn expand(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    variables: &BTreeMap<String, String>,
    arguments: &[String],
) -> Result<Option<Vec<String>>, String> {
    let one = |value: Option<&String>| vec![value.cloned().unwrap_or_default()];
    match rest.peek().copied() {
        Some('@' | '*') => {
            rest.next();
            Ok(Some(arguments.get(1..).unwrap_or_default().to_vec()))
        }
        Some(digit) if digit.is_ascii_digit() => {
            rest.next();
            Ok(Some(one(arguments.get(digit.to_digit(10).unwrap_or(0) as usize))))
        }
        Some('{') => {
            rest.next();
            let mut inner = String::new();
            loop {
                match rest.next() {
                    Some('}') => break,
                    Some(next) => inner.push(next),
                    None => return Err("the command line has a brace without an end".to_owned()),
                }
            }
            if is_name(&inner) {
                return Ok(Some(one(variables.get(&inner))));
            }
            let (name, default) = match inner.split_once(":-").or_else(|| inner.split_once('-')) {
                Some((name, default))
                    if is_name(name) && !default.contains(['$', '`', '"', '\'']) =>
                {
                    (name, default)
                }
                _ => return Err(format!("the command line has ${{{inner}}}")),
            };
            let value = variables.get(name).filter(|value| !value.is_empty());
            Ok(Some(vec![value.cloned().unwrap_or_else(|| default.to_owned())]))
        }
        Some('(') => Err("the command line has a command substitution".to_owned()),
        Some(first) if first.is_ascii_alphabetic() || first == '_' => {
            let mut name = String::new();
            while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
            {
                name.push(next);
            }
            Ok(Some(one(variables.get(&name))))
        }
        Some('?' | '$' | '!' | '#' | '-') => {
            Err("the command line has a special parameter".to_owned())
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Line {
        let variables = [("BIN", "/opt/app"), ("OPTS", "-a  -b")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let arguments = ["entry.sh", "serve", "two words"].map(str::to_owned);
        read(text, &variables, &arguments)
    }

    #[test]
    fn the_last_command_of_a_plain_line_is_what_runs() {
        for (text, want) in [
            ("app --flag", "app|--flag"),
            ("exec app 'a b' \"c d\" e\\ f", "app|a b|c d|e f"),
            ("$BIN $OPTS \"$OPTS\"", "/opt/app|-a|-b|-a  -b"),
            ("RUST_LOG=debug exec ${BIN}d", "/opt/appd"),
            ("exec ${OTHER:-/bin/other} x", "/bin/other|x"),
            ("set -e\n# words; $(x)\nexec \"$@\"", "serve|two words"),
            ("set -eu; migrate && exec app >/log 2>&1", "app"),
            ("NAME=/usr/bin/x\n$NAME \"$1\"", "/usr/bin/x|serve"),
            ("echo '#!' # comment", "echo|#!"),
        ] {
            let Line::Runs { words, .. } = run(text) else { panic!("{text}: {:?}", run(text)) };
            assert_eq!(words.join("|"), want, "{text}");
        }
    }

    #[test]
    fn a_cd_moves_what_follows() {
        let Line::Runs { words, directory, after_others } = run("cd /srv && cd app && ./run")
        else {
            panic!()
        };
        assert_eq!(
            (words.join(" "), directory.as_deref(), after_others),
            ("./run".into(), Some("/srv/app"), false)
        );
    }

    #[test]
    fn what_cannot_be_told_is_unknown() {
        for text in [
            "app | tee log",
            "exec $(which app)",
            "`x`",
            "a || b",
            "if true; then app; fi",
            "app *.toml",
            "app &",
            "f() { x; }",
            "'open",
        ] {
            assert!(matches!(run(text), Line::Unknown(_)), "{text}: {:?}", run(text));
        }
        assert_eq!(run("# nothing\n\nX=1"), Line::Nothing);
    }
}
