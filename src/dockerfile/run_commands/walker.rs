//! Follows the nodes of a script.

use std::sync::Arc;

use super::super::parse::CleanText;
use super::super::shell::{Operator, Redirect, ShellNode, ShellWord, Simple, WordPart, parse};
use super::super::source::TextSpan;
use super::super::variables::BuildVariables;
use super::super::workspace::join;
use super::words::{braces, first_word, is_test, succeeds, unwrap, value};
use super::{
    Argument, MAX_COMMANDS, MAX_ROUNDS, MAX_SCRIPTS, Masked, RanCommand, ScriptEffects, ShellStart,
    test_command,
};

/// A shell on its way through a script.
pub(super) struct Walker<'a> {
    pub(super) text: &'a CleanText,
    start: ShellStart,
    pub(super) script: ScriptEffects,
    conditional: bool,
    masked: Option<Masked>,
    piped_into: Option<String>,
    depth: usize,
    functions: Vec<(String, Vec<ShellNode>)>,
    /// `exit` was run without a condition: nothing follows.
    left: bool,
}

impl<'a> Walker<'a> {
    /// A shell that begins a script.
    pub(super) fn new(text: &'a CleanText, start: &ShellStart) -> Walker<'a> {
        Walker {
            text,
            start: start.clone(),
            script: ScriptEffects::default(),
            conditional: false,
            masked: None,
            piped_into: None,
            depth: 0,
            functions: Vec::new(),
            left: false,
        }
    }
}

impl Walker<'_> {
    fn with_mask(&mut self, mask: Option<Masked>, walk: impl FnOnce(&mut Self)) {
        let before = self.masked;
        self.masked = mask.or(before);
        walk(self);
        self.masked = before;
    }

