//! The formats of a report, and the files that one run writes in several of them.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::output::CliError;
use crate::report;
use crate::report::Report;
use crate::report::table::Style;

/// Formats of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// What a person reads
    #[default]
    Table,
    /// The document `binlint.report/2`
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations in the log of a GitHub workflow
    Github,
    /// GitLab's Code Quality report
    Gitlab,
    /// JUnit's XML
    Junit,
    /// Markdown, for job summaries
    Markdown,
    /// A page that needs nothing else
    Html,
}

impl ReportFormat {
    /// Writes the report.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(self, report: &Report, style: Style, to: &mut dyn Write) -> io::Result<()> {
        let strict = style.strict;
        match self {
            ReportFormat::Table => report::table::write(report, style, to),
            ReportFormat::Json => report::json::write(report, to),
            ReportFormat::Sarif => report::sarif::write(report, to),
            ReportFormat::Github => report::github::write(report, strict, to),
            ReportFormat::Gitlab => report::gitlab::write(report, to),
            ReportFormat::Junit => report::junit::write(report, strict, to),
            ReportFormat::Markdown => report::markdown::write(report, strict, to),
            ReportFormat::Html => report::html::write(report, strict, to),
        }
    }
}

/// Every format, with this before the last one.
pub fn names(last: &str) -> String {
    let values = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = values.map(|it| it.get_name().to_owned()).collect();
    match names.split_last() {
        Some((end, others)) => format!("{}{last}{end}", others.join(", ")),
        None => String::new(),
    }
}

/// Reads `--report FORMAT=FILE`.
///
/// # Errors
/// It has no `=`, no file, or a format that there is not.
pub fn report_file(text: &str) -> Result<(ReportFormat, PathBuf), CliError> {
    let wrong = |why: String| CliError::Arguments(format!("--report {text}: {why}"));
    let (name, path) = text
        .split_once('=')
        .filter(|(_, path)| !path.is_empty())
        .ok_or_else(|| wrong("not FORMAT=FILE".to_owned()))?;
    let format = ReportFormat::from_str(name, false)
        .map_err(|_| wrong(format!("there is no format `{name}`; there is {}", names(", "))))?;
    Ok((format, PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_format_and_a_file() {
        let read = |text: &str| report_file(text).map_err(|error| error.to_string());
        assert_eq!(read("sarif=a=b.sarif"), Ok((ReportFormat::Sarif, "a=b.sarif".into())));
        for (text, why) in [
            ("sarif", "not FORMAT=FILE"),
            ("sarif=", "not FORMAT=FILE"),
            ("xml=a", "there is no format `xml`; there is table, json, sarif"),
        ] {
            assert!(read(text).unwrap_err().contains(why), "{text}");
        }
    }
}
