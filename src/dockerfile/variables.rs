//! Variables of a Dockerfile and of its shells, and what they expand to.

use std::collections::BTreeMap;

/// Variables by name; `None`: set, or may be set, to what is not known.
pub type BuildVariables = BTreeMap<String, Option<String>>;

/// Arguments that the builder sets once a stage declares them.
pub const PLATFORM_ARGUMENTS: &[&str] = &[
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETSTAGE",
];

/// Expands `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}` as instructions do; `None` where a
/// value is not known.
pub fn expand(text: &str, variables: &BuildVariables) -> Option<String> {
    expand_below(text, variables, 0)
}

fn expand_below(text: &str, variables: &BuildVariables, depth: usize) -> Option<String> {
    if !text.contains(['$', '\\']) {
        return Some(text.to_owned());
    }
    let mut all = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '\\' => {
                let escaped = rest.chars().next();
                rest = &rest[escaped.map_or(0, char::len_utf8)..];
                all.extend(escaped);
            }
            '$' if rest.starts_with('{') => {
                let end = closing(rest)?;
                let inside = &rest[1..end];
                rest = &rest[end + 1..];
                all.push_str(&braced(inside, variables, depth)?);
            }
            '$' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let name = &rest[..end.unwrap_or(rest.len())];
                rest = &rest[name.len()..];
                if name.is_empty() {
                    all.push('$');
                } else {
                    all.push_str(variables.get(name)?.as_deref()?);
                }
            }
            next => all.push(next),
        }
    }
    Some(all)
}

fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open <= 1 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

fn braced(inside: &str, variables: &BuildVariables, depth: usize) -> Option<String> {
    let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let (name, operation) = inside.split_at(end.unwrap_or(inside.len()));
    let value = variables.get(name);
    if depth > 20 {
        return None;
    }
    let word = |word: &str| expand_below(word, variables, depth + 1);
    operate(value, operation, word)
}

/// What `${NAME<operation>}` gives for a value; `word` expands what stands behind the operator.
pub fn operate(
    value: Option<&Option<String>>,
    operation: &str,
    word: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let set = value.and_then(|it| it.clone());
    match operation {
        "" => set,
        _ => {
            let (operator, rest) = ["%%", "##", ":-", ":+", ":?", ":=", "-", "+", "=", "%", "#"]
                .iter()
                .find_map(|it| operation.strip_prefix(it).map(|rest| (*it, rest)))?;
            match (operator, value) {
                // Not set here; the image may set it.
                (":-" | "-" | ":=" | "=", None) => None,
                (":-" | ":=", Some(Some(text))) if text.is_empty() => word(rest),
                (":-" | "-" | ":=" | "=" | ":?", Some(_)) => set,
                (":+", Some(Some(text))) => {
                    if text.is_empty() {
                        Some(String::new())
                    } else {
                        word(rest)
                    }
                }
                ("+", Some(Some(_))) => word(rest),
                ("%%" | "%" | "##" | "#", Some(Some(text))) => {
                    let pattern = word(rest)?;
                    Some(strip(text, operator, &pattern))
                }
                _ => None,
            }
        }
    }
}

/// `${NAME%pattern}` and its like.
fn strip(text: &str, operator: &str, pattern: &str) -> String {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    // A star of the shell matches slashes, too.
    let matches = |part: &str| {
        super::files::matches(&pattern.replace('/', "\u{1}"), &part.replace('/', "\u{1}"))
    };
    let mut order = ends.clone();
    if matches!(operator, "%" | "##") {
        order.reverse();
    }
    for at in order {
        let part = if operator.starts_with('%') { &text[at..] } else { &text[..at] };
        if matches(part) {
            let kept = if operator.starts_with('%') { &text[..at] } else { &text[at..] };
            return kept.to_owned();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_expanded_as_instructions_do() {
        let variables: BuildVariables =
            [("A", Some("1")), ("E", Some("")), ("P", Some("linux/arm64")), ("U", None)]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                .collect();
        for (text, expected) in [
            ("x", Some("x")),
            ("$A/${A}b\\$A", Some("1/1b$A")),
            ("${E:-d}${E-d}", Some("d")),
            ("${A:+y}${E:+y}", Some("y")),
            ("${P#*/}", Some("arm64")),
            ("${P%%/*}", Some("linux")),
            ("${E:-${A}}", Some("1")),
            ("$U", None),
            ("$MISSING", None),
            ("${MISSING:-d}", None),
            ("${A", None),
        ] {
            assert_eq!(expand(text, &variables).as_deref(), expected, "{text}");
        }
    }
}