    fn maybe(&mut self, walk: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.conditional, true);
        let variables = Arc::clone(&self.start.variables);
        walk(self);
        self.left = false;
        self.conditional = before;
        // What was set on the way may be set.
        let differing: Vec<String> = self
            .start
            .variables
            .iter()
            .filter(|(name, value)| variables.get(*name) != Some(*value))
            .map(|(name, _)| name.clone())
            .collect();
        if !differing.is_empty() {
            let now = Arc::make_mut(&mut self.start.variables);
            now.extend(differing.into_iter().map(|name| (name, None)));
        }
    }

    pub(super) fn sequence(&mut self, nodes: &[ShellNode]) {
        for (index, node) in nodes.iter().enumerate() {
            if self.left {
                return;
            }
            let last = index + 1 == nodes.len();
            let mask = (!last && !self.start.errexit).then_some(Masked::Followed);
            self.with_mask(mask, |walker| walker.node(node));
        }
    }

    /// A list in a shell of its own: what it sets is forgotten.
    fn apart(&mut self, walk: impl FnOnce(&mut Self)) {
        let start = self.start.clone();
        walk(self);
        self.left = false;
        self.start = start;
    }

    fn node(&mut self, node: &ShellNode) {
        if self.script.commands.len() >= MAX_COMMANDS {
            self.script.unclear.get_or_insert((0, format!("more than {MAX_COMMANDS} commands")));
            return;
        }
        match node {
            ShellNode::Simple(simple) => {
                self.simple(simple);
            }
            ShellNode::AndOr(first, rest) => self.and_or(first, rest),
            ShellNode::Pipe(items) => {
                for (index, item) in items.iter().enumerate() {
                    let next = items.get(index + 1);
                    let mask = (next.is_some() && !self.start.pipefail).then_some(Masked::Piped);
                    let into = next.map(|it| first_word(it).unwrap_or_else(|| "?".to_owned()));
                    let before = std::mem::replace(&mut self.piped_into, into);
                    self.with_mask(mask, |walker| walker.apart(|walker| walker.node(item)));
                    self.piped_into = before;
                }
            }
            ShellNode::Group(nodes, redirects) => {
                self.redirect_group(redirects);
                self.sequence(nodes);
            }
            ShellNode::Subshell(nodes, redirects) => {
                self.redirect_group(redirects);
                self.apart(|walker| walker.sequence(nodes));
            }
            ShellNode::If(branches, otherwise) => self.conditional(branches, otherwise),
            ShellNode::For(name, words, body) => self.for_loop(name, words, body),
            ShellNode::While(condition, body) => {
                self.with_mask(Some(Masked::Tested), |walker| walker.sequence(condition));
                self.maybe(|walker| walker.sequence(body));
            }
            ShellNode::Case(word, arms) => self.case(word, arms),
            ShellNode::Function(name, body) => self.functions.push((name.clone(), body.clone())),
            ShellNode::Background(node) => {
                self.with_mask(Some(Masked::Followed), |walker| walker.node(node));
            }
        }
    }

    fn redirect_group(&mut self, redirects: &[Redirect]) {
        for redirect in redirects.iter().filter(|it| it.operator.contains('>')) {
            let target = self.one(&redirect.target);
            let mut command = self.command(Vec::new(), Vec::new(), target.span.clone());
            command.redirects.push((redirect.operator, target));
            self.script.commands.push(command);
        }
    }

    fn and_or(&mut self, first: &ShellNode, rest: &[(Operator, ShellNode)]) {
        let succeeds_after = |index: usize| {
            rest.iter()
                .skip(index)
                .any(|(operator, node)| *operator == Operator::Or && succeeds(node))
        };
        let mask = succeeds_after(0).then_some(Masked::OrSucceeds);
        let mut outcome = None;
        self.with_mask(mask, |walker| outcome = walker.outcome(first));
        for (index, (operator, node)) in rest.iter().enumerate() {
            if self.left {
                return;
            }
            let mask = succeeds_after(index + 1).then_some(Masked::OrSucceeds);
            let runs = match (operator, outcome) {
                (Operator::And, Some(outcome)) => Some(outcome),
                (Operator::Or, Some(outcome)) => Some(!outcome),
                (_, None) => None,
            };
            match runs {
                Some(false) => {}
                Some(true) => self.with_mask(mask, |walker| outcome = walker.outcome(node)),
                // What a test decides may not run; what follows a program that works, does.
                None if *operator == Operator::Or
                    || is_test(if index == 0 { first } else { &rest[index - 1].1 }) =>
                {
                    self.with_mask(mask, |walker| walker.maybe(|walker| walker.node(node)));
                }
                None => self.with_mask(mask, |walker| outcome = walker.outcome(node)),
            }
        }
    }

    /// Walks a node; whether it succeeds, where a test of known values tells.
    fn outcome(&mut self, node: &ShellNode) -> Option<bool> {
        match node {
            ShellNode::Simple(simple) => self.simple(simple),
            node => {
                self.node(node);
                None
            }
        }
    }

    fn conditional(
        &mut self,
        branches: &[(Vec<ShellNode>, Vec<ShellNode>)],
        otherwise: &[ShellNode],
    ) {
        for (condition, body) in branches {
            let mut outcome = None;
            self.with_mask(Some(Masked::Tested), |walker| match condition.as_slice() {
                [only] => {
                    outcome = match only {
                        ShellNode::AndOr(first, rest) => {
                            let mut value = walker.outcome(first);
                            for (operator, node) in rest {
                                let next = walker.outcome(node);
                                value = match (operator, value, next) {
                                    (Operator::And, Some(a), Some(b)) => Some(a && b),
                                    (Operator::Or, Some(a), Some(b)) => Some(a || b),
                                    _ => None,
                                };
                            }
                            value
                        }
                        only => walker.outcome(only),
                    };
                }
                nodes => walker.sequence(nodes),
            });
            match outcome {
                Some(true) => return self.sequence(body),
                Some(false) => {}
                None => self.maybe(|walker| walker.sequence(body)),
            }
            // What follows an uncertain branch is uncertain, too.
            if outcome.is_none() {
                let rest: Vec<(Vec<ShellNode>, Vec<ShellNode>)> =
                    branches.iter().skip_while(|it| it.0 != *condition).skip(1).cloned().collect();
                self.maybe(|walker| {
                    if rest.is_empty() {
                        walker.sequence(otherwise);
                    } else {
                        walker.conditional(&rest, otherwise);
                    }
                });
                return;
            }
        }
        self.sequence(otherwise);
    }

    fn for_loop(&mut self, name: &str, words: &[ShellWord], body: &[ShellNode]) {
        let words: Vec<Argument> = words.iter().flat_map(|word| self.words(word)).collect();
        let known =
            words.len() <= MAX_ROUNDS && words.iter().all(|it| it.value.is_some() && !it.pattern);
        if known && !words.is_empty() {
            for word in words {
                self.set(name, word.value);
                self.sequence(body);
            }
        } else {
            self.set(name, None);
            self.maybe(|walker| walker.sequence(body));
        }
    }

    fn case(&mut self, word: &ShellWord, arms: &[(Vec<ShellWord>, Vec<ShellNode>)]) {
        let value = self.one(word).value;
        for (patterns, body) in arms {
            let Some(value) = &value else {
                let before = Arc::clone(&self.start.variables);
                self.maybe(|walker| walker.sequence(body));
                // The next arm begins where this one did.
                let mut joined = (*before).clone();
                for (name, value) in self.start.variables.iter() {
                    if before.get(name) != Some(value) {
                        joined.insert(name.clone(), None);
                    }
                }
                self.start.variables = Arc::new(joined);
                continue;
            };
            let hit = patterns.iter().any(|pattern| {
                let pattern = self.one(pattern).value;
                pattern.is_some_and(|it| {
                    super::super::files::matches(
                        &it.replace('/', "\u{1}"),
                        &value.replace('/', "\u{1}"),
                    )
                })
            });
            if hit {
                return self.sequence(body);
            }
        }
    }

    fn set(&mut self, name: &str, value: Option<String>) {
        Arc::make_mut(&mut self.start.variables).insert(name.to_owned(), value);
    }

    /// The words that a word expands to.
    fn words(&mut self, word: &ShellWord) -> Vec<Argument> {
        let argument = self.one(word);
        let splits =
            word.parts.iter().any(|part| matches!(part, WordPart::Variable { quoted: false, .. }));
        match &argument.value {
            Some(value) if splits && (value.contains(' ') || value.is_empty()) => value
                .split_whitespace()
                .map(|it| Argument { value: Some(it.to_owned()), ..argument.clone() })
                .collect(),
            Some(value) if self.start.bash && argument.raw.contains('{') => {
                let each = braces(value);
                each.into_iter()
                    .map(|it| Argument { value: Some(it), ..argument.clone() })
                    .collect()
            }
            _ => vec![argument],
        }
    }

    fn one(&mut self, word: &ShellWord) -> Argument {
        let mut pattern = false;
        for part in &word.parts {
            match part {
                WordPart::Text { text, quoted: false } => pattern |= text.contains(['*', '?', '[']),
                WordPart::Command(nodes) if self.depth < MAX_SCRIPTS => {
                    self.depth += 1;
                    self.with_mask(Some(Masked::Tested), |walker| {
                        walker.apart(|walker| walker.sequence(nodes));
                    });
                    self.depth -= 1;
                }
                _ => {}
            }
        }
        let value = value(&word.parts, &self.start.variables);
        let raw = self.text.text.get(word.span.clone()).unwrap_or_default().to_owned();
        Argument { value, raw, pattern, span: self.text.span(&word.span) }
    }

    fn command(
        &self,
        arguments: Vec<Argument>,
        redirects: Vec<(&'static str, Argument)>,
        span: TextSpan,
    ) -> RanCommand {
        RanCommand {
            arguments,
            directory: self.start.directory.clone(),
            variables: Arc::clone(&self.start.variables),
            redirects,
            span,
            conditional: self.conditional,
            masked: self.masked,
            piped_into: self.piped_into.clone(),
            reads_document: false,
        }
    }

    fn simple(&mut self, simple: &Simple) -> Option<bool> {
        let span = self.text.span(&simple.span);
        let mut variables = Arc::clone(&self.start.variables);
        for (name, word) in &simple.assignments {
            let value = self.one(word).value;
            if simple.words.is_empty() {
                self.set(name, value);
            } else {
                Arc::make_mut(&mut variables).insert(name.clone(), value);
            }
        }
        let arguments: Vec<Argument> = simple.words.iter().flat_map(|it| self.words(it)).collect();
        let mut redirects = Vec::new();
        let mut reads_document = false;
        for redirect in &simple.redirects {
            if redirect.operator.starts_with("<<") {
                reads_document = true;
            } else {
                redirects.push((redirect.operator, self.one(&redirect.target)));
            }
        }
        let first = self.script.commands.len();
        let outcome = self.run(arguments, redirects, span, variables);
        if reads_document && let Some(command) = self.script.commands.get_mut(first) {
            command.reads_document = true;
        }
        outcome
    }

    /// One command with its arguments expanded.
    pub(super) fn run(
        &mut self,
        mut arguments: Vec<Argument>,
        redirects: Vec<(&'static str, Argument)>,
        span: TextSpan,
        mut variables: Arc<BuildVariables>,
    ) -> Option<bool> {
        unwrap(&mut arguments, &mut variables);
        let program = arguments.first().and_then(|it| it.value.clone()).unwrap_or_default();
        let values: Vec<Option<String>> =
            arguments.iter().skip(1).map(|it| it.value.clone()).collect();
        let mut command = self.command(arguments, redirects, span);
        command.variables = variables;
        match program.as_str() {
            "cd" | "pushd" => {
                let to = values.iter().flatten().find(|it| !it.starts_with('-')).cloned();
                let known = values.iter().all(Option::is_some);
                self.start.directory = match (&self.start.directory, to) {
                    (Some(from), Some(to)) if known => Some(join(from, &to)),
                    (None, Some(to)) if known && to.starts_with('/') => Some(join("/", &to)),
                    _ => None,
                };
            }
            "set" => self.set_options(&values),
            "export" | "readonly" | "local" | "declare" => {
                for word in values.iter().flatten() {
                    if let Some((name, value)) = word.split_once('=') {
                        self.set(name, Some(value.to_owned()));
                    }
                }
                // `export NAME=$(…)` sets what nobody knows.
                let unknown = command.rest().iter().filter(|it| it.value.is_none());
                let names: Vec<String> =
                    unknown.filter_map(|it| Some(it.raw.split_once('=')?.0.to_owned())).collect();
                names.iter().for_each(|name| self.set(name, None));
            }
            "unset" => {
                for name in values.iter().flatten() {
                    Arc::make_mut(&mut self.start.variables).remove(name);
                }
            }
            "exit" | "return" => self.left = !self.conditional,
            "sh" | "bash" | "ash" | "dash" | "/bin/sh" | "/bin/bash" => {
                if let Some(outcome) = self.inner_script(&command, &values, &program) {
                    return outcome;
                }
            }
            "eval" => {
                command.arguments.iter_mut().for_each(|it| it.value = None);
            }
            _ => {}
        }
        if let Some(index) = self.functions.iter().rposition(|(name, _)| *name == program)
            && self.depth < MAX_SCRIPTS
        {
            let body = self.functions[index].1.clone();
            self.depth += 1;
            self.sequence(&body);
            self.depth -= 1;
            return None;
        }
        let outcome = match program.as_str() {
            "[" | "test" => test_command::outcome(&values),
            "true" | ":" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        // What only sets variables runs nothing.
        if !command.arguments.is_empty() || !command.redirects.is_empty() {
            self.script.commands.push(command);
        }
        outcome
    }

    fn set_options(&mut self, values: &[Option<String>]) {
        let mut words = values.iter().flatten();
        while let Some(word) = words.next() {
            let on = word.starts_with('-');
            if !on && !word.starts_with('+') {
                return;
            }
            if word.contains('e') {
                self.start.errexit = on;
            }
            if word.ends_with('o') {
                match words.next().map(String::as_str) {
                    Some("errexit") => self.start.errexit = on,
                    Some("pipefail") => self.start.pipefail = on,
                    _ => {}
                }
            }
        }
    }

    /// `sh -c '…'`; `None` where it is no such thing.
    fn inner_script(
        &mut self,
        command: &RanCommand,
        values: &[Option<String>],
        program: &str,
    ) -> Option<Option<bool>> {
        let mut start = ShellStart { bash: program.ends_with("bash"), ..self.start.clone() };
        start.errexit = false;
        start.pipefail = false;
        start.variables = Arc::clone(&command.variables);
        let mut words = values.iter().enumerate();
        let mut is_script = false;
        while let Some((index, word)) = words.next() {
            let word = word.as_deref()?;
            if let Some(options) = word.strip_prefix('-') {
                start.errexit |= options.contains('e') && !word.starts_with("--");
                is_script |= options.contains('c') && !word.starts_with("--");
                if options.ends_with('o') {
                    start.pipefail |= words.next()?.1.as_deref() == Some("pipefail");
                }
                continue;
            }
            if !is_script || self.depth >= MAX_SCRIPTS {
                return None;
            }
            let place = command.arguments.get(index + 1)?.span.start;
            let text = CleanText::verbatim(word, place + 1);
            let nodes = match parse(word) {
                Ok(nodes) => nodes,
                Err(error) => {
                    self.script.unclear.get_or_insert((place, error.message));
                    return Some(None);
                }
            };
            let mut inner = Walker {
                text: &text,
                start,
                script: std::mem::take(&mut self.script),
                conditional: self.conditional,
                masked: self.masked,
                piped_into: self.piped_into.clone(),
                depth: self.depth + 1,
                functions: Vec::new(),
                left: false,
            };
            inner.sequence(&nodes);
            self.script = inner.script;
            return Some(None);
        }
        None
    }
}
