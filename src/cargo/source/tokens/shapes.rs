//! The shapes that tokens take: attributes, items, includes, the body of `main`.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::cargo::source::string_literals;
use crate::cargo::source::tokens::{Calls, IncludePath, MainFunction, Printed, bodies};

/// `#[…]` or `#![…]`: its inside, whether it is the inner form, and how many tokens it has.
pub fn attribute(tokens: &[TokenTree]) -> Option<(&Group, bool, usize)> {
    let is = |token: &TokenTree, sign: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign);
    match tokens {
        [hash, TokenTree::Group(group), ..]
            if is(hash, '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some((group, false, 2))
        }
        [hash, bang, TokenTree::Group(group), ..]
            if is(hash, '#') && is(bang, '!') && group.delimiter() == Delimiter::Bracket =>
        {
            Some((group, true, 3))
        }
        _ => None,
    }
}

/// A literal that is compared with: short ones become immediate operands and leave no text.
pub fn is_pattern(tokens: &[TokenTree], at: usize) -> bool {
    let sign = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    (sign(at + 1, '=') && sign(at + 2, '>'))
        || (sign(at + 1, '|') && !sign(at + 2, '|'))
        || (at > 0 && sign(at - 1, '|') && !(at > 1 && sign(at - 2, '|')))
}

/// What the body of `main` does.
pub fn main_body(stream: TokenStream) -> MainFunction {
    let mut main = MainFunction {
        exits: exits(&stream.clone().into_iter().collect::<Vec<_>>()),
        printed: printed(stream.clone()),
        body: bodies::body(stream.clone()),
        ..MainFunction::default()
    };
    let mut streams = vec![stream];
    while let Some(stream) = streams.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        main.tokens += tokens.len();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    main.calls |= group.delimiter() == Delimiter::Parenthesis
                        && at > 0
                        && matches!(tokens[at - 1], TokenTree::Ident(_));
                    streams.push(group.stream());
                }
                TokenTree::Ident(name) if name == "await" => main.calls = true,
                TokenTree::Ident(name) => {
                    if let [_, TokenTree::Punct(bang), TokenTree::Group(_), ..] = &tokens[at..]
                        && bang.as_char() == '!'
                    {
                        main.macros.push(name.to_string());
                    }
                }
                TokenTree::Literal(literal) => {
                    main.string_literals.extend(string_literals::value(literal))
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
    main
}

/// Whether a statement of this body, and not of a block in it, calls `process::exit` or
/// `process::abort`. One that has an attribute may not be there.
fn exits(body: &[TokenTree]) -> bool {
    let word = |token: &TokenTree, words: &[&str]| matches!(token, TokenTree::Ident(name) if words.iter().any(|word| name == word));
    let is_call = |it: &[TokenTree]| {
        word(&it[0], &["process"])
            && word(&it[3], &["exit", "abort"])
            && matches!(&it[4], TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
    };
    let is_attribute = |it: &TokenTree| matches!(it, TokenTree::Punct(it) if it.as_char() == '#');
    !body.iter().any(is_attribute) && body.windows(5).any(is_call)
}

/// The texts that statements of this body print, up to the first that could end it for good or
/// that has an attribute.
fn printed(body: TokenStream) -> Vec<Printed> {
    const ENDS: &[&str] = &["return", "loop", "panic", "unreachable", "todo", "exit", "abort"];
    const PRINTS: &[&str] = &["println", "print", "eprintln", "eprint"];
    /// More say nothing more, and each is looked at with all that stands before it.
    const MAX_PRINTED: usize = 64;
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut printed = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (TokenTree::Punct(hash), ..) if hash.as_char() == '#' => break,
            (TokenTree::Ident(name), ..) if ENDS.iter().any(|end| name == end) => break,
            _ if printed.len() >= MAX_PRINTED => break,
            (
                TokenTree::Ident(name),
                Some(TokenTree::Punct(bang)),
                Some(TokenTree::Group(arguments)),
            ) if bang.as_char() == '!' && PRINTS.iter().any(|print| name == print) => {
                if let Some(TokenTree::Literal(format)) = arguments.stream().into_iter().next() {
                    let before = tokens[..at + 3].iter().cloned().collect();
                    let after = calls(before).called;
                    let string_literals =
                        string_literals::string_literals(&format, Some("println")).into_iter();
                    printed
                        .extend(string_literals.map(|text| Printed { text, after: after.clone() }));
                }
            }
            _ => {}
        }
    }
    printed
}

/// The functions that are written here, and what is called.
pub fn calls(stream: TokenStream) -> Calls {
    const OPENS: &[&str] = &["await", "loop", "while"];
    let mut calls = Calls::default();
    let mut streams = vec![stream];
    while let Some(stream) = streams.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match (token, &tokens[..at]) {
                (TokenTree::Ident(name), [.., TokenTree::Ident(word)]) if word == "fn" => {
                    calls.defined.insert(name.to_string());
                }
                (TokenTree::Ident(name), _) if OPENS.iter().any(|word| name == word) => {
                    calls.called.insert(name.to_string());
                }
                (TokenTree::Group(group), before) => {
                    calls.called.extend(callee(group, before));
                    streams.push(group.stream());
                }
                _ => {}
            }
        }
    }
    calls
}

