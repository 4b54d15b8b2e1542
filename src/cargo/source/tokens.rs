//! What one source file says, read from its tokens: modules, includes, texts, `main`, positions.
//!
//! Tokens are enough, and they are all that two sides agree on: a panic location is the start of
//! a token, and a macro's body is tokens and nothing more. A syntax tree is made only to know
//! whether the file is Rust at all.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::cargo::source::cfg::{Cfg, Compiled};
use crate::cargo::source::error::SourceError;
use crate::cargo::source::string_literals;
use crate::cargo::source::string_literals::StringLiteral;

pub mod bodies;
pub mod depth;
pub mod found;
pub mod item_end;
pub mod pieces;
pub mod positions;
pub mod shapes;

use crate::cargo::source::tokens::bodies::Body;
pub use crate::cargo::source::tokens::found::{
    Calls, Include, IncludePath, MainFunction, ModuleDeclaration, Printed,
};
use crate::cargo::source::tokens::item_end::end_of_item;
use crate::cargo::source::tokens::positions::TokenStarts;

use crate::cargo::source::tokens::depth::recursion;
use crate::cargo::source::tokens::shapes::{
    attribute, include_path, is_inert, is_pattern, main_body,
};

/// What one source file says.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// Where tokens start.
    pub tokens: TokenStarts,
    /// `mod name;`, also inside inline modules and macros.
    pub modules: Vec<ModuleDeclaration>,
    /// `include!`, `include_str!` and `include_bytes!`.
    pub includes: Vec<Include>,
    /// The texts that compiled code would carry into the program.
    pub string_literals: Vec<StringLiteral>,
    /// The function `main` at the top of the file.
    pub main: Option<MainFunction>,
    /// Whether a macro in this file names modules by a variable, so that the tree may be larger.
    pub macro_modules: bool,
    /// The functions of this file, and what is called in it.
    pub calls: Calls,
    /// What the functions of this file do in any case, by name.
    pub bodies: BTreeMap<String, Body>,
    /// Macros and imports of this file that may stand in the place of the standard library's.
    pub macros: BTreeSet<String>,
    /// Whether a feature decides that this is not the `main` of the file, or that there is none.
    pub other_main_by_feature: bool,
}

/// Deeper nesting than in any code that a compiler was given; rustc itself stops at 128.
const MAX_NESTING: usize = 300;

/// How deep a parser could recurse at most; the stack of the reading thread is made for it.
const MAX_RECURSION: usize = 20_000;

/// The same of a tree that is kept and walked.
const MAX_TREE: usize = 4_000;

/// A larger source is not read, in bytes: a token takes many times its own length in memory.
/// Generated bindings of 100,000 lines are smaller.
const MAX_BYTES: usize = 16 << 20;

/// A source of more tokens is not read.
const MAX_TOKENS: usize = 2_300_000;

/// Reads one source file.
///
/// # Errors
///
/// The text is not Rust: it cannot be split into tokens, or not parsed.
pub fn scan(source: &str, cfg: &Cfg) -> Result<Scan, SourceError> {
    let stream = tokens(source)?;
    is_shallow(&stream)?;
    pieces::are_items(stream.clone())?;
    let mut spans = Vec::new();
    collect(stream.clone(), &mut spans);
    let tokens = TokenStarts::new(source, &spans);
    drop(spans);
    let calls = shapes::calls(stream.clone());
    let macros = shapes::macros(stream.clone());
    let mut scanner = Scanner { cfg, scan: Scan { tokens, calls, macros, ..Scan::default() } };
    let place = TokenContext {
        compiled: Compiled::Yes,
        inside: &[],
        inside_file_directory: false,
        within: Within::Items,
        top: true,
    };
    let (compiled, _) = scanner.compiled(stream.clone(), 0);
    scanner.scan.bodies = bodies::bodies(compiled);
    scanner.walk(stream, place);
    Ok(scanner.scan)
}

/// The tokens of an included fragment, which need not be a whole file.
///
/// # Errors
///
/// The text cannot be split into tokens.
pub fn starts(source: &str) -> Result<TokenStarts, SourceError> {
    let mut spans = Vec::new();
    collect(tokens(source)?, &mut spans);
    Ok(TokenStarts::new(source, &spans))
}

/// The syntax tree of a source file.
///
/// # Errors
///
/// The text is not Rust, or more of it than a parser is given.
pub fn parse(source: &str) -> Result<syn::File, SourceError> {
    let stream = tokens(source)?;
    if recursion(stream.clone(), 0) > MAX_TREE {
        return Err(SourceError::TooDeep);
    }
    syn::parse2(stream).map_err(not_rust)
}

