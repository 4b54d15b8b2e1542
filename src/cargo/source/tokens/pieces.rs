//! Whether tokens are Rust, found out piece by piece: a tree of a whole file is many times as large.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};

use crate::cargo::source::error::SourceError;
use crate::cargo::source::tokens::not_rust;

/// One item of more tokens is not parsed.
const MAX_TOKENS: usize = 800_000;

/// Whether the tokens are items, one after the other.
///
/// # Errors
///
/// They are none, or one of them is too long to be parsed.
pub fn are_items(stream: TokenStream) -> Result<(), SourceError> {
    let items = |input: ParseStream<'_>| {
        input.call(syn::Attribute::parse_inner)?;
        while !input.is_empty() {
            input.parse::<syn::Item>()?;
        }
        Ok(())
    };
    let mut rest = stream.into_iter().peekable();
    while rest.peek().is_some() {
        let mut piece = piece(&mut rest);
        // The items of a module are looked at as those of a file are.
        if let [.., TokenTree::Ident(word), TokenTree::Ident(_), TokenTree::Group(body)] =
            piece.as_mut_slice()
            && word == "mod"
            && body.delimiter() == Delimiter::Brace
        {
            are_items(body.stream())?;
            *body = emptied(body, TokenStream::new());
        }
        let mut left = MAX_TOKENS;
        let light = light(piece.into_iter(), &mut left);
        let light = light.ok_or(SourceError::ItemTooLong { limit: MAX_TOKENS })?;
        items.parse2(light).map_err(not_rust)?;
    }
    Ok(())
}

/// The same tokens with one entry of each plain list (`[1, 2, 3]`), which is as much Rust as the
/// whole is; `None` where they are more than are left.
fn light(tokens: impl Iterator<Item = TokenTree>, left: &mut usize) -> Option<TokenStream> {
    let mut light = Vec::new();
    for token in tokens {
        *left = left.checked_sub(1)?;
        light.push(match token {
            TokenTree::Group(group) if is_plain_list(&group) => {
                let first = group.stream().into_iter().take(1).collect();
                TokenTree::Group(emptied(&group, first))
            }
            TokenTree::Group(group) => {
                let inside =
                    crate::cargo::source::tokens::pieces::light(group.stream().into_iter(), left)?;
                TokenTree::Group(emptied(&group, inside))
            }
            token => token,
        });
    }
    Some(light.into_iter().collect())
}

fn emptied(group: &Group, stream: TokenStream) -> Group {
    let mut emptied = Group::new(group.delimiter(), stream);
    emptied.set_span(group.span());
    emptied
}

/// Whether there is nothing between the brackets but literals and commas, by turns.
fn is_plain_list(group: &Group) -> bool {
    let mut wants_value = true;
    let mut tokens = group.stream().into_iter();
    let by_turns = tokens.all(|token| {
        let is_value = matches!(token, TokenTree::Literal(_));
        let is_comma = matches!(&token, TokenTree::Punct(sign) if sign.as_char() == ',');
        wants_value = !wants_value;
        if wants_value { is_comma } else { is_value }
    });
    group.delimiter() == Delimiter::Bracket && !group.stream().is_empty() && by_turns
}

/// The next items of a file: up to a `;`, or to a `}` behind which surely another item starts. What
/// cannot be told apart stays together.
fn piece(rest: &mut Peekable<impl Iterator<Item = TokenTree>>) -> Vec<TokenTree> {
    const TO_BRACE: &[&str] = &["fn", "impl", "mod", "struct", "enum", "union", "trait"];
    const GOES_ON: &[&str] = &["as", "else", "for", "if", "in", "where"];
    let mut piece = Vec::new();
    let mut to_brace = false;
    while let Some(token) = rest.next() {
        let may_end = match &token {
            TokenTree::Ident(word) => {
                to_brace |= TO_BRACE.iter().any(|it| word == it);
                false
            }
            TokenTree::Group(group) => {
                let starts = |next: &TokenTree| match next {
                    TokenTree::Ident(word) => !GOES_ON.iter().any(|it| word == it),
                    TokenTree::Punct(sign) => sign.as_char() == '#',
                    TokenTree::Group(_) | TokenTree::Literal(_) => false,
                };
                to_brace && group.delimiter() == Delimiter::Brace && rest.peek().is_none_or(starts)
            }
            TokenTree::Punct(sign) => sign.as_char() == ';',
            TokenTree::Literal(_) => false,
        };
        piece.push(token);
        if may_end {
            break;
        }
    }
    piece
}
