//! The house rules as tests. A generated file that is out of date is rewritten, then the test fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use binlint::rule::{Group, Rule, Symptom};
use binlint::rules;

#[test]
fn the_list_of_rules_is_written_from_their_files() {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust_files(Path::new("src/rules")) {
        let stem = name(file.file_stem());
        let group = name(file.parent().and_then(Path::file_name));
        groups.entry(group).or_default().push(stem);
    }
    let mut modules = String::new();
    let mut list = String::new();
    for (group, rules) in &groups {
        let known = Group::ALL.iter().find(|it| it.name() == group);
        let question =
            known.unwrap_or_else(|| panic!("src/rules/{group}: no such group")).question();
        writeln!(modules, "/// {question}\npub mod {group} {{").unwrap();
        for rule in rules {
            writeln!(modules, "    pub mod {rule};").unwrap();
            writeln!(list, "    &{group}::{rule}::RULE,").unwrap();
        }
        writeln!(modules, "}}\n").unwrap();
    }
    let text = format!(
        "//! Every rule. Written by `cargo test` from the files in `src/rules/`; do not edit.\n\
         #![allow(missing_docs, reason = \"a rule file is documented by the fields of its rule\")]\n\n\
         use crate::rule::Rule;\n\n\
         {modules}\
         /// Every rule, by group and name.\n\
         #[rustfmt::skip]\n\
         pub static ALL: &[&Rule] = &[\n{list}];\n"
    );
    keep_up_to_date(BTreeMap::from([(PathBuf::from("src/rules.rs"), text)]));
}

#[test]
fn a_rule_is_named_after_its_file() {
    for rule in rules::ALL {
        let file = format!("src/rules/{}/{}.rs", rule.group.name(), rule.id.replace('-', "_"));
        assert!(Path::new(&file).is_file(), "{}: wants to live in {file}", rule.id);
    }
}

#[test]
fn a_rule_has_all_its_words() {
    for rule in rules::ALL {
        let id = rule.id;
        let words =
            [("summary", rule.summary), ("what", rule.what), ("why", rule.why), ("fix", rule.fix)];
        for (field, text) in words {
            assert!(!text.trim().is_empty(), "{id}: `{field}` is empty");
            assert!(
                !text.contains("  "),
                "{id}: `{field}` has a run of spaces: a line break without `\\`?"
            );
        }
        assert!(!rule.summary.ends_with('.'), "{id}: the summary ends with a full stop");
        assert!(rule.summary.len() <= 110, "{id}: the summary is longer than a line");
        assert!(!rule.references.is_empty(), "{id}: no reference says where the rule comes from");
    }
}

#[test]
fn the_docs_of_the_rules_are_up_to_date() {
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "<!-- Written by `cargo test` from the rules; do not edit. -->\n# The rules\n\n\
         `allow` means: off unless asked for with `-W` or `-D`.\n",
    );
    for group in Group::ALL {
        let of_group: Vec<_> = rules::ALL.iter().filter(|rule| rule.group == *group).collect();
        if of_group.is_empty() {
            continue;
        }
        writeln!(index, "\n## {}: {}\n", group.name(), group.question()).unwrap();
        writeln!(index, "| rule | level | needs | fails when |\n| --- | --- | --- | --- |")
            .unwrap();
        for rule in of_group {
            let summary = rule.summary.replace('|', "\\|");
            let needs = rule.check.needs();
            writeln!(index, "| [`{0}`]({0}.md) | {1} | {needs} | {summary} |", rule.id, rule.level)
                .unwrap();
            pages.insert(PathBuf::from(format!("docs/rules/{}.md", rule.id)), rule_page(rule));
        }
    }
    pages.insert(PathBuf::from("docs/rules/README.md"), index);
    for entry in fs::read_dir("docs/rules").into_iter().flatten() {
        let path = entry.unwrap().path();
        assert!(pages.contains_key(&path), "{}: no such rule; delete the page", path.display());
    }
    keep_up_to_date(pages);
}

fn rule_page(rule: &Rule) -> String {
    let mut page = format!(
        "<!-- Written by `cargo test` from the rule; do not edit. -->\n# `{}`\n\n{}\n\n\
         Group [{}](README.md), level **{}**, since {}. Needs: {}.\n",
        rule.id,
        sentence(rule.summary),
        rule.group.name(),
        rule.level,
        rule.since,
        rule.check.needs()
    );
    let sections = [
        ("What it looks at", rule.what),
        ("Why it matters", rule.why),
        ("How to heal it", rule.fix),
    ];
    for (title, text) in sections {
        writeln!(page, "\n## {title}\n\n{text}").unwrap();
    }
    if !rule.symptoms.is_empty() {
        writeln!(page, "\n## How it shows\n").unwrap();
        for symptom in rule.symptoms {
            match symptom {
                Symptom::ExitCode(code) => writeln!(page, "- exit code {code}"),
                Symptom::Silence => writeln!(page, "- nothing is printed"),
                Symptom::Stderr(text) => writeln!(page, "- on standard error: `{text}`"),
                Symptom::Client(text) => writeln!(page, "- a client sees: {text}"),
                Symptom::Behaviour(text) => writeln!(page, "- {text}"),
            }
            .unwrap();
        }
    }
    writeln!(page, "\n## Where this comes from\n").unwrap();
    for reference in rule.references {
        writeln!(page, "- {reference}").unwrap();
    }
    page
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).chain(['.']).collect())
}

#[test]
fn a_file_opens_with_what_it_is_for() {
    for file in rust_files(Path::new("src")) {
        let is_rule = file.starts_with("src/rules");
        assert!(is_rule || read(&file).starts_with("//!"), "{}: no `//!` line", file.display());
    }
}

#[test]
fn every_dependency_has_a_line_that_justifies_it() {
    let manifest: toml::Table = read(Path::new("Cargo.toml")).parse().unwrap();
    let page = read(Path::new("docs/dependencies.md"));
    for table in ["dependencies", "dev-dependencies"] {
        for name in manifest[table].as_table().unwrap().keys() {
            assert!(
                page.contains(&format!("| `{name}` |")),
                "docs/dependencies.md has no line for `{name}`"
            );
        }
    }
}

fn keep_up_to_date(files: BTreeMap<PathBuf, String>) {
    let stale: Vec<_> = files
        .iter()
        .filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(*text))
        .collect();
    for (path, text) in &stale {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let names: Vec<_> = stale.iter().map(|(path, _)| path).collect();
    assert!(stale.is_empty(), "rewrote {names:?}; look them over, run the tests again and commit");
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn name(component: Option<&std::ffi::OsStr>) -> String {
    component.and_then(|it| it.to_str()).unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
