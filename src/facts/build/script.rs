//! What a build script would print and write now, where its source alone decides it.
//!
//! Cargo repeats a build script when a file that it watches is dated later, and keeps no digest of
//! what was read. But most scripts are a few plain lines: read a file, trim it, print it, write it
//! to `OUT_DIR`. Those are followed here with the files as they are, and the result is held against
//! what the last run left. Nothing is ever executed. What is not understood ends what can be said:
//! an unknown call may write any file, an unknown condition may end the script.

mod format;
mod macros;
mod quiet;
mod value;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::{Block, Expr, ExprCall, ExprMethodCall, Item, Pat, Stmt};

use super::scan;
use quiet::{called, environment, is_harmless, name_of};
use value::{Kind, Value};
use words::{mentions, mentions_name, names_in, tokens_of};

/// Hands out a file's bytes; `None` when there is none.
pub type Read<'a> = dyn FnMut(&Path) -> Option<Vec<u8>> + 'a;

/// Where a script runs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The package's directory: the script's working directory.
    pub package: &'a Path,
    /// `OUT_DIR`.
    pub out: &'a Path,
    /// The script.
    pub source: &'a Path,
}

/// What the script would leave, as far as it is sure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Would {
    /// What it prints, statement by statement.
    pub print: Vec<Made>,
    /// The whole contents of files, by path.
    pub write: BTreeMap<PathBuf, Made>,
}

/// Bytes, and the files that they were made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The files, as the script names them.
    pub from: BTreeSet<PathBuf>,
}

/// What was printed, without the value that a variable gets: it may be nobody's business.
pub fn shown(made: &Made) -> String {
    let line = String::from_utf8_lossy(&made.bytes);
    let line = line.lines().next().unwrap_or_default();
    let mut parts = line.splitn(3, '=');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key), Some(name), Some(_)) => format!("{key}={name}=…"),
        _ => line.to_owned(),
    }
}

/// Follows a script's `main`.
pub fn follow(source: &str, place: Place<'_>, read: &mut Read<'_>) -> Would {
    let Ok(file) = scan::parse(source) else { return Would::default() };
    // A script that may end anywhere does nothing for sure.
    if mentions(&source.parse().unwrap_or_default(), &["exit", "abort"]) {
        return Would::default();
    }
    let mut functions = HashMap::new();
    let mut constants = Vec::new();
    for item in &file.items {
        match item {
            Item::Fn(function) if function.attrs.is_empty() => {
                functions.insert(function.sig.ident.to_string(), function);
            }
            Item::Const(constant) => constants.push((&constant.ident, &constant.expr)),
            Item::Static(constant) => constants.push((&constant.ident, &constant.expr)),
            _ => {}
        }
    }
    let mut script = Script {
        place,
        read,
        functions,
        variables: HashMap::new(),
        would: Would::default(),
        shadowed: Vec::new(),
        steps: 0,
        depth: 0,
        ended: false,
    };
    for (name, value) in constants {
        let value = script.value(value);
        script.variables.insert(name.to_string(), Variable { value, mutable: false });
    }
    if let Some(main) = script.functions.get("main").copied()
        && matches!(script.block(&main.block), Flow::Lost)
    {
        script.end();
    }
    script.would
}

/// More statements than any script needs for the files that it is followed over.
const MOST_STEPS: usize = 200_000;

/// Functions of the script that call each other.
const DEEPEST: usize = 16;

/// How a statement ends.
enum Flow {
    /// The next one follows.
    On,
    /// The next round of the loop follows.
    Continue,
    /// The function ends with this value.
    Return(Option<Value>),
    /// Nobody knows what follows.
    Lost,
}

#[derive(Clone)]
struct Variable {
    value: Option<Value>,
    mutable: bool,
}

struct Script<'a, 'r> {
    place: Place<'a>,
    read: &'a mut Read<'r>,
    functions: HashMap<String, &'a syn::ItemFn>,
    variables: HashMap<String, Variable>,
    would: Would,
    /// What the names bound in open blocks meant outside of them.
    shadowed: Vec<(String, Option<Variable>)>,
    steps: usize,
    depth: usize,
    /// Nothing is known any more of what follows.
    ended: bool,
}

