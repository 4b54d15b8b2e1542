//! The report as a page that needs nothing else: no network, no other file. The verdict comes first,
//! then each subject with its findings, how it is loaded, what brought its files, its sizes and facts,
//! and what every other rule found.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::escape;
use crate::report::verdict::{self, Verdict};
use crate::report::{Report, SubjectReport, labels};

mod findings;
mod libraries;
mod origins;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Writes the page.
///
/// # Errors
/// Those of the writer.
pub fn write(report: &Report, strict: bool, to: &mut dyn Write) -> io::Result<()> {
    let (word, rest) = verdict::verdict(report, strict);
    let class = match word {
        Verdict::DoNotShip | Verdict::FailedUnderStrict => "deny",
        Verdict::NothingDenied => "warn",
        Verdict::Clean => "pass",
    };
    let sign = match word {
        Verdict::DoNotShip | Verdict::FailedUnderStrict => "✕",
        Verdict::NothingDenied => "!",
        Verdict::Clean => "✓",
    };
    // Only what stands in this file may run, whatever an input says.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    let name = word.name();
    writeln!(
        to,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">To the findings</a>\n\
         <header class=\"verdict {class}\">\n<h1><span aria-hidden=\"true\">{sign} </span>{}</h1>\n<p>{}</p>\n</header>",
        capital(name),
        text(&rest),
        capital(name),
        text(&rest)
    )?;
    if report.subjects.len() > 1 {
        writeln!(to, "<nav aria-label=\"Subjects\">\n<ul>")?;
        for (index, subject) in report.subjects.iter().enumerate() {
            let summary = subject.summary().words();
            writeln!(
                to,
                "<li><a href=\"#s{index}\">{}</a> <span class=\"soft\">{summary}</span></li>",
                text(&subject.name)
            )?;
        }
        writeln!(to, "</ul>\n</nav>")?;
    }
    writeln!(to, "<main id=\"main\">")?;
    for (index, subject) in report.subjects.iter().enumerate() {
        write_subject(report, subject, index, to)?;
    }
    if !report.notes.is_empty() {
        writeln!(to, "<h3>Notes</h3>\n<ul>")?;
        report.notes.iter().try_for_each(|note| writeln!(to, "<li>{}</li>", text(note)))?;
        writeln!(to, "</ul>")?;
    }
    writeln!(
        to,
        "</main>\n<footer><p>cargo-binlint {}</p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_subject(
    report: &Report,
    subject: &SubjectReport,
    index: usize,
    to: &mut dyn Write,
) -> io::Result<()> {
    let summary = subject.summary();
    writeln!(
        to,
        "<section class=\"subject\" id=\"s{index}\" aria-labelledby=\"t{index}\">\n<h2 id=\"t{index}\">{}</h2>",
        text(&subject.name)
    )?;
    if let Some(binary) = &subject.facts.binary {
        if binary.path != subject.name {
            writeln!(to, "<p class=\"path soft\">{}</p>", text(&binary.path))?;
        }
        writeln!(to, "<p>{}</p>", text(&labels::identity(binary)))?;
    }
    writeln!(to, "<ul class=\"chips\" aria-label=\"Outcomes\">")?;
    for (class, count, word) in [
        ("deny", summary.deny, "denied"),
        ("warn", summary.warn, if summary.warn == 1 { "warning" } else { "warnings" }),
        ("soft", summary.waived, "waived"),
        ("open", summary.open, "inconclusive"),
        ("pass", summary.pass, "passed"),
        ("soft", summary.not_applicable, "not applicable"),
    ] {
        if count > 0 {
            writeln!(to, "<li class=\"{class}\">{count} {word}</li>")?;
        }
    }
    writeln!(to, "</ul>")?;
    findings::write(report, subject, to)?;
    libraries::write(subject, index, to)?;
    origins::write_layers(subject, to)?;
    origins::write_sections(subject, to)?;
    origins::write_facts(subject, to)?;
    findings::write_others(subject, to)?;
    writeln!(to, "</section>")
}

/// A text as it is shown, on one line.
fn text(text: &str) -> String {
    escape::markup(&escape::line(text))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

/// The digest by which a page's policy knows its own style and script.
fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}
