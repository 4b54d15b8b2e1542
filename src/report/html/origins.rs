//! Where the subject's files come from, what its file is made of, and its facts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::text;
use crate::report::layers::layer_of;
use crate::report::{SubjectReport, inspect};

/// More sections than this are one row.
const SECTIONS: usize = 12;

/// Which layer brought each file that takes part in the start.
pub(super) fn write_layers(subject: &SubjectReport, to: &mut dyn Write) -> io::Result<()> {
    let facts = &subject.facts;
    let Some(image) = &facts.image else { return Ok(()) };
    let mut files: BTreeSet<String> = BTreeSet::new();
    let programs = image.commands.iter().flat_map(|it| &it.steps).map(|it| it.path.clone());
    files.extend(programs.chain(image.subject_at.clone()));
    if let Some(load) = &facts.load {
        files.extend(load.loader.iter().map(|it| it.path.clone()));
        files.extend(load.libraries.iter().filter_map(|it| it.path.clone()));
    }
    let mut layers: BTreeMap<usize, (String, Vec<String>)> = BTreeMap::new();
    let mut count = 0;
    for file in files {
        let Some(layer) = layer_of(image, &file) else { continue };
        count = layer.of;
        let made_by = layer.made_by.or(layer.digest).unwrap_or_default();
        layers.entry(layer.number).or_insert_with(|| (made_by, Vec::new())).1.push(file);
    }
    if layers.is_empty() {
        return Ok(());
    }
    writeln!(
        to,
        "<h3>Layers that brought its files</h3>\n<div class=\"scroll\">\n<table>\n\
         <caption>The image has {count} layers, the lowest first</caption>\n<thead><tr>\
         <th scope=\"col\" class=\"number\">Layer</th><th scope=\"col\">Made by</th>\
         <th scope=\"col\">Files</th></tr></thead>\n<tbody>"
    )?;
    for (number, (made_by, files)) in layers {
        let files: Vec<String> = files.iter().map(|it| text(it)).collect();
        writeln!(
            to,
            "<tr><td class=\"number\">{number}</td><td><code>{}</code></td><td class=\"path\">{}</td></tr>",
            text(&made_by),
            files.join("<br>")
        )?;
    }
    writeln!(to, "</tbody>\n</table>\n</div>")
}

/// How large each section of the file is.
pub(super) fn write_sections(subject: &SubjectReport, to: &mut dyn Write) -> io::Result<()> {
    let Some(binary) = subject.facts.binary.as_ref().filter(|it| !it.sections.is_empty()) else {
        return Ok(());
    };
    let mut sections: Vec<(&str, u64)> =
        binary.sections.iter().map(|it| (it.name.as_str(), it.size)).collect();
    sections.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let shown = &sections[..sections.len().min(SECTIONS)];
    let known: u64 = shown.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
    let rest = binary.size.saturating_sub(known);
    let largest = shown.first().map_or(1, |(_, size)| *size).max(rest).max(1);
    writeln!(
        to,
        "<h3>Sizes by section</h3>\n<div class=\"scroll\">\n<table>\n<caption>Of {} in the file</caption>\n\
         <thead><tr><th scope=\"col\">Section</th><th scope=\"col\" class=\"number\">Size</th>\
         <th scope=\"col\"><span class=\"skip\">Share</span></th></tr></thead>\n<tbody>",
        size(binary.size)
    )?;
    for (name, bytes) in shown.iter().copied().chain((rest > 0).then_some(("the rest", rest))) {
        let share = bytes as f64 / largest as f64 * 100.0;
        writeln!(
            to,
            "<tr><td><code>{}</code></td><td class=\"number\">{}</td><td class=\"bar\">\
             <svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect width=\"{share:.1}\" height=\"10\" rx=\"1\"/></svg></td></tr>",
            text(name),
            size(bytes)
        )?;
    }
    writeln!(to, "</tbody>\n</table>\n</div>")
}

/// The facts that are known.
pub(super) fn write_facts(subject: &SubjectReport, to: &mut dyn Write) -> io::Result<()> {
    let Some(binary) = &subject.facts.binary else { return Ok(()) };
    writeln!(to, "<h3>Facts</h3>\n<dl class=\"facts\">")?;
    for (name, value) in inspect::rows(binary, true) {
        writeln!(to, "<dt>{}</dt><dd>{}</dd>", text(name), text(&value))?;
    }
    writeln!(to, "</dl>")
}

/// `512 B`, `439 kB`, `42.0 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