fn not_rust(error: syn::Error) -> SourceError {
    SourceError::NotRust { line: error.span().start().line, message: error.to_string() }
}

fn is_shallow(stream: &TokenStream) -> Result<(), SourceError> {
    match recursion(stream.clone(), 0) {
        0..=MAX_RECURSION => Ok(()),
        _ => Err(SourceError::TooDeep),
    }
}

fn tokens(source: &str) -> Result<TokenStream, SourceError> {
    use std::borrow::Cow;
    if source.len() > MAX_BYTES || most_tokens(source) > MAX_TOKENS {
        return Err(SourceError::TooLong { megabytes: MAX_BYTES >> 20, tokens: MAX_TOKENS });
    }
    // rustc forgets the byte order mark, and reads every line end as `\n`, also inside of a text.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let source: Cow<'_, str> = match source.contains("\r\n") {
        true => Cow::Owned(source.replace("\r\n", "\n")),
        false => Cow::Borrowed(source),
    };
    // A `#!` line is the system's, not Rust's; spaces keep the columns of all that follows.
    let source = match source.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => {
            let end = source.find('\n').unwrap_or(source.len());
            Cow::Owned(format!("{}{}", " ".repeat(end), &source[end..]))
        }
        _ => source,
    };
    let stream: TokenStream = source.parse().map_err(|error: proc_macro2::LexError| {
        SourceError::NotRust { line: error.span().start().line, message: error.to_string() }
    })?;
    if is_nested_deeper(stream.clone(), MAX_NESTING) {
        return Err(SourceError::TooDeep);
    }
    Ok(stream)
}

/// As many tokens as the text can have at most: words, signs, and the attribute that a doc comment
/// is. Telling it costs no memory; those in comments and texts are counted too.
fn most_tokens(source: &str) -> usize {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let mut before = b' ';
    let mut count = 0;
    for byte in source.bytes() {
        count += match byte {
            b'/' => 3,
            byte if is_word(byte) => usize::from(!is_word(before)),
            byte => usize::from(byte.is_ascii_punctuation()),
        };
        before = byte;
    }
    count
}

fn is_nested_deeper(stream: TokenStream, than: usize) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Group(group) => {
            than.checked_sub(1).is_none_or(|than| is_nested_deeper(group.stream(), than))
        }
        _ => false,
    })
}

struct Scanner<'a> {
    cfg: &'a Cfg,
    scan: Scan,
}

/// Where in the file a stream of tokens stands.
#[derive(Clone, Copy)]
struct TokenContext<'a> {
    compiled: Compiled,
    inside: &'a [String],
    inside_file_directory: bool,
    within: Within<'a>,
    top: bool,
}

/// What a stream of tokens is the inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within<'a> {
    /// Code as the compiler reads it.
    Items,
    /// The arguments of a macro.
    Macro(&'a str),
    /// The arms of `macro_rules!`.
    Rules,
}

/// The attributes in front of something.
#[derive(Default, Clone)]
struct Attributes {
    compiled: Option<Compiled>,
    path: Option<String>,
    names: Vec<String>,
    /// A feature has a say in whether what they stand on is compiled.
    by_feature: bool,
}

/// Where each token is, with the delimiters of groups.
fn collect(stream: TokenStream, spans: &mut Vec<Span>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                spans.push(group.span_open());
                collect(group.stream(), spans);
                spans.push(group.span_close());
            }
            token => spans.push(token.span()),
        }
    }
}

