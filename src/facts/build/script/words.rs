//! Names and tokens of a piece of a build script.

use proc_macro2::{TokenStream, TokenTree};

/// The tokens that this piece of code was.
pub fn tokens_of(code: &impl quote::ToTokens) -> TokenStream {
    code.to_token_stream()
}

/// Whether one of these names stands anywhere in it.
pub fn mentions(tokens: &TokenStream, words: &[&str]) -> bool {
    words.iter().any(|word| mentions_name(tokens, word))
}

/// Whether this name stands anywhere in it.
pub fn mentions_name(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions_name(&group.stream(), name),
        TokenTree::Literal(_) | TokenTree::Punct(_) => false,
    })
}

/// Every name in it.
pub fn names_in(tokens: &TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(name) => names.push(name.to_string()),
            TokenTree::Group(group) => names.extend(names_in(&group.stream())),
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
    names
}