/// Macros that these tokens define, and names of the standard library's printing macros that they
/// bring in from elsewhere: `use quiet::println;`.
pub fn macros(stream: TokenStream) -> BTreeSet<String> {
    let sign = |it: Option<&TokenTree>, sign: char| matches!(it, Some(TokenTree::Punct(it)) if it.as_char() == sign);
    let mut macros = BTreeSet::new();
    let mut streams = vec![stream];
    while let Some(stream) = streams.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word)
                    if word == "macro_rules" && sign(tokens.get(at + 1), '!') =>
                {
                    macros.extend(tokens.get(at + 2).map(ToString::to_string));
                }
                TokenTree::Ident(name)
                    if bodies::WRITES.iter().any(|it| name == it)
                        && (tokens.len() == at + 1
                            || sign(tokens.get(at + 1), ';')
                            || sign(tokens.get(at + 1), ',')) =>
                {
                    macros.insert(name.to_string());
                }
                TokenTree::Group(group) => streams.push(group.stream()),
                _ => {}
            }
        }
    }
    macros
}

/// Whether this word stands anywhere in it.
pub fn mentions(stream: TokenStream, word: &str) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        TokenTree::Literal(_) | TokenTree::Punct(_) => false,
    })
}

/// What these arguments are handed to: a function by its name, a macro with its `!`, and `?` for
/// what has no name.
fn callee(arguments: &Group, before: &[TokenTree]) -> Option<String> {
    let is_call = arguments.delimiter() == Delimiter::Parenthesis;
    match before {
        [.., TokenTree::Ident(word), TokenTree::Ident(_)] if word == "fn" => None,
        [.., TokenTree::Ident(name)] if is_call => Some(name.to_string()),
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => {
            Some(format!("{name}!"))
        }
        [.., TokenTree::Group(group)] if is_call && group.delimiter() != Delimiter::Brace => {
            Some("?".to_owned())
        }
        [before @ .., TokenTree::Punct(angle)] if is_call && angle.as_char() == '>' => {
            // `name::<…>(…)`. Nobody writes more of them than this, and each `>(` looks back.
            const MAX_ARGUMENTS: usize = 1000;
            let before = &before[before.len().saturating_sub(MAX_ARGUMENTS)..];
            let mut depth = 1;
            let open = before.iter().rposition(|token| {
                match token {
                    TokenTree::Punct(punct) if punct.as_char() == '>' => depth += 1,
                    TokenTree::Punct(punct) if punct.as_char() == '<' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })?;
            match &before[..open] {
                [.., TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Punct(_)] => {
                    Some(name.to_string())
                }
                _ => Some("?".to_owned()),
            }
        }
        _ => None,
    }
}

/// Whether an attribute leaves what it stands on as it is; a macro may do anything.
pub fn is_inert(path: &str) -> bool {
    const INERT: &[&str] = &[
        "allow",
        "cfg",
        "cfg_attr",
        "cold",
        "deny",
        "deprecated",
        "doc",
        "expect",
        "forbid",
        "inline",
        "macro_use",
        "must_use",
        "path",
        "rustfmt::skip",
        "warn",
    ];
    INERT.contains(&path) || path.starts_with("clippy::")
}

/// The argument of an include.
pub fn include_path(stream: TokenStream) -> IncludePath {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Literal(literal), ..] => {
            string_literals::value(literal).map_or(IncludePath::Computed, IncludePath::Literal)
        }
        [TokenTree::Ident(concat), TokenTree::Punct(_), TokenTree::Group(parts), ..]
            if concat == "concat" =>
        {
            concatenated(parts.stream()).unwrap_or(IncludePath::Computed)
        }
        _ => IncludePath::Computed,
    }
}

/// `env!("OUT_DIR"), "/name.rs"`.
fn concatenated(stream: TokenStream) -> Option<IncludePath> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let [TokenTree::Ident(env), TokenTree::Punct(_), TokenTree::Group(name), rest @ ..] =
        tokens.as_slice()
    else {
        return None;
    };
    let Some(TokenTree::Literal(name)) = name.stream().into_iter().next() else { return None };
    let mut path = String::new();
    for token in rest {
        match token {
            TokenTree::Literal(literal) => path.push_str(&string_literals::value(literal)?),
            TokenTree::Punct(_) => {}
            TokenTree::Ident(_) | TokenTree::Group(_) => return None,
        }
    }
    let path = path.trim_start_matches('/').to_owned();
    match (env == "env", string_literals::value(&name)?.as_str()) {
        (true, "CARGO_MANIFEST_DIR") => Some(IncludePath::Package(path)),
        (true, "OUT_DIR") => Some(IncludePath::OutDir(path)),
        _ => None,
    }
}