impl<'a> Script<'a, '_> {
    /// Nobody knows what happens from here on: files may be written again, nothing printed.
    fn end(&mut self) {
        self.ended = true;
        self.would.write.clear();
    }

    fn block(&mut self, block: &'a Block) -> Flow {
        let outside = self.shadowed.len();
        let flow = self.statements(block);
        self.leave(outside);
        flow
    }

    /// Gives the names back that were bound since.
    fn leave(&mut self, outside: usize) {
        for (name, before) in self.shadowed.drain(outside..).rev() {
            match before {
                Some(before) => self.variables.insert(name, before),
                None => self.variables.remove(&name),
            };
        }
    }

    fn statements(&mut self, block: &'a Block) -> Flow {
        for (index, statement) in block.stmts.iter().enumerate() {
            self.steps += 1;
            if self.steps > MOST_STEPS || self.ended {
                return Flow::Lost;
            }
            let flow = match statement {
                Stmt::Item(Item::Const(it)) => {
                    let value = self.value(&it.expr);
                    self.set(it.ident.to_string(), Variable { value, mutable: false });
                    Flow::On
                }
                Stmt::Item(_) => Flow::On,
                Stmt::Local(local) if local.attrs.is_empty() => {
                    let value = match &local.init {
                        Some(init) if init.diverge.is_none() => self.value(&init.expr),
                        Some(_) => return Flow::Lost,
                        None => None,
                    };
                    self.bind(&local.pat, value);
                    Flow::On
                }
                Stmt::Expr(expr, None) if index + 1 == block.stmts.len() => {
                    match self.statement(expr) {
                        (Flow::On, value) => Flow::Return(value),
                        (flow, _) => flow,
                    }
                }
                Stmt::Expr(expr, _) => self.statement(expr).0,
                Stmt::Macro(call) if call.attrs.is_empty() => {
                    self.macro_call(&call.mac);
                    Flow::On
                }
                Stmt::Local(_) | Stmt::Macro(_) => Flow::Lost,
            };
            if !matches!(flow, Flow::On) {
                return flow;
            }
        }
        Flow::On
    }

    /// A block that is no function: its last value is not a `return`.
    fn inner(&mut self, block: &'a Block) -> (Flow, Option<Value>) {
        let returns = mentions(&tokens_of(block), &["return"]);
        match self.block(block) {
            Flow::Return(_) if returns => (Flow::Lost, None),
            Flow::Return(value) => (Flow::On, value),
            flow => (flow, None),
        }
    }

    fn statement(&mut self, expr: &'a Expr) -> (Flow, Option<Value>) {
        match expr {
            Expr::Return(it) => {
                let value = it.expr.as_ref().and_then(|expr| self.value(expr));
                (Flow::Return(value), None)
            }
            Expr::Continue(it) if it.label.is_none() => (Flow::Continue, None),
            Expr::Continue(_) | Expr::Break(_) => (Flow::Lost, None),
            Expr::Block(it) if it.attrs.is_empty() && it.label.is_none() => self.inner(&it.block),
            Expr::If(it) if it.attrs.is_empty() => self.condition(it),
            Expr::ForLoop(it) if it.attrs.is_empty() && it.label.is_none() => (self.each(it), None),
            Expr::Assign(it) => {
                let value = self.value(&it.right);
                match name_of(&it.left) {
                    Some(name) if self.variables.contains_key(&name) => {
                        self.variables.insert(name, Variable { value, mutable: true });
                    }
                    _ => self.disturb(expr),
                }
                (Flow::On, None)
            }
            Expr::Match(_) | Expr::While(_) | Expr::Loop(_) => (self.unknown(expr), None),
            expr => {
                let value = self.value(expr);
                (Flow::On, value)
            }
        }
    }

    fn condition(&mut self, it: &'a syn::ExprIf) -> (Flow, Option<Value>) {
        let holds = match self.value(&it.cond).map(|value| value.kind) {
            Some(Kind::Truth(holds)) => holds,
            _ => {
                let then = self.unknown_tokens(&tokens_of(&it.then_branch));
                let other = it.else_branch.as_ref().map(|(_, other)| self.unknown(other));
                let lost = matches!(then, Flow::Lost) || matches!(other, Some(Flow::Lost));
                return (if lost { Flow::Lost } else { Flow::On }, None);
            }
        };
        match (holds, &it.else_branch) {
            (true, _) => match it.then_branch.stmts.as_slice() {
                // A branch that is nothing but a `return` ends the function for sure.
                [only @ Stmt::Expr(Expr::Return(_) | Expr::Continue(_), _)] => {
                    let Stmt::Expr(expr, _) = only else { return (Flow::Lost, None) };
                    self.statement(expr)
                }
                _ => self.inner(&it.then_branch),
            },
            (false, Some((_, other))) => self.statement(other),
            (false, None) => (Flow::On, None),
        }
    }

    /// A loop over the lines of a text.
    fn each(&mut self, it: &'a syn::ExprForLoop) -> Flow {
        let lines = match self.value(&it.expr) {
            Some(Value { kind: Kind::Lines(lines), from }) => lines
                .into_iter()
                .map(move |line| Value { kind: Kind::Text(line), from: from.clone() }),
            _ => return self.unknown_tokens(&tokens_of(&it.body)),
        };
        let body = tokens_of(&it.body);
        for line in lines {
            let outside = self.shadowed.len();
            self.bind(&it.pat, Some(line));
            let flow = self.block(&it.body);
            self.leave(outside);
            match flow {
                Flow::On | Flow::Continue => {}
                Flow::Return(_) if !mentions(&body, &["return"]) => {}
                flow => return flow,
            }
        }
        Flow::On
    }

    /// Code that may run or not.
    fn unknown(&mut self, expr: &Expr) -> Flow {
        self.unknown_tokens(&tokens_of(expr))
    }

    fn unknown_tokens(&mut self, tokens: &TokenStream) -> Flow {
        self.disturb_tokens(tokens);
        // What fails ends the build too: only a quiet way out matters.
        let leaves = mentions(tokens, &["return", "continue", "break"]);
        if leaves { Flow::Lost } else { Flow::On }
    }

    /// Code whose effects are unknown ran: it may have changed what it names and written any file.
    fn disturb(&mut self, expr: &Expr) {
        self.disturb_tokens(&tokens_of(expr));
    }

    fn disturb_tokens(&mut self, tokens: &TokenStream) {
        self.forget(tokens);
        self.would.write.clear();
    }

    /// What is named here may have been changed.
    fn forget(&mut self, tokens: &TokenStream) {
        let names: Vec<String> = self.variables.keys().cloned().collect();
        for name in names.into_iter().filter(|name| mentions_name(tokens, name)) {
            let Some(variable) = self.variables.get_mut(&name) else { continue };
            if variable.mutable {
                variable.value = None;
            }
        }
    }

    fn set(&mut self, name: String, variable: Variable) {
        let before = self.variables.insert(name.clone(), variable);
        self.shadowed.push((name, before));
    }

    fn bind(&mut self, pattern: &Pat, value: Option<Value>) {
        match pattern {
            Pat::Ident(it) if it.subpat.is_none() => {
                let mutable = it.mutability.is_some();
                self.set(it.ident.to_string(), Variable { value, mutable });
            }
            Pat::Type(it) => self.bind(&it.pat, value),
            Pat::Wild(_) => {}
            other => {
                // Whatever it binds is not known.
                for name in names_in(&tokens_of(other)) {
                    self.set(name, Variable { value: None, mutable: false });
                }
            }
        }
    }

    /// The value of an expression, whose effects take place.
    fn value(&mut self, expr: &'a Expr) -> Option<Value> {
        match expr {
            Expr::Lit(it) => Value::literal(&it.lit),
            Expr::Path(_) => self.variables.get(&name_of(expr)?)?.value.clone(),
            Expr::Reference(it) => self.value(&it.expr),
            Expr::Paren(it) => self.value(&it.expr),
            Expr::Group(it) => self.value(&it.expr),
            Expr::Try(it) => {
                let value = self.value(&it.expr);
                // In `main` a failure ends the build; a function may be asked whether it could.
                if value.is_none() && self.depth > 0 {
                    self.end();
                }
                value
            }
            Expr::Macro(it) => self.macro_call(&it.mac),
            Expr::Call(it) => self.call(it),
            Expr::MethodCall(it) => self.method(it),
            Expr::Binary(it) => {
                let (left, right) = (self.value(&it.left), self.value(&it.right));
                left?.binary(&it.op, right?)
            }
            Expr::Unary(it) => {
                let value = self.value(&it.expr)?;
                match (&it.op, value.kind) {
                    (syn::UnOp::Not(_), Kind::Truth(truth)) => {
                        Some(Value { kind: Kind::Truth(!truth), from: value.from })
                    }
                    (syn::UnOp::Deref(_), kind) => Some(Value { kind, from: value.from }),
                    _ => None,
                }
            }
            Expr::Tuple(it) if it.elems.is_empty() => Some(Value::done()),
            Expr::If(_) | Expr::Block(_) => match self.statement(expr) {
                (Flow::On, value) => value,
                _ => {
                    self.end();
                    None
                }
            },
            other => {
                self.disturb(other);
                None
            }
        }
    }

    fn call(&mut self, it: &'a ExprCall) -> Option<Value> {
        let Some(path) = called(it) else {
            it.args.iter().for_each(|it| self.disturb(it));
            return None;
        };
        let name = path.iter().rev().take(2).rev().map(String::as_str).collect::<Vec<_>>();
        if let [name] = name.as_slice()
            && let Some(function) = self.functions.get(*name).copied()
        {
            return self.function(function, it);
        }
        let arguments: Vec<Option<Value>> = it.args.iter().map(|it| self.value(it)).collect();
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next().flatten();
        match name.as_slice() {
            ["env", "var" | "var_os"] => self.variable(next()?.text_of()?),
            ["Path", "new"] | ["PathBuf", "from"] => Some(next()?.into_path()),
            ["String", "from"] | ["Ok" | "Some"] | ["Box" | "BufWriter" | "LineWriter", "new"] => {
                next()
            }
            ["String", "from_utf8" | "from_utf8_lossy"] => next()?.into_text(),
            ["String", "new"] => Some(Value::text(String::new())),
            ["fs", "read_to_string"] => self.contents(&next()?)?.into_text(),
            ["fs", "read"] => self.contents(&next()?),
            ["fs", "create_dir_all" | "create_dir"] | ["drop"] => Some(Value::done()),
            ["fs", "write"] => {
                let (to, contents) = (next(), next());
                self.write(to, contents)
            }
            ["fs", "copy"] => {
                let (from, to) = (next(), next());
                let contents = from.and_then(|from| self.contents(&from));
                self.write(to, contents)
            }
            ["File", "create"] => {
                let path = next();
                let empty = Value { kind: Kind::Bytes(Vec::new()), from: BTreeSet::new() };
                self.write(path.clone(), Some(empty));
                let Value { kind, from } = path?.into_path();
                let Kind::Path(path) = kind else { return None };
                Some(Value { kind: Kind::File(path), from })
            }
            _ => {
                it.args.iter().for_each(|it| self.disturb(it));
                self.would.write.clear();
                None
            }
        }
    }

    /// A function of the script's own.
    fn function(&mut self, function: &'a syn::ItemFn, it: &'a ExprCall) -> Option<Value> {
        let arguments: Vec<Option<Value>> = it.args.iter().map(|it| self.value(it)).collect();
        if self.depth >= DEEPEST || function.sig.asyncness.is_some() {
            it.args.iter().for_each(|it| self.disturb(it));
            return None;
        }
        let outside = self.variables.clone();
        let scope = self.shadowed.len();
        for (input, value) in function.sig.inputs.iter().zip(arguments) {
            if let syn::FnArg::Typed(input) = input {
                self.bind(&input.pat, value);
            }
        }
        self.depth += 1;
        let flow = self.block(&function.block);
        self.depth -= 1;
        self.shadowed.truncate(scope);
        self.variables = outside;
        // What was handed over to be changed is not known any more.
        for argument in
            it.args.iter().filter(|it| matches!(it, Expr::Reference(it) if it.mutability.is_some()))
        {
            if let Some(variable) = name_of(argument).and_then(|name| self.variables.get_mut(&name))
            {
                variable.value = None;
            }
        }
        match flow {
            Flow::Return(value) => value,
            Flow::On => None,
            Flow::Continue | Flow::Lost => {
                self.end();
                None
            }
        }
    }

    fn method(&mut self, it: &'a ExprMethodCall) -> Option<Value> {
        let name = it.method.to_string();
        let receiver = self.value(&it.receiver);
        let arguments: Vec<Option<Value>> = it.args.iter().map(|it| self.value(it)).collect();
        let Some(receiver) = receiver else {
            // A known file's methods are below; what an unknown thing does is not known.
            if !is_harmless(&name) {
                self.disturb(&it.receiver);
                it.args.iter().for_each(|it| self.disturb(it));
            }
            return None;
        };
        if let Kind::File(path) = &receiver.kind {
            return match (name.as_str(), arguments.into_iter().next()) {
                ("write_all", Some(contents)) => self.append(path, contents),
                ("unwrap" | "expect" | "flush" | "by_ref" | "sync_all", _) => Some(receiver),
                _ => {
                    self.would.write.clear();
                    None
                }
            };
        }
        if matches!(name.as_str(), "push_str" | "push") {
            let more = arguments.into_iter().next().flatten();
            let joined = more.and_then(|more| receiver.appended(more));
            if let Some(variable) =
                name_of(&it.receiver).and_then(|name| self.variables.get_mut(&name))
            {
                variable.value = joined;
            }
            return None;
        }
        let arguments: Option<Vec<Value>> = arguments.into_iter().collect();
        let result = receiver.method(&name, arguments);
        if result.is_none() {
            // It may be one that changes what it is called on, or what it is given.
            self.forget(&tokens_of(it));
        }
        result
    }

    fn variable(&self, name: &str) -> Option<Value> {
        environment(self.place, name)
    }

    /// What the file of this name holds now.
    fn contents(&mut self, path: &Value) -> Option<Value> {
        let Kind::Path(path) = path.clone().into_path().kind else { return None };
        let whole = self.place.package.join(&path);
        // What the script wrote itself is known only as far as it is predicted.
        if whole.starts_with(self.place.out) || self.would.write.contains_key(&whole) {
            let made = self.would.write.get(&whole)?.clone();
            return Some(Value { kind: Kind::Bytes(made.bytes), from: made.from });
        }
        let bytes = (self.read)(&whole)?;
        Some(Value { kind: Kind::Bytes(bytes), from: BTreeSet::from([path]) })
    }

    fn write(&mut self, to: Option<Value>, contents: Option<Value>) -> Option<Value> {
        let path = to.map(|to| to.into_path().kind);
        match (path, contents.and_then(Value::into_made)) {
            _ if self.ended => {}
            (Some(Kind::Path(path)), Some(made)) => {
                self.would.write.insert(self.place.package.join(path), made);
            }
            (Some(Kind::Path(path)), None) => {
                self.would.write.remove(&self.place.package.join(path));
            }
            _ => self.would.write.clear(),
        }
        Some(Value::done())
    }

    fn append(&mut self, path: &Path, more: Option<Value>) -> Option<Value> {
        let path = self.place.package.join(path);
        match (self.would.write.get_mut(&path), more.and_then(Value::into_made)) {
            (Some(made), Some(more)) => {
                made.bytes.extend(more.bytes);
                made.from.extend(more.from);
            }
            _ => {
                self.would.write.remove(&path);
            }
        }
        Some(Value::done())
    }
}

#[cfg(test)]
mod tests;
