//! What one source file says, read from its syntax tree: paths, methods, macros and names.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, UseTree};

/// One file, without what is compiled for tests alone.
#[derive(Debug, Default)]
pub struct Source {
    /// `src/binary/elf.rs`.
    pub path: String,
    /// `["binary", "elf"]`; nothing for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    pub mentions: Vec<Mention>,
    /// Methods called without arguments.
    pub methods: Vec<(String, usize)>,
    pub macros: Vec<(String, usize)>,
    /// Lines with a `Result` whose error is a bare text.
    pub text_errors: Vec<usize>,
    /// Lints that an attribute lifts.
    pub lifted: Vec<(String, usize)>,
    /// What each module of the file names, by the module's path.
    pub scopes: BTreeMap<Vec<String>, Scope>,
    /// Modules in files of their own that are compiled for tests alone.
    pub test_modules: Vec<Vec<String>>,
    /// Modules in files of their own that every build has.
    pub modules: Vec<Vec<String>>,
    /// The whole file is for tests alone, by an attribute of its own.
    pub is_test: bool,
    pub lines: usize,
    pub lines_of_tests: usize,
    /// What this checker cannot see through.
    pub opaque: Vec<(String, usize)>,
}

/// A path as it is written, in the module that says it.
#[derive(Debug, Clone)]
pub struct Mention {
    pub module: Vec<String>,
    /// Ends with `*` for a glob.
    pub path: Vec<String>,
    pub from_root: bool,
    pub line: usize,
}

/// The names that a module gives to things.
#[derive(Debug, Default)]
pub struct Scope {
    /// Everything that a `use` names: one name, or several where blocks have their own.
    pub uses: BTreeMap<String, Vec<(Vec<String>, bool)>>,
    pub globs: Vec<(Vec<String>, bool)>,
    pub items: BTreeSet<String>,
}

