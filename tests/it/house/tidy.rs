//! The house rules as tests. A generated file that is out of date is rewritten, then the test fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use binlint::{Group, Rule, Status, rules};

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
    for rule in rules() {
        let file = format!("src/rules/{}/{}.rs", rule.group.name(), rule.id.replace('-', "_"));
        assert!(Path::new(&file).is_file(), "{}: wants to live in {file}", rule.id);
    }
}

#[test]
fn a_rule_has_all_its_words() {
    for rule in rules() {
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
fn a_reference_is_a_url_or_a_man_page() {
    for rule in rules() {
        for reference in rule.references {
            assert!(is_url(reference) || is_man_page(reference), "{}: {reference:?}", rule.id);
        }
    }
    for wrong in ["redlib 205", "ld.so(8), LD_PRELOAD", "http://a.b/c", "https://", "(8)", "x()"] {
        assert!(!is_url(wrong) && !is_man_page(wrong), "{wrong:?}");
    }
}

/// `https://HOST/…` without a blank.
fn is_url(reference: &str) -> bool {
    let rest = reference.strip_prefix("https://");
    rest.is_some_and(|it| it.contains('.') && !it.contains(char::is_whitespace))
}

/// `name(section)`, as in `ld.so(8)` and `dlopen(3)`.
fn is_man_page(reference: &str) -> bool {
    let Some((name, section)) = reference.strip_suffix(')').and_then(|it| it.split_once('('))
    else {
        return false;
    };
    let is_name = |it: char| it.is_ascii_alphanumeric() || "._-+".contains(it);
    !name.is_empty()
        && name.chars().all(is_name)
        && section.starts_with(|it: char| it.is_ascii_digit())
        && section.chars().all(|it| it.is_ascii_alphanumeric())
}

/// Whoever is told of a fault is told what to do, or why no line can say it.
#[test]
fn every_rule_has_a_fix_line_or_says_why_there_is_none() {
    for rule in rules() {
        let file = format!("src/rules/{}/{}.rs", rule.group.name(), rule.id.replace('-', "_"));
        let text = read(Path::new(&file));
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let fixes = [".fix(", ".fix_for(", ".fix_if(", ".fix_lines("];
        let prints = fixes.iter().any(|it| code.contains(it));
        let reason = rule.no_fix_line.map(str::trim);
        assert!(prints || reason.is_some(), "{}: neither a fix line nor a reason", rule.id);
        assert!(reason.is_none_or(|it| !it.is_empty() && !it.ends_with('.')), "{}", rule.id);
        for placeholder in ["NAME", "PROGRAM"] {
            let is_there = code.contains(&format!("/{placeholder}\\\""))
                || code.contains(&format!(" {placeholder}\""));
            assert!(!is_there, "{}: a line with `{placeholder}` cannot be pasted", rule.id);
        }
    }
}

#[test]
fn every_name_of_a_rule_is_its_own() {
    let groups = Group::ALL.iter().map(|group| group.name());
    let mut names: Vec<&str> = groups.collect();
    for rule in rules() {
        names.push(rule.id);
        names.extend(rule.aliases);
        let is_renamed = matches!(rule.status, Status::Renamed { .. });
        assert!(!is_renamed || !rule.aliases.is_empty(), "{}: renamed from what?", rule.id);
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two rules or groups share a name");
}

#[test]
fn the_docs_of_the_rules_are_up_to_date() {
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "<!-- Written by `cargo test` from the rules; do not edit. -->\n# The rules\n\n\
         `allow` means: off unless asked for with `-W` or `-D`.\n",
    );
    for group in Group::ALL {
        let of_group: Vec<_> = rules().filter(|rule| rule.group == *group).collect();
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
    pages.insert(PathBuf::from("docs/SUMMARY.md"), contents());
    keep_up_to_date(pages);
}

/// The book's table of contents, which ends with the rules.
fn contents() -> String {
    const RULES: &str = "- [The rules](rules/README.md)\n";
    let text = read(Path::new("docs/SUMMARY.md"));
    let before = text.split_once(RULES).expect("the rules in the contents").0;
    let mut ids: Vec<_> = rules().map(|rule| rule.id).collect();
    ids.sort_unstable();
    let lines: String = ids.iter().map(|id| format!("  - [{id}](rules/{id}.md)\n")).collect();
    format!("{before}{RULES}{lines}")
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
    let aliases: Vec<String> = rule.aliases.iter().map(|it| format!("`{it}`")).collect();
    match rule.status {
        Status::Stable => Ok(()),
        Status::Renamed { since, reason } => {
            let aliases = aliases.join(", ");
            writeln!(page, "\nCalled {aliases} before {since}: {reason}. Both names are accepted.")
        }
        Status::Deprecated { since, reason } => {
            writeln!(page, "\n**Deprecated** in {since}: {reason}.")
        }
    }
    .unwrap();
    for (title, text) in
        [("What is checked", rule.what), ("Why it matters", rule.why), ("How to fix it", rule.fix)]
    {
        writeln!(page, "\n## {title}\n\n{text}").unwrap();
    }
    if let Some(reason) = rule.no_fix_line {
        writeln!(page, "\nA finding can be without a fix line: {reason}.").unwrap();
    }
    let list = |page: &mut String, title, items: Vec<String>| {
        if !items.is_empty() {
            writeln!(page, "\n## {title}\n").unwrap();
        }
        items.iter().for_each(|item| writeln!(page, "- {item}").unwrap());
    };
    list(&mut page, "Symptoms", rule.symptoms.iter().map(ToString::to_string).collect());
    list(&mut page, "References", rule.references.iter().map(|it| link(it)).collect());
    page
}

/// A URL that can be followed; a man page as it is.
fn link(reference: &str) -> String {
    if reference.starts_with("https://") { format!("<{reference}>") } else { reference.to_owned() }
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
