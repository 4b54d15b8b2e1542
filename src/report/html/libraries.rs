//! The libraries as a picture: what loads what, from where, and what is missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::text;
use crate::report::SubjectReport;
use crate::report::layers::layer_of;
use crate::start::loader::{StartPrediction, StartProblem};

/// More libraries than this are counted and not drawn.
const MOST: usize = 200;
/// A node, in pixels.
const WIDTH: usize = 312;
/// A node, in pixels.
const HEIGHT: usize = 62;
/// Between two levels, in pixels.
const STEP: usize = 24;
/// Between two nodes, in pixels.
const GAP: usize = 10;
/// Letters that a line of a node has room for.
const LETTERS: usize = 36;

/// What is known of one file of the closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Bad,
    Unknown,
}

impl State {
    fn class(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Bad => "bad",
            State::Unknown => "unknown",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            State::Good => "✓",
            State::Bad => "✕",
            State::Unknown => "?",
        }
    }
}

/// One file, as deep as what needs it first is.
#[derive(Debug)]
struct Node {
    name: String,
    /// Where it is found, or what is wrong.
    place: String,
    /// The layer that brought it.
    layer: String,
    state: State,
    depth: usize,
    /// The node that needs it first.
    parent: Option<usize>,
}

/// Draws the libraries, and says the same as a table.
pub(super) fn write(subject: &SubjectReport, index: usize, to: &mut dyn Write) -> io::Result<()> {
    let mut nodes = nodes(subject);
    if nodes.len() < 2 {
        return Ok(());
    }
    for node in &mut nodes {
        let image = subject.facts.image.as_ref();
        let layer = image.and_then(|image| layer_of(image, &node.place));
        node.layer =
            layer.map_or_else(String::new, |it| format!("layer {} of {}", it.number, it.of));
    }
    let missing = nodes.iter().filter(|it| it.state == State::Bad).count();
    let summary = match (&subject.facts.load, missing) {
        (None, _) => "Which libraries an image has was not looked at: none was given.".to_owned(),
        (Some(_), 0) => format!("All {} files of the start are found.", nodes.len()),
        (Some(_), 1) => "1 file of the start is missing or cannot be used.".to_owned(),
        (Some(_), more) => format!("{more} files of the start are missing or cannot be used."),
    };
    writeln!(to, "<h3 id=\"l{index}\">What loads what</h3>\n<p>{summary}</p>")?;
    if let Some(load) = &subject.facts.load {
        for error in &load.errors {
            writeln!(to, "<div class=\"error\"><pre>{}</pre></div>", text(error))?;
        }
    }
    writeln!(
        to,
        "<div class=\"tree scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"l{index}\">\n{}\n</div>",
        picture(&nodes, &summary)
    )?;
    writeln!(
        to,
        "<details><summary>The same as a table</summary>\n<div class=\"scroll\">\n<table>\n<thead><tr>\
         <th scope=\"col\">File</th><th scope=\"col\">Found</th><th scope=\"col\">Layer</th><th scope=\"col\">Needed first by</th></tr></thead>\n<tbody>"
    )?;
    for node in &nodes {
        let parent = node.parent.and_then(|it| nodes.get(it)).map_or("", |it| it.name.as_str());
        writeln!(
            to,
            "<tr><td class=\"path\">{}</td><td class=\"path\">{}</td><td>{}</td><td class=\"path\">{}</td></tr>",
            text(&node.name),
            text(&node.place),
            node.layer,
            text(parent)
        )?;
    }
    writeln!(to, "</tbody>\n</table>\n</div>\n</details>")
}

/// The subject, its loader and its libraries, each behind what needs it first.
fn nodes(subject: &SubjectReport) -> Vec<Node> {
    let facts = &subject.facts;
    let Some(binary) = &facts.binary else { return Vec::new() };
    let image = facts.image.as_ref();
    let at = image.and_then(|it| it.subject_at.as_deref()).unwrap_or(&binary.path);
    let root = Node {
        name: subject.name.clone(),
        place: at.to_owned(),
        layer: String::new(),
        state: State::Good,
        depth: 0,
        parent: None,
    };
    let mut nodes = vec![root];
    let below = |name: &str, place: String, state, depth, parent| Node {
        name: name.to_owned(),
        place,
        layer: String::new(),
        state,
        depth,
        parent: Some(parent),
    };
    let Some(load) = &facts.load else {
        let names = binary.interpreter.iter().chain(&binary.needed).take(MOST);
        nodes.extend(names.map(|it| below(it, "not looked for".into(), State::Unknown, 1, 0)));
        return nodes;
    };
    if let Some(interpreter) = &binary.interpreter {
        let (place, state) = match &load.loader {
            Some(loader) => (loader.path.clone(), State::Good),
            None => ("not found".to_owned(), State::Bad),
        };
        nodes.push(below(interpreter, place, state, 1, 0));
    }
    // The loader, which is there already, is most often a library too.
    let loader = load.loader.as_ref().map(|it| it.path.as_str());
    let is_loader = |path: &Option<String>| path.is_some() && path.as_deref() == loader;
    let mut drawn: BTreeSet<usize> = load
        .libraries
        .iter()
        .enumerate()
        .filter_map(|(number, it)| is_loader(&it.path).then_some(number))
        .collect();
    add_needed(load, None, 0, &mut drawn, &mut nodes);
    // What nothing that is drawn asks for still belongs to the start.
    for (number, library) in load.libraries.iter().enumerate().take(MOST) {
        if drawn.insert(number) {
            let (place, state) = state_of(load, library.path.as_deref());
            nodes.push(below(&library.name, place, state, 1, 0));
            let me = nodes.len() - 1;
            add_needed(load, library.path.as_deref(), me, &mut drawn, &mut nodes);
        }
    }
    let loaded: BTreeSet<&str> = load.libraries.iter().map(|it| it.name.as_str()).collect();
    let unseen = |it: &&String| !loaded.contains(it.as_str());
    // A start that ends before the libraries says nothing of them.
    let unseen: Vec<_> = binary.needed.iter().filter(unseen).take(MOST).collect();
    nodes.extend(
        unseen
            .into_iter()
            .filter(|_| load.libraries.is_empty())
            .map(|it| below(it, "the loader does not get this far".into(), State::Unknown, 1, 0)),
    );
    nodes
}

