//! What the bodies of functions surely do, as far as their tokens tell: whether no optimiser could
//! leave nothing of one, and which functions it calls in any case.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::cargo::source::tokens::item_end::end_of_item;

/// What a function does whatever its arguments and the configuration are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// It prints, ends the process, or asks the system for something, by the name of what does it:
    /// `println!`, `bind`.
    pub leaves: Vec<String>,
    /// The functions that it calls by a path, `server::run`.
    pub calls: Vec<Vec<String>>,
}

/// Macros of the standard library that write or never return.
pub const WRITES: &[&str] =
    &["println", "print", "eprintln", "eprint", "dbg", "panic", "todo", "unimplemented"];

/// Functions of the standard library and of async runtimes that ask the system for something, which
/// no optimiser may leave out. `::parse()` is that of clap: it reads the arguments and may exit.
const ACTS: &[&str] = &[
    "abort",
    "accept",
    "bind",
    "block_on",
    "connect",
    "create_dir_all",
    "current_dir",
    "exit",
    "read_dir",
    "read_line",
    "read_to_string",
    "remove_file",
    "set_var",
    "sleep",
    "var",
    "var_os",
    "write_all",
];

/// The bodies of all functions in these tokens, by name; of two functions of one name what both do.
pub fn bodies(stream: TokenStream) -> BTreeMap<String, Body> {
    let mut bodies: BTreeMap<String, Body> = BTreeMap::new();
    let mut streams = vec![stream];
    while let Some(stream) = streams.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match (token, tokens.get(at + 1)) {
                (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if word == "fn" => {
                    let end = end_of_item(&tokens, at);
                    if let Some(TokenTree::Group(group)) = tokens.get(end.saturating_sub(1))
                        && group.delimiter() == Delimiter::Brace
                    {
                        let found = body(group.stream());
                        bodies
                            .entry(name.to_string())
                            .and_modify(|known| *known = both(known, &found))
                            .or_insert(found);
                    }
                }
                (TokenTree::Group(group), _) => streams.push(group.stream()),
                _ => {}
            }
        }
    }
    bodies
}

fn both(one: &Body, other: &Body) -> Body {
    let leaves = match (one.leaves.is_empty(), other.leaves.is_empty()) {
        (false, false) => [one.leaves.clone(), other.leaves.clone()].concat(),
        _ => Vec::new(),
    };
    let calls = one.calls.iter().filter(|it| other.calls.contains(it)).cloned().collect();
    Body { leaves, calls }
}

/// What one body does in any case.
pub fn body(stream: TokenStream) -> Body {
    let mut body = Body::default();
    follow(stream, &mut body, 0);
    body
}

/// Deeper than a statement's arguments nest.
const MAX_DEPTH: usize = 64;

/// Takes in what these tokens do in any case; whether what follows them is reached in any case, too.
fn follow(stream: TokenStream, body: &mut Body, depth: usize) -> bool {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    if depth > MAX_DEPTH {
        return false;
    }
    let is = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == sign);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            // What has an attribute may not be there, or be something else.
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                at = end_of_item(&tokens, at + 2);
                continue;
            }
            // Behind `?` it may be over, behind `&&` and `||` nothing may happen, and what stands
            // in a closure is done by whoever calls it.
            TokenTree::Punct(sign) if matches!(sign.as_char(), '?' | '|') => return false,
            TokenTree::Punct(sign) if sign.as_char() == '&' && is(at + 1, '&') => return false,
            TokenTree::Ident(word) if *word == "fn" || *word == "macro_rules" => {
                at = end_of_item(&tokens, at);
                continue;
            }
            TokenTree::Ident(word)
                if ["return", "break", "continue", "loop", "while"].iter().any(|it| word == it) =>
            {
                return false;
            }
            TokenTree::Ident(name) if is(at + 1, '!') && !is(at + 2, '=') => {
                let name = name.to_string();
                let is_argument = matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                if WRITES.contains(&name.as_str()) && is_argument {
                    body.leaves.push(format!("{name}!"));
                }
                at += 3;
                continue;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                // A block of a condition, a loop, a match: it may end the function or not be reached.
                let is_plain = at == 0
                    || is(at - 1, ';')
                    || matches!(&tokens[at - 1], TokenTree::Ident(word) if word == "unsafe");
                let goes_on = match is_plain {
                    true => follow(group.stream(), body, depth + 1),
                    false => !may_end(group.stream()),
                };
                if !goes_on {
                    return false;
                }
            }
            TokenTree::Group(group) => {
                if !follow(group.stream(), body, depth + 1) {
                    return false;
                }
                if group.delimiter() == Delimiter::Parenthesis {
                    call(&tokens[..at], group.stream().is_empty(), body);
                }
            }
            _ => {}
        }
        at += 1;
    }
    true
}

