//! Compose and bake files: from which Dockerfile each service is built, in which context, up to which
//! stage, and with which arguments. What an anchor, a merge key or a variable decides is left out.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Events of one file that are read; one with more says nothing.
const MAX_EVENTS: usize = 200_000;
/// Mappings and lists inside each other; deeper ones say nothing.
const MAX_DEPTH: usize = 64;

/// Files that Compose and `docker buildx bake` read without being told, as far as they are read here.
pub const NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "docker-bake.json",
];

/// How one service or target is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeBuild {
    /// The context, relative to the folder of the file.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// The stage, where one is named.
    pub target: Option<String>,
    /// Arguments whose values stand there.
    pub arguments: BTreeMap<String, String>,
    /// Where the build is described.
    pub line: usize,
}

/// The builds that a Compose or bake file describes for certain. A file that is no YAML describes none.
pub fn builds(text: &str) -> Vec<ComposeBuild> {
    let Some(document) = read(text) else { return Vec::new() };
    let services = document.get("services").map(Node::entries).unwrap_or_default();
    let composed = services.iter().filter_map(|(_, service)| {
        let own = service.get("build").filter(|_| service.get("extends").is_none())?;
        match &own.kind {
            Kind::Text(context) => is_local(context).then(|| ComposeBuild {
                context: context.clone(),
                dockerfile: "Dockerfile".to_owned(),
                target: None,
                arguments: BTreeMap::new(),
                line: own.line,
            }),
            _ => build(own),
        }
    });
    let targets = document.get("target").map(Node::entries).unwrap_or_default();
    let baked = targets.iter().filter_map(|(_, target)| build(target));
    composed.chain(baked).collect()
}

/// A mapping with `context`, `dockerfile`, `target` and `args`.
fn build(node: &Node) -> Option<ComposeBuild> {
    // Each of these brings what does not stand here.
    let others = ["<<", "inherits", "matrix", "dockerfile_inline", "dockerfile-inline"];
    if node.entries().is_empty() || others.iter().any(|it| node.get(it).is_some()) {
        return None;
    }
    let text = |key: &str, default: &str| match node.get(key) {
        None => Some(default.to_owned()),
        Some(value) => value.text().map(str::to_owned),
    };
    let context = text("context", ".")?;
    let dockerfile = text("dockerfile", "Dockerfile")?;
    is_local(&context).then(|| ComposeBuild {
        context,
        dockerfile,
        target: node.get("target").and_then(Node::text).map(str::to_owned),
        arguments: node.get("args").map(arguments).unwrap_or_default(),
        line: node.line,
    })
}

fn is_local(context: &str) -> bool {
    !context.contains("://") && !context.starts_with("git@")
}

