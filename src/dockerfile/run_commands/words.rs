//! Words and what they expand to; what a command is by its words.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::shell::{ShellNode, ShellWord, WordPart};
use super::super::variables::{BuildVariables, operate};
use super::Argument;

pub(super) fn first_word(node: &ShellNode) -> Option<String> {
    match node {
        ShellNode::Simple(simple) => simple.words.first().and_then(ShellWord::literal),
        _ => None,
    }
}

pub(super) fn is_test(node: &ShellNode) -> bool {
    let name = first_word(node).unwrap_or_default();
    matches!(name.as_str(), "[" | "[[" | "test" | "grep" | "command" | "which" | "type")
}

/// A command that cannot fail, or hardly.
pub(super) fn succeeds(node: &ShellNode) -> bool {
    match node {
        ShellNode::Simple(simple) => {
            let words: Vec<String> = simple.words.iter().filter_map(ShellWord::literal).collect();
            match words.first().map(String::as_str) {
                Some("true" | ":" | "echo" | "printf") => true,
                Some("exit") => words.get(1).is_some_and(|it| it == "0"),
                _ => false,
            }
        }
        ShellNode::Group(nodes, _) | ShellNode::Subshell(nodes, _) => {
            nodes.last().is_some_and(succeeds)
        }
        _ => false,
    }
}

/// The value of a word, where all of it is known.
pub(super) fn value(parts: &[WordPart], variables: &BuildVariables) -> Option<String> {
    let mut all = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            WordPart::Text { text, quoted } => {
                let home = index == 0 && !quoted && (text == "~" || text.starts_with("~/"));
                if home {
                    all.push_str(variables.get("HOME")?.as_deref()?);
                    all.push_str(&text[1..]);
                } else {
                    all.push_str(text);
                }
            }
            WordPart::Variable { name, operation, .. } => match operation {
                None => all.push_str(variables.get(name)?.as_deref()?),
                Some((operator, word)) => {
                    let word = value(word, variables);
                    let text = operate(variables.get(name), operator, |_| word.clone())?;
                    all.push_str(&text);
                }
            },
            WordPart::Command(_) | WordPart::Opaque => return None,
        }
    }
    Some(all)
}

/// `a{b,c}` of bash.
pub(super) fn braces(text: &str) -> Vec<String> {
    let inside = text.find('{').and_then(|open| {
        let close = open + text[open..].find('}')?;
        text[open..close].contains(',').then_some((open, close))
    });
    match inside {
        Some((open, close)) => text[open + 1..close]
            .split(',')
            .map(|it| format!("{}{it}{}", &text[..open], &text[close + 1..]))
            .collect(),
        None => vec![text.to_owned()],
    }
}

/// Takes away programs that run another one: `env A=b`, `sudo`, `exec`, `nice`, `xargs`, ….
pub(super) fn unwrap(arguments: &mut Vec<Argument>, variables: &mut Arc<BuildVariables>) {
    const PLAIN: &[&str] = &[
        "sudo", "exec", "command", "nice", "nohup", "time", "env", "builtin", "doas", "chronic",
        "unbuffer",
    ];
    let mut rounds = BTreeSet::new();
    while let Some(first) = arguments.first().and_then(|it| it.value.clone()) {
        let name = first.rsplit('/').next().unwrap_or_default();
        let own_arguments = match name {
            name if PLAIN.contains(&name) => 0,
            "timeout" => 1,
            _ => return,
        };
        if arguments.len() == 1 || !rounds.insert(arguments.len()) {
            return;
        }
        let env = name == "env";
        let mut index = 1;
        let mut skipped = 0;
        while let Some(argument) = arguments.get(index) {
            let value = argument.value.as_deref().unwrap_or("?");
            let assigned = value.split_once('=').filter(|_| env && !value.starts_with('-'));
            if let Some((variable, value)) = assigned {
                let value = argument.value.is_some().then(|| value.to_owned());
                Arc::make_mut(variables).insert(variable.to_owned(), value);
            } else if value.starts_with('-') {
            } else if skipped < own_arguments {
                skipped += 1;
            } else {
                break;
            }
            index += 1;
        }
        if index >= arguments.len() {
            return;
        }
        arguments.drain(..index);
    }
}
