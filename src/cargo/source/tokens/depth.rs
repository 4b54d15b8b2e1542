//! How deep a parser could go into tokens, told without one.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use crate::cargo::source::tokens::MAX_RECURSION;

/// How deep a recursive parser, and whoever drops its tree, could go: nesting, and the length of
/// what does not surely come back to where it began (`!!!!x`, `a + b + c`, `if … else if …`,
/// `A<B, C<D, …`). It counts rather too much than too little.
pub fn recursion(stream: TokenStream, depth: usize) -> usize {
    let mut deepest = depth;
    let mut run = TokenRun::default();
    for token in stream {
        let group = run.take(&token);
        let reached = depth + run.length;
        deepest = deepest.max(reached);
        if let Some(group) = group
            && deepest <= MAX_RECURSION
        {
            deepest = deepest.max(recursion(group.stream(), reached));
        }
    }
    deepest
}

/// The tokens of one level since a parser was surely back at it.
#[derive(Default)]
struct TokenRun {
    length: usize,
    /// `<` that may be open. Inside, a comma goes on with what is nested.
    angles: usize,
    /// The arguments of a closure may be open. Inside, a comma goes on too.
    closure: bool,
    before: Before,
    bar: Bar,
}

/// What the token before was.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    /// Nothing, or a word after which an expression starts.
    #[default]
    Start,
    Sign(char, Spacing),
    /// A name, or a word that stands for a value.
    Name,
    Literal,
    Group(Delimiter),
    /// `#` or `#!`.
    Attribute,
    /// `<` that compares or shifts, and no second one yet.
    Operator(Spacing),
}

/// What a `|` right behind this one is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Bar {
    /// As if there were none before.
    #[default]
    First,
    /// The end of a closure's arguments, which there are none of.
    End,
    /// The other half of an `||` between two values.
    Or,
    /// The start of another closure's arguments.
    Start,
}

impl TokenRun {
    /// Goes on by one token; returns the group that it is.
    fn take<'a>(&mut self, token: &'a TokenTree) -> Option<&'a Group> {
        let bar = std::mem::take(&mut self.bar);
        let is_attribute = self.before == Before::Attribute;
        match token {
            TokenTree::Group(group) => {
                // Attributes follow one another without nesting.
                self.length += usize::from(!is_attribute);
                self.before = Before::Group(group.delimiter());
                return Some(group);
            }
            TokenTree::Literal(_) => {
                self.length += 1;
                self.before = Before::Literal;
            }
            TokenTree::Ident(name) => {
                let name = name.to_string();
                self.length += 1;
                if self.before == Before::Group(Delimiter::Brace)
                    && !CONTINUES.contains(&name.as_str())
                {
                    self.length = 0;
                }
                let is_word = KEYWORDS.contains(&name.as_str());
                self.before = if is_word { Before::Start } else { Before::Name };
            }
            TokenTree::Punct(sign) => {
                let (sign, spacing) = (sign.as_char(), sign.spacing());
                if sign == '#' || (sign == '!' && is_attribute) {
                    if self.before == Before::Group(Delimiter::Brace) {
                        self.length = 0;
                    }
                    self.before = Before::Attribute;
                    return None;
                }
                self.length += 1;
                self.sign(sign, spacing, bar);
            }
        }
        None
    }

    fn sign(&mut self, sign: char, spacing: Spacing, bar: Bar) {
        let before = std::mem::replace(&mut self.before, Before::Sign(sign, spacing));
        match sign {
            // Only items, statements and arrays have one, and none of them is open around it.
            ';' => self.back(),
            ',' if self.angles == 0 && !self.closure => self.length = 0,
            // `=>`: the pattern of an arm is over, and arms follow one another.
            '>' if before == Before::Sign('=', Spacing::Joint) => self.back(),
            '>' if matches!(before, Before::Sign('-' | '=', _)) => {}
            '>' => self.angles = self.angles.saturating_sub(1),
            // Behind a literal nothing has generic arguments.
            '<' if before == Before::Literal => self.before = Before::Operator(spacing),
            '<' if before == Before::Operator(Spacing::Joint) => {}
            '<' => self.angles += 1,
            '=' if before == Before::Sign('<', Spacing::Joint) => {
                self.angles = self.angles.saturating_sub(1);
            }
            '|' => self.bar(before, spacing, bar),
            _ => {}
        }
    }

    fn bar(&mut self, before: Before, spacing: Spacing, bar: Bar) {
        let starts = match before {
            Before::Start | Before::Sign(..) | Before::Attribute | Before::Operator(_) => true,
            Before::Group(delimiter) => delimiter != Delimiter::Parenthesis,
            Before::Name | Before::Literal => false,
        };
        let joint = spacing == Spacing::Joint;
        match bar {
            Bar::End => self.closure = false,
            Bar::Or => {}
            Bar::Start => self.closure = true,
            Bar::First if starts => {
                self.closure = true;
                self.bar = if joint { Bar::End } else { Bar::First };
            }
            Bar::First => {
                self.bar = match (joint, self.closure) {
                    (false, _) => Bar::First,
                    (true, false) => Bar::Or,
                    (true, true) => Bar::Start,
                };
                self.closure = false;
            }
        }
    }

    /// Nothing of this level is open any more.
    fn back(&mut self) {
        (self.length, self.angles, self.closure) = (0, 0, false);
    }
}

/// Words behind a `}` that go on with what it belongs to.
const CONTINUES: &[&str] = &["as", "else", "if", "in", "where"];

/// Words behind which no operator can stand, but a closure.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct",
    "trait", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
    "yield",
];
