//! The values that a build script handles, and what its methods make of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Made;

/// A value, and the files that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub kind: Kind,
    /// The files.
    pub from: BTreeSet<PathBuf>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A path.
    Path(PathBuf),
    /// A file that is open for writing.
    File(PathBuf),
    /// The lines of a text.
    Lines(Vec<String>),
    /// A number.
    Number(usize),
    /// A condition.
    Truth(bool),
    /// Nothing: something was done.
    Done,
}

impl Value {
    /// A text that comes from no file.
    pub fn text(text: String) -> Value {
        Value { kind: Kind::Text(text), from: BTreeSet::new() }
    }

    /// What was done without a result.
    pub fn done() -> Value {
        Value { kind: Kind::Done, from: BTreeSet::new() }
    }

    /// A literal's own.
    pub fn literal(literal: &syn::Lit) -> Option<Value> {
        let kind = match literal {
            syn::Lit::Str(text) => Kind::Text(text.value()),
            syn::Lit::ByteStr(bytes) => Kind::Bytes(bytes.value()),
            syn::Lit::Char(letter) => Kind::Text(letter.value().to_string()),
            syn::Lit::Bool(truth) => Kind::Truth(truth.value),
            _ => return None,
        };
        Some(Value { kind, from: BTreeSet::new() })
    }

    /// As text, where it is one.
    pub fn text_of(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Kind::Path(path) => path.to_str(),
            Kind::File(_) | Kind::Lines(_) | Kind::Number(_) | Kind::Truth(_) | Kind::Done => None,
        }
    }

    /// The same value as text.
    pub fn into_text(self) -> Option<Value> {
        let text = self.text_of()?.to_owned();
        Some(Value { kind: Kind::Text(text), from: self.from })
    }

    /// The same value as a path.
    pub fn into_path(self) -> Value {
        let kind = match self.kind {
            Kind::Text(text) => Kind::Path(text.into()),
            kind => kind,
        };
        Value { kind, from: self.from }
    }

    /// The bytes that writing it would write.
    pub fn into_made(self) -> Option<Made> {
        let bytes = match self.kind {
            Kind::Text(text) => text.into_bytes(),
            Kind::Bytes(bytes) => bytes,
            _ => return None,
        };
        Some(Made { bytes, from: self.from })
    }

    /// This text and another one.
    pub fn appended(self, more: Value) -> Option<Value> {
        match (self.kind, more.kind) {
            (Kind::Text(text), Kind::Text(more_text)) => {
                let from = self.from.into_iter().chain(more.from).collect();
                Some(Value { kind: Kind::Text(text + &more_text), from })
            }
            _ => None,
        }
    }

    /// As `{}` or, for Debug, `{:?}` prints it.
    pub fn formatted(&self, debug: bool) -> Option<String> {
        match (&self.kind, debug) {
            (Kind::Text(text), true) => Some(format!("{text:?}")),
            (Kind::Text(text), false) => Some(text.clone()),
            (Kind::Path(path), true) => Some(format!("{path:?}")),
            (Kind::Number(number), _) => Some(number.to_string()),
            (Kind::Truth(truth), _) => Some(truth.to_string()),
            _ => None,
        }
    }

    /// What an operator makes of two.
    pub fn binary(self, operator: &syn::BinOp, right: Value) -> Option<Value> {
        let truths = |value: &Value| match value.kind {
            Kind::Truth(truth) => Some(truth),
            _ => None,
        };
        let from = self.from.iter().chain(&right.from).cloned().collect();
        let truth = match operator {
            syn::BinOp::Add(_) => return self.appended(right),
            syn::BinOp::Eq(_) => self.text_of()? == right.text_of()?,
            syn::BinOp::Ne(_) => self.text_of()? != right.text_of()?,
            syn::BinOp::And(_) => truths(&self)? && truths(&right)?,
            syn::BinOp::Or(_) => truths(&self)? || truths(&right)?,
            _ => return None,
        };
        Some(Value { kind: Kind::Truth(truth), from })
    }

    /// What a method makes of it; no arguments: some of them are not known.
    pub fn method(self, name: &str, arguments: Option<Vec<Value>>) -> Option<Value> {
        // What is known has succeeded: what would be said or done otherwise need not be known.
        if matches!(name, "expect" | "unwrap_or" | "unwrap_or_else" | "map_err" | "ok") {
            return Some(self);
        }
        let arguments = arguments?;
        let texts: Vec<Option<&str>> = arguments.iter().map(Value::text_of).collect();
        let kind = match (name, texts.as_slice()) {
            (
                "unwrap" | "unwrap_or_default" | "clone" | "to_owned" | "as_str" | "as_ref"
                | "as_bytes" | "into_bytes" | "to_vec" | "borrow" | "as_path" | "to_path_buf"
                | "into_string" | "as_slice" | "as_os_str" | "into",
                [],
            ) => return Some(self),
            ("to_string", []) => Kind::Text(self.formatted(false)?),
            ("to_str" | "to_string_lossy" | "display", []) => return self.into_text(),
            ("trim", []) => Kind::Text(self.as_text()?.trim().to_owned()),
            ("trim_end", []) => Kind::Text(self.as_text()?.trim_end().to_owned()),
            ("trim_start", []) => Kind::Text(self.as_text()?.trim_start().to_owned()),
            ("to_uppercase", []) => Kind::Text(self.as_text()?.to_uppercase()),
            ("to_lowercase", []) => Kind::Text(self.as_text()?.to_lowercase()),
            ("len", []) => Kind::Number(match &self.kind {
                Kind::Text(text) => text.len(),
                Kind::Bytes(bytes) => bytes.len(),
                _ => return None,
            }),
            ("lines", []) => Kind::Lines(self.as_text()?.lines().map(str::to_owned).collect()),
            ("count", []) => match &self.kind {
                Kind::Lines(lines) => Kind::Number(lines.len()),
                _ => return None,
            },
            ("is_empty", []) => Kind::Truth(self.as_text()?.is_empty()),
            ("starts_with", [Some(with)]) => Kind::Truth(self.as_text()?.starts_with(with)),
            ("ends_with", [Some(with)]) => Kind::Truth(self.as_text()?.ends_with(with)),
            ("contains", [Some(with)]) => Kind::Truth(self.as_text()?.contains(with)),
            ("replace", [Some(old), Some(new)]) => Kind::Text(self.as_text()?.replace(old, new)),
            ("join", [Some(more)]) => match &self.kind {
                Kind::Path(path) => Kind::Path(path.join(more)),
                _ => return None,
            },
            _ => return None,
        };
        let from = arguments.into_iter().flat_map(|it| it.from).chain(self.from).collect();
        Some(Value { kind, from })
    }

    /// As text that a script may call a text's methods on.
    fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}