impl Scanner<'_> {
    fn walk(&mut self, stream: TokenStream, place: TokenContext<'_>) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut place = place;
        let mut attributes = Attributes::default();
        // The end of the item that the attributes belong to, and what was true before it.
        let mut until: Option<(usize, Compiled)> = None;
        let mut at = 0;
        while at < tokens.len() {
            if let Some((end, before)) = until
                && at >= end
            {
                (until, place.compiled) = (None, before);
                attributes = Attributes::default();
            }
            if let Some((group, inner, length)) = attribute(&tokens[at..]) {
                let target = if inner { &mut place.compiled } else { &mut Compiled::Yes };
                let mut read = Attributes::default();
                self.attribute(group.stream(), &mut read);
                *target = target.and(read.compiled.unwrap_or(Compiled::Yes));
                if inner && place.compiled == Compiled::No {
                    return;
                }
                if !inner {
                    let both = attributes.compiled.unwrap_or(Compiled::Yes);
                    attributes.compiled = Some(both.and(read.compiled.unwrap_or(Compiled::Yes)));
                    attributes.path = read.path.or(attributes.path);
                    attributes.by_feature |= read.by_feature;
                    attributes.names.extend(read.names);
                }
                at += length;
                continue;
            }
            if until.is_none()
                && let Some(compiled) = attributes.compiled
            {
                let end = end_of_item(&tokens, at);
                if compiled == Compiled::No {
                    let is_main = |pair: &[TokenTree]| matches!(pair, [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "fn" && name == "main");
                    self.scan.other_main_by_feature |= attributes.by_feature
                        && place.top
                        && tokens[at..end].windows(2).any(is_main);
                    attributes = Attributes::default();
                    at = end;
                    continue;
                }
                until = Some((end, place.compiled));
                place.compiled = place.compiled.and(compiled);
            }
            at += self.token(&tokens, at, place, &attributes);
        }
    }

    /// Takes in what starts at `at`; returns how many tokens that were.
    fn token(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        place: TokenContext<'_>,
        attributes: &Attributes,
    ) -> usize {
        let rest = &tokens[at..];
        match rest {
            [TokenTree::Ident(word), TokenTree::Ident(name), next, ..] if word == "mod" => {
                let name = name.to_string();
                let name = name.trim_start_matches("r#").to_owned();
                let path = attributes.path.clone();
                match next {
                    TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                        let inside_file_directory = match place.inside {
                            [] => path.is_some(),
                            [_, ..] => place.inside_file_directory,
                        };
                        let inside = [place.inside, &[path.unwrap_or(name)]].concat();
                        let top = false;
                        self.walk(
                            body.stream(),
                            TokenContext { inside: &inside, inside_file_directory, top, ..place },
                        );
                    }
                    TokenTree::Punct(end) if end.as_char() == ';' => {
                        // What a macro does with a module it is given nobody can tell.
                        let compiled = match place.within {
                            Within::Items if attributes.names.iter().all(|it| is_inert(it)) => {
                                place.compiled
                            }
                            _ => Compiled::Maybe.and(place.compiled),
                        };
                        self.scan.modules.push(ModuleDeclaration {
                            name,
                            path,
                            inside: place.inside.to_vec(),
                            inside_file_directory: place.inside_file_directory,
                            compiled,
                        });
                    }
                    _ => return 1,
                }
                3
            }
            [TokenTree::Ident(word), TokenTree::Punct(dollar), ..]
                if word == "mod" && dollar.as_char() == '$' =>
            {
                self.scan.macro_modules = true;
                2
            }
            [TokenTree::Ident(word), TokenTree::Ident(name), ..]
                if word == "fn"
                    && name == "main"
                    && place.top
                    && place.compiled == Compiled::Yes
                    && self.scan.main.is_none() =>
            {
                let body = rest.iter().find_map(|token| match token {
                    TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Some(body),
                    _ => None,
                });
                self.scan.main = body.map(|body| {
                    let (compiled, by_feature) = self.compiled(body.stream(), 0);
                    MainFunction {
                        line: u32::try_from(name.span().start().line).unwrap_or(0),
                        attributes: attributes.names.clone(),
                        by_feature,
                        ..main_body(compiled)
                    }
                });
                2
            }
            [TokenTree::Ident(word), TokenTree::Ident(name), ..]
                if word == "fn" && name == "main" && place.top =>
            {
                self.scan.other_main_by_feature |= attributes.by_feature;
                1
            }
            [
                TokenTree::Ident(name),
                TokenTree::Punct(bang),
                TokenTree::Ident(_),
                TokenTree::Group(body),
                ..,
            ] if bang.as_char() == '!' && name == "macro_rules" => {
                let compiled = Compiled::Maybe.and(place.compiled);
                self.walk(
                    body.stream(),
                    TokenContext { compiled, within: Within::Rules, top: false, ..place },
                );
                4
            }
            [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(body), ..]
                if bang.as_char() == '!' =>
            {
                self.call(&name.to_string(), body, place);
                3
            }
            [TokenTree::Group(group), ..] => {
                self.walk(group.stream(), TokenContext { top: false, ..place });
                1
            }
            [TokenTree::Literal(literal), ..] => {
                let in_macro = match place.within {
                    Within::Items => None,
                    Within::Macro(name) => Some(name),
                    Within::Rules => return 1,
                };
                if place.compiled == Compiled::Yes && !is_pattern(tokens, at) {
                    self.scan
                        .string_literals
                        .extend(string_literals::string_literals(literal, in_macro));
                }
                1
            }
            _ => 1,
        }
    }

    /// These tokens without what is surely not compiled; and whether a feature leaves something out,
    /// or may.
    fn compiled(&self, stream: TokenStream, depth: usize) -> (TokenStream, bool) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut kept: Vec<TokenTree> = Vec::new();
        let mut by_feature = false;
        let mut at = 0;
        while at < tokens.len() {
            let mut read = Attributes::default();
            let mut behind = at;
            while let Some((group, false, length)) = attribute(&tokens[behind..]) {
                self.attribute(group.stream(), &mut read);
                behind += length;
            }
            let compiled = read.compiled.unwrap_or(Compiled::Yes);
            by_feature |= read.by_feature && compiled != Compiled::Yes;
            if behind > at && compiled == Compiled::No {
                at = end_of_item(&tokens, behind).max(behind);
                continue;
            }
            // A `cfg` that holds is as good as none.
            let is_bare = compiled == Compiled::Yes && read.names.iter().all(|it| it == "cfg");
            if behind > at && !is_bare {
                kept.extend(tokens[at..behind].iter().cloned());
            }
            at = behind;
            match tokens.get(at) {
                Some(TokenTree::Group(group)) if depth < MAX_NESTING => {
                    let (inside, inner) = self.compiled(group.stream(), depth + 1);
                    by_feature |= inner;
                    kept.push(TokenTree::Group(Group::new(group.delimiter(), inside)));
                }
                token => kept.extend(token.cloned()),
            }
            at += 1;
        }
        (kept.into_iter().collect(), by_feature)
    }

    fn call(&mut self, name: &str, body: &Group, place: TokenContext<'_>) {
        match name {
            "include" | "include_str" | "include_bytes" => self.scan.includes.push(Include {
                path: include_path(body.stream()),
                code: name == "include",
                compiled: match place.within {
                    Within::Items => place.compiled,
                    Within::Macro(_) | Within::Rules => Compiled::Maybe.and(place.compiled),
                },
            }),
            // Their arguments are names or are gone after compilation.
            "env" | "option_env" | "concat" | "stringify" | "cfg" | "compile_error" => {}
            name => self.walk(
                body.stream(),
                TokenContext { within: Within::Macro(name), top: false, ..place },
            ),
        }
    }

    fn attribute(&self, stream: TokenStream, read: &mut Attributes) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut path = String::new();
        let mut rest = tokens.as_slice();
        while let [token @ (TokenTree::Ident(_) | TokenTree::Punct(_)), after @ ..] = rest {
            if matches!(token, TokenTree::Punct(punct) if punct.as_char() == '=') {
                break;
            }
            path.push_str(&token.to_string());
            rest = after;
        }
        let mut decide = |answer: Compiled| {
            read.compiled = Some(read.compiled.unwrap_or(Compiled::Yes).and(answer));
        };
        match (path.as_str(), rest) {
            ("cfg", [TokenTree::Group(group)]) => {
                decide(self.cfg.decide(group.stream()));
                read.by_feature |= shapes::mentions(group.stream(), "feature");
            }
            ("cfg_attr", [TokenTree::Group(group)]) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma = inner.iter().position(
                    |token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','),
                );
                if let Some(comma) = comma {
                    let predicate = inner[..comma].iter().cloned().collect();
                    let attribute = inner[comma + 1..].iter().cloned().collect();
                    match self.cfg.decide(predicate) {
                        Compiled::Yes => self.attribute(attribute, read),
                        Compiled::No => {}
                        Compiled::Maybe => {
                            let mut possible = Attributes::default();
                            self.attribute(attribute, &mut possible);
                            // Another path, or no code at all: what is compiled is not known.
                            if possible.path.is_some() || possible.compiled.is_some() {
                                read.compiled = Some(Compiled::Maybe);
                            }
                        }
                    }
                }
            }
            ("path", [_, TokenTree::Literal(literal)]) => {
                read.path = string_literals::value(literal);
                decide(Compiled::Yes);
            }
            (path, _) if path.rsplit("::").next() == Some("test") || path == "bench" => {
                decide(Compiled::No);
            }
            _ => decide(Compiled::Yes),
        }
        read.names.push(path);
    }
}

#[cfg(test)]
mod tests;