impl Source {
    /// # Errors
    /// The text is not Rust.
    pub fn read(path: &str, text: &str) -> Result<Source, String> {
        let file = syn::parse_file(text).map_err(|error| format!("{path}: {error}"))?;
        let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = match inside {
            "lib" | "main" => Vec::new(),
            inside => inside.split('/').map(str::to_owned).collect(),
        };
        let source = Source {
            path: path.to_owned(),
            module: module.clone(),
            lines: text.lines().count(),
            is_test: file.attrs.iter().any(is_for_tests),
            scopes: BTreeMap::from([(module.clone(), Scope::default())]),
            ..Source::default()
        };
        let mut reader = Reader { source, module };
        reader.visit_file(&file);
        Ok(reader.source)
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`: what no other build has.
fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            syn::parse2::<Meta>(list.tokens.clone()).is_ok_and(|meta| needs_test(&meta))
        }
        _ => false,
    }
}

fn needs_test(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
            let Ok(parts) = parse.parse2(list.tokens.clone()) else { return false };
            let mut parts = parts.iter();
            match () {
                () if list.path.is_ident("all") => parts.any(needs_test),
                () if list.path.is_ident("any") => parts.len() > 0 && parts.all(needs_test),
                () => false,
            }
        }
        Meta::NameValue(_) => false,
    }
}

/// Attributes that bring code from where its module is not, or names from where no path leads.
const HIDING_ATTRIBUTES: &[&str] = &["path", "macro_use"];

struct Reader {
    source: Source,
    /// The module that is being read.
    module: Vec<String>,
}

impl Reader {
    fn scope(&mut self) -> &mut Scope {
        self.source.scopes.entry(self.module.clone()).or_default()
    }

    fn mention(&mut self, path: Vec<String>, from_root: bool, line: usize) {
        let module = self.module.clone();
        self.source.mentions.push(Mention { module, path, from_root, line });
    }

    fn skips(&self, attributes: &[Attribute]) -> bool {
        attributes.iter().any(is_for_tests)
    }

    fn read_use(&mut self, tree: &UseTree, before: &[String], from_root: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            // `self` at the end of a group is the path before it.
            if before.is_empty() || name != "self" {
                path.push(plain(name));
            }
            path
        };
        let line = tree.span().start().line;
        let (path, name) = match tree {
            UseTree::Path(inner) => {
                return self.read_use(&inner.tree, &with(&inner.ident), from_root);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|it| self.read_use(it, before, from_root));
            }
            UseTree::Glob(_) => {
                self.scope().globs.push((before.to_vec(), from_root));
                let path = [before, &["*".to_owned()]].concat();
                return self.mention(path, from_root, line);
            }
            UseTree::Name(name) => {
                let path = with(&name.ident);
                let last = path.last().cloned().unwrap_or_default();
                (path, last)
            }
            UseTree::Rename(rename) => (with(&rename.ident), plain(&rename.rename)),
        };
        if name != "_" {
            self.scope().uses.entry(name).or_default().push((path.clone(), from_root));
        }
        self.mention(path, from_root, line);
    }

    /// What a macro is given has no syntax of its own: its paths and calls are read as they stand.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == wanted);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let line = token.span().start().line;
            self.read_hidden_code(&tokens, at);
            match token {
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                TokenTree::Ident(ident) if ident == "use" => {
                    let end = (at..tokens.len()).find(|at| is(*at, ';')).unwrap_or(tokens.len());
                    let tree: TokenStream = tokens[at..end]
                        .iter()
                        .cloned()
                        .chain([proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone).into()])
                        .collect();
                    if let Ok(item) = syn::parse2::<syn::ItemUse>(tree) {
                        self.read_use(&item.tree, &[], item.leading_colon.is_some());
                        at = end;
                    }
                }
                TokenTree::Ident(ident) => {
                    let is_method = at > 0 && is(at - 1, '.');
                    if is_method {
                        let arguments = match tokens.get(at + 1) {
                            Some(TokenTree::Group(group)) => Some(group),
                            _ => None,
                        };
                        let none = arguments.is_some_and(|group| {
                            group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty()
                        });
                        if none {
                            self.source.methods.push((plain(ident), line));
                        }
                        at += 1;
                        continue;
                    }
                    let from_root = at > 1 && is(at - 1, ':') && is(at - 2, ':');
                    let mut path = vec![plain(ident)];
                    while is(at + 1, ':') && is(at + 2, ':') {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        path.push(plain(next));
                        at += 3;
                    }
                    if is(at + 1, '!') {
                        let name = path.last().cloned().unwrap_or_default();
                        self.source.macros.push((name, line));
                    }
                    self.mention(path, from_root, line);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }

    fn read_attribute(&mut self, attribute: &Attribute) {
        let line = attribute.span().start().line;
        let path = attribute.path();
        for hiding in HIDING_ATTRIBUTES.iter().filter(|it| path.is_ident(it)) {
            self.source.opaque.push((format!("#[{hiding}]"), line));
        }
        let list = match &attribute.meta {
            Meta::Path(_) => return,
            // `#[doc = concat!(…)]`
            Meta::NameValue(pair) => return self.visit_expr(&pair.value),
            Meta::List(list) => list,
        };
        let is = |name: &str| path.is_ident(name);
        // `#[arg(default_value_t = crate::…)]`, `#[serde(with = "crate::…")]`
        self.read_tokens(list.tokens.clone());
        self.read_quoted_paths(list.tokens.clone());
        // `cfg_attr(…, allow(…))` lifts a lint too, and `cfg_attr(…, path = "…")` hides a file.
        let text: String =
            list.tokens.to_string().chars().filter(|it| !it.is_whitespace()).collect();
        if is("cfg_attr") {
            for hiding in HIDING_ATTRIBUTES {
                let starts = [format!(",{hiding}="), format!(",{hiding},"), format!(",{hiding}(")];
                if starts.iter().any(|it| text.contains(it))
                    || text.ends_with(&format!(",{hiding}"))
                {
                    self.source.opaque.push((format!("#[{hiding}]"), line));
                }
            }
        }
        let lifts = is("allow")
            || is("expect")
            || is("cfg_attr") && (text.contains("allow(") || text.contains("expect("));
        if lifts && text.contains(super::table::PATH_LINT) {
            self.source.lifted.push((super::table::PATH_LINT.to_owned(), line));
        }
    }

    /// Derived code calls what an attribute names in a text.
    fn read_quoted_paths(&mut self, tokens: TokenStream) {
        for token in tokens {
            let line = token.span().start().line;
            match token {
                TokenTree::Group(group) => self.read_quoted_paths(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    let Ok(path) = text.and_then(|text| text.parse::<syn::Path>()) else {
                        continue;
                    };
                    if path.segments.len() > 1 {
                        let names = path.segments.iter().map(|it| plain(&it.ident)).collect();
                        self.mention(names, path.leading_colon.is_some(), line);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    /// What a macro makes of tokens has no syntax tree here: it must not declare where code is.
    fn read_hidden_code(&mut self, tokens: &[TokenTree], at: usize) {
        let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == wanted);
        let line = tokens[at].span().start().line;
        match &tokens[at] {
            // `$a::fs::read` and `use $a::fs` are of whatever `$a` is; what `$a::read` is of, the
            // call of the macro says.
            TokenTree::Punct(it) if it.as_char() == '$' && is(at + 2, ':') && is(at + 3, ':') => {
                let is_used =
                    at > 0 && matches!(&tokens[at - 1], TokenTree::Ident(it) if it == "use");
                let goes_on = is(at + 5, ':') && is(at + 6, ':');
                let is_crate =
                    matches!(tokens.get(at + 1), Some(TokenTree::Ident(it)) if it == "crate");
                if (is_used || goes_on) && !is_crate {
                    self.source
                        .opaque
                        .push(("a path that begins with a variable".to_owned(), line));
                }
            }
            TokenTree::Ident(it) if it == "mod" => {
                self.source.opaque.push(("a module in a macro".to_owned(), line));
            }
            TokenTree::Ident(it) if it == "extern" => {
                if matches!(tokens.get(at + 1), Some(TokenTree::Ident(it)) if it == "crate") {
                    self.source.opaque.push(("`extern crate` in a macro".to_owned(), line));
                }
            }
            _ => {}
        }
    }

    fn name_item(&mut self, item: &Item) {
        let name = match item {
            Item::Const(it) => &it.ident,
            Item::Enum(it) => &it.ident,
            Item::Fn(it) => &it.sig.ident,
            Item::Static(it) => &it.ident,
            Item::Struct(it) => &it.ident,
            Item::Trait(it) => &it.ident,
            Item::TraitAlias(it) => &it.ident,
            Item::Type(it) => &it.ident,
            Item::Union(it) => &it.ident,
            _ => return,
        };
        self.refuse_name_of_std(name);
        self.refuse_name_of_path(item);
        let name = plain(name);
        self.scope().items.insert(name);
    }

    /// A module or an item of this name would make `std::fs` look like one of ours.
    fn refuse_name_of_std(&mut self, name: &syn::Ident) {
        if ["std", "core", "alloc"].contains(&plain(name).as_str()) {
            self.source.opaque.push((format!("the name `{name}`"), name.span().start().line));
        }
    }

    /// `type P = Path` would make `P::exists` look like a function of ours.
    fn refuse_name_of_path(&mut self, item: &Item) {
        let Item::Type(alias) = item else { return };
        let syn::Type::Path(of) = &*alias.ty else { return };
        let is_path = of.path.segments.last().is_some_and(|it| {
            let name = it.ident.to_string();
            name.ends_with("Path") || name.ends_with("PathBuf")
        });
        if is_path {
            let line = alias.span().start().line;
            self.source.opaque.push((format!("the alias `{}`", alias.ident), line));
        }
    }
}

fn plain(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// `Result<_, String>`, `Result<_, &str>`: an error that nobody can match on.
fn has_text_error(segment: &syn::PathSegment) -> bool {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return false };
    let error = match arguments.args.iter().nth(1) {
        Some(syn::GenericArgument::Type(syn::Type::Reference(inner))) => &*inner.elem,
        Some(syn::GenericArgument::Type(error)) => error,
        _ => return false,
    };
    let is_text = |path: &syn::Path| {
        path.segments.last().is_some_and(|it| it.ident == "String" || it.ident == "str")
    };
    segment.ident == "Result" && matches!(error, syn::Type::Path(it) if is_text(&it.path))
}

/// The attributes of an item, of whichever kind.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::ForeignMod(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::TraitAlias(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if self.skips(attributes(item)) {
            let (start, end) = (item.span().start().line, item.span().end().line);
            self.source.lines_of_tests += end + 1 - start;
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                let path = [&self.module[..], &[plain(&module.ident)]].concat();
                self.source.test_modules.push(path);
            }
            return;
        }
        self.name_item(item);
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        module.attrs.iter().for_each(|it| self.visit_attribute(it));
        self.refuse_name_of_std(&module.ident);
        let Some((_, items)) = &module.content else {
            let path = [&self.module[..], &[plain(&module.ident)]].concat();
            return self.source.modules.push(path);
        };
        self.module.push(plain(&module.ident));
        self.scope();
        items.iter().for_each(|item| self.visit_item(item));
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs.iter().for_each(|it| self.visit_attribute(it));
        self.read_use(&item.tree, &[], item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        if item.ident == "self" {
            // A second name of the crate, which every module could say.
            let line = item.span().start().line;
            return self.source.opaque.push(("extern crate self".to_owned(), line));
        }
        let path = vec![plain(&item.ident)];
        let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
        let name = plain(name);
        self.scope().uses.entry(name).or_default().push((path.clone(), true));
        self.mention(path, true, item.span().start().line);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.last().is_some_and(has_text_error) {
            self.source.text_errors.push(path.span().start().line);
        }
        let segments = path.segments.iter().map(|it| plain(&it.ident)).collect();
        self.mention(segments, path.leading_colon.is_some(), path.span().start().line);
        // Generic arguments are paths of their own.
        visit::visit_path(self, path);
    }

    // `pub(super)` looks into nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        // `<Path>::exists`: the type is elsewhere.
        if let (Some(_), Some(last)) = (&path.qself, path.path.segments.last()) {
            self.source.methods.push((plain(&last.ident), path.span().start().line));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if self.skips(&call.attrs) {
            return;
        }
        if call.args.is_empty() {
            self.source.methods.push((plain(&call.method), call.method.span().start().line));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        let line = it.span().start().line;
        let name = it.path.segments.last().map(|it| plain(&it.ident)).unwrap_or_default();
        if name == "macro_rules" && self.source.module.is_empty() {
            // Every module below could call it, without a path.
            self.source.opaque.push(("a macro of the root".to_owned(), line));
        }
        self.source.macros.push((name, line));
        self.visit_path(&it.path);
        self.read_tokens(it.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.read_attribute(attribute);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let attributes: &[Attribute] = match statement {
            syn::Stmt::Local(it) => &it.attrs,
            syn::Stmt::Macro(it) => &it.attrs,
            syn::Stmt::Expr(syn::Expr::Block(it), _) => &it.attrs,
            syn::Stmt::Expr(syn::Expr::Call(it), _) => &it.attrs,
            _ => &[],
        };
        if !self.skips(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Const(it) => &it.attrs,
            syn::ImplItem::Fn(it) => &it.attrs,
            syn::ImplItem::Macro(it) => &it.attrs,
            syn::ImplItem::Type(it) => &it.attrs,
            _ => &[],
        };
        if !self.skips(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        let attributes: &[Attribute] = match item {
            syn::TraitItem::Const(it) => &it.attrs,
            syn::TraitItem::Fn(it) => &it.attrs,
            syn::TraitItem::Macro(it) => &it.attrs,
            syn::TraitItem::Type(it) => &it.attrs,
            _ => &[],
        };
        if !self.skips(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !self.skips(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !self.skips(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !self.skips(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !self.skips(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }
}
