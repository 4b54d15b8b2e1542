//! The facts of programs as a person reads them: a sheet for a few, a line each for many.

use std::io::{self, Write};

use crate::binary::Binary;
use crate::provenance::embedded_record::EmbeddedRecord;
use crate::report::binary::{debug_info, relro};
use crate::report::facts::{Described, FACTS, Shown};
use crate::report::labels;
use crate::report::lines;
use crate::report::lines::strong;
use crate::report::table::{Detail, Style};
use crate::report::wrap::wrap;

/// More than this many get a line each instead of a sheet.
const SHEETS: usize = 4;

/// Writes the facts in the order given; why there are none is said on standard error.
///
/// # Errors
/// Those of the writer.
pub fn write<E>(
    answers: &[(String, Result<Binary, E>)],
    style: Style,
    to: &mut dyn Write,
) -> io::Result<()> {
    let sheets = style.detail == Detail::Verbose
        || style.detail == Detail::Normal && answers.len() <= SHEETS;
    let escape = style.colour.then_some("");
    let known = answers.iter().filter_map(|(path, answer)| Some((path, answer.as_ref().ok()?)));
    for (index, (path, binary)) in known.enumerate() {
        if !sheets {
            strong(to, escape, path, format_args!(": {}", labels::identity(binary)))?;
            continue;
        }
        if index > 0 {
            writeln!(to)?;
        }
        strong(to, escape, path, format_args!(""))?;
        sheet(binary, style, "  ", to)?;
    }
    Ok(())
}

fn sheet(binary: &Binary, style: Style, indent: &str, to: &mut dyn Write) -> io::Result<()> {
    let rows = rows(binary, style.detail == Detail::Verbose);
    let widest = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let room = usize::from(style.width).saturating_sub(indent.len() + widest + 2).max(20);
    for (name, value) in rows {
        let mut name = name;
        for line in wrap(&value, 0, 0, room).lines() {
            lines::line(to, format_args!("{indent}{name:widest$}  {line}"))?;
            name = "";
        }
    }
    for slice in &binary.slices {
        let target = slice.triple.value.as_deref().unwrap_or("of an unknown target");
        lines::line(to, format_args!("{indent}slice {target}"))?;
        sheet(slice, style, &format!("{indent}  "), to)?;
    }
    Ok(())
}

/// The facts in labels, as name and value; those that are not known are left out.
pub fn rows(binary: &Binary, verbose: bool) -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&'static str, String)> = vec![("is", labels::identity(binary))];
    let mut row = |name, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            rows.push((name, value));
        }
    };
    let list = |names: &[String]| Some(names.join(", "));
    row("kind", Some(kind(binary)));
    row("size", Some(format!("{} bytes", binary.size)));
    row("sha256", binary.sha256.clone());
    row("interpreter", binary.interpreter.clone());
    row("needed", list(&binary.needed));
    row("runpath", binary.runpath.clone());
    row("rpath", binary.rpath.clone());
    row("soname", binary.soname.clone());
    row("libc", libc(binary));
    row("rust", Some(binary.rust.evidence.to_string()));
    row("rustc", rustc(binary));
    row("panic", binary.panic.value.map(|it| format!("{}: {}", it.name(), binary.panic.evidence)));
    row(
        "main",
        binary
            .main
            .value
            .map(|it| format!("{}: {}", labels::main_verdict(it), binary.main.evidence)),
    );
    row("hardening", hardening(binary));
    row("debug info", binary.debug_info.map(|it| debug_info(it).to_string()));
    for fact in FACTS {
        if let Shown::Row(name) = fact.shown {
            row(name, (fact.read)(binary).value.map(|value| value.words()));
        }
    }
    row("built with", built_with(binary));
    row("may read", list(&binary.may_read));
    row("crates", crates(binary, verbose));
    row("record", binary.record.as_ref().map(|record| EmbeddedRecord::parse(record).summary));
    if verbose {
        row("evidence", list(&binary.rustc.evidence));
    }
    for note in &binary.notes {
        row("note", Some(note.clone()));
    }
    rows
}

fn kind(binary: &Binary) -> String {
    let mut words = vec![labels::kind(binary.kind).to_string()];
    if binary.static_pie == Some(true) {
        words.push("static-pie".to_string());
    } else if let Some(independent) = binary.position_independent {
        words.push(
            if independent { "position independent" } else { "at a fixed address" }.to_string(),
        );
    }
    words.join(", ")
}

fn libc(binary: &Binary) -> Option<String> {
    let name = labels::libc(binary.libc.name.value?);
    let linkage = binary.libc.linkage.map(labels::linkage).unwrap_or_default();
    let required = binary.libc.version_required.as_deref();
    let named = binary.libc.version_named.as_deref();
    let version = match (required, named) {
        (Some(required), Some(named)) if required != named => {
            format!(", {required} required, {named} for weak symbols alone")
        }
        (Some(required), _) => format!(", {required} required"),
        (None, _) => String::new(),
    };
    Some(format!("{name}, {linkage}{version}"))
}

fn rustc(binary: &Binary) -> Option<String> {
    match (&binary.rustc.version, &binary.rustc.commit) {
        (Some(version), Some(commit)) => Some(format!("{version} ({commit})")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

fn hardening(binary: &Binary) -> Option<String> {
    let facts = &binary.hardening;
    let mut words = Vec::new();
    words.extend(facts.relro.map(|it| format!("RELRO {}", relro(it))));
    let mut flag = |value: Option<bool>, yes: &str, no: &str| {
        words.extend(value.map(|value| if value { yes } else { no }.to_string()));
    };
    flag(facts.bind_now, "bound at start", "bound lazily");
    flag(facts.executable_stack, "executable stack", "");
    flag(facts.text_relocations, "text relocations", "");
    flag(facts.writable_executable_segment, "a segment that is writable and executable", "");
    words.retain(|word| !word.is_empty());
    (!words.is_empty()).then(|| words.join(", "))
}

fn built_with(binary: &Binary) -> Option<String> {
    let word = |fact: &Described| match fact.shown {
        Shown::Row(_) => None,
        Shown::BuiltWith(before) => {
            (fact.read)(binary).value.map(|value| format!("{before}{}", value.words()))
        }
    };
    let words: Vec<String> = FACTS.iter().filter_map(word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn crates(binary: &Binary, all: bool) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<String> =
        binary.crates.iter().map(|it| format!("{}@{}", it.name, it.version)).collect();
    Some(match names.len() {
        more if more > SHOWN && !all => {
            format!("{} and {} more (-v names them)", names[..SHOWN].join(", "), more - SHOWN)
        }
        _ => names.join(", "),
    })
}