/// The libraries that one file asks for first, each with its own behind it. `None`: the subject,
/// which is every file that no library is.
fn add_needed(
    load: &StartPrediction,
    needed_by: Option<&str>,
    parent: usize,
    drawn: &mut BTreeSet<usize>,
    nodes: &mut Vec<Node>,
) {
    let is_library = |path: &str| load.libraries.iter().any(|it| it.path.as_deref() == Some(path));
    let depth = nodes[parent].depth + 1;
    for (number, library) in load.libraries.iter().enumerate().take(MOST) {
        let is_needed = match needed_by {
            Some(path) => library.needed_by == path,
            None => !is_library(&library.needed_by),
        };
        if !is_needed || !drawn.insert(number) {
            continue;
        }
        let (place, state) = state_of(load, library.path.as_deref());
        let name = library.name.clone();
        let layer = String::new();
        nodes.push(Node { name, place, layer, state, depth, parent: Some(parent) });
        let me = nodes.len() - 1;
        if let Some(path) = library.path.as_deref() {
            add_needed(load, Some(path), me, drawn, nodes);
        }
    }
}

fn state_of(load: &StartPrediction, path: Option<&str>) -> (String, State) {
    let Some(path) = path else { return ("not found".to_owned(), State::Bad) };
    let wrong = load.problems.iter().find_map(|problem| match problem {
        StartProblem::LibraryBroken { path: of, why, .. } if of == path => Some(why.clone()),
        StartProblem::VersionMissing { path: of, version, .. } if of == path => {
            Some(format!("has no {version}"))
        }
        StartProblem::ForeignLibrary { path: of } if of == path => {
            Some("of another machine".to_owned())
        }
        StartProblem::SymbolMissing { symbol, needed_by, lazy: false, .. } if needed_by == path => {
            Some(format!("finds no {symbol}"))
        }
        _ => None,
    });
    match wrong {
        Some(why) => (format!("{path}: {why}"), State::Bad),
        None => (path.to_owned(), State::Good),
    }
}

fn picture(nodes: &[Node], summary: &str) -> String {
    let deepest = nodes.iter().map(|it| it.depth).max().unwrap_or_default();
    let width = deepest * STEP + WIDTH + 2;
    let height = nodes.len() * (HEIGHT + GAP);
    let mut svg = format!(
        "<svg role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<title>{summary}</title>\n"
    );
    for (row, node) in nodes.iter().enumerate() {
        let (x, y) = (node.depth * STEP + 1, row * (HEIGHT + GAP) + 1);
        if let Some(parent) = node.parent {
            let from_x = nodes[parent].depth * STEP + STEP / 2;
            let from_y = parent * (HEIGHT + GAP) + HEIGHT;
            let middle = y + HEIGHT / 2;
            let _ = writeln!(svg, "<path class=\"edge\" d=\"M{from_x} {from_y}V{middle}H{x}\"/>");
        }
        let (class, mark) = (node.state.class(), node.state.mark());
        let (name, place) = (short(&node.name), short(&node.place));
        let (mark_x, text_x) = (x + 10, x + 28);
        // What has no layer stands in the middle.
        let lift = if node.layer.is_empty() { 8 } else { 0 };
        let (first, second, third) = (y + 19 + lift, y + 36 + lift, y + 52);
        let _ = writeln!(
            svg,
            "<g class=\"{class}\"><title>{}: {}</title><rect class=\"node\" x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\
             <text class=\"mark\" x=\"{mark_x}\" y=\"{first}\">{mark}</text><text class=\"name\" x=\"{text_x}\" y=\"{first}\">{name}</text>\
             <text class=\"where\" x=\"{text_x}\" y=\"{second}\">{place}</text>\
             <text class=\"where\" x=\"{text_x}\" y=\"{third}\">{}</text></g>",
            text(&node.name),
            text(&node.place),
            node.layer
        );
    }
    svg.push_str("</svg>");
    svg
}

/// What a line of a node has room for: of a longer text its end, where a path's name is.
fn short(full: &str) -> String {
    let count = full.chars().count();
    if count <= LETTERS {
        return text(full);
    }
    let end: String = full.chars().skip(count + 1 - LETTERS).collect();
    text(&format!("…{end}"))
}
