//! A format string with its arguments.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Token};

use super::value::{Kind, Value};

/// The arguments of `format!` and its like.
pub struct Arguments {
    skipped: Vec<Expr>,
    format: String,
    positional: Vec<Expr>,
    named: Vec<(String, Expr)>,
}

impl Arguments {
    /// Reads them; `skip` come before the format string. `None`: there is no literal.
    pub fn parse(tokens: &TokenStream, skip: usize) -> Option<Arguments> {
        let all = |input: ParseStream<'_>| {
            input.parse_terminated(Argument::parse, Token![,]).map(|it| it.into_iter().collect())
        };
        let all: Vec<Argument> = all.parse2(tokens.clone()).ok()?;
        let mut all = all.into_iter();
        let skipped: Vec<Expr> = all.by_ref().take(skip).map(|it| it.value).collect();
        let mut arguments =
            Arguments { skipped, format: String::new(), positional: vec![], named: vec![] };
        for (index, Argument { name, value }) in all.enumerate() {
            match (index, name, value) {
                (0, None, Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) => {
                    arguments.format = text.value();
                }
                // The target of `write!` alone is asked for.
                (0, None, value) => arguments.skipped.push(value),
                (_, None, value) => arguments.positional.push(value),
                (_, Some(name), value) => arguments.named.push((name, value)),
            }
        }
        Some(arguments)
    }

    /// The variable that the first argument before the format is.
    pub fn first_name(&self) -> Option<String> {
        super::name_of(self.skipped.first()?)
    }

    /// The text; `None` as soon as one piece of it is not known.
    pub fn text(
        &self,
        variable: &dyn Fn(&str) -> Option<Value>,
        value: &dyn Fn(&Expr) -> Option<Value>,
    ) -> Option<Value> {
        let mut made = Value::text(String::new());
        let mut text = String::new();
        let mut next = 0;
        let mut rest = self.format.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            if let Some(after) = rest[at..].strip_prefix("{{").or(rest[at..].strip_prefix("}}")) {
                text.push_str(&rest[at..=at]);
                rest = after;
                continue;
            }
            let (inside, after) = rest[at..].strip_prefix('{')?.split_once('}')?;
            let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
            let debug = match kind {
                "" => false,
                "?" => true,
                _ => return None,
            };
            let piece = match (name.trim(), name.trim().parse::<usize>()) {
                ("", _) => {
                    next += 1;
                    value(self.positional.get(next - 1)?)
                }
                (_, Ok(index)) => value(self.positional.get(index)?),
                (name, _) => match self.named.iter().find(|(known, _)| known == name) {
                    Some((_, expr)) => value(expr),
                    None => variable(name),
                },
            }?;
            text.push_str(&piece.formatted(debug)?);
            made.from.extend(piece.from);
            rest = after;
        }
        text.push_str(rest);
        made.kind = Kind::Text(text);
        Some(made)
    }
}

struct Argument {
    name: Option<String>,
    value: Expr,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Argument> {
        let is_named = input.peek(syn::Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]);
        let name = match is_named {
            true => {
                let name: syn::Ident = input.parse()?;
                input.parse::<Token![=]>()?;
                Some(name.to_string())
            }
            false => None,
        };
        Ok(Argument { name, value: input.parse()? })
    }
}
