//! The macros that a build script calls.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use super::format::Arguments;
use super::quiet::Quiet;
use super::value::{Kind, Value};
use super::{Made, Script, Variable};

impl Script<'_, '_> {
    pub(super) fn macro_call(&mut self, call: &syn::Macro) -> Option<Value> {
        let name = call.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "println" | "print" => {
                let end: &[u8] = if name == "println" { b"\n" } else { b"" };
                if let Some(text) = self.formatted(&call.tokens, 0) {
                    let Kind::Text(line) = text.kind else { return None };
                    let bytes = [line.as_bytes(), end].concat();
                    if !self.ended {
                        self.would.print.push(Made { bytes, from: text.from });
                    }
                }
                Some(Value::done())
            }
            "format" => self.formatted(&call.tokens, 0),
            "write" | "writeln" => {
                let text = self.formatted(&call.tokens, 1);
                let end =
                    Value::text(if name == "writeln" { "\n".to_owned() } else { String::new() });
                let text = text.and_then(|text| text.appended(end));
                let to = Arguments::parse(&call.tokens, 0).and_then(|it| it.first_name());
                let variable = to.as_ref().and_then(|name| self.variables.get(name)).cloned();
                match (to, variable.and_then(|it| it.value)) {
                    (_, Some(Value { kind: Kind::File(path), .. })) => {
                        self.append(&path, text);
                    }
                    (Some(name), Some(value)) => {
                        let value = text.and_then(|text| value.appended(text));
                        self.variables.insert(name, Variable { value, mutable: true });
                    }
                    _ => {
                        self.disturb_tokens(&call.tokens);
                        return None;
                    }
                }
                Some(Value::done())
            }
            "env" | "option_env" => {
                let name = syn::parse2::<syn::LitStr>(call.tokens.clone()).ok()?.value();
                self.variable(&name)
            }
            "include_str" | "include_bytes" => {
                let name = syn::parse2::<syn::LitStr>(call.tokens.clone()).ok()?.value();
                let beside = self.place.source.parent()?.join(name);
                let path = Value { kind: Kind::Path(beside), from: BTreeSet::new() };
                let contents = self.contents(&path)?;
                if name_is_text(call) { contents.into_text() } else { Some(contents) }
            }
            "eprintln" | "eprint" | "assert" | "assert_eq" | "assert_ne" | "debug_assert" => {
                Some(Value::done())
            }
            _ => {
                self.disturb_tokens(&call.tokens);
                None
            }
        }
    }

    /// The text of a format string and its arguments, after `skip` others.
    fn formatted(&mut self, tokens: &TokenStream, skip: usize) -> Option<Value> {
        let arguments = Arguments::parse(tokens, skip)?;
        let variables = &self.variables;
        arguments.text(&|name| variables.get(name)?.value.clone(), &|expr| {
            // Inside of a format only what has no effect is followed.
            Quiet { place: self.place, variables }.value(expr)
        })
    }
}

fn name_is_text(call: &syn::Macro) -> bool {
    call.path.segments.last().is_some_and(|it| it.ident == "include_str")
}