fn arguments(node: &Node) -> BTreeMap<String, String> {
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match &node.kind {
        Kind::Map(entries) => {
            let known = entries.iter().filter(|(name, _)| name != "<<");
            known.filter_map(|(name, value)| Some(owned(name, value.text()?))).collect()
        }
        Kind::List(items) => {
            let pairs = items.iter().filter_map(|it| it.text()?.split_once('='));
            pairs.map(|(name, value)| owned(name, value)).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// A value and the line where it begins, counted from 1.
#[derive(Debug)]
struct Node {
    line: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// An alias, nothing, or a text that something else completes.
    Unknown,
}

impl Node {
    fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn entries(&self) -> &[(String, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A mapping or list that is not at its end, and the key that waits for a value.
struct Open {
    node: Node,
    key: Option<String>,
}

/// The first document.
fn read(text: &str) -> Option<Node> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text).take(MAX_EVENTS) {
        let (event, span) = event.ok()?;
        let line = span.start.line();
        let kind = match event {
            Event::MappingStart(..) => Kind::Map(Vec::new()),
            Event::SequenceStart(..) => Kind::List(Vec::new()),
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::Alias(_) => Kind::Unknown,
            Event::MappingEnd | Event::SequenceEnd => {
                let Open { node, .. } = open.pop()?;
                let Some(above) = open.last_mut() else { return Some(node) };
                above.put(node);
                continue;
            }
            _ => continue,
        };
        let node = Node { line, kind };
        if matches!(node.kind, Kind::Map(_) | Kind::List(_)) {
            if open.len() >= MAX_DEPTH {
                return None;
            }
            open.push(Open { node, key: None });
        } else {
            open.last_mut()?.put(node);
        }
    }
    None
}

impl Open {
    fn put(&mut self, value: Node) {
        match (&mut self.node.kind, self.key.take()) {
            (Kind::List(items), _) => items.push(value),
            (Kind::Map(entries), Some(key)) => entries.push((key, value)),
            (_, _) => self.key = Some(value.text().unwrap_or_default().to_owned()),
        }
    }
}

/// Compose replaces `$NAME`, takes nothing for the caller's variable, and writes numbers its own way.
fn scalar(text: &str, style: ScalarStyle) -> Kind {
    let plain = style == ScalarStyle::Plain;
    let nothing = plain && ["", "~", "null"].contains(&text);
    let number = plain
        && text.contains(['.', 'e', 'E', 'x', 'o', '_', '+'])
        && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.parse::<f64>().is_ok();
    if nothing || number || text.contains('$') {
        return Kind::Unknown;
    }
    Kind::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Context, Dockerfile, target and arguments.
    type Build = (String, String, Option<String>, Vec<(String, String)>);

    fn of(text: &str) -> Vec<Build> {
        let all = builds(text).into_iter();
        all.map(|it| (it.context, it.dockerfile, it.target, it.arguments.into_iter().collect()))
            .collect()
    }

    #[test]
    fn builds_are_those_that_stand_there() {
        let own = |text: &str| text.to_owned();
        let expected = [
            (own("."), own("Dockerfile"), None, vec![]),
            (
                own("api"),
                own("../docker/api.Dockerfile"),
                Some(own("run")),
                vec![(own("BIN"), own("api")), (own("N"), own("3"))],
            ),
            (own("."), own("x"), None, vec![(own("A"), own("b=c"))]),
        ];
        let text = "services:\n  web:\n    build: .\n  api:\n    build:\n      context: api\n      dockerfile: ../docker/api.Dockerfile\n      target: run\n      args: {BIN: api, N: 3, V: 1.10, E: , S: \"$X\"}\n  list:\n    build: {dockerfile: x, args: [A=b=c, B]}\n  image:\n    image: redis\n";
        assert_eq!(of(text), expected);
        let bake =
            r#"{"target": {"a": {"context": "c", "dockerfile": "D"}, "b": {"inherits": ["a"]}}}"#;
        assert_eq!(of(bake), [(own("c"), own("D"), None, vec![])]);
        assert_eq!(builds(text)[1].line, 6);
    }

    #[test]
    fn what_something_else_decides_is_left_out() {
        for text in [
            "x: &b {context: a}\nservices: {web: {build: *b}}\n",
            "x: &b {context: a}\nservices: {web: {build: {<<: *b, target: t}}}\n",
            "services: {web: {build: {context: \"${DIR}\"}}}\n",
            "services: {web: {build: \"git@example.org:x.git\"}}\n",
            "services: {web: {build: {context: https://example.org/x.git}}}\n",
            "services: {web: {extends: y, build: .}}\n",
            "services: {web: {build: {dockerfile_inline: FROM x}}}\n",
            "services: {web: {build: ",
            "- a\n",
            "",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }

    #[test]
    fn hostile_texts_cost_little() {
        assert_eq!(of(&"[".repeat(100_000)), []);
        assert_eq!(of(&"- - - - ".repeat(20_000)), []);
        assert_eq!(
            of(&("services:\n".to_owned() + &"  a: {build: .}\n".repeat(20_000))).len(),
            20_000
        );
        let bomb: String =
            (0..30).map(|it| format!("a{}: &a{} [*a{it}, *a{it}]\n", it + 1, it + 1)).collect();
        assert_eq!(of(&format!("a0: &a0 x\n{bomb}")), []);
    }
}