/// Whether a block may end the function that it stands in.
fn may_end(stream: TokenStream) -> bool {
    const ENDS: &[&str] = &["return", "exit", "abort", "break", "continue", "panic"];
    stream.into_iter().any(|token| match token {
        TokenTree::Ident(word) => ENDS.iter().any(|end| word == end),
        TokenTree::Punct(sign) => sign.as_char() == '?',
        TokenTree::Group(group) => may_end(group.stream()),
        TokenTree::Literal(_) => false,
    })
}

/// What is called with the arguments behind these tokens.
fn call(before: &[TokenTree], is_empty: bool, body: &mut Body) {
    let [before @ .., TokenTree::Ident(name)] = before else { return };
    let name = name.to_string();
    let sign =
        |it: &TokenTree, sign: char| matches!(it, TokenTree::Punct(it) if it.as_char() == sign);
    let mut path = vec![name.clone()];
    let mut rest = before;
    while let [before @ .., TokenTree::Ident(part), one, two] = rest
        && sign(one, ':')
        && sign(two, ':')
    {
        path.insert(0, part.to_string());
        rest = before;
    }
    let is_method = matches!(rest, [.., dot] if sign(dot, '.')) && path.len() == 1;
    let is_qualified = path.len() > 1;
    if ACTS.contains(&name.as_str()) || (name == "parse" && is_qualified && is_empty) {
        body.leaves.push(path.join("::"));
    }
    if !is_method {
        body.calls.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(source: &str) -> Vec<String> {
        body(source.parse().unwrap()).leaves
    }

    #[test]
    fn what_is_done_in_any_case_is_told_from_what_may_be() {
        for (source, expected) in [
            ("println!(\"{}\", 1);", &["println!"][..]),
            (
                "let rt = Runtime::new().unwrap(); rt.block_on(async { serve().await });",
                &["block_on"],
            ),
            ("let cli = Cli::parse(); run(cli);", &["Cli::parse"]),
            ("let n: u8 = \"1\".parse().unwrap();", &[]),
            ("if cfg!(debug_assertions) { println!(\"x\") }", &[]),
            ("if !ENABLED { return; } println!(\"x\");", &[]),
            ("if true { warn(); } println!(\"x\");", &["println!"]),
            ("{ println!(\"x\"); }", &["println!"]),
            ("unsafe { println!(\"x\"); }", &["println!"]),
            ("cfg!(windows) && sleep();", &[]),
            ("let f = || println!(\"x\");", &[]),
            ("fn inner() { println!(\"x\") } let x = 1;", &[]),
            ("step()?; println!(\"x\");", &[]),
            ("#[cfg(feature = \"x\")] println!(\"x\"); bind(1);", &["bind"]),
            ("match std::env::var(\"X\") { Ok(x) => x, Err(_) => return };", &["std::env::var"]),
            ("loop { println!(\"x\"); }", &[]),
        ] {
            assert_eq!(leaves(source), expected, "{source}");
        }
    }

    #[test]
    fn of_two_functions_of_one_name_only_what_both_do_counts() {
        let found = bodies(
            "impl A { fn run(&self) { print!(\"a\"); go(); } } mod b { pub fn run() -> Vec<u8> { go() } }"
                .parse()
                .unwrap(),
        );
        assert!(found["run"].leaves.is_empty());
        assert_eq!(found["run"].calls, [["go"]]);
    }
}
