//! The walls over source texts: everything that is broken, a line each.

use std::collections::{BTreeMap, BTreeSet};

use super::cycles;
use super::names::Names;
use super::syntax::Source;
use super::table::{
    FILES, MAX_FILE_LINES, MAX_RULE_LINES, MAY_LOOK_INTO, PATH_METHODS, WORDS, Word,
};

/// What these files, by path and text, do against the walls. Paths begin with `src/`.
pub fn broken(files: &[(String, String)]) -> Vec<String> {
    let mut broken = BTreeSet::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        if ["src/lib/", "src/main/"].iter().any(|root| path.starts_with(root)) {
            broken.insert(format!("{path}: a module beside the root would look into everything"));
        }
        if path.ends_with("/mod.rs") {
            broken.insert(format!("{path}: modules are `foo.rs` beside `foo/`"));
        }
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            broken.insert(format!("{path}: {lines} lines, at most {MAX_FILE_LINES}"));
        }
        match Source::read(path, text) {
            Ok(source) => sources.push(source),
            Err(error) => drop(broken.insert(error)),
        }
    }
    let every_build_has: BTreeSet<Vec<String>> =
        sources.iter().flat_map(|source| source.modules.clone()).collect();
    let test_modules: Vec<Vec<String>> = sources
        .iter()
        .flat_map(|source| source.test_modules.clone())
        .filter(|module| !every_build_has.contains(module))
        .collect();
    let is_test = |source: &Source| {
        source.is_test || test_modules.iter().any(|module| source.module.starts_with(module))
    };
    sources.retain(|source| !is_test(source));
    let names = Names::new(&sources);
    let mut knows = BTreeSet::new();
    for source in &sources {
        check_form(source, &mut broken);
        check_methods_and_macros(source, &mut broken);
        let mut seen = BTreeSet::new();
        for (is_end, line, path) in meanings(source, &names, &mut knows) {
            let wrong = wrong_path(source, is_end, &path, &names);
            // The way to a name and its end say the same thing twice.
            for (what, shown) in wrong {
                if seen.insert((line, what.clone())) {
                    broken.insert(format!("{}:{line}: {what}{shown}", source.path));
                }
            }
        }
    }
    let parents: BTreeMap<&str, &str> = sources
        .iter()
        .filter_map(|source| {
            let (_, above) = source.module.split_last()?;
            let whole = [&["crate".to_owned()][..], above].concat();
            Some((source.path.as_str(), names.file(&whole)?))
        })
        .collect();
    for circle in cycles::find(&knows, &parents) {
        broken.insert(format!("{}: a circle", circle.join(" -> ")));
    }
    broken.into_iter().collect()
}

/// Every whole path of a file with its line; the files that they end in go into `knows`.
fn meanings<'a>(
    source: &'a Source,
    names: &Names<'a>,
    knows: &mut BTreeSet<(&'a str, &'a str)>,
) -> BTreeSet<(bool, usize, Vec<String>)> {
    let mut all = BTreeSet::new();
    for mention in &source.mentions {
        let meaning = names.meaning(mention, source);
        for end in &meaning.ends {
            if let Some(file) = names.file(end).filter(|file| *file != source.path) {
                knows.insert((source.path.as_str(), file));
            }
        }
        let line = mention.line;
        all.extend(meaning.steps.into_iter().map(|path| (false, line, path)));
        all.extend(meaning.ends.into_iter().map(|path| (true, line, path)));
    }
    all
}

fn check_form(source: &Source, broken: &mut BTreeSet<String>) {
    let path = &source.path;
    for (what, line) in &source.opaque {
        broken.insert(format!("{path}:{line}: {what} hides code from this check"));
    }
    for (lint, line) in source.lifted.iter().filter(|_| !may(&FILES, path)) {
        broken.insert(format!("{path}:{line}: lifts {lint}; only who reads files may"));
    }
    if !MAY_LOOK_INTO.iter().any(|(part, _)| *part == part_of(path)) {
        broken.insert(format!("{path}: no wall knows the part `{}`", part_of(path)));
    }
    // A caller can act on a kind, not on a sentence.
    for line in &source.text_errors {
        broken.insert(format!("{path}:{line}: an error that is a text; give it a type"));
    }
    let lines = source.lines - source.lines_of_tests;
    if path.starts_with("src/rules/") && lines > MAX_RULE_LINES {
        broken.insert(format!("{path}: {lines} lines without tests, at most {MAX_RULE_LINES}"));
    }
}

fn check_methods_and_macros(source: &Source, broken: &mut BTreeSet<String>) {
    let path = &source.path;
    for word in WORDS.iter().filter(|word| !may(word, path)) {
        let methods = source.methods.iter().filter(|(it, _)| word.methods.contains(&it.as_str()));
        for (method, line) in methods {
            broken.insert(format!("{path}:{line}: `.{method}()` says {}", word.what));
        }
        let macros = source.macros.iter().filter(|(it, _)| word.macros.contains(&it.as_str()));
        for (name, line) in macros {
            broken.insert(format!("{path}:{line}: `{name}!` says {}", word.what));
        }
    }
}

/// What is wrong with saying a path here, and how it was said. `is_end`: nothing re-exports it.
fn wrong_path(
    source: &Source,
    is_end: bool,
    path: &[String],
    names: &Names<'_>,
) -> Vec<(String, String)> {
    let shown = path.join("::");
    if path.first().is_none_or(|it| it != "crate") {
        let words = WORDS.iter().filter(|word| !may(word, &source.path) && says(word, path));
        return words
            .map(|word| (format!("`{shown}` says {}", word.what), String::new()))
            .collect();
    }
    let from = part_of(&source.path);
    let Some((_, allowed)) = MAY_LOOK_INTO.iter().find(|(part, _)| *part == from) else {
        return Vec::new();
    };
    let to = match path.get(1) {
        Some(name) if names.is_module(std::slice::from_ref(name)) => name,
        Some(name) if MAY_LOOK_INTO.iter().any(|(part, _)| part == name) => name,
        // The root's own, or on the way through the root.
        _ if !is_end => return Vec::new(),
        _ => "lib",
    };
    if to == from || allowed.contains(&to) || ["lib", "main"].contains(&from) {
        return Vec::new();
    }
    vec![(format!("`{from}` looks into `{to}`"), format!(": {shown}"))]
}

fn says(word: &Word, path: &[String]) -> bool {
    let starts_with = |path: &[String], start: &str| {
        let mut path = path.iter();
        start.split("::").all(|segment| path.next().is_some_and(|it| it == segment))
    };
    if word.but.iter().any(|but| starts_with(path, but)) {
        return false;
    }
    if word.paths.iter().any(|said| starts_with(path, said)) {
        return true;
    }
    match path {
        // A glob over a module above says everything below.
        [above @ .., last] if last == "*" => {
            let reaches = |said: &str| said.starts_with(&format!("{}::", above.join("::")));
            word.paths.iter().any(|said| reaches(said))
                || (*above == ["std"] && !word.macros.is_empty())
        }
        [first, last] if first == "std" => word.macros.contains(&last.as_str()),
        // `Path::exists` as a function, of std's path or of another crate's.
        [.., owner, last] => {
            word.methods.contains(&last.as_str())
                && PATH_METHODS.contains(&last.as_str())
                && (owner.ends_with("Path") || owner.ends_with("PathBuf"))
        }
        _ => false,
    }
}

/// `src/binary/elf.rs` and `src/binary.rs` are of the part `binary`.
fn part_of(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split(['/', '.']).next().unwrap_or_default()
}

fn may(word: &Word, path: &str) -> bool {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    word.may.iter().any(|allowed| {
        inside.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
