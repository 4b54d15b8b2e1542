//! Where an item ends.

use proc_macro2::{Delimiter, TokenTree};

/// Where the item, statement, field or arm that starts at `start` ends.
pub fn end_of_item(tokens: &[TokenTree], start: usize) -> usize {
    const MODIFIERS: &[&str] = &["pub", "unsafe", "async", "default", "auto", "const", "extern"];
    const TO_BRACE: &[&str] =
        &["fn", "mod", "impl", "struct", "enum", "union", "trait", "extern", "macro_rules"];
    const TO_SEMICOLON: &[&str] = &["use", "const", "static", "type", "let"];
    const BLOCKS: &[&str] = &["if", "for", "while", "loop", "match", "unsafe"];
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    };
    // The first word that is no modifier says what it is; a modifier alone (`const X`, `extern
    // "C" {}`, `unsafe {}`) speaks for itself.
    let mut kind = word(start);
    let mut at = start;
    while let Some(next) = word(at).filter(|word| MODIFIERS.contains(&word.as_str())) {
        kind = Some(next);
        at += 1;
        while matches!(tokens.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
            || matches!(tokens.get(at), Some(TokenTree::Literal(_)))
        {
            at += 1;
        }
    }
    if let Some(word) = word(at) {
        let known = |list: &[&str]| list.contains(&word.as_str());
        if known(TO_BRACE) || known(TO_SEMICOLON) {
            kind = Some(word);
        }
    }
    let is = |list: &[&str]| kind.as_deref().is_some_and(|kind| list.contains(&kind));
    let (to_brace, to_semicolon, block) = (is(TO_BRACE), is(TO_SEMICOLON), is(BLOCKS));
    let sign = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let mut angle = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => return at + 1,
                ',' if !to_brace && !to_semicolon && angle == 0 => return at + 1,
                '<' => angle += 1,
                '>' if at > 0 && !sign(at - 1, '-') && !sign(at - 1, '=') => {
                    angle = angle.saturating_sub(1);
                }
                _ => {}
            },
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let arm = at > 1 && sign(at - 1, '>') && sign(at - 2, '=');
                let call = at > 0 && sign(at - 1, '!');
                let other_branch = word(at + 1).is_some_and(|word| word == "else");
                if !to_semicolon && (to_brace || arm || call || block) && !other_branch {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}
