//! The diagnosis as a person reads it.

use std::io::{self, Write};

use crate::escape;
use crate::report::diagnosis::observation::Observation;
use crate::report::diagnosis::{Cause, Diagnosis, answers};
use crate::report::lines::strong;
use crate::report::table::{Detail, Style};
use crate::report::wrap::wrap;

/// More rules of one heading are not named, unless every one is asked for.
const MAX_SHOWN: usize = 6;

/// Writes the diagnoses, one after the other.
///
/// # Errors
/// Those of the writer.
pub fn write(
    all: &[Diagnosis<'_>],
    observation: &Observation,
    notes: &[String],
    style: Style,
    to: &mut dyn Write,
) -> io::Result<()> {
    for (index, diagnosis) in all.iter().enumerate() {
        if index > 0 {
            writeln!(to)?;
        }
        write_one(diagnosis, observation, style, to)?;
    }
    for note in notes {
        paragraph(&format!("note: {note}"), 0, style, to)?;
    }
    Ok(())
}

fn write_one(
    diagnosis: &Diagnosis<'_>,
    observation: &Observation,
    style: Style,
    to: &mut dyn Write,
) -> io::Result<()> {
    let bold = style.colour.then_some("");
    strong(to, bold, &diagnosis.subject.name, format_args!(": {observation}"))?;
    match diagnosis.explains.first() {
        Some(cause) => paragraph(&format!("{} explains it.", cause.rule.id), 2, style, to)?,
        None => paragraph("Nothing that was found explains it.", 2, style, to)?,
    }
    if style.detail == Detail::Quiet {
        return Ok(());
    }
    heading("What explains it", &diagnosis.explains, style, to, &|cause, to| {
        paragraph(&format!("{}: {}", cause.rule.id, cause.why), 2, style, to)?;
        paragraph(&format!("seen: {}", cause.seen.join(", ")), 4, style, to)?;
        for evidence in cause.evidence.iter().take(shown(style)) {
            paragraph(evidence, 4, style, to)?;
        }
        if let Some(fix) = &cause.fix {
            // To be pasted: never broken.
            for line in fix.lines() {
                writeln!(to, "    fix: {}", escape::whole(line))?;
            }
        }
        writeln!(to, "    see: cargo binlint explain {}", cause.rule.id)
    })?;
    heading(
        "What is wrong besides, but would be seen otherwise",
        &diagnosis.also_wrong,
        style,
        to,
        &|cause, to| {
            let against = cause.against.as_deref().map(|it| format!(" ({it})")).unwrap_or_default();
            paragraph(&format!("{}: {}{against}", cause.rule.id, cause.why), 2, style, to)
        },
    )?;
    heading("What is ruled out", &diagnosis.ruled_out, style, to, &|cause, to| {
        paragraph(&format!("{}: {}", cause.rule.id, cause.why), 2, style, to)
    })?;
    heading("What cannot be told", &diagnosis.untold, style, to, &|cause, to| {
        paragraph(&format!("{}: {}", cause.rule.id, cause.why), 2, style, to)
    })?;
    writeln!(to)?;
    strong(to, bold, "Answers", format_args!(""))?;
    for answer in &diagnosis.answers {
        let verdict = answers::verdict(answer.verdict);
        paragraph(&format!("{} {verdict}: {}", answer.question, answer.because), 2, style, to)?;
    }
    if !diagnosis.questions.is_empty() {
        writeln!(to)?;
        strong(to, bold, "What would tell more", format_args!(""))?;
    }
    for question in &diagnosis.questions {
        paragraph(question.text, 2, style, to)?;
        writeln!(to, "    {}", question.how)?;
    }
    Ok(())
}

const fn shown(style: Style) -> usize {
    if matches!(style.detail, Detail::Verbose) { usize::MAX } else { MAX_SHOWN }
}

fn heading(
    title: &str,
    causes: &[Cause],
    style: Style,
    to: &mut dyn Write,
    each: &dyn Fn(&Cause, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    writeln!(to)?;
    strong(to, style.colour.then_some(""), title, format_args!(""))?;
    for cause in causes.iter().take(shown(style)) {
        each(cause, to)?;
    }
    match causes.len().saturating_sub(shown(style)) {
        0 => Ok(()),
        more => writeln!(to, "  … and {more} more (-v)"),
    }
}

fn paragraph(text: &str, indent: usize, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let text = escape::line(text);
    let text = wrap(&text, indent, indent + 2, usize::from(style.width));
    writeln!(to, "{}{text}", " ".repeat(indent))
}
