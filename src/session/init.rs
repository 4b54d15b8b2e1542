//! `init`: a first configuration, which accepts what is there today.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::cargo::error::WorkspaceError;
use crate::escape;
use crate::report::Report;
use crate::rule::{Group, Level, Rule};
use crate::session::Error;
use crate::session::check::{CheckOptions, check};
use crate::session::fs;
use crate::session::gather::as_typed;
use crate::session::select::Selection;

/// Why a waiver of a first configuration is there.
const REASON: &str = "was there when this file was written";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstConfiguration {
    /// The file, as the user would type its path.
    pub path: String,
    /// How many waivers it has.
    pub waivers: usize,
    /// Findings that it does not accept, one line each.
    pub left: Vec<String>,
}

/// Lints, and writes `binlint.toml` at the workspace's root with a waiver for each finding. A finding
/// that the program is not what was written, has no honest record, or will be wrong by its Dockerfile,
/// is no taste: it is left.
///
/// # Errors
/// There is a configuration already; those of [`check`]; the file cannot be written.
pub fn init(selection: Selection) -> Result<FirstConfiguration, Error> {
    let report = check(&CheckOptions { selection, ..CheckOptions::default() })?;
    let root = report.base.workspace.as_deref().unwrap_or(&report.base.cwd);
    for name in ["binlint.toml", ".config/binlint.toml"] {
        if fs::exists(&root.join(name)) {
            let shown = as_typed(&root.join(name), &report.base.cwd);
            return Err(Error::Usage(format!("{shown} is there already, and is not overwritten")));
        }
    }
    let path = root.join("binlint.toml");
    let (text, waivers, left) = first_configuration(&report);
    fs::create(&path, text.as_bytes())
        .map_err(|source| WorkspaceError::Write { path: path.clone(), source })?;
    Ok(FirstConfiguration { path: as_typed(&path, &report.base.cwd), waivers, left })
}

/// Whether today's findings of a rule are a matter of taste: not that the program is, or will be,
/// something else than its sources, nor that its build fails.
fn may_be_accepted(rule: &Rule) -> bool {
    match rule.group {
        Group::Freshness | Group::Provenance => false,
        Group::Dockerfile => rule.level != Level::Deny,
        _ => true,
    }
}

/// The text, the number of its waivers, and what it does not accept.
fn first_configuration(report: &Report) -> (String, usize, Vec<String>) {
    let mut text = String::from(
        "# What cargo-binlint may find here. Each key: docs/configuration.md of cargo-binlint.\n\n\
         [levels]\n\
         # A rule or a group is \"allow\", \"warn\" or \"deny\". This line fails on every warning:\n\
         # warnings = \"deny\"\n\n\
         [expect]\n\
         # What you intend to ship; a program that is something else is denied.\n\
         # triple = \"x86_64-unknown-linux-gnu\"\n\
         # libc = \"glibc-dynamic\"\n\
         # max-glibc = \"2.36\"\n",
    );
    let (mut waived, mut left) = (BTreeSet::new(), Vec::new());
    for subject in &report.subjects {
        for failed in subject.failures() {
            let messages = failed.outcome.findings().iter().map(|it| escape::line(&it.message));
            let (id, level) = (failed.rule.id, failed.level);
            if !may_be_accepted(failed.rule) {
                let name = &subject.name;
                left.extend(messages.map(|it| format!("{name}: {level} {id}: {it}")));
                continue;
            }
            if !waived.insert((id, subject.name.as_str())) {
                continue;
            }
            if waived.len() == 1 {
                text.push_str(
                    "\n# Found when this file was written, and accepted. Correct a finding, then delete \
                     its waiver:\n# a waiver that matches nothing is reported.\n",
                );
            }
            text.push('\n');
            messages.for_each(|it| _ = writeln!(text, "# {level}: {it}"));
            let name = toml::Value::from(subject.name.as_str());
            let rule = format!("rule = \"{id}\"\nsubject = {name}\nreason = \"{REASON}\"");
            let _ = writeln!(text, "[[waivers]]\n{rule}");
        }
    }
    (text, waived.len(), left)
}
