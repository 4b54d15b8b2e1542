//! What can be told of expressions without following their effects.

use std::collections::HashMap;

use syn::{Expr, ExprCall};

use super::value::Value;
use super::{Place, Variable};

/// Looks at values without changing anything.
pub struct Quiet<'a> {
    /// Where the script runs.
    pub place: Place<'a>,
    /// Its variables.
    pub variables: &'a HashMap<String, Variable>,
}

impl Quiet<'_> {
    /// The value of an expression that has no effect.
    pub fn value(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Lit(it) => Value::literal(&it.lit),
            Expr::Path(_) => self.variables.get(&name_of(expr)?)?.value.clone(),
            Expr::Reference(it) => self.value(&it.expr),
            Expr::Paren(it) => self.value(&it.expr),
            Expr::MethodCall(it) => {
                let arguments = it.args.iter().map(|it| self.value(it)).collect();
                self.value(&it.receiver)?.method(&it.method.to_string(), arguments)
            }
            Expr::Call(it) => match called(it)?.as_slice() {
                [.., env, var] if env == "env" && (var == "var" || var == "var_os") => {
                    environment(self.place, self.value(it.args.first()?)?.text_of()?)
                }
                _ => None,
            },
            Expr::Try(it) => self.value(&it.expr),
            Expr::Macro(it) if it.mac.path.is_ident("env") => {
                let name = syn::parse2::<syn::LitStr>(it.mac.tokens.clone()).ok()?.value();
                environment(self.place, &name)
            }
            _ => None,
        }
    }
}

/// The path of a function that is called by its name.
pub fn called(it: &ExprCall) -> Option<Vec<String>> {
    let Expr::Path(path) = &*it.func else { return None };
    Some(path.path.segments.iter().map(|it| it.ident.to_string()).collect())
}

/// The variables that are sure to be what they are: Cargo sets them.
pub fn environment(place: Place<'_>, name: &str) -> Option<Value> {
    let path = match name {
        "OUT_DIR" => place.out,
        "CARGO_MANIFEST_DIR" => place.package,
        _ => return None,
    };
    Some(Value::text(path.to_str()?.to_owned()))
}

/// Methods that cannot write a file or change what they are called on.
pub fn is_harmless(name: &str) -> bool {
    const HARMLESS: &[&str] = &[
        "unwrap",
        "expect",
        "unwrap_or_default",
        "ok",
        "clone",
        "to_string",
        "as_str",
        "trim",
        "is_some",
        "is_ok",
    ];
    HARMLESS.contains(&name)
}

/// The variable that an expression is, through references.
pub fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(it) => it.path.get_ident().map(ToString::to_string),
        Expr::Reference(it) => name_of(&it.expr),
        Expr::Paren(it) => name_of(&it.expr),
        _ => None,
    }
}
